"""`market-pipeline show`: what is stored, one command for each of `operations.views`."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import MOST_ROWS, DayOption, Format, FormatOption, begin, utc_now
from market_pipeline.cli.output import print_rows, remark
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations.views import FETCHES, VIEWS

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
    if _view is not FETCHES:
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
        remark(f"{len(found.frame)} rows shown, {found.hidden} more: --limit 0 shows all")
