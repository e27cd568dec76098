"""Outputs replace exactly their partitions, inputs bring exactly their window: on both dialects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.quarantine import FINDING_COLUMNS
from market_pipeline.io_managers import (
    SESSIONS_BEFORE,
    TABLE,
    Derived,
    table_of,
)
from market_pipeline.partitions import calendar_days, date_key, trading_sessions
from market_pipeline.resources import plain, warehouse_io
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.fakes import CALENDAR, FakeClock
from market_pipeline_tests.warehouse import rows

SESSIONS = trading_sessions(date(2024, 1, 2))
MONDAY, TUESDAY, WEDNESDAY, FRIDAY, NEXT = (date(2024, 11, day) for day in (25, 26, 27, 29, 30))
"""The week of Thanksgiving: the 28th is no session. NEXT is a Saturday."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Made = Callable[[], Derived]


@dataclass
class Kept:
    """One asset over the IO manager, and a second one that reads it."""

    warehouse: Warehouse
    sessions_before: int = 0
    partitions: dg.TimeWindowPartitionsDefinition = SESSIONS

    def run(
        self, make: Made, first: date, last: date | None = None, *, only: Sequence[str] = ("made",)
    ) -> dg.ExecuteInProcessResult:
        """Materialize a range; `make` gives what the asset returns."""

        @dg.asset(
            name="made",
            partitions_def=self.partitions,
            io_manager_key="warehouse_io",
            metadata={TABLE: "symbol_daily_metrics"},
            backfill_policy=dg.BackfillPolicy.single_run(),
        )
        def made() -> Derived:
            return make()

        self.read = list[pd.DataFrame]()

        @dg.asset(
            name="reader",
            partitions_def=self.partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            ins={"made": dg.AssetIn(metadata={SESSIONS_BEFORE: self.sessions_before})},
            io_manager_key="warehouse_io",
        )
        def reader(made: pd.DataFrame) -> None:
            self.read.append(made)

        plugged = {"warehouse": self.warehouse, "calendar": CALENDAR, "clock": FakeClock()}
        defs = dg.Definitions(
            assets=[made, reader],
            resources={
                "warehouse_io": warehouse_io,
                **{name: plain(value) for name, value in plugged.items()},
            },
        )
        return defs.resolve_implicit_global_asset_job_def().execute_in_process(
            tags=range_tags(date_key(first), date_key(last or first)),
            asset_selection=[dg.AssetKey(name) for name in only],
            run_config=QUIET,
        )

    def window(self, first: date, last: date | None = None) -> list[date]:
        """Give the dates of the rows the reader gets for a range."""
        self.run(lambda: Derived(stored()), first, last, only=("reader",))
        return sorted({day.date() for day in self.read[0]["session_date"]})

    def prices(self) -> dict[tuple[date, str], float]:
        """Give what is stored."""
        frame = self.warehouse.read("symbol_daily_metrics")
        keys = zip(frame["session_date"].dt.date, frame["symbol"], strict=True)
        return dict(zip(keys, frame["price_usd"], strict=True))


def stored(*cells: tuple[date, str, float]) -> pd.DataFrame:
    """Build `symbol_daily_metrics` rows."""
    frame = rows.metrics([(0, symbol, price) for _, symbol, price in cells])
    return frame.assign(session_date=pd.to_datetime([day for day, _, _ in cells]))


@pytest.fixture
def kept(warehouse: Warehouse) -> Kept:
    """Give a table with two symbols on three sessions."""
    days = (MONDAY, TUESDAY, WEDNESDAY)
    cells = [(day, symbol, 1.0) for day in days for symbol in ("AAPL", "KO")]
    warehouse.merge("symbol_daily_metrics", stored(*cells))
    return Kept(warehouse)


def changes(result: dg.ExecuteInProcessResult) -> dict[str, int]:
    """Give the row counts an asset reported."""
    metadata = result.asset_materializations_for_node("made")[0].metadata
    return {name.removeprefix("rows_"): int(value.value) for name, value in metadata.items()}  # type: ignore[arg-type]  # counts


# -- outputs -------------------------------------------------------------------------------


def test_a_single_day_is_replaced_and_no_other(kept: Kept) -> None:
    """Rows of the day that are not in the output go; those of other days stay."""
    before = kept.prices()
    result = kept.run(
        lambda: Derived(stored((TUESDAY, "AAPL", 2.0), (TUESDAY, "PG", 3.0))), TUESDAY
    )
    expected = {key: price for key, price in before.items() if key[0] != TUESDAY}
    assert kept.prices() == {**expected, (TUESDAY, "AAPL"): 2.0, (TUESDAY, "PG"): 3.0}
    assert changes(result) == {"inserted": 1, "updated": 1, "deleted": 1, "unchanged": 0}


def test_a_range_is_replaced_as_a_whole(kept: Kept) -> None:
    """A session of the range that the output is silent about ends up empty."""
    kept.run(lambda: Derived(stored((WEDNESDAY, "AAPL", 5.0))), TUESDAY, WEDNESDAY)
    assert kept.prices() == {
        (MONDAY, "AAPL"): 1.0, (MONDAY, "KO"): 1.0, (WEDNESDAY, "AAPL"): 5.0,
    }  # fmt: skip


