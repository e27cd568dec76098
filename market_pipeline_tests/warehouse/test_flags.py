"""Overrides of flags: the latest holds, and every one before it can still be read."""

from datetime import UTC, datetime, timedelta

from market_pipeline.domain.flags import Override
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.warehouse.revisions import take_back

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def change(flag: str, value: str | None, minute: int) -> Override:
    return Override(flag, value, AT + timedelta(minutes=minute), "ana", f"reason {minute}")


def test_the_latest_change_holds_and_all_are_kept(warehouse: Warehouse) -> None:
    """History is appended to, never rewritten."""
    changes = [
        change("BATCH_V2_ENABLED", "off", 0), change("INGESTION_V2_ENABLED", "off", 1),
        change("BATCH_V2_ENABLED", "on", 2), change("INGESTION_V2_ENABLED", None, 3),
    ]  # fmt: skip
    for each in changes:
        warehouse.flags.change(each)
    assert dict(warehouse.flags.overrides()) == {"BATCH_V2_ENABLED": changes[2]}
    assert warehouse.flags.history() == changes[::-1]
    assert warehouse.flags.history("BATCH_V2_ENABLED", limit=1) == [changes[2]]


def test_words_that_no_database_takes_are_made_storable(warehouse: Warehouse) -> None:
    """Too long, with a NUL or half a character: cut and marked, not refused."""
    warehouse.flags.change(Override("BATCH_V2_ENABLED", "off", AT, "a\0na", "x" * 999 + "\ud800"))
    kept = warehouse.flags.history()[0]
    assert kept.changed_by == "a\N{REPLACEMENT CHARACTER}na"
    assert kept.reason == "x" * 300


def test_the_revision_goes_and_comes_back(fresh_url: str) -> None:
    """A downgrade drops its tables, an upgrade makes them again, on either dialect."""
    warehouse = Warehouse.open(fresh_url)
    warehouse.upgrade()
    take_back(fresh_url, "0014")
    assert warehouse.current_revision() == "0014"
    warehouse.upgrade()
    warehouse.flags.change(change("BATCH_V2_ENABLED", "off", 0))
    assert list(warehouse.flags.overrides()) == ["BATCH_V2_ENABLED"]
    warehouse.dispose()
