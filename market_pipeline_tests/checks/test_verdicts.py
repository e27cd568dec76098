"""Every check on data that is right and on data that is not, in each scope it may be asked in."""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline import checks
from market_pipeline.checks.framework import shown
from market_pipeline.domain.errors import Unavailable
from market_pipeline.domain.portfolio_csv import transactions_hash
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.quarantine import FINDING_COLUMNS
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.assets.test_options import CALL
from market_pipeline_tests.checks.conftest import (
    FRIDAY,
    IMPORTED,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    WEEK,
    Court,
    Span,
    said,
)
from market_pipeline_tests.checks.test_intraday import AGREE, COMPLETE
from market_pipeline_tests.checks.test_sound import CLAIMED, REACHING
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.news_making import FakeCollector

Change = Callable[[pd.DataFrame], pd.DataFrame]
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN

COVER = "market_data_cache.prices_cover_the_universe"
IMPOSSIBLE = "market_data_cache.no_impossible_bar"
DOUBTS = "market_data_cache.nothing_in_quarantine"
OPTIONS = "market_data_cache.options_are_priced"
CONTRACTS = "option_contracts.held_contracts_are_known"
QUALITY = "symbol_daily_metrics.prices_are_good"
RESTATED = "equity_bars.history_is_not_restated"
BOUNDS = "factor_exposures.exposures_are_in_bounds"
FACTORS = "factor_exposures.every_factor_was_measured"
DAYS = "headlines.headlines_stand_on_their_day"
HASHES = "headlines.headlines_keys_are_unique"
ONE_CONTRACT = "option_contracts.option_contracts_keys_are_unique"
ONE_PROFILE = "company_profiles.company_profiles_keys_are_unique"
DESCRIBED = "symbol_universe.symbols_are_described"
REPORTS = "portfolio_report.reports_are_whole"
ONBOARDED = "portfolio_onboarding.imported_files_have_a_snapshot"
TOLD = "headlines.items_tell_one_story"
FRESH = "headlines.headlines_are_fresh"
DELIVERED = "headlines.sources_delivered"
NO_LOOK_AHEAD = "headline_impact.no_beta_looks_ahead"
ADJUSTED = "headline_impact.adjusted_returns_add_up"
OLD_IMPACT = "headline_impact.old_sessions_are_complete"
EVERY_BOOK = "portfolio_snapshots.every_portfolio_has_a_snapshot"
ADD_UP = "portfolio_snapshots.snapshots_add_up"
ROLL = "portfolio_snapshots.snapshots_reconcile_with_the_session_before"
PRICED = "portfolio_snapshots.every_position_is_priced"
INPUTS = "portfolio_snapshots.snapshots_had_their_inputs"
LOTS = "portfolio_snapshots.chosen_lots_were_open"
EVERY_RISK = "portfolio_risk.every_snapshot_has_its_risk"
RISK_ADDS_UP = "portfolio_risk.exposures_add_up"
LOSSES = "portfolio_risk.losses_are_in_order"


def on(frame: pd.DataFrame, day: date, column: str = "session_date") -> "pd.Series[bool]":
    """Mark the rows of a day."""
    return frame[column] == pd.Timestamp(day)


def without(day: date, column: str = "session_date") -> Change:
    """Leave a day out."""
    return lambda frame: frame[~on(frame, day, column)]


def put(column: str, value: Any, day: date, **where: object) -> Change:
    """Write `value` into the rows of a day, narrowed by equality."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        rows = on(frame, day)
        for name, wanted in where.items():
            rows &= frame[name] == wanted
        assert rows.any()
        frame.loc[rows, column] = value
        return frame

    return change


def moved(column: str, amount: str, day: date) -> Change:
    """Add an exact amount to a column on a day."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        rows = on(frame, day)
        frame.loc[rows, column] = [value + Decimal(amount) for value in frame.loc[rows, column]]
        return frame

    return change


@dataclass(frozen=True)
class Case:
    """A spoilt table, the check that must notice, and what it must say."""

    check: str
    table: str
    change: Change
    says: str
    evidence: dict[str, object] = field(default_factory=dict)
    severity: dg.AssetCheckSeverity = ERROR


