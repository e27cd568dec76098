"""The portfolios of a session as a table in Markdown, which Dagster's UI shows beside the run.

Ids and symbols come from files of others: they stand in code spans, where nothing is markup.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from market_pipeline.domain.headlines import clean_text

MOST_ROWS = 50
_MOST_SYMBOLS = 3
_LONGEST = 64
_MISSING = "–"
_HEAD = (
    "| portfolio | value, USD | day P&L, USD | day | return since start | stale | no price |\n"
    "|---|--:|--:|--:|--:|---|---|"
)


def portfolio_table(snapshots: pd.DataFrame, session: date) -> str:
    """Write rows of `portfolio_snapshots` of `session`, largest value first, as Markdown.

    Beyond `MOST_ROWS` portfolios the rest is a count.
    """
    rows = snapshots[snapshots["session_date"].dt.date == session].to_dict("records")
    if not rows:
        return f"No portfolio has a snapshot of {session}."
    rows.sort(key=lambda row: (-row["equity_usd"], row["portfolio_id"]))
    lines = [f"Session of {session}, from `portfolio_snapshots`", "", _HEAD]
    lines += [_line({str(name): value for name, value in row.items()}) for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines += ["", f"and {len(rows) - MOST_ROWS} smaller ones"]
    return "\n".join(lines)


def as_code(text: str) -> str:
    """Write text of others as a code span of one table cell; what could end either is replaced."""
    shown = clean_text(text, _LONGEST).translate({ord("`"): "'", ord("|"): "¦", ord("\\"): "∖"})
    return f"`{shown}`" if shown else _MISSING


def _line(row: dict[str, Any]) -> str:
    cells = [
        as_code(row["portfolio_id"]),
        _amount(row["equity_usd"]),
        _amount(row["daily_pnl_usd"], "+"),
        _percent(row["daily_return_pct"]),
        _percent(row["twr_pct"]),
        _named(row["stale_count"], row["stale_symbols"].split(",")),
        _named(row["unpriced_count"], row["unpriced_symbols"].split(",")),
    ]
    return f"| {' | '.join(cells)} |"


def _amount(value: Any, sign: str = "") -> str:
    return _MISSING if value is None or pd.isna(value) else f"{value:{sign},.2f}"


def _percent(value: float | None) -> str:
    # Plus nothing: a loss that rounds to none has no minus.
    return _MISSING if value is None or pd.isna(value) else f"{round(value, 2) + 0.0:+.2f} %"


def _named(count: int, symbols: Sequence[str]) -> str:
    """Count lots, and name the first symbols: `**2** (OLD, GONE)`."""
    if not count:
        return "0"
    more = " …" if len(symbols) > _MOST_SYMBOLS else ""
    return f"**{count}** ({', '.join(map(as_code, symbols[:_MOST_SYMBOLS]))}{more})"