def test_an_equal_output_touches_no_row(kept: Kept) -> None:
    """Running again on equal inputs writes nothing."""
    same = stored((TUESDAY, "AAPL", 1.0), (TUESDAY, "KO", 1.0))
    result = kept.run(lambda: Derived(same), TUESDAY)
    assert changes(result) == {"inserted": 0, "updated": 0, "deleted": 0, "unchanged": 2}


def test_an_empty_output_empties_its_day_only(kept: Kept) -> None:
    """Nothing to say about Monday leaves Tuesday as it is."""
    kept.run(lambda: Derived(stored()), MONDAY)
    assert {day for day, _ in kept.prices()} == {TUESDAY, WEDNESDAY}


@pytest.mark.parametrize("stray", [MONDAY, FRIDAY])
def test_a_row_outside_the_range_is_refused_and_nothing_is_written(kept: Kept, stray: date) -> None:
    """An asset that computes a day it was not asked for is wrong, and loud."""
    before = kept.prices()
    wrong = stored((TUESDAY, "AAPL", 9.0), (stray, "AAPL", 9.0))
    with pytest.raises(ValueError, match="outside 2024-11-26 to 2024-11-27"):
        kept.run(lambda: Derived(wrong), TUESDAY, WEDNESDAY)
    assert kept.prices() == before


def test_history_is_merged_not_replaced(kept: Kept) -> None:
    """Older rows are added or updated; those the output does not name stay."""
    older = stored((MONDAY, "AAPL", 7.0), (MONDAY, "PG", 8.0))
    kept.run(lambda: Derived(stored((TUESDAY, "KO", 2.0)), history=older), TUESDAY)
    assert kept.prices() == {
        (MONDAY, "AAPL"): 7.0, (MONDAY, "KO"): 1.0, (MONDAY, "PG"): 8.0, (TUESDAY, "KO"): 2.0,
        (WEDNESDAY, "AAPL"): 1.0, (WEDNESDAY, "KO"): 1.0,
    }  # fmt: skip


def test_a_whole_history_replaces_what_stood_before_the_range(kept: Kept) -> None:
    """From its first session to the range: what it does not name goes, also where it is empty."""
    older, day = stored((MONDAY, "PG", 8.0)), stored((WEDNESDAY, "KO", 2.0))
    kept.run(lambda: Derived(day, history=older, history_first=MONDAY), WEDNESDAY)
    assert kept.prices() == {(MONDAY, "PG"): 8.0, (WEDNESDAY, "KO"): 2.0}
    kept.run(lambda: Derived(day, history=stored(), history_first=TUESDAY), WEDNESDAY)
    assert kept.prices() == {(MONDAY, "PG"): 8.0, (WEDNESDAY, "KO"): 2.0}
    kept.run(lambda: Derived(day, history=stored(), history_first=MONDAY), WEDNESDAY)
    assert kept.prices() == {(WEDNESDAY, "KO"): 2.0}


def test_rows_alongside_are_replaced_over_the_same_range(kept: Kept) -> None:
    """A second table follows the first: its rows of the range, and no others."""
    kept.warehouse.merge("portfolio_positions", held(*((day, 1) for day in (MONDAY, TUESDAY))))
    beside = held((TUESDAY, 2))
    kept.run(
        lambda: Derived(stored((TUESDAY, "KO", 1.0)), alongside={"portfolio_positions": beside}),
        TUESDAY, WEDNESDAY,
    )  # fmt: skip
    positions = kept.warehouse.read("portfolio_positions")
    assert list(zip(positions["session_date"].dt.date, positions["position_no"], strict=True)) == [
        (MONDAY, 1),
        (TUESDAY, 2),
    ]


def held(*keys: tuple[date, int]) -> pd.DataFrame:
    """Build `portfolio_positions` rows from session and position number."""
    return rows.held(
        [
            {"session_date": day, "position_no": number, "quantity": Decimal(1)}
            for day, number in keys
        ]
    )


def note(day: date, subject: str, asset: str = "made") -> ComputeNote:
    """Make a note of a skipped subject."""
    return ComputeNote(asset, day, subject, "skipped", "no prices")


def notes(warehouse: Warehouse) -> list[tuple[date, str, str]]:
    """Give the stored notes."""
    frame = warehouse.read("enrichment_compute_log")
    return list(zip(frame["session_date"].dt.date, frame["asset"], frame["subject"], strict=True))


