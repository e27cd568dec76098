"""The reports of a session as Dagster's UI shows them: a table with small plots, and positions.

Ids and symbols come from files of others: in Markdown they stand in code spans, and a table's
records are no markup.
"""

from base64 import b64encode
from collections.abc import Sequence
from decimal import Decimal

import dagster as dg

from market_pipeline.assets.snapshot_summary import as_code
from market_pipeline.reports import figures
from market_pipeline.reports.portfolio_rows import PositionRow
from market_pipeline.reports.portfolio_view import PortfolioView
from market_pipeline.reports.small_plot import small_plot

MOST_PORTFOLIOS, MOST_POSITIONS = 24, 20
"""Metadata is kept with every run: of more portfolios, and of more positions each, reports tell."""

_HEAD = (
    "| portfolio | value over time | value | day P&L | since the start | value at risk, 95 % | "
    "worst stress test | stale | no price |\n|---|---|--:|--:|--:|--:|---|--:|--:|"
)
_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("portfolio"),
        dg.TableColumn("symbol"),
        dg.TableColumn("quantity"),
        dg.TableColumn("value_usd"),
        dg.TableColumn("of_equity"),
        dg.TableColumn("day_pnl_usd"),
        dg.TableColumn("unrealised_usd"),
        dg.TableColumn("price_of"),
        dg.TableColumn("status"),
        dg.TableColumn("source"),
    ]
)


def reports_table(views: Sequence[PortfolioView]) -> str:
    """Write portfolios, largest first, with what their reports say first of all, as Markdown."""
    if not views:
        return "No portfolio has a snapshot of this session."
    shown = _largest(views)
    lines = [
        f"Session of {views[0].session}, from `portfolio_snapshots`, `portfolio_risk` and "
        "`portfolio_stress`",
        "", _HEAD, *(_line(view) for view in shown),
    ]  # fmt: skip
    if len(views) > len(shown):
        lines += ["", f"and {len(views) - len(shown)} smaller ones"]
    return "\n".join(lines)


def positions_table(views: Sequence[PortfolioView]) -> dg.TableMetadataValue:
    """Give the largest positions of the largest portfolios."""
    records = [
        _record(view, row) for view in _largest(views) for row in view.positions[:MOST_POSITIONS]
    ]
    return dg.MetadataValue.table(records, schema=_SCHEMA)


def _largest(views: Sequence[PortfolioView]) -> list[PortfolioView]:
    ordered = sorted(views, key=lambda view: (-view.snapshot.equity_usd, view.portfolio_id))
    return ordered[:MOST_PORTFOLIOS]


def _line(view: PortfolioView) -> str:
    snapshot, risk = view.snapshot, view.risk
    worst = min(risk.stress, key=lambda row: row.pnl_usd, default=None)
    cells = [
        as_code(view.portfolio_id),
        _picture(view),
        figures.money(snapshot.equity_usd),
        figures.money(snapshot.daily_pnl_usd, signed=True),
        figures.percent(snapshot.twr_pct, signed=True),
        figures.money(risk.losses.historical_var_95_usd if risk.losses else None, places=0),
        f"{as_code(worst.scenario)} {figures.money(worst.pnl_usd, signed=True, places=0)}"
        if worst
        else figures.MISSING,
        str(snapshot.stale_count),
        str(snapshot.unpriced_count),
    ]
    return f"| {' | '.join(cells)} |"


def _picture(view: PortfolioView) -> str:
    plot = small_plot(view.history)
    if plot is None:
        return figures.MISSING
    return f"![value over time](data:image/svg+xml;base64,{b64encode(plot.encode()).decode()})"


def _record(view: PortfolioView, row: PositionRow) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "portfolio": figures.clean(view.portfolio_id),
            "symbol": figures.clean(row.symbol),
            "quantity": figures.quantity(row.quantity),
            "value_usd": figures.money(row.market_value_usd),
            "of_equity": figures.share(
                row.market_value_usd or Decimal(0), view.snapshot.equity_usd
            ),
            "day_pnl_usd": figures.money(row.daily_pnl_usd, signed=True),
            "unrealised_usd": figures.money(row.unrealised_pnl_usd, signed=True),
            "price_of": row.price_date.isoformat() if row.price_date else figures.MISSING,
            "status": row.status,
            "source": figures.clean(row.source or figures.MISSING),
        }
    )
