"""Do the snapshots add up, exactly, and is every position accounted for?"""

from collections.abc import Hashable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

import dagster as dg
import pandas as pd

from market_pipeline.assets.ledgers import read_ledgers
from market_pipeline.assets.position_blocks import position_blocks
from market_pipeline.assets.snapshots import BLOCK_POSITIONS, Valuing
from market_pipeline.checks.framework import Scope, Verdict, check, first_of, shown
from market_pipeline.checks.generic import last_session, sound

ASSET, POSITIONS = "portfolio_snapshots", "portfolio_positions"


def _all_books(scope: Scope) -> Verdict:
    """Every portfolio has a snapshot in every session of the range."""
    expected = {book.portfolio_id for book in scope.warehouse.books()}
    expected |= {name for name, _, _ in scope.warehouse.transactions.hashes()}
    rows = scope.rows(ASSET, "session_date", "portfolio_id")
    sessions = scope.calendar.sessions(scope.first, scope.last)
    held = rows.groupby("portfolio_id")["session_date"].nunique()
    short = [name for name in expected if held.get(name, 0) < len(sessions)]
    if not expected:
        return Verdict(True, "no portfolio is imported yet")
    return Verdict(
        not short,
        f"{len(expected)} portfolios, {len(short)} lack sessions",
        {"short": shown(short)},
    )


def _add_up(scope: Scope) -> Verdict:
    """Test the identities within a session on exact numbers, block by block."""
    blocks = position_blocks(
        scope.warehouse, scope.calendar, scope.first, scope.last, BLOCK_POSITIONS
    )
    wrong = [each for first, last in blocks for each in _not_adding_up(scope, first, last)]
    return Verdict(not wrong, f"{len(wrong)} snapshots do not add up", {"wrong": shown(wrong)})


def _not_adding_up(scope: Scope, first: date, last: date) -> Iterator[str]:
    """Name the snapshots of some sessions that are not the sum of what they are made of."""
    parts = _position_sums(scope, first, last)
    for row in scope.warehouse.read(ASSET, first=first, last=last).to_dict("records"):
        sums = parts.get((row["session_date"], row["portfolio_id"]), _NOTHING)
        holds = (
            row["equity_usd"] == row["market_value_usd"] + row["cash_usd"]
            and row["long_usd"] - row["short_usd"] == row["net_usd"] == row["market_value_usd"]
            and row["long_usd"] + row["short_usd"] == row["gross_usd"]
            and sums["market_value_usd"] == row["equity_usd"]
            and _profit_adds_up(row, sums)
        )
        if not holds:
            yield f"{row['session_date']:%Y-%m-%d} {row['portfolio_id']}"


def _profit_adds_up(row: dict[Hashable, Any], sums: Mapping[str, Decimal]) -> bool:
    """Test P&L against its parts: of the positions, and of all time. A first session has none."""
    total = row["equity_usd"] + row["unpriced_cost_usd"] - row["invested_usd"]
    return bool(
        row["realised_pnl_usd"] + row["unrealised_pnl_usd"] == row["cumulative_pnl_usd"] == total
        and sums["unrealised_pnl_usd"] == row["unrealised_pnl_usd"]
        and sums["flows_usd"] == row["flows_usd"]
        and sums["gap_usd"] == row["gap_usd"]
        and sums["daily_pnl_usd"] == (row["daily_pnl_usd"] or 0)
    )


_SUMMED = ("market_value_usd", "daily_pnl_usd", "unrealised_pnl_usd", "flows_usd", "gap_usd")
_NOTHING: Mapping[str, Decimal] = dict.fromkeys(_SUMMED, Decimal(0))


def _position_sums(
    scope: Scope, first: date, last: date
) -> dict[tuple[pd.Timestamp, str], dict[str, Decimal]]:
    sums: dict[tuple[pd.Timestamp, str], dict[str, Decimal]] = {}
    columns = ["session_date", "portfolio_id", *_SUMMED]
    rows = scope.warehouse.read(POSITIONS, first=first, last=last, columns=columns)
    for row in rows.to_dict("records"):
        found = sums.setdefault((row["session_date"], row["portfolio_id"]), dict(_NOTHING))
        for name in _SUMMED:
            if row[name] is not None:
                found[name] += row[name]
    return sums