def test_notes_are_replaced_in_the_range_of_the_asset(kept: Kept) -> None:
    """Yesterday's reasons go when the day is made anew; other days' and assets' stay."""
    for day in (MONDAY, TUESDAY):
        kept.warehouse.replace_notes("made", day, day, [note(day, "AAPL")])
    kept.warehouse.replace_notes("other", TUESDAY, TUESDAY, [note(TUESDAY, "AAPL", "other")])
    kept.run(lambda: Derived(stored(), notes=(note(TUESDAY, "KO"),)), TUESDAY)
    assert sorted(notes(kept.warehouse)) == [
        (MONDAY, "made", "AAPL"),
        (TUESDAY, "made", "KO"),
        (TUESDAY, "other", "AAPL"),
    ]
    kept.run(lambda: Derived(stored()), TUESDAY)
    assert len(notes(kept.warehouse)) == 3, "an asset that keeps no notes leaves them alone"
    kept.run(lambda: Derived(stored(), notes=()), TUESDAY)
    assert (TUESDAY, "made", "KO") not in notes(kept.warehouse)


def doubts(*days: date) -> pd.DataFrame:
    """Make findings of the asset, one a day."""
    found = [("made", day, "KO", "jump", "flagged", "x", "too far", "fake") for day in days]
    return pd.DataFrame(found, columns=list(FINDING_COLUMNS))


def test_the_quarantine_is_replaced_from_its_first_date_on(kept: Kept) -> None:
    """Findings may reach back before the range, where prices were judged anew."""
    kept.run(lambda: Derived(stored(), quarantine=doubts(MONDAY)), MONDAY)
    kept.run(lambda: Derived(stored(), quarantine=doubts(TUESDAY)), TUESDAY)
    assert kept.warehouse.count("quarantine") == 2
    kept.run(
        lambda: Derived(stored(), quarantine=doubts(WEDNESDAY), quarantine_first=TUESDAY),
        WEDNESDAY,
    )
    found = kept.warehouse.read("quarantine")
    assert sorted(found["row_date"].dt.date) == [MONDAY, WEDNESDAY]
    assert found["seen_at"].tolist() == [pd.Timestamp(FakeClock().now)] * 2


# -- inputs --------------------------------------------------------------------------------


@pytest.fixture
def long_table(warehouse: Warehouse) -> Warehouse:
    """Give a table with a row on every session, and one on every other day too."""
    days = pd.date_range("2024-09-03", "2024-12-31").date
    warehouse.merge("symbol_daily_metrics", stored(*((day, "AAPL", 1.0) for day in days)))
    return warehouse


@pytest.mark.parametrize("count", [1, 40])
def test_a_window_has_exactly_the_sessions_before(long_table: Warehouse, count: int) -> None:
    """So many sessions before the first partition, across Thanksgiving, and none after the last."""
    sessions = set(CALENDAR.sessions(date(2024, 9, 3), date(2024, 12, 31)))
    single = [day for day in Kept(long_table, count).window(FRIDAY) if day in sessions]
    assert len(single) == count + 1
    assert single[-1] == FRIDAY
    several = [day for day in Kept(long_table, count).window(TUESDAY, FRIDAY) if day in sessions]
    assert several[-3:] == [TUESDAY, WEDNESDAY, FRIDAY]
    assert len(several) == count + 3
    assert several[0] == CALENDAR.shift(TUESDAY, -count)


def test_without_a_window_only_the_range_is_read(long_table: Warehouse) -> None:
    """A day is a day, and a range is what lies between its ends."""
    assert Kept(long_table).window(WEDNESDAY) == [WEDNESDAY]
    assert Kept(long_table).window(TUESDAY, WEDNESDAY) == [TUESDAY, WEDNESDAY]


def test_calendar_days_are_read_as_such(long_table: Warehouse) -> None:
    """News keeps no market hours: a Saturday is a partition like any other."""
    days = calendar_days(date(2024, 1, 2))
    assert Kept(long_table, partitions=days).window(FRIDAY, NEXT) == [FRIDAY, NEXT]


def test_an_input_nothing_was_stored_for_is_an_empty_typed_frame(warehouse: Warehouse) -> None:
    """The first run of all finds columns and no rows."""
    reader = Kept(warehouse, 5)
    assert reader.window(FRIDAY) == []
    assert str(reader.read[0].dtypes["session_date"]) == "datetime64[s]"


def test_what_is_written_is_what_is_read(kept: Kept) -> None:
    """In one run the second asset gets the very rows of the first, from the warehouse."""
    out = stored((TUESDAY, "AAPL", 0.1 + 0.2), (TUESDAY, "KO", 1e-9))
    kept.run(lambda: Derived(out), TUESDAY, only=("made", "reader"))
    assert kept.read[0]["price_usd"].tolist() == [0.1 + 0.2, 1e-9]


@pytest.mark.parametrize(
    ("metadata", "table"),
    [
        ({TABLE: "headlines"}, "headlines"),
        ({TABLE: dg.MetadataValue.text("headlines")}, "headlines"),
        ({}, "an_asset"),
        (None, "an_asset"),
        ({TABLE: 7}, "an_asset"),
    ],
)
def test_a_table_is_named_by_metadata_or_by_the_asset(
    metadata: dict[str, object] | None, table: str
) -> None:
    """Where nothing names it, the table is called like the asset."""
    assert table_of(metadata, dg.AssetKey("an_asset")) == table