SPOILT = {
    "an option is held that the vendor does not list": Case(
        CONTRACTS, "symbol_universe",
        put("symbol", "AAPL280121C00999000", FRIDAY, asset_class="option"),
        "1 unknown to the reference", {"missing": "AAPL280121C00999000"}, WARN,
    ),
    "the universe of a session is gone": Case(
        "symbol_universe.symbol_universe_is_not_empty", "symbol_universe", without(THURSDAY),
        "none on 2026-11-19", {"empty_days": 1},
    ),
    "the bars of a session are gone": Case(
        "equity_bars.equity_bars_is_not_empty", "equity_bars", without(WEDNESDAY),
        "none on 2026-11-18", {"empty_days": 1},
    ),
    "the prices of a session are gone": Case(
        "market_data_cache.market_data_cache_is_not_empty", "market_data_cache", without(FRIDAY),
        "none on 2026-11-20", {"empty_days": 1},
    ),
    "the exposures of a session are gone": Case(
        "factor_exposures.factor_exposures_is_not_empty", "symbol_factor_exposures",
        without(MONDAY), "none on 2026-11-16", {"empty_days": 1}, WARN,
    ),
    "the metrics of a session are gone": Case(
        "symbol_daily_metrics.symbol_daily_metrics_is_not_empty", "symbol_daily_metrics",
        without(MONDAY), "none on 2026-11-16", {"empty_days": 1},
    ),
    "no news at all was collected": Case(
        "finviz_headlines.finviz_headlines_is_not_empty", "finviz_headlines",
        lambda frame: frame[:0], "0 rows on 0 days", {"rows": 0}, WARN,
    ),
    "no headline at all was made": Case(
        "headlines.headlines_is_not_empty", "headlines",
        lambda frame: frame[:0], "0 rows on 0 days", {"rows": 0}, WARN,
    ),
    "a headline stands on the wrong day": Case(
        DAYS, "headlines",
        lambda frame: frame.assign(published_date=pd.Timestamp(TUESDAY)),
        "3 headlines, 3 on another day than their partition",
    ),
    "a symbol's prices cannot be relied on": Case(
        QUALITY, "price_quality", put("quality_score", 0.9, TUESDAY, symbol="KO"),
        "1 below 95% valid bars or a score of 0.90: KO",
        {"below_target": "KO", "quality_score": 0.9, "validation_rate": 1.0}, WARN,
    ),
    "two stocks of five lack a price": Case(
        COVER, "market_data_cache",
        lambda frame: frame[~(on(frame, FRIDAY) & frame["symbol"].isin(["AAPL", "KO"]))],
        "at worst 60.0% of a session's stocks have a price; too few on 2026-11-20",
        {"missing": "AAPL, KO", "unknown_symbols": "NOSUCH", "not_yet_listed": "YOUNG"},
    ),
    "a negative price": Case(
        IMPOSSIBLE, "market_data_cache", put("price_usd", -1.0, TUESDAY, symbol="KO"),
        "27 prices, 1 impossible", {"impossible": "2026-11-17 KO"},
    ),
    "a price without end": Case(
        IMPOSSIBLE, "market_data_cache", put("price_usd", float("inf"), TUESDAY, symbol="KO"),
        "1 impossible", {"impossible": "2026-11-17 KO"},
    ),
    "a high below its low": Case(
        IMPOSSIBLE, "market_data_cache", put("high", 0.5, TUESDAY, symbol="KO"), "1 impossible",
    ),
    "a negative volume": Case(
        IMPOSSIBLE, "market_data_cache", put("volume", -5.0, TUESDAY, symbol="KO"), "1 impossible",
    ),
    "a contract without a price": Case(
        OPTIONS, "market_data_cache",
        lambda frame: frame[~(on(frame, TUESDAY) & (frame["symbol"] == CALL))],
        f"5 contract sessions, 1 without a price ({CALL})", {"missing": CALL}, WARN,
    ),
    "a beta beyond its cap": Case(
        BOUNDS, "symbol_factor_exposures", put("beta", 5.1, TUESDAY, symbol="KO", factor="market"),
        "1 betas and 0 R squared out of bounds", {"out_of_bounds": "KO"},
    ),
    "a beta without end": Case(
        BOUNDS, "symbol_factor_exposures",
        put("beta", float("-inf"), TUESDAY, symbol="KO", factor="market"), "1 betas",
    ),
    "an R squared above one": Case(
        BOUNDS, "symbol_factor_exposures", put("r_squared", 1.01, TUESDAY, symbol="KO"),
        "0 betas and 2 R squared out of bounds",
    ),
    "an R squared below nothing": Case(
        BOUNDS, "symbol_factor_exposures", put("r_squared", -0.01, TUESDAY, symbol="KO"),
        "0 betas and 2 R squared out of bounds",
    ),
    "a session without the book's snapshot": Case(
        EVERY_BOOK, "portfolio_snapshots", without(THURSDAY), "1 portfolios, 1 lack sessions",
        {"short": "small"},
    ),
    "equity that is not positions plus cash": Case(
        ADD_UP, "portfolio_snapshots", moved("cash_usd", "0.01", WEDNESDAY),
        "1 snapshots do not add up", {"wrong": "2026-11-18 small"},
    ),
    "net that is not long less short": Case(
        ADD_UP, "portfolio_snapshots", moved("net_usd", "-0.0000000001", WEDNESDAY),
        "1 snapshots do not add up", {"wrong": "2026-11-18 small"},
    ),
    "gross that is not long plus short": Case(
        ADD_UP, "portfolio_snapshots", moved("gross_usd", "1", WEDNESDAY),
        "1 snapshots do not add up",
    ),
    "a position that is gone": Case(
        ADD_UP, "portfolio_positions",
        lambda frame: frame[~(on(frame, TUESDAY) & (frame["symbol"] == "KO"))],
        "1 snapshots do not add up", {"wrong": "2026-11-17 small"},
    ),
    "realised and unrealised that are not all P&L": Case(
        ADD_UP, "portfolio_snapshots", moved("realised_pnl_usd", "0.0000000001", WEDNESDAY),
        "1 snapshots do not add up", {"wrong": "2026-11-18 small"},
    ),
    "P&L so far that equity and flows do not show": Case(
        ADD_UP, "portfolio_snapshots", moved("invested_usd", "5", WEDNESDAY),
        "1 snapshots do not add up", {"wrong": "2026-11-18 small"},
    ),
    "a position's P&L that the portfolio lacks": Case(
        ADD_UP, "portfolio_positions",
        put("daily_pnl_usd", Decimal("7.77"), TUESDAY, symbol="KO"),
        "1 snapshots do not add up", {"wrong": "2026-11-17 small"},
    ),
    "a position worth a cent more": Case(
        ADD_UP, "portfolio_positions",
        put("market_value_usd", Decimal("7.77"), TUESDAY, symbol="KO"),
        "1 snapshots do not add up", {"wrong": "2026-11-17 small"},
    ),
    "P&L that does not explain the change": Case(
        ROLL, "portfolio_snapshots", moved("daily_pnl_usd", "0.0000000001", WEDNESDAY),
        "4 steps tested, 1 do not reconcile", {"wrong": "2026-11-18 small"},
    ),
    "capital that came by no flow": Case(
        ROLL, "portfolio_snapshots",
        lambda frame: moved("cumulative_pnl_usd", "-5", FRIDAY)(
            moved("invested_usd", "5", FRIDAY)(frame)
        ),
        "4 steps tested, 1 do not reconcile", {"wrong": "2026-11-20 small"},
    ),
    "a flow nobody made": Case(
        ROLL, "portfolio_snapshots", moved("flows_usd", "100", THURSDAY), "1 do not reconcile",
    ),
    "a gap without a cause": Case(
        ROLL, "portfolio_snapshots", moved("gap_usd", "-3", FRIDAY), "1 do not reconcile",
    ),
    "a story with more publishers than tell it": Case(
        TOLD, "headlines", lambda frame: frame.assign(source_count=frame["source_count"] + 1),
        "3 stories told by 4 items, 3 miscounted",
    ),
    "a story without its first item": Case(
        TOLD, "headline_sources", lambda frame: frame.assign(is_primary=False), "3 miscounted",
    ),
    "no impact of a week's news": Case(
        "headline_impact.stories_have_their_impact", "headline_impact", without(FRIDAY),
        "2 stories met prices, 2 have no impact yet", {"days": "2026-11-20"}, WARN,
    ),
    "a beta of another day": Case(
        NO_LOOK_AHEAD, "headline_impact", put("beta", 9.9, FRIDAY, symbol="KO"),
        "1 with another beta", {"wrong": "2026-11-20 KO"},
    ),
    "an adjusted return that is none": Case(
        ADJUSTED, "headline_impact", put("adjusted_return_pct", 9.9, FRIDAY, symbol="KO"),
        "1 differ", {"wrong": "2026-11-20 KO adjusted_return_pct"},
    ),
    "an unpriced position": Case(
        PRICED, "portfolio_snapshots", put("unpriced_symbols", "GONE", FRIDAY),
        "1 symbols without a price (GONE), 0 with an old one", {"unpriced": "GONE"}, WARN,
    ),
    "a snapshot without the metrics of its day": Case(
        INPUTS, "symbol_daily_metrics", without(THURSDAY),
        "made without 1 inputs", {"missing": "2026-11-19 metrics"}, WARN,
    ),
    "a snapshot without its risk": Case(
        EVERY_RISK, "portfolio_risk", without(THURSDAY), "5 snapshots, 1 without their risk",
        {"lacking": "2026-11-19 small"},
    ),
    "an exposure that no position explains": Case(
        RISK_ADDS_UP, "position_factor_exposures",
        put("exposure_usd", 9.9, TUESDAY, symbol="KO", factor="market"),
        "1 portfolios do not add up", {"wrong": "2026-11-17 small"},
    ),
    "a position's exposure that is gone": Case(
        RISK_ADDS_UP, "position_factor_exposures",
        lambda frame: frame[~(on(frame, TUESDAY) & (frame["factor"] == "market"))],
        "1 portfolios do not add up", {"wrong": "2026-11-17 small"},
    ),
    "shares of risk that are not all of it": Case(
        RISK_ADDS_UP, "portfolio_factor_exposures",
        put("risk_share", 0.5, WEDNESDAY, factor="market"),
        "1 portfolios do not add up", {"wrong": "2026-11-18 small"},
    ),
    "a rare loss below a common one": Case(
        LOSSES, "portfolio_risk", put("historical_var_99_usd", 0.01, FRIDAY),
        "5 portfolios, 1 with losses out of order", {"wrong": "2026-11-20 small"},
    ),
    "a shortfall below the value at risk": Case(
        LOSSES, "portfolio_risk", put("factor_es_95_usd", 0.01, FRIDAY), "1 with losses",
    ),
    "positions at old prices": Case(
        PRICED, "portfolio_snapshots", put("stale_symbols", "AAPL,KO", FRIDAY),
        "0 symbols without a price, 2 with an old one (AAPL, KO)", {"stale": "AAPL, KO"}, WARN,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_each_claim_fails_where_it_is_false(court: Court, name: str) -> None:
    """The very check notices, at its severity, and names what is wrong."""
    case = SPOILT[name]
    court.edit(case.table, case.change)
    verdict = court.judge(case.check)[case.check]
    assert not verdict.passed
    assert verdict.severity == case.severity
    assert case.says in (verdict.description or "")
    assert case.evidence.items() <= said(verdict).items()


def test_every_check_has_a_case_that_fails(court: Court) -> None:
    """No claim of the graph is left without data that breaks it."""
    known = set(court.judge())
    shown = {case.check for case in SPOILT.values()} | {DOUBTS, FACTORS, HASHES}
    shown |= {check for check, _ in UNIQUE} | {FRESH, DELIVERED, OLD_IMPACT}
    # assets/test_restatements_asset.py: it speaks of what its own run found
    shown |= {RESTATED, ONE_PROFILE, ONE_CONTRACT, DESCRIBED}
    shown |= {ONBOARDED}  # assets/test_onboarding_asset.py
    shown |= {REPORTS}  # assets/test_report_asset.py: it judges files
    shown |= {COMPLETE, AGREE}  # test_intraday.py
    shown |= CLAIMED  # test_sound.py
    shown |= {LOTS}  # below: transactions change no stored session
    assert known == shown


@pytest.mark.parametrize(
    ("over", "first"),
    [(WEEK, "2026-11-16"), (FRIDAY, "2026-11-20"), (None, "2026-11-20")],
    ids=["range", "single", "alone"],
)
def test_every_claim_holds_of_what_the_graph_made(court: Court, over: Span, first: str) -> None:
    """On sound data all checks pass, over a range, a partition, or the last day, asked alone."""
    verdicts = court.judge(over=over)
    assert len(verdicts) == 96
    assert {name for name, verdict in verdicts.items() if not verdict.passed} == set()
    spans = {(said(v)["first"], said(v)["last"]) for v in verdicts.values()}
    assert spans == {(first, "2026-11-20")}


# -- keys: what a table without its primary key would let in -------------------------------

UNIQUE = [
    ("symbol_universe.symbol_universe_keys_are_unique", "symbol_universe"),
    ("equity_bars.equity_bars_keys_are_unique", "equity_bars"),
    ("option_quotes.option_quotes_keys_are_unique", "option_quotes"),
    ("option_values.option_values_keys_are_unique", "option_values"),
    ("fundamentals.fundamentals_keys_are_unique", "fundamentals"),
    ("market_data_cache.market_data_cache_keys_are_unique", "market_data_cache"),
    ("factor_exposures.factor_exposures_keys_are_unique", "symbol_factor_exposures"),
    ("intraday_bars.intraday_bars_keys_are_unique", "intraday_bars"),
    ("symbol_daily_metrics.symbol_daily_metrics_keys_are_unique", "symbol_daily_metrics"),
    ("finviz_headlines.finviz_headlines_keys_are_unique", "finviz_headlines"),
    ("wire_headlines.wire_headlines_keys_are_unique", "wire_headlines"),
    ("headline_impact.headline_impact_keys_are_unique", "headline_impact"),
    ("portfolio_snapshots.portfolio_snapshots_keys_are_unique", "portfolio_snapshots"),
    ("portfolio_risk.portfolio_risk_keys_are_unique", "portfolio_risk"),
    ("portfolio_onboarding.portfolio_onboarding_keys_are_unique", "onboarding"),
]


def double_the_last_row(file: Path, table: str) -> None:
    """Store the table's last row twice, which takes a table without its primary key."""
    with sqlite3.connect(file) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO kept")
        connection.execute(f"CREATE TABLE {table} AS SELECT * FROM kept")
        last = f"SELECT max(rowid) FROM {table}"
        connection.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE rowid = ({last})")
    connection.close()


@pytest.mark.parametrize(("check", "table"), UNIQUE)
def test_a_row_told_twice_is_noticed(court: Court, check: str, table: str) -> None:
    """Two rows of one key break the claim, and the key is named."""
    court.warehouse.dispose()
    double_the_last_row(court.file, table)
    verdict = court.judge(check)[check]
    assert (verdict.passed, verdict.severity, verdict.blocking) == (False, ERROR, True)
    assert "2 share a key" in (verdict.description or "")
    key = "small.csv" if table == "onboarding" else "2026-11-20"
    assert key in str(said(verdict)["twins"])


def test_one_headline_on_two_days_is_noticed(court: Court) -> None:
    """The table's key holds day and hash; the claim is that the hash alone is unique."""

    def twice(frame: pd.DataFrame) -> pd.DataFrame:
        twin = frame[:1].assign(published_date=pd.Timestamp(MONDAY))
        return pd.concat([frame, twin])

    court.edit("headlines", twice)
    verdict = court.judge(HASHES)[HASHES]
    assert not verdict.passed
    assert "4 rows, 2 share a key" in (verdict.description or "")


# -- prices: what counts -------------------------------------------------------------------


def test_unknown_and_unlisted_symbols_are_named_not_counted(court: Court) -> None:
    """NOSUCH has no price in any session, YOUNG none before Thursday: the share is whole."""
    verdict = court.judge(COVER)[COVER]
    assert verdict.passed
    evidence = said(verdict)
    assert evidence["worst_share"] == 1.0
    assert evidence["missing"] == ""
    assert (evidence["unknown_symbols"], evidence["not_yet_listed"]) == ("NOSUCH", "YOUNG")


def test_one_missing_price_of_a_small_universe_is_borne(court: Court) -> None:
    """With five stocks one may lack a price, and is named."""
    court.edit("market_data_cache", lambda f: f[~(on(f, FRIDAY) & (f["symbol"] == "KO"))])
    verdict = court.judge(COVER, over=FRIDAY)[COVER]
    assert verdict.passed
    assert said(verdict)["missing"] == "KO"
    assert "80.0%" in (verdict.description or "")


@pytest.mark.parametrize(("lacking", "passes"), [(2, True), (3, False)])
def test_the_share_decides_in_a_large_universe(court: Court, lacking: int, passes: bool) -> None:
    """Of 45 stocks two may lack a price (95.6 %), three may not (93.3 %)."""
    names = [f"Z{number:02d}" for number in range(40)]

    def grown(frame: pd.DataFrame, symbols: list[str]) -> pd.DataFrame:
        row = frame[on(frame, FRIDAY) & (frame["symbol"] == "SPY")]
        return pd.concat([frame, *(row.assign(symbol=symbol) for symbol in symbols)])

    court.edit("symbol_universe", lambda frame: grown(frame, names))
    court.edit("market_data_cache", lambda frame: grown(frame, names[lacking:]))
    verdict = court.judge(COVER, over=FRIDAY)[COVER]
    assert verdict.passed is passes
    assert said(verdict)["missing"] == ", ".join(names[:lacking])


def test_a_day_that_is_no_session_has_no_price(court: Court) -> None:
    """A row dated on a Saturday inside the range is impossible."""
    saturday = date(2026, 11, 14)
    row = court.warehouse.read("market_data_cache", first=FRIDAY, symbols=["KO"])
    row["session_date"] = pd.Series([pd.Timestamp(saturday)]).astype("datetime64[s]")
    court.warehouse.merge("market_data_cache", row)
    verdict = court.judge(IMPOSSIBLE, over=(date(2026, 11, 13), FRIDAY))[IMPOSSIBLE]
    assert said(verdict)["impossible"] == "2026-11-14 KO"
    assert court.judge(IMPOSSIBLE)[IMPOSSIBLE].passed


@pytest.mark.parametrize(
    ("asset", "severity", "says"),
    [
        ("market_data_cache", "rejected", "1 rows rejected, 0 flagged: some_rule 1"),
        ("market_data_cache", "flagged", "0 rows rejected, 1 flagged: some_rule 1"),
        ("equity_bars", "rejected", "1 rows rejected, 0 flagged: some_rule 1"),
        ("option_quotes", "rejected", "1 rows rejected, 0 flagged: some_rule 1"),
    ],
)
def test_a_doubtful_row_is_worth_a_look(court: Court, asset: str, severity: str, says: str) -> None:
    """What the vendor's edge refused counts like what our rules refused or flagged: a warning."""
    row = (asset, TUESDAY, "KO", "some_rule", severity, "close=1", "too good", "fake")
    finding = pd.DataFrame([row], columns=list(FINDING_COLUMNS))
    court.warehouse.replace_quarantine(asset, MONDAY, FRIDAY, finding, IMPORTED)
    verdict = court.judge(DOUBTS)[DOUBTS]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert verdict.description == says
    assert court.judge(DOUBTS, over=WEDNESDAY)[DOUBTS].passed


def test_an_answer_that_is_missing_needs_a_reason(court: Court) -> None:
    """A note on the symbol is one, and a note on the factor; without either a person is told."""
    assert court.judge(FACTORS)[FACTORS].passed
    stored = court.warehouse.read("enrichment_compute_log", where={"asset": "factor_exposures"})
    columns = ("asset", "session_date", "subject", "outcome", "reason")
    cells = zip(*(stored[name] for name in columns), strict=True)
    kept = [ComputeNote(name, day.date(), *rest) for name, day, *rest in cells]

    def without_one(rows: pd.DataFrame) -> pd.DataFrame:
        is_it = (rows["session_date"] == pd.Timestamp(TUESDAY)) & (rows["symbol"] == "KO")
        return rows[~(is_it & (rows["factor"] == "market"))]

    court.edit("symbol_factor_exposures", without_one)
    verdict = court.judge(FACTORS)[FACTORS]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert verdict.description == "1 answers are missing without a reason"
    assert said(verdict)["missing"] == "market"
    for subject in ("KO:market", "market"):
        note = ComputeNote("factor_exposures", TUESDAY, subject, "skipped", "proxy SPY is gone")
        court.warehouse.replace_notes("factor_exposures", MONDAY, FRIDAY, [*kept, note])
        verdict = court.judge(FACTORS)[FACTORS]
        assert verdict.passed
    assert "proxy SPY is gone" in (verdict.description or "")
    assert said(verdict)["sessions_skipped"] == 1


def test_bounds_are_those_of_the_definition_and_not_of_options(court: Court) -> None:
    """A collinear row has no beta; an option has as much as its leverage gives."""

    def change(**values: Any) -> None:
        court.edit("symbol_factor_exposures", lambda rows: rows.assign(**values))

    change(beta=float("nan"), quality="collinear")
    assert court.judge(BOUNDS)[BOUNDS].passed
    change(beta=40.0, quality="full_history", method="delta")
    assert court.judge(BOUNDS)[BOUNDS].passed
    change(beta=float("nan"), quality="full_history", method="ols")
    assert not court.judge(BOUNDS)[BOUNDS].passed


@given(st.lists(st.one_of(st.text(), st.sampled_from(["[x](javascript:y)", "<script>", "**"]))))
def test_what_a_check_shows_of_others_text_is_text(names: list[str]) -> None:
    """Dagster's UI escapes text and renders markdown: no evidence is the latter."""
    result = dg.AssetCheckResult(passed=False, metadata={"wrong": shown(names)})
    assert {type(value) for value in result.metadata.values()} == {dg.TextMetadataValue}


def test_nothing_is_shown_to_dagster_as_markup_or_link() -> None:
    """Figures, text and tables are the only metadata, but for the portfolios of a run.

    What foreign text there is in those stands in code spans: assets/test_snapshot_summary.py and
    assets/test_report_asset.py.
    """
    package = Path(checks.__file__).parents[1]
    marked = re.compile(r"MetadataValue\.(md|url|notebook)\b|(Markdown|Url|Notebook)MetadataValue")
    found = [path.name for path in package.rglob("*.py") if marked.search(path.read_text())]
    assert sorted(found) == ["report.py", "snapshots.py"]


# -- snapshots: the step into the range ----------------------------------------------------


def test_a_chosen_lot_that_was_not_open_is_named(court: Court) -> None:
    """A list of holdings does not tell since when; from the day of the row on it is said."""
    book = replace(book_of(stock(1, "KO", -40), portfolio_id="list"), as_of_date=MONDAY)
    court.warehouse.import_book(book, IMPORTED)
    covered = Transaction(
        1, WEDNESDAY, "cover", Decimal(5), Decimal(-300), price_usd=Decimal(60), symbol="KO",
        asset_class="stock", lot_date=date(2024, 2, 1),
    )  # fmt: skip
    file = TransactionFile("list", "done.csv", transactions_hash([covered]), (covered,))
    court.warehouse.transactions.import_file(file, IMPORTED)
    assert court.judge(LOTS, over=TUESDAY)[LOTS].passed
    verdict = court.judge(LOTS, over=FRIDAY)[LOTS]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert said(verdict)["missed"] == ("list 2026-11-18 KO of 2024-02-01 (of a file of positions)")


def test_a_new_symbol_that_was_never_asked_for_is_named(court: Court) -> None:
    """A book whose run has not come yet; what is known of KO already is not waited for."""
    book = book_of(stock(1, "NEWCO"), stock(2, "KO"), portfolio_id="fresh")
    court.warehouse.import_book(book, IMPORTED)
    verdict = court.judge(INPUTS, over=FRIDAY)[INPUTS]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert verdict.description == "made without 0 inputs and the prices of 1 new symbols"
    assert said(verdict)["new_symbols"] == "NEWCO"


def test_the_step_into_a_single_day_is_tested(court: Court) -> None:
    """Friday's own run compares it with Thursday as stored."""
    assert court.judge(ROLL, over=FRIDAY)[ROLL].description == "1 steps tested, 0 do not reconcile"
    court.edit("portfolio_snapshots", moved("equity_usd", "0.01", THURSDAY))
    verdict = court.judge(ROLL, over=FRIDAY)[ROLL]
    assert not verdict.passed
    assert said(verdict)["wrong"] == "2026-11-20 small"


def test_news_that_is_overdue_is_noticed(court: Court) -> None:
    """Two hours without a delivery in the evening: stale, and it says since when."""
    court.graph.clock.now += timedelta(hours=2)
    verdict = court.judge(FRESH)[FRESH]
    assert (verdict.passed, verdict.severity, verdict.blocking) == (False, ERROR, False)
    assert "120 minutes ago (stale beyond 75)" in (verdict.description or "").replace("119", "120")


def test_a_run_whose_sources_failed_is_noticed(court: Court) -> None:
    """The check speaks of the sources its own run asked: none answered for the one portfolio."""
    down = Unavailable("v", "e", "down")
    court.graph.news = FakeCollector(fails=[down], fails_for="small", name="finviz")
    result = court.graph.run(FRIDAY, job="news_job")
    verdicts = {each.check_name: each for each in result.get_asset_check_evaluations()}
    verdict = verdicts["sources_delivered"]
    assert (verdict.passed, verdict.blocking, result.success) == (False, True, False)
    assert said(verdict)["silent"] == ("finviz_headlines small (finviz: unavailable)")


def test_an_old_story_that_lacks_a_session_is_noticed(court: Court) -> None:
    """Prices of all its sessions are there by now, and its row knows five of them."""
    rows = court.warehouse.read("headline_impact", first=FRIDAY, last=FRIDAY)
    long_ago = CALENDAR.shift(FRIDAY, -6)
    old = rows.assign(session_date=pd.Timestamp(long_ago), sessions_known=5)
    court.warehouse.merge("headline_impact", old)
    verdict = court.judge(OLD_IMPACT, over=long_ago)[OLD_IMPACT]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert said(verdict)["days"] == long_ago.isoformat()


def test_a_restated_price_makes_the_day_before_outdated_not_wrong(court: Court) -> None:
    """Where Thursday's price is another now, the step into Friday says nothing, and is named."""
    court.edit("market_data_cache", put("price_usd", 55.5, THURSDAY, symbol="KO"))
    court.edit("portfolio_snapshots", moved("equity_usd", "1234", FRIDAY))
    verdict = court.judge(ROLL, over=FRIDAY)[ROLL]
    assert verdict.passed
    assert verdict.description == (
        "0 steps tested, 0 do not reconcile; 2026-11-19 is outdated for small: make it anew"
    )
    assert said(verdict)["outdated"] == "small"


def test_a_past_that_was_corrected_makes_the_day_before_outdated(court: Court) -> None:
    """All its positions are as they were: an entry some days later tells in its returns only."""
    book = court.warehouse.books()[0]
    moved_lots = tuple(replace(each, entry_date=TUESDAY) for each in book.positions)
    assert court.judge(ROLL, over=FRIDAY)[ROLL].passed
    corrected = replace(book, positions=moved_lots, content_hash="corrected")
    court.warehouse.import_book(corrected, IMPORTED)
    verdict = court.judge(ROLL, over=FRIDAY)[ROLL]
    assert verdict.passed
    assert verdict.description == (
        "0 steps tested, 0 do not reconcile; 2026-11-19 is outdated for small: make it anew"
    )
    court.edit("portfolio_snapshots", lambda rows: rows.assign(made_from=None))
    verdict = court.judge(ROLL, over=FRIDAY)[ROLL]
    assert verdict.description == "1 steps tested, 0 do not reconcile"


# -- an empty warehouse --------------------------------------------------------------------


def test_an_empty_warehouse_fails_in_words(state_dir: Path, warehouse: Warehouse) -> None:
    """Asked alone, every claim about nothing fails, says so, and raises nothing."""
    verdicts = Court(Graph(warehouse, bars_of()), state_dir).judge(over=None)
    assert len(verdicts) == 96
    for name, verdict in verdicts.items():
        assert not verdict.passed, name
        assert (verdict.description or "").endswith("holds no row at all"), name


def test_an_empty_range_fails_where_rows_are_due(state_dir: Path, warehouse: Warehouse) -> None:
    """Over a range with no rows the claims of rows fail by day; the rest have nothing to deny."""
    verdicts = Court(Graph(warehouse, bars_of()), state_dir).judge(over=WEEK)
    failed = {name.partition(".")[2] for name, verdict in verdicts.items() if not verdict.passed}
    of_late = {f"{table}_is_fresh" for table in REACHING if not table.startswith("portfolio")}
    assert failed == {
        f"{table}_is_not_empty"
        for table in (
            "symbol_universe", "equity_bars", "market_data_cache", "factor_exposures",
            "symbol_daily_metrics", "finviz_headlines", "headlines",
        )
    } | {"headlines_are_fresh"} | of_late  # fmt: skip
    bars = verdicts["equity_bars.equity_bars_is_not_empty"]
    assert (bars.description or "").count("2026-11-") == 5


@pytest.mark.parametrize(
    ("check", "table", "symbols"),
    [
        (ONE_PROFILE, "company_profiles", {"AAPL", "KO", "NOSUCH", "SPY", "TLT", "YOUNG"}),
        (ONE_CONTRACT, "option_contracts", {CALL}),
    ],
)
def test_two_rows_of_a_symbol_are_noticed(
    court: Court, check: str, table: str, symbols: set[str]
) -> None:
    """Profiles and contracts have no dates; the symbol alone is the key."""
    court.warehouse.dispose()
    double_the_last_row(court.file, table)
    verdict = court.judge(check)[check]
    assert (verdict.passed, verdict.blocking) == (False, True)
    assert said(verdict)["twins"] in symbols


def test_a_symbol_nobody_was_asked_about_is_noticed(court: Court) -> None:
    """A warning that names it: prices do without a profile."""
    with sqlite3.connect(court.file) as connection:
        connection.execute(
            "DELETE FROM fetch_coverage WHERE asset = 'company_profiles' AND subject = 'KO'"
        )
    connection.close()
    verdict = court.judge(DESCRIBED)[DESCRIBED]
    assert (verdict.passed, verdict.severity) == (False, WARN)
    assert said(verdict)["missing"] == "KO"
