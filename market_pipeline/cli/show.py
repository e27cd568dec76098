"""`market-pipeline show`: what is stored, one command for each of `operations.views`."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.cli.edge import (
    MOST_ROWS,
    DayOption,
    Format,
    FormatOption,
    begin,
    parse_day,
    utc_now,
)
from market_pipeline.cli.output import print_rows, remark
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations.views import CONTRACTS, FETCHES, OPTIONS, PRICES, VIEWS

if TYPE_CHECKING:
    from market_pipeline.operations.price_history import History

_HISTORY_LIMIT = 100

app = typer.Typer(help="Show what is stored.", no_args_is_help=True)

SymbolOption = Annotated[
    Optional[list[str]],  # noqa: UP045  # typer reads this form for a repeated option
    typer.Option("--symbol", "-s", help="Only this symbol; may be repeated."),
]
PortfolioOption = Annotated[
    Optional[str],  # noqa: UP045  # one form for all options
    typer.Option("--portfolio", "-p", help="Only this portfolio, or only what it holds."),
]
LimitOption = Annotated[
    Optional[int],  # noqa: UP045  # one form for all options
    typer.Option("--limit", "-n", min=0, max=MOST_ROWS, help="At most so many rows; 0 for all."),
]
KnownOnOption = Annotated[
    Optional[date],  # noqa: UP045  # one form for all options
    typer.Option(
        "--as-known-on", parser=parse_day, metavar="DATE",
        help="Bars of --symbol as they were known when this day (UTC) ended.",
    ),
]  # fmt: skip
UnderlyingOption = Annotated[
    Optional[str],  # noqa: UP045  # one form for all options
    typer.Option("--underlying", "-u", help="Only options on this stock."),
]
OnOption = Annotated[
    Optional[date],  # noqa: UP045  # one form for all options
    typer.Option(
        "--on", "--date", parser=parse_day, metavar="DATE",
        help="The session; default: the latest with bars of the symbol.",
    ),
]  # fmt: skip
UnderlyingArgument = Annotated[
    Optional[str],  # noqa: UP045  # one form for all options
    typer.Argument(metavar="[UNDERLYING]", help="Only contracts on this stock."),
]
FailedOption = Annotated[bool, typer.Option("--failed", help="Only those that failed.")]


def _command(view: str) -> Callable[..., None]:
    def command(
        ctx: typer.Context,
        day: DayOption = None,
        symbol: SymbolOption = None,
        portfolio: PortfolioOption = None,
        limit: LimitOption = None,
        form: FormatOption = Format.table,
    ) -> None:
        _show(ctx, form, view=view, day=day, symbols=symbol, portfolio=portfolio, limit=limit)

    return command


for _view in VIEWS.values():
    if _view not in (CONTRACTS, FETCHES, OPTIONS, PRICES):
        app.command(_view.name, help=_view.told)(_command(_view.name))


@app.command(FETCHES.name, help=FETCHES.told)
def fetches(
    ctx: typer.Context,
    day: DayOption = None,
    symbol: SymbolOption = None,
    portfolio: PortfolioOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.table,
    failed: FailedOption = False,
) -> None:
    """Show the fetch log, all of it or its failures."""
    _show(
        ctx, form, view=FETCHES.name, day=day, symbols=symbol, portfolio=portfolio, limit=limit,
        only_failed=failed,
    )  # fmt: skip


@app.command(PRICES.name, help=PRICES.told)
def prices(
    ctx: typer.Context,
    day: DayOption = None,
    symbol: SymbolOption = None,
    portfolio: PortfolioOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.table,
    known_on: KnownOnOption = None,
) -> None:
    """Show prices as they stand, or the bars of symbols as they were known."""
    if known_on is None:
        _show(
            ctx, form, view=PRICES.name, day=day, symbols=symbol, portfolio=portfolio, limit=limit
        )
        return
    if portfolio is not None:
        raise typer.BadParameter("--as-known-on goes with --symbol, not with --portfolio")
    settings = begin(ctx)
    from market_pipeline.operations.opening import open_to_look
    from market_pipeline.operations.price_history import bars_known_on

    _print_history(
        bars_known_on(open_to_look(settings), tuple(symbol or ()), known_on, day), form, limit
    )


@app.command("adjusted")
def adjusted(
    ctx: typer.Context,
    day: DayOption = None,
    symbol: SymbolOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show closes as traded, split-adjusted, and adjusted for splits and dividends."""
    settings = begin(ctx)
    from market_pipeline.operations.opening import open_to_look
    from market_pipeline.operations.price_history import adjusted_history

    _print_history(adjusted_history(open_to_look(settings), tuple(symbol or ()), day), form, limit)


