"""Definitions by version and their results: nothing unchanged is written, nothing replaced lost."""

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
import sqlalchemy as sa

from market_pipeline.domain.factor_definitions import DEFAULTS, INTEREST_RATE, MARKET
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.processes import run_together
from market_pipeline_tests.warehouse.revisions import take_back
from market_pipeline_tests.warehouse.rows import AT, day

LATER = AT + timedelta(days=1)
TABLE, KEPT = "symbol_factor_exposures", "superseded_factor_exposures"


def results(
    number: int, beta: float | None, definition: str = "market", version: int = 1
) -> pd.DataFrame:
    """Make results of two symbols in a session."""
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(day(number)), "symbol": ["AAPL", "KO"],
            "factor": definition, "beta": [beta, 0.5], "std_error": 0.1, "t_stat": 2.0,
            "r_squared": 0.4, "residual_volatility": 0.2, "observations": 90,
            "window_first_date": pd.Timestamp(day(number)), "quality": "full_history",
            "method": "ols", "definition": definition, "definition_version": version,
        }
    )  # fmt: skip


def stored(warehouse: Warehouse) -> pd.DataFrame:
    """Read the definitions, by name and version."""
    return warehouse.read("factor_definitions").set_index(["name", "version"])


def test_every_definition_comes_back_as_it_was_settled(warehouse: Warehouse) -> None:
    """Ridge, spreads and several proxies included; the first of each name is version 1."""
    assert warehouse.factors.settle_definitions(DEFAULTS, AT) == DEFAULTS
    found = stored(warehouse)
    assert len(found) == len(DEFAULTS)
    assert found["is_active"].all()
    assert found.loc[("style", 1), "proxies"] == "VTV,VUG,MTUM,QUAL,IWM,USMV"
    assert found.loc[("style", 1), "penalty"] == 25.0


def test_what_is_unchanged_makes_no_version_and_no_write(warehouse: Warehouse) -> None:
    """Whatever the order and however often."""
    warehouse.factors.settle_definitions(DEFAULTS, AT)
    before = warehouse.table_digest("factor_definitions", exclude=())
    again = warehouse.factors.settle_definitions(DEFAULTS[::-1], LATER)
    assert {each.version for each in again} == {1}
    assert warehouse.table_digest("factor_definitions", exclude=()) == before


def test_a_change_is_a_new_version_and_the_old_one_stays(warehouse: Warehouse) -> None:
    """Changed back, it is a third: versions tell what happened, in order."""
    wider = replace(MARKET, window=120)
    assert warehouse.factors.settle_definitions([MARKET], AT)[0].version == 1
    assert warehouse.factors.settle_definitions([wider], LATER)[0].version == 2
    assert warehouse.factors.settle_definitions([MARKET], LATER)[0].version == 3
    found = stored(warehouse).loc["market"]
    assert found["window"].tolist() == [90, 120, 90]
    assert found["is_active"].tolist() == [False, False, True]
    assert found["ended_at"].tolist()[:2] == [pd.Timestamp(LATER)] * 2
    assert pd.isna(found["ended_at"].iloc[2])


def test_what_is_switched_off_keeps_its_version_for_when_it_is_on_again(
    warehouse: Warehouse,
) -> None:
    """It ends, and it begins anew as it was."""
    warehouse.factors.settle_definitions([MARKET, INTEREST_RATE], AT)
    warehouse.factors.settle_definitions([MARKET], LATER)
    assert not stored(warehouse).loc[("interest_rate", 1), "is_active"]
    found = warehouse.factors.settle_definitions([MARKET, INTEREST_RATE], LATER)
    assert [each.version for each in found] == [1, 1]
    row = stored(warehouse).loc[[("interest_rate", 1)]]
    assert row["is_active"].tolist() == [True]
    assert row["ended_at"].isna().tolist() == [True]


def settle_at(url: str, number: int) -> None:
    """Settle a definition in a process of its own."""
    warehouse = Warehouse.open(url)
    warehouse.factors.settle_definitions([MARKET, INTEREST_RATE], AT + timedelta(seconds=number))
    warehouse.dispose()


def test_processes_that_settle_together_make_one_version(url: str) -> None:
    """Runs that start at once come through with the same definitions."""
    run_together(settle_at, url, processes=3)
    warehouse = Warehouse.open(url)
    assert sorted(stored(warehouse).index) == [("interest_rate", 1), ("market", 1)]
    warehouse.dispose()


def test_results_of_other_definitions_keep_their_bytes(warehouse: Warehouse) -> None:
    """Only the rows of the definitions named are compared, written or deleted."""
    warehouse.factors.replace_exposures(results(0, 1.0), day(0), day(0), {"market": 1})
    before = warehouse.read(TABLE)
    rates = results(0, -0.2, "interest_rate")
    first = warehouse.factors.replace_exposures(rates, day(0), day(0), {"interest_rate": 1})
    assert (first.inserted, first.updated, first.deleted) == (2, 0, 0)
    gone = warehouse.factors.replace_exposures(rates[:0], day(0), day(0), {"interest_rate": 1})
    assert (gone.inserted, gone.updated, gone.deleted) == (0, 0, 2)
    pd.testing.assert_frame_equal(warehouse.read(TABLE), before, check_exact=True)