def _roll_forward(scope: Scope) -> Verdict:
    """Test equity(t) = equity(t-1) + P&L + flows + gap between neighbouring sessions.

    Over sessions that are missing, the latest earlier snapshot is tested by what is counted since
    the beginning. The step into the range is left out, and named, where the snapshot before it was
    made from a book or from prices that are no longer those.
    """
    before = _earlier(scope)
    rows = scope.warehouse.read(ASSET, first=before, last=scope.last, columns=_ROLLED)
    outdated = _outdated(scope, before)
    wrong, tested = [], 0
    for portfolio_id, book in rows.groupby("portfolio_id"):
        for previous, row in _steps(book, scope, is_outdated=portfolio_id in outdated):
            tested += 1
            if not _reconciles(previous, row, scope):
                wrong.append(f"{row['session_date']:%Y-%m-%d} {portfolio_id}")
    said = f"{tested} steps tested, {len(wrong)} do not reconcile"
    if outdated:
        said += f"; {before} is outdated for {shown(sorted(outdated))}: make it anew"
    return Verdict(not wrong, said, {"wrong": shown(wrong), "outdated": shown(sorted(outdated))})


_ROLLED = (
    "session_date", "portfolio_id", "equity_usd", "daily_pnl_usd", "flows_usd", "gap_usd",
    "invested_usd", "unpriced_cost_usd", "cumulative_pnl_usd",
)  # fmt: skip


def _earlier(scope: Scope) -> date:
    """Give the session before the range; where it has no snapshot, the latest that has one."""
    before = scope.calendar.previous(scope.first)
    if not scope.warehouse.read(ASSET, first=before, last=before, columns=["session_date"]).empty:
        return before
    bounds = scope.warehouse.bounds(ASSET)
    if bounds is None or bounds[0] >= before:
        return before
    stored = scope.warehouse.read(ASSET, first=bounds[0], last=before, columns=["session_date"])
    return stored["session_date"].max().date()  # type: ignore[no-any-return]  # a Timestamp's date


def _reconciles(
    previous: Mapping[Hashable, Any], row: Mapping[Hashable, Any], scope: Scope
) -> bool:
    """Test a step: a session's by its own parts, one over a gap by what is counted all along."""
    changed = row["equity_usd"] - previous["equity_usd"]
    if previous["invested_usd"] is None:  # made before P&L was kept in parts
        return bool(changed == row["daily_pnl_usd"] + row["flows_usd"] + row["gap_usd"])
    put_in = row["invested_usd"] - previous["invested_usd"]
    gained = row["cumulative_pnl_usd"] - previous["cumulative_pnl_usd"]
    out_of_sight = row["unpriced_cost_usd"] - previous["unpriced_cost_usd"]
    if changed != put_in + gained - out_of_sight:
        return False
    is_next = scope.calendar.next(previous["session_date"].date()) == row["session_date"].date()
    return not is_next or bool(
        changed == row["daily_pnl_usd"] + row["flows_usd"] + row["gap_usd"]
        and put_in == row["flows_usd"]
    )


def _outdated(scope: Scope, day: date) -> set[str]:
    """Name the portfolios whose stored snapshot of `day` is not what would be stored now.

    Either its positions are others, or its past is. What was made before the past was kept with it
    is judged by its positions alone.
    """
    stored = _inputs(scope.warehouse.read(POSITIONS, first=day, last=day))
    rows = scope.warehouse.read(ASSET, first=day, last=day, columns=["portfolio_id", "made_from"])
    if rows.empty:
        return set()
    present = Valuing(scope.warehouse, scope.calendar, day).value(day, day)
    positions, pasts = _inputs(present.positions), _pasts(present.portfolios)
    names = {name for name, lots in stored.items() if positions.get(name) != lots}
    return names | {name for name, past in _pasts(rows).items() if pasts.get(name) != past}


def _pasts(portfolios: pd.DataFrame) -> dict[str, str]:
    """Give the digest of what each portfolio was made from, where there is one."""
    told = portfolios[portfolios["made_from"].notna()]
    return dict(zip(told["portfolio_id"], told["made_from"], strict=True))


def _inputs(positions: pd.DataFrame) -> dict[str, set[tuple[object, ...]]]:
    """Give what each portfolio's value was made from: lots, quantities, prices and their dates."""
    columns = ["position_no", "symbol", "quantity", "price_usd", "price_date"]
    found: dict[str, set[tuple[object, ...]]] = {}
    for row in positions.to_dict("records"):
        values = tuple(None if pd.isna(row[name]) else row[name] for name in columns)
        found.setdefault(row["portfolio_id"], set()).add(values)
    return found


