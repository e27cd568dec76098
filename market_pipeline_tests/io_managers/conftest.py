"""The warehouse of either dialect, upgraded and empty, as the warehouse's own tests have it."""

from market_pipeline_tests.warehouse.conftest import (  # noqa: F401  # fixtures, found by name
    postgres_warehouse_url,
    url,
    warehouse,
)
