"""A portfolio in the terminal: its snapshot, its factor exposures, its headlines, its gaps.

Text of others reaches the terminal as plain `Text`: cleaned, and never read as markup. How numbers
are written stands in `figures`.
"""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from market_pipeline.reports import figures
from market_pipeline.reports.portfolio_rows import ContributionRow
from market_pipeline.reports.portfolio_view import PortfolioView

SANDBOX_WORDS = (
    "SANDBOX DATA: made up by a local generator or replayed from files. No vendor was asked, and "
    "no number or headline here says anything about a real security."
)
_STYLES = {"gain": "green", "loss": "red", "even": ""}
_FACTORS, _HEADLINES, _CONTRIBUTORS, _NAMED = 8, 8, 3, 8
_CONTRIBUTORS_WIDTH = 22


def sandbox_banner(console: Console) -> None:
    """Say, where nobody can miss it, that the data is not real."""
    console.print(Panel(Text(SANDBOX_WORDS, style="bold"), style="black on yellow", box=box.HEAVY))


def print_portfolio(console: Console, view: PortfolioView) -> None:
    """Print a portfolio's snapshot, largest factor exposures, latest headlines and what is missing.

    Sandbox data is marked as such in the title.
    """
    title = Text(figures.clean(view.name), style="bold")
    title.append(f"  {figures.clean(view.portfolio_id)}, session of {view.session}", "not bold")
    if view.is_sandbox:
        title.append("  ").append(" SANDBOX DATA ", "bold black on yellow")
    console.print(title)
    console.print(_snapshot_table(view))
    _print_exposures(console, view)
    _print_headlines(console, view)
    for line in attention(view):
        console.print(Text(f"! {line}", style="yellow"))


def attention(view: PortfolioView) -> list[str]:
    """Say in lines what is stale, missing or in doubt; none where all is well."""
    lines = []
    if view.stale:
        named = (f"{row.symbol} ({row.price_date})" for row in view.stale)
        lines.append(f"valued at an earlier session's price: {_some(named)}")
    if view.unpriced:
        named = (row.symbol for row in view.unpriced)
        lines.append(f"without a price, and counted nowhere: {_some(named)}")
    lines += [
        f"{row.symbol}: {figures.words(row.rule)} ({row.severity}): {row.detail}"
        for row in view.findings
    ]
    lines += [f"{row.subject}: {figures.words(row.outcome)}: {row.reason}" for row in view.notes]
    return [figures.clean(line) for line in lines]


def _snapshot_table(view: PortfolioView) -> Table:
    """Lay the snapshot out in pairs: they fit the narrowest terminal."""
    snapshot = view.snapshot
    change = _STYLES[figures.sign(snapshot.daily_pnl_usd)]
    table = Table(box=box.SIMPLE, title="Snapshot", title_justify="left", show_header=False)
    for at in range(2):
        table.add_column(style="dim")
        table.add_column(justify="right", no_wrap=True)
        if at == 0:
            table.add_column()
    pnl, change_pct = snapshot.daily_pnl_usd, snapshot.daily_return_pct
    for left, right in (
        (("equity", figures.money(snapshot.equity_usd), "bold"), ("long", snapshot.long_usd)),
        (("day P&L", figures.money(pnl, signed=True), change), ("short", snapshot.short_usd)),
        (("day return", figures.percent(change_pct, signed=True), change),
         ("gross", snapshot.gross_usd)),
        (("cash", figures.money(snapshot.cash_usd), ""), ("net", snapshot.net_usd)),
    ):  # fmt: skip
        name, text, style = left
        table.add_row(name, Text(text, style=style), "", right[0], figures.money(right[1]))
    table.caption = Text(
        f"{snapshot.position_count} positions, {snapshot.stale_count} stale, "
        f"{snapshot.unpriced_count} without a price; prices from {_some(view.sources) or 'nobody'}"
    )
    table.caption_justify = "left"
    return table


def _print_exposures(console: Console, view: PortfolioView) -> None:
    exposures = view.risk.exposures
    if not exposures:
        console.print(Text("No factor exposures: no beta of anything held in this session."))
        return
    table = Table(box=box.SIMPLE_HEAD, title="Largest factor exposures", title_justify="left")
    table.add_column("factor", overflow="fold")
    for name in ("beta", "exposure", "if +1 %", "covers"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("mostly through", overflow="fold", min_width=_CONTRIBUTORS_WIDTH)
    for each in exposures[:_FACTORS]:
        table.add_row(
            Text(_factor(each.factor)),
            figures.number(each.beta),
            figures.money(each.exposure_usd, places=0),
            figures.money(each.exposure_usd / 100, signed=True, places=0),
            figures.percent(each.covered_pct, places=1),
            Text(_contributors(view.risk.through(each.factor).largest)),
        )
    console.print(table)
    if len(exposures) > _FACTORS:
        console.print(Text(f"{len(exposures) - _FACTORS} smaller ones are in the report."))


def _print_headlines(console: Console, view: PortfolioView) -> None:
    if not view.headlines:
        console.print(Text("No headlines on what it holds."))
        return
    table = Table(box=box.SIMPLE_HEAD, title="Latest headlines", title_justify="left")
    table.add_column("New York time", no_wrap=True)
    table.add_column("headline, symbols, publisher and source", overflow="fold")
    for row in view.headlines[:_HEADLINES]:
        text = Text(figures.clean(row.headline))
        tone = figures.tone(row.sentiment_score, row.sentiment_confidence)
        origin = f"{', '.join(row.symbols)} · {tone} · {row.publisher} · via {row.source}"
        text.append("\n").append(figures.clean(origin), "dim")
        table.add_row(figures.new_york(row.published_at), text)
    console.print(table)


def _factor(factor: str) -> str:
    proxy = figures.factor_proxy(factor)
    return f"{figures.factor_title(factor)} ({proxy})" if proxy else figures.factor_title(factor)


def _contributors(parts: Sequence[ContributionRow]) -> str:
    largest = parts[:_CONTRIBUTORS]
    return ", ".join(
        f"{figures.clean(each.symbol)} {figures.money(each.exposure_usd, places=0)}"
        for each in largest
    )


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    return figures.clean(", ".join(every[:_NAMED])) + more