def _steps(book: pd.DataFrame, scope: Scope, *, is_outdated: bool) -> Iterator[tuple[Any, Any]]:
    """Yield the rows of neighbouring sessions in pairs."""
    for previous, row in pairwise(book.sort_values("session_date").to_dict("records")):
        before, day = previous["session_date"].date(), row["session_date"].date()
        is_into_range = before < scope.first
        is_next = scope.calendar.next(before) == day
        can_be_told = is_next or previous["invested_usd"] is not None
        has_step = row["daily_pnl_usd"] is not None and can_be_told
        if has_step and not (is_into_range and is_outdated):
            yield previous, row


def _all_priced(scope: Scope) -> Verdict:
    rows = scope.rows(ASSET, "session_date", "portfolio_id", "unpriced_symbols", "stale_symbols")
    unpriced = _named(rows["unpriced_symbols"])
    stale = _named(rows["stale_symbols"])
    said = (
        f"{len(unpriced)} symbols without a price{first_of(unpriced)}, "
        f"{len(stale)} with an old one{first_of(stale)}"
    )
    return Verdict(
        not unpriced and not stale, said, {"unpriced": shown(unpriced), "stale": shown(stale)}
    )


def _inputs_there(scope: Scope) -> Verdict:
    """Name what snapshots did not wait for any longer: prices, exposures, metrics, new symbols."""
    notes = scope.rows("enrichment_compute_log", "session_date", asset="factor_exposures")
    there = {
        "prices": _days(scope.rows("market_data_cache", "session_date")),
        "exposures": _days(scope.rows("symbol_factor_exposures", "session_date")) | _days(notes),
        "metrics": _days(scope.rows("symbol_daily_metrics", "session_date")),
    }
    made = _days(scope.rows(ASSET, "session_date"))
    missing = [f"{day} {name}" for name, days in there.items() for day in sorted(made - days)]
    asked = scope.warehouse.coverage("equity_bars")
    new = sorted(scope.warehouse.onboarding.newcomers() - set(asked))
    said = f"made without {len(missing)} inputs and the prices of {len(new)} new symbols"
    return Verdict(
        not missing and not new, said, {"missing": shown(missing), "new_symbols": shown(new)}
    )


def _lots_were_open(scope: Scope) -> Verdict:
    """Name the rows up to the last session that chose a lot which was not open."""
    missed = [
        f"{ledger.portfolio_id} {each.transaction.trade_date} {each.transaction.symbol} "
        f"of {each.transaction.lot_date}{' (of a file of positions)' if each.is_of_file else ''}"
        for ledger in read_ledgers(scope.warehouse)
        for each in ledger.missed
        if each.transaction.trade_date <= scope.last
    ]
    said = f"{len(missed)} rows chose lots of a day of which none was open: the oldest were closed"
    return Verdict(not missed, said, {"missed": shown(missed)})


def _days(rows: pd.DataFrame) -> set[date]:
    return {day.date() for day in rows["session_date"].unique()}


def _named(cells: "pd.Series[str]") -> list[str]:
    return sorted({name for cell in cells.fillna("") for name in str(cell).split(",") if name})


def books_due(scope: Scope) -> date | None:
    """Every session that is over is due, of those who have a portfolio."""
    names = [scope.warehouse.read("portfolios", columns=["portfolio_id"]).size]
    names.append(len(scope.warehouse.transactions.hashes()))
    return last_session(scope) if any(names) else None


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the snapshots."""
    return [
        check(
            ASSET, "every_portfolio_has_a_snapshot", _all_books,
            description="Every imported portfolio has a snapshot in every session of the range.",
        ),
        sound(ASSET, ASSET, "session_date", "portfolio_id", due=books_due),
        check(
            ASSET, "snapshots_add_up", _add_up, blocking=True,
            description=(
                "Exactly: equity is positions plus cash, long less short is net, long plus short "
                "is gross, and the positions sum to the portfolio."
            ),
        ),
        check(
            ASSET, "snapshots_reconcile_with_the_session_before", _roll_forward, blocking=True,
            description="Exactly: equity = equity of the session before + P&L + flows + gap.",
        ),
        check(
            ASSET, "every_position_is_priced", _all_priced, severity=dg.AssetCheckSeverity.WARN,
            description="No position is without a price, or valued at an old one.",
        ),
        check(
            ASSET, "chosen_lots_were_open", _lots_were_open, severity=dg.AssetCheckSeverity.WARN,
            description="Every Lot Date up to the session is that of a lot which was open then.",
        ),
        check(
            ASSET, "snapshots_had_their_inputs", _inputs_there,
            severity=dg.AssetCheckSeverity.WARN,
            description=(
                "Every session has prices, exposures and metrics, and new symbols their history: "
                "a snapshot waits for them, but not for ever."
            ),
        ),
    ]  # fmt: skip