@app.command("intraday")
def intraday(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    day: OnOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show the hourly bars of a symbol in a session, and which hours are not there."""
    settings = begin(ctx)
    from market_pipeline.operations.intraday import hourly_history
    from market_pipeline.operations.opening import open_to_look

    calendar = TradingCalendar.xnys(settings.extra_closures)
    found = hourly_history(open_to_look(settings), calendar, utc_now, symbol, day)
    print_rows(
        found.frame, form, title=found.title, columns=found.for_people, data_kind=found.data_kind
    )
    if found.missing:
        remark(f"not stored (New York): {', '.join(found.missing)}")


def _print_history(found: "History", form: Format, limit: int | None) -> None:
    """Print rows newest first, a hundred of them unless told otherwise."""
    shown = _HISTORY_LIMIT if limit is None else limit
    frame = found.frame.head(shown) if shown else found.frame
    print_rows(frame, form, title=found.title, data_kind=found.data_kind)
    if len(frame) < len(found.frame):
        _remark_hidden(len(frame), len(found.frame) - len(frame))


@app.command(OPTIONS.name, help=OPTIONS.told)
def options(
    ctx: typer.Context,
    day: DayOption = None,
    underlying: UnderlyingOption = None,
    symbol: SymbolOption = None,
    portfolio: PortfolioOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show the chain of a session, computed values named."""
    _show(
        ctx, form, view=OPTIONS.name, day=day, symbols=symbol, portfolio=portfolio, limit=limit,
        underlying=underlying,
    )  # fmt: skip


@app.command(CONTRACTS.name, help=CONTRACTS.told)
def contracts(
    ctx: typer.Context,
    underlying: UnderlyingArgument = None,
    symbol: SymbolOption = None,
    portfolio: PortfolioOption = None,
    limit: LimitOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Show the contracts of a stock, or of all."""
    _show(
        ctx, form, view=CONTRACTS.name, symbols=symbol, portfolio=portfolio, limit=limit,
        underlying=underlying,
    )  # fmt: skip


def _show(ctx: typer.Context, form: Format, *, symbols: list[str] | None, **asked: object) -> None:
    settings = begin(ctx)
    from market_pipeline.operations.opening import open_to_look
    from market_pipeline.operations.show import Request, show

    calendar = TradingCalendar.xnys(settings.extra_closures)
    request = Request(symbols=tuple(symbols or ()), **asked)  # type: ignore[arg-type]  # passed on as given
    fresh_for = timedelta(minutes=settings.headline_freshness_minutes)
    found = show(open_to_look(settings), calendar, utc_now, request, fresh_for)
    print_rows(
        found.frame, form, title=found.title, columns=found.for_people, data_kind=found.data_kind
    )
    if found.warning:
        remark(found.warning)
    if found.frame.empty:
        remark(f"there are no {VIEWS[found.view].rows} to show")
    if found.hidden:
        _remark_hidden(len(found.frame), found.hidden)


def _remark_hidden(shown: int, hidden: int) -> None:
    remark(f"{shown} rows shown, {hidden} more: --limit 0 shows all")


@app.command("quotas")
def quotas(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show each vendor's requests of today: used, left, and when the next are there."""
    settings = begin(ctx)
    from market_pipeline.operations import standing
    from market_pipeline.resources import coordination_of

    frame = standing.quotas(settings, coordination_of(settings))
    print_rows(
        frame, form, title="quotas", columns=standing.QUOTA_COLUMNS, data_kind=settings.data_kind
    )


@app.command("breakers")
def breakers(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show each vendor's circuit breaker: its state, how many of its last calls failed."""
    settings = begin(ctx)
    from market_pipeline.operations import standing
    from market_pipeline.resources import coordination_of

    frame = standing.breakers(settings, coordination_of(settings))
    print_rows(
        frame, form, title="breakers", columns=standing.BREAKER_COLUMNS,
        data_kind=settings.data_kind,
    )  # fmt: skip
