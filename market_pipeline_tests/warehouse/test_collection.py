"""The record of collecting and computing: batches, coverage, quarantine, notes."""

from datetime import timedelta

import pandas as pd
import pytest

from market_pipeline.domain.ports import CollectedBatch, ComputeNote, Rejected, WriteCounts
from market_pipeline.domain.quarantine import FINDING_COLUMNS
from market_pipeline.warehouse.collection import joined
from market_pipeline.warehouse.warehouse import Warehouse
from market_pipeline_tests.warehouse.rows import AT, bars, closes, covered, day, fetched

LATER = AT + timedelta(days=1)
BAD = Rejected("AAPL", day(1), "high_below_low", "high=1 low=2", "the high is below the low")


def batch(values: dict[tuple[int, str], float], **changes: object) -> CollectedBatch:
    """Build a batch of one request for AAPL."""
    parts: dict[str, object] = {
        "rejected": (BAD,), "coverage": (covered(0, 3),), "log": (fetched(),)
    }  # fmt: skip
    return CollectedBatch(bars(values), **(parts | changes))  # type: ignore[arg-type]  # valid fields


def test_a_batch_is_stored_with_all_that_belongs_to_it(warehouse: Warehouse) -> None:
    """Rows, rejects, coverage and log of a batch are there together."""
    counts = warehouse.commit_batch("equity_bars", batch({(0, "AAPL"): 1.0, (2, "AAPL"): 2.0}))
    assert counts == WriteCounts(inserted=2)
    assert warehouse.coverage("equity_bars") == {"AAPL": covered(0, 3)}
    log = warehouse.read("enrichment_fetch_log").iloc[0]
    assert (log["subject"], log["response_ms"], bool(log["is_success"])) == ("AAPL", 12.5, True)
    kept = warehouse.read("quarantine").iloc[0]
    assert kept["asset"] == "equity_bars"
    assert (kept["rule"], kept["severity"], kept["source"]) == (BAD.rule, "rejected", "yahoo")
    assert (kept["row_date"], kept["seen_at"]) == (pd.Timestamp(day(1)), pd.Timestamp(AT))


def test_the_same_batch_again_adds_only_a_log_entry(warehouse: Warehouse) -> None:
    """Rows and rejects are as first seen; that a request was made is a fact of its own."""
    warehouse.commit_batch("equity_bars", batch({(0, "AAPL"): 1.0}))
    tables = ("equity_bars", "quarantine")
    before = [warehouse.table_digest(name, exclude=()) for name in tables]
    again = batch({(0, "AAPL"): 1.0}, log=(fetched(started_at=LATER),))
    assert warehouse.commit_batch("equity_bars", again).changed == 0
    assert [warehouse.table_digest(name, exclude=()) for name in tables] == before
    assert warehouse.count("enrichment_fetch_log") == 2


def test_a_batch_that_fails_leaves_nothing(warehouse: Warehouse) -> None:
    """What goes wrong last takes the whole batch with it."""
    warehouse.commit_batch("equity_bars", batch({(0, "AAPL"): 1.0}))
    tables = ("equity_bars", "quarantine", "fetch_coverage", "enrichment_fetch_log")
    before = [warehouse.table_digest(name, exclude=()) for name in tables]
    with pytest.raises(ValueError, match="does not touch"):
        warehouse.commit_batch(
            "equity_bars", batch({(40, "AAPL"): 9.0}, coverage=(covered(40, 41),))
        )
    assert [warehouse.table_digest(name, exclude=()) for name in tables] == before


def test_batches_stored_together_are_stored_as_one_by_one(warehouse: Warehouse) -> None:
    """One transaction for several answers leaves the rows, coverage and log that two would."""
    first, second = (
        batch(
            {(0, symbol): 1.0, (1, symbol): 2.0},
            coverage=(covered(0, 1, subject=symbol),),
            log=(fetched(symbol),),
        )
        for symbol in ("AAPL", "MSFT")
    )
    counts = warehouse.commit_batches("equity_bars", [first, second])
    assert counts == WriteCounts(inserted=4)
    assert set(warehouse.coverage("equity_bars")) == {"AAPL", "MSFT"}
    assert sorted(warehouse.read("enrichment_fetch_log")["subject"]) == ["AAPL", "MSFT"]
    assert warehouse.commit_batch("equity_bars", first).changed == 0
    assert warehouse.commit_batch("equity_bars", second).changed == 0


