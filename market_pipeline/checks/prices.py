"""Are the prices there, and can they be right?"""

from zoneinfo import ZoneInfo

import dagster as dg
import numpy as np
import pandas as pd

from market_pipeline.assets.ledgers import held_books
from market_pipeline.assets.splits import present_universe
from market_pipeline.checks.framework import Scope, Verdict, check, first_of, shown
from market_pipeline.checks.generic import last_session, sound, sound_undated
from market_pipeline.domain.books import OPTION
from market_pipeline.domain.collection import UNKNOWN_SYMBOL, tolerated_missing
from market_pipeline.domain.jobs import DEFERRED
from market_pipeline.domain.quality import TARGET_SCORE, TARGET_VALIDATION
from market_pipeline.domain.quarantine import FLAGGED, REJECTED
from market_pipeline.domain.restatements import SPLIT_BASIS
from market_pipeline.domain.symbols import PLAIN
from market_pipeline.domain.universe import listed

BARS, QUOTES, CACHE = "equity_bars", "option_quotes", "market_data_cache"
CONTRACTS = "option_contracts"
METRICS, QUALITY, VALUES = "symbol_daily_metrics", "price_quality", "option_values"
_MEASURES = ("validation_rate", "quality_score")


def _cover(scope: Scope) -> Verdict:
    """Compare the stocks expected in each session with those that have a price."""
    universe = scope.rows("symbol_universe", "session_date", "symbol", "asset_class")
    stocks = listed(universe)
    coverage = scope.warehouse.coverage(BARS)
    unknown = {s for s, known in coverage.items() if known.outcome == UNKNOWN_SYMBOL}
    priced = _pairs(scope.rows(CACHE, "session_date", "symbol"))
    is_listed = _is_listed(scope, stocks)
    expected = stocks[~stocks["symbol"].isin(unknown) & is_listed]
    deferred, overdue = _deferred(scope)
    has_price = _pairs(expected).isin(priced)
    is_excused = expected["symbol"].isin(deferred) & ~has_price
    waiting = sorted(set(expected.loc[is_excused, "symbol"]))
    expected, has_price = expected[~is_excused], has_price[~is_excused]
    by_session = has_price.groupby(expected["session_date"])
    share, lacking = by_session.mean(), by_session.size() - by_session.sum()
    worst = float(share.min()) if len(share) else 1.0
    tolerated = by_session.size().map(
        lambda count: tolerated_missing(int(count), scope.settings.minimum_coverage)
    )
    thin = share[lacking > tolerated].index
    said = f"at worst {worst:.1%} of a session's stocks have a price"
    if len(thin):
        said += f"; too few on {shown([day.date().isoformat() for day in thin])}"
    missing = sorted(set(expected.loc[~has_price, "symbol"]))
    until = min((deferred[symbol] for symbol in waiting), default=None)
    if until is not None:
        said += f"; {len(waiting)} are deferred until {until:%Y-%m-%d %H:%M} UTC, for the day's "
        said += "requests are used up"
    late = sorted(overdue & set(missing))
    if late:
        said += f"; {len(late)} were deferred and are missing a session later: the daily quota is "
        said += "too small for the universe"
    in_play = sorted(unknown & set(stocks["symbol"]))
    young = sorted(set(stocks.loc[~is_listed, "symbol"]))
    return Verdict(
        not len(thin), said,
        {
            "worst_share": worst, "missing": shown(missing), "unknown_symbols": shown(in_play),
            "not_yet_listed": shown(young), "deferred": shown(waiting),
            "deferred_until": until.isoformat() if until is not None else "",
            "deferred_too_long": shown(late),
        },
    )  # fmt: skip


def _deferred(scope: Scope) -> tuple[dict[str, pd.Timestamp], set[str]]:
    """Give the symbols that a used-up quota excuses, with when each is due, and the overdue ones.

    Overdue: a session later, and in a later day of the quota than that of the first deferral.
    """
    jobs = scope.warehouse.read("collection_jobs", where={"asset": BARS, "status": DEFERRED})
    zone, completed = ZoneInfo(scope.settings.quota_time_zone), scope.calendar.last_completed
    excused: dict[str, pd.Timestamp] = {}
    overdue: set[str] = set()
    for job in jobs.to_dict("records"):
        first = job["started_at" if pd.isna(job["deferred_since"]) else "deferred_since"]
        is_new_window = scope.now.astimezone(zone).date() > first.tz_convert(zone).date()
        if is_new_window and completed(scope.now) > completed(first.to_pydatetime()):
            overdue.add(job["subject"])
        else:
            excused[job["subject"]] = first if pd.isna(job["due_at"]) else job["due_at"]
    return excused, overdue


