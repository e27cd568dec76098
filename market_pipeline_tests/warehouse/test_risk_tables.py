"""The tables of risk come and go with their revision, and keep numbers as they are."""

import numpy as np
import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.portfolio_risk import RISK_COLUMNS
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline_tests.warehouse.revisions import take_back
from market_pipeline_tests.warehouse.rows import day

TABLES = {
    "portfolio_risk", "position_factor_exposures", "portfolio_factor_exposures",
    "portfolio_stress",
}  # fmt: skip


def tables_of(url: str) -> set[str]:
    """Name the tables of risk in the database."""
    database = Database(url)
    with database.reading() as connection:
        found = set(sa.inspect(connection).get_table_names())
    database.dispose()
    return found & TABLES


def test_the_revision_makes_the_tables_and_takes_them_back(url: str) -> None:
    """Upgraded, taken back, and upgraded again, on both databases."""
    warehouse = Warehouse.open(url)
    warehouse.upgrade()
    assert tables_of(url) == TABLES
    take_back(url, "0015")
    assert tables_of(url) == set()
    warehouse.upgrade()
    assert tables_of(url) == TABLES
    warehouse.dispose()


def test_a_row_without_a_basis_keeps_its_missing_numbers(warehouse: Warehouse) -> None:
    """Numbers come back to the last bit, missing ones as missing; an equal rerun writes nothing."""
    row = dict.fromkeys(RISK_COLUMNS, np.pi) | {
        "session_date": pd.Timestamp(day(0)), "portfolio_id": "p", "factor_var_95_usd": np.nan,
        "sector_weights": '{"Technology": 80.0}', "uncovered_symbols": "KO", "scenario_days": 61,
        "options_without_greeks": 0,
    }  # fmt: skip
    frame = pd.DataFrame([row])
    warehouse.replace_range("portfolio_risk", frame, day(0), day(0))
    stored = warehouse.read("portfolio_risk").iloc[0]
    assert stored["delta_usd"] == np.pi
    assert np.isnan(stored["factor_var_95_usd"])
    assert stored["sector_weights"] == '{"Technology": 80.0}'
    counts = warehouse.replace_range("portfolio_risk", frame, day(0), day(0))
    assert (counts.inserted, counts.updated, counts.unchanged) == (0, 0, 1)