def test_batches_stored_together_are_stored_all_or_none(warehouse: Warehouse) -> None:
    """One that is refused takes the others of its transaction with it."""
    warehouse.commit_batch("equity_bars", batch({(0, "AAPL"): 1.0}))
    good = batch({(0, "MSFT"): 1.0}, coverage=(covered(0, 1, subject="MSFT"),))
    refused = batch({(40, "AAPL"): 9.0}, coverage=(covered(40, 41),))
    with pytest.raises(ValueError, match="does not touch"):
        warehouse.commit_batches("equity_bars", [good, refused])
    assert set(warehouse.read("equity_bars")["symbol"]) == {"AAPL"}


def test_restated_history_replaces_the_symbols_rows(warehouse: Warehouse) -> None:
    """With `replace` a symbol's rows become the frame's, its coverage the batch's."""
    stored = {(0, "AAPL"): 1.0, (1, "AAPL"): 2.0, (2, "AAPL"): 3.0, (0, "MSFT"): 9.0}
    warehouse.merge("equity_bars", bars(stored))
    warehouse.commit_batch("equity_bars", batch({}, coverage=(covered(0, 9),)))
    fresh = batch(
        {(1, "AAPL"): 2.0, (2, "AAPL"): 1.5, (3, "AAPL"): 4.0},
        coverage=(covered(1, 3),),
        replace=True,
    )
    counts = warehouse.commit_batch("equity_bars", fresh)
    assert counts == WriteCounts(inserted=1, updated=1, deleted=1, unchanged=1, restated=2)
    assert closes(warehouse.read("equity_bars")) == {
        (1, "AAPL"): 2.0, (2, "AAPL"): 1.5, (3, "AAPL"): 4.0, (0, "MSFT"): 9.0
    }  # fmt: skip
    assert warehouse.coverage("equity_bars")["AAPL"] == covered(1, 3)


def test_hostile_remarks_do_not_stop_the_rows(warehouse: Warehouse) -> None:
    """NUL, lone surrogates and endless text in remarks are cleaned and cut, not refused."""
    bad = Rejected("A\0\ud800", None, "rule\0", "v" * 900, "\udcff" + "d" * 900)
    log = fetched(is_success=False, error_kind="bad_payload", error_detail="\0" + "e" * 900)
    warehouse.commit_batch("equity_bars", batch({(0, "AAPL"): 1.0}, rejected=(bad,), log=(log,)))
    kept = warehouse.read("quarantine").iloc[0]
    assert kept["symbol"] == "A��"
    assert (len(kept["value"]), len(kept["detail"])) == (500, 500)
    detail = warehouse.read("enrichment_fetch_log")["error_detail"].iloc[0]
    assert (detail[0], len(detail)) == ("�", 500)


def test_rejects_need_a_sender(warehouse: Warehouse) -> None:
    """A batch that rejects rows must say who sent them and when."""
    with pytest.raises(ValueError, match="who sent it"):
        warehouse.commit_batch("equity_bars", batch({(0, "A"): 1.0}, coverage=(), log=()))
    assert warehouse.count("equity_bars") == 0


@pytest.mark.parametrize(
    ("stored", "new", "result"),
    [
        ((5, 9), (9, 12), (5, 12)),
        ((5, 9), (2, 5), (2, 9)),
        ((5, 9), (6, 7), (5, 9)),
        ((5, 9), (1, 20), (1, 20)),
        ((5, 9), (16, 20), (5, 20)),
        ((15, 19), (2, 8), (2, 19)),
    ],
)
def test_coverage_grows_by_what_touches_it(
    warehouse: Warehouse, stored: tuple[int, int], new: tuple[int, int], result: tuple[int, int]
) -> None:
    """Ranges that overlap or lie within a week of each other become one, checked last."""
    warehouse.commit_batch("equity_bars", batch({}, coverage=(covered(*stored),)))
    warehouse.commit_batch("equity_bars", batch({}, coverage=(covered(*new, at=LATER),)))
    assert warehouse.coverage("equity_bars") == {"AAPL": covered(*result, at=LATER)}


@pytest.mark.parametrize(("stored", "new"), [((5, 9), (17, 20)), ((17, 20), (5, 9))])
def test_coverage_with_a_gap_is_refused(stored: tuple[int, int], new: tuple[int, int]) -> None:
    """One range cannot tell of a gap: it would look as if the gap had been asked for."""
    with pytest.raises(ValueError, match="does not touch"):
        joined(covered(*stored), covered(*new))
    with pytest.raises(ValueError, match="backwards"):
        joined(None, covered(3, 1))


