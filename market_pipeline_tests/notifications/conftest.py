"""The warehouse of either dialect, and a receiver that listens."""

from collections.abc import Iterator

import pytest

from market_pipeline_tests.receiver import Receiver, receiving
from market_pipeline_tests.warehouse.conftest import (  # noqa: F401  # fixtures, found by name
    postgres_warehouse_url,
    url,
    warehouse,
)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that takes everything until it is told otherwise."""
    with receiving() as running:
        yield running
