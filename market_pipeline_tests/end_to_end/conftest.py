"""One sandbox for all tests of this folder that ask for it."""

from collections.abc import Iterator

import pytest

from market_pipeline.sandbox import SandboxServer
from market_pipeline_tests.end_to_end import sandboxed


@pytest.fixture(scope="package")
def sandbox_server() -> Iterator[SandboxServer]:
    """Give a running sandbox; whoever sets faults clears them."""
    with sandboxed.sandbox() as server:
        yield server