def test_another_outcome_replaces_coverage() -> None:
    """A symbol that becomes known, or unknown, is covered as last answered."""
    unknown, known = covered(0, 30, outcome="unknown_symbol"), covered(10, 20)
    assert joined(unknown, known) == known
    assert joined(known, unknown) == unknown
    far = covered(90, 91, outcome="unknown_symbol")
    assert joined(unknown, far) == covered(0, 91, outcome="unknown_symbol")


def test_coverage_is_kept_by_asset(warehouse: Warehouse) -> None:
    """The coverage of one asset says nothing of another."""
    warehouse.commit_batch("equity_bars", batch({}))
    assert warehouse.coverage("option_quotes") == {}


def notes(*rows: tuple[int, str, str]) -> list[ComputeNote]:
    """Build notes of `factor_exposures` from (day number, subject, reason)."""
    return [
        ComputeNote("factor_exposures", day(number), subject, "skipped", reason, run_id="r")
        for number, subject, reason in rows
    ]


def test_notes_of_a_range_are_replaced(warehouse: Warehouse) -> None:
    """Notes of other assets and dates stay; those of the range become the given ones."""
    first = notes((0, "A", "x"), (1, "A", "x"), (1, "B", "x"))
    assert warehouse.replace_notes("factor_exposures", day(0), day(1), first).inserted == 3
    second = notes((1, "A", "x"), (2, "B", "y\0"))
    counts = warehouse.replace_notes("factor_exposures", day(1), day(2), second)
    assert counts == WriteCounts(inserted=1, deleted=1, unchanged=1)
    stored = warehouse.read("enrichment_compute_log")
    assert list(zip(stored["subject"], stored["reason"], strict=True)) == [
        ("A", "x"), ("A", "x"), ("B", "y�")
    ]  # fmt: skip
    assert warehouse.replace_notes("other", day(0), day(9), []).changed == 0


@pytest.mark.parametrize(
    "wrong", [notes((5, "A", "x")), notes((0, "A", "x"), (0, "A", "y"))], ids=["outside", "twice"]
)
def test_notes_must_belong(warehouse: Warehouse, wrong: list[ComputeNote]) -> None:
    """A note outside the range, of another asset, or twice for one subject is refused."""
    with pytest.raises(ValueError, match=r"does not belong|two rows"):
        warehouse.replace_notes("factor_exposures", day(0), day(1), wrong)
    with pytest.raises(ValueError, match="does not belong"):
        warehouse.replace_notes("other", day(0), day(9), notes((0, "A", "x")))


def findings(*rows: tuple[int, str, str]) -> pd.DataFrame:
    """Build findings of `market_data_cache` from (day number, symbol, detail)."""
    return pd.DataFrame(
        [
            ("market_data_cache", pd.Timestamp(day(number)), symbol, "jump", "flagged", "x=1",
             detail, "yahoo")
            for number, symbol, detail in rows
        ],
        columns=FINDING_COLUMNS,
    )  # fmt: skip


def test_quarantine_of_a_range_is_replaced(warehouse: Warehouse) -> None:
    """Findings become the given ones; one that stays keeps the time it was first seen."""
    table = "market_data_cache"
    before = findings((0, "A", "x"), (1, "A", "x"), (1, "B", "x"))
    assert warehouse.replace_quarantine(table, day(0), day(1), before, AT).inserted == 3
    after = findings((1, "A", "x"), (1, "B", "other"), (1, "C", "new"), (1, "C", "new"))
    counts = warehouse.replace_quarantine(table, day(1), day(1), after, LATER)
    assert counts == WriteCounts(inserted=1, updated=1, unchanged=1)
    kept = warehouse.read("quarantine").sort_values(["row_date", "symbol"])
    assert kept["symbol"].tolist() == ["A", "A", "B", "C"]
    assert (kept["seen_at"] == pd.Timestamp(LATER)).tolist() == [False, False, False, True]
    assert warehouse.replace_quarantine(table, day(0), day(1), findings(), AT).deleted == 4


@pytest.mark.parametrize(
    "wrong",
    [findings((5, "A", "x")), findings((0, "A", "x")).assign(asset="other"),
     findings((0, "A", "x")).assign(row_date=None)],
    ids=["outside", "other asset", "no date"],
)  # fmt: skip
def test_findings_must_belong(warehouse: Warehouse, wrong: pd.DataFrame) -> None:
    """A finding of another asset, outside the range or without a date is refused."""
    with pytest.raises(ValueError, match="does not belong"):
        warehouse.replace_quarantine("market_data_cache", day(0), day(1), wrong, AT)
