"""Warehouses of both dialects and coordination of both kinds, as their own tests have them."""

from collections.abc import Iterator

import pytest

from market_pipeline.domain.ports import Coordination
from market_pipeline_tests.coordination.conftest import (  # noqa: F401  # fixtures, found by name
    local_backend,
    private_redis,
    redis_backend,
)
from market_pipeline_tests.reads.told import Clock
from market_pipeline_tests.warehouse.conftest import (  # noqa: F401  # fixtures, found by name
    postgres_warehouse_url,
    url,
    warehouse,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["local_backend", "redis_backend"])
def coordination(request: pytest.FixtureRequest) -> Iterator[Coordination]:
    """Give an empty coordination of one kind, on the real clock: Redis ends values by its own."""
    opened = request.getfixturevalue(request.param).open()
    yield opened
    opened.close()