def test_results_of_an_older_version_are_kept_when_they_are_replaced(
    warehouse: Warehouse,
) -> None:
    """Session by session: what is not made anew yet stays where everyone reads."""
    for number in (0, 1):
        warehouse.factors.replace_exposures(
            results(number, 1.0), day(number), day(number), {"market": 1}
        )
    old = warehouse.read(TABLE, first=day(1), last=day(1))
    newer = results(1, 1.4, version=2)
    for _ in range(2):
        warehouse.factors.replace_exposures(newer, day(1), day(1), {"market": 2})
    rows = warehouse.read(TABLE)
    assert rows["definition_version"].tolist() == [1, 1, 2, 2]
    assert rows["beta"].tolist() == [1.0, 0.5, 1.4, 0.5]
    pd.testing.assert_frame_equal(warehouse.read(KEPT), old, check_exact=True)


def test_a_factor_that_the_next_version_does_not_answer_is_kept_as_well(
    warehouse: Warehouse,
) -> None:
    """A joint definition that lost a proxy loses that factor, not its results."""
    old = pd.concat([results(0, 1.0, "style").assign(factor=f"style_{x}") for x in ("VTV", "IWM")])
    warehouse.factors.replace_exposures(old, day(0), day(0), {"style": 1})
    new = results(0, 2.0, "style", 2).assign(factor="style_VTV")
    warehouse.factors.replace_exposures(new, day(0), day(0), {"style": 2})
    assert set(warehouse.read(TABLE)["factor"]) == {"style_VTV"}
    assert set(warehouse.read(KEPT)["factor"]) == {"style_VTV", "style_IWM"}


def test_an_older_version_that_is_kept_twice_is_kept_as_it_last_was(
    warehouse: Warehouse,
) -> None:
    """A definition changed, changed back by hand, and changed again leaves one row each."""
    for beta, version in ((1.0, 1), (2.0, 2), (1.5, 1), (2.5, 2)):
        rows = results(0, beta, version=version)
        warehouse.factors.replace_exposures(rows, day(0), day(0), {"market": version})
    kept = warehouse.read(KEPT, symbols=["AAPL"]).set_index("definition_version")["beta"]
    assert kept.to_dict() == {1: 1.5, 2: 2.0}
    assert warehouse.read(TABLE, symbols=["AAPL"])["beta"].tolist() == [2.5]


@pytest.mark.parametrize(
    "wrong",
    [results(3, 1.0), results(0, 1.0, "interest_rate"), results(0, 1.0, version=2)],
    ids=["session", "definition", "version"],
)
def test_rows_that_do_not_belong_are_refused(warehouse: Warehouse, wrong: pd.DataFrame) -> None:
    """Of another session, definition or version: nothing is written."""
    with pytest.raises(ValueError, match="exposures outside"):
        warehouse.factors.replace_exposures(wrong, day(0), day(1), {"market": 1})
    assert warehouse.count(TABLE) == 0


def test_a_missing_beta_is_stored_as_missing(warehouse: Warehouse) -> None:
    """What is collinear has a row and no number."""
    rows = results(0, None).assign(quality=["collinear", "full_history"])
    warehouse.factors.replace_exposures(rows, day(0), day(0), {"market": 1})
    assert warehouse.read(TABLE)["beta"].isna().tolist() == [True, False]


def test_notes_on_other_definitions_stay(warehouse: Warehouse) -> None:
    """A definition's name at the end of another's is not it."""
    asset = "factor_exposures"
    subjects = ("market", "KO:market", "KO:small_over_market", "KO", "xmarket")
    notes = [ComputeNote(asset, day(0), subject, "skipped", "r") for subject in subjects]
    warehouse.replace_notes(asset, day(0), day(0), notes)
    counts = warehouse.replace_notes(asset, day(0), day(0), [], about=["market"])
    assert counts.deleted == 2
    left = set(warehouse.read("enrichment_compute_log")["subject"])
    assert left == {"KO:small_over_market", "KO", "xmarket"}


def test_an_upgrade_calls_what_is_stored_the_first_version(url: str) -> None:
    """And going back keeps every result that has a number."""
    warehouse, database = Warehouse.open(url), Database(url)
    take_back(url, "0011")
    old = results(0, 1.0).drop(columns=["definition", "definition_version"])
    with database.writing() as connection:
        columns = ", ".join(old.columns)
        marks = ", ".join(f":{name}" for name in old.columns)
        told = {"session_date": day(0).isoformat(), "window_first_date": day(0).isoformat()}
        rows = [{str(k): v for k, v in row.items()} | told for row in old.to_dict("records")]
        connection.execute(
            sa.text(f"INSERT INTO {TABLE} ({columns}) VALUES ({marks})"), rows
        )  # our own names
    warehouse.upgrade()
    found = warehouse.read(TABLE)
    assert found["definition"].tolist() == ["market", "market"]
    assert found["definition_version"].tolist() == [1, 1]
    assert found["beta"].tolist() == [1.0, 0.5]
    warehouse.factors.replace_exposures(results(0, None), day(0), day(0), {"market": 1})
    take_back(url, "0011")
    with database.reading() as connection:
        assert connection.execute(sa.text(f"SELECT symbol FROM {TABLE}")).scalars().all() == [
            "KO"
        ]  # our own name
    warehouse.upgrade()
    database.dispose()
    warehouse.dispose()