def _is_listed(scope: Scope, stocks: pd.DataFrame) -> "pd.Series[bool]":
    """Mark the rows whose symbol has a first bar by then: a later listing owes nothing before."""
    bars = scope.warehouse.read(
        BARS, last=scope.last, symbols=sorted(set(stocks["symbol"])),
        columns=["session_date", "symbol"],
    )  # fmt: skip
    known = bars.groupby("symbol")["session_date"].min()
    first_bar = pd.to_datetime(stocks["symbol"].map(known.to_dict()))
    return first_bar.isna() | (first_bar <= stocks["session_date"])


def _pairs(frame: pd.DataFrame) -> "pd.Series[str]":
    days: pd.Series[str] = frame["session_date"].dt.strftime("%Y-%m-%d ")
    return days + frame["symbol"]


def _no_impossible(scope: Scope) -> Verdict:
    """Look at the cache itself, not at the rules that made it."""
    rows = scope.rows(CACHE, "session_date", "symbol", "price_usd", "high", "low", "volume")
    is_bad = (
        ~(np.isfinite(rows["price_usd"]) & (rows["price_usd"] > 0))
        | (rows["high"] < rows["low"])
        | (rows["volume"] < 0)
        | ~rows["session_date"].dt.date.isin(scope.calendar.sessions(scope.first, scope.last))
    )
    bad = rows[is_bad]
    return Verdict(
        bad.empty, f"{len(rows)} prices, {len(bad)} impossible", {"impossible": shown(_pairs(bad))}
    )


def _few_doubts(scope: Scope) -> Verdict:
    """Count what was refused or flagged in the range: as it came, and when it was judged."""
    assets = (BARS, QUOTES, CACHE)
    doubts = scope.rows("quarantine", "row_date", "symbol", "rule", "severity", asset=assets)
    rejected = int((doubts["severity"] == REJECTED).sum())
    flagged = int((doubts["severity"] == FLAGGED).sum())
    rules = ", ".join(f"{rule} {n}" for rule, n in doubts["rule"].value_counts().items())
    return Verdict(
        doubts.empty, f"{rejected} rows rejected, {flagged} flagged" + (f": {rules}" * bool(rules)),
        {"rejected": rejected, "flagged": flagged},
    )  # fmt: skip


def _options_priced(scope: Scope) -> Verdict:
    universe = present_universe(scope.warehouse, scope.rows("symbol_universe"))
    contracts = universe[universe["asset_class"] == OPTION]
    priced = _pairs(scope.rows(CACHE, "session_date", "symbol"))
    missing = contracts[~_pairs(contracts).isin(priced)]
    which = first_of(missing["symbol"])
    return Verdict(
        missing.empty,
        f"{len(contracts)} contract sessions, {len(missing)} without a price{which}",
        {"missing": shown(sorted(set(missing["symbol"])))},
    )  # fmt: skip


def _contracts_known(scope: Scope) -> Verdict:
    """Look the held and watched options up among the contracts that are listed."""
    universe = scope.rows("symbol_universe", "symbol", "asset_class")
    wanted = set(universe.loc[universe["asset_class"] == OPTION, "symbol"])
    columns = ["symbol", "multiplier", "contract_kind"]
    known = scope.warehouse.read(CONTRACTS, symbols=sorted(wanted), columns=columns)
    missing = sorted(wanted - set(known["symbol"]))
    listed = known[known["contract_kind"].isin(PLAIN)].set_index("symbol")["multiplier"].to_dict()
    booked = {(p.symbol, p.multiplier) for book in held_books(scope.warehouse)
              for p in book.positions if p.symbol in listed}  # fmt: skip
    other = sorted(
        f"{symbol}: {units} in the book, {listed[symbol]} listed"
        for symbol, units in booked
        if units != listed[symbol]
    )
    said = f"{len(wanted)} contracts, {len(missing)} unknown to the reference"
    if other:
        said += f"; valued by another multiplier than the vendor lists: {shown(other)}; state it "
        said += "in the column Multiplier of the file"
    told = {"missing": shown(missing), "other_multiplier": shown(other)}
    return Verdict(not missing and not other, said, told)


def _good_enough(scope: Scope) -> Verdict:
    """Name the symbols whose prices of the last quarter miss a target in the range."""
    rows = scope.rows(QUALITY, "session_date", "symbol", "validation_rate", "quality_score")
    is_poor = (rows["validation_rate"] <= TARGET_VALIDATION) | (
        rows["quality_score"] <= TARGET_SCORE
    )
    poor = sorted(set(rows.loc[is_poor, "symbol"]))
    lowest = {name: 1.0 if rows.empty else float(rows[name].min()) for name in _MEASURES}
    said = f"{len(set(rows['symbol']))} symbols, {len(poor)} below {TARGET_VALIDATION:.0%} valid "
    said += f"bars or a score of {TARGET_SCORE:.2f}" + (f": {shown(poor)}" if poor else "")
    return Verdict(not poor, said, {"below_target": shown(poor), **lowest})


def _not_restated(scope: Scope) -> Verdict:
    """Count the bars, of whatever session, whose change the judged run came upon."""
    changes = scope.warehouse.read(
        "bar_restatements", columns=["session_date", "symbol", "field"],
        where={"run_id": scope.run_id},
    )  # fmt: skip
    changed = changes[changes["field"] != SPLIT_BASIS]
    bars = changed[["session_date", "symbol"]].drop_duplicates()
    said = f"{len(bars)} bars of {bars['symbol'].nunique()} symbols were changed by their vendor"
    return Verdict(
        bars.empty, said, {"restated": len(bars), "symbols": shown(list(set(bars["symbol"])))}
    )


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of bars, quotes and the cache."""
    return [
        sound(
            BARS, BARS, "session_date", "symbol",
            rows=dg.AssetCheckSeverity.ERROR, rows_block=True, due=last_session,
        ),
        sound(QUOTES, QUOTES, "session_date", "symbol"),
        sound(VALUES, VALUES, "session_date", "symbol"),
        sound(
            CACHE, CACHE, "session_date", "symbol",
            rows=dg.AssetCheckSeverity.ERROR, rows_block=True, due=last_session,
        ),
        check(
            CACHE, "prices_cover_the_universe", _cover, blocking=True,
            description=(
                "In every session, the set share (95 %) of the stocks in the universe have a "
                "price; in a small universe one may lack it. Symbols no vendor knows, symbols not "
                "yet listed, and those that a used-up daily quota deferred are named, not counted; "
                "these last count where they are missing a session later."
            ),
        ),
        check(
            CACHE, "no_impossible_bar", _no_impossible, blocking=True,
            description="Every price is positive, high is not below low, the day is a session.",
        ),
        check(
            CACHE, "nothing_in_quarantine", _few_doubts, severity=dg.AssetCheckSeverity.WARN,
            description="No bar or quote of the range was rejected or flagged.",
        ),
        check(
            CACHE, "options_are_priced", _options_priced, severity=dg.AssetCheckSeverity.WARN,
            description="Every option contract in the universe has a price in its sessions.",
        ),
        sound_undated(CONTRACTS, CONTRACTS, "symbol", span_of="symbol_universe"),
        check(
            CONTRACTS, "held_contracts_are_known", _contracts_known, table="symbol_universe",
            severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Every option of the universe is among the contracts the vendor lists, and the "
                "books value it by the multiplier it is listed with."
            ),
        ),
        check(
            METRICS, "prices_are_good", _good_enough, table=QUALITY,
            severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Of every symbol's bars of the last 64 sessions more than 95 % broke no rule, and "
                "its quality score is above 0.90."
            ),
        ),
        check(
            BARS, "history_is_not_restated", _not_restated, severity=dg.AssetCheckSeverity.WARN,
            description=(
                "No vendor changed a bar that was stored before; splits and dividends are none."
            ),
        ),
    ]  # fmt: skip
