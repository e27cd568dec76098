"""`market-pipeline onboarding`: how far imported files are on their way to a snapshot."""

from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.output import print_rows, say
from market_pipeline.domain.sessions import TradingCalendar

app = typer.Typer(
    help="Imported files on their way to a snapshot, step by step.", no_args_is_help=True
)

PortfolioArgument = Annotated[
    Optional[str],  # noqa: UP045  # one form for all arguments
    typer.Argument(metavar="[PORTFOLIO]", help="Default: every portfolio."),
]


@app.command()
def status(
    ctx: typer.Context,
    portfolio: PortfolioArgument = None,
    by_symbol: Annotated[
        bool, typer.Option("--symbols", help="Symbol by symbol instead of step by step.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    form: FormatOption = Format.table,
) -> None:
    """Show how each imported file stands: imported, symbols, history, profiles, factors, snapshot.

    A symbol that no vendor knows is named, and holds up neither the others nor the portfolio.
    """
    settings = begin(ctx)
    from market_pipeline.operations import onboarding, opening

    warehouse = opening.open_to_look(settings)
    calendar = TradingCalendar.xnys(settings.extra_closures)
    rows = onboarding.symbols if by_symbol else onboarding.steps
    shown = onboarding.SYMBOLS_FOR_PEOPLE if by_symbol else onboarding.STEPS_FOR_PEOPLE
    print_rows(
        rows(warehouse, calendar, portfolio), Format.json if as_json else form, columns=shown,
        data_kind=warehouse.meta_get("data_kind"),
    )  # fmt: skip


@app.command()
def retry(ctx: typer.Context, portfolio: PortfolioArgument = None) -> None:
    """Make failed onboardings pending again; the inbox sensor starts them, the daemon running."""
    settings = begin(ctx)
    from market_pipeline.operations import onboarding, opening

    opening.open_to_look(settings)
    count = onboarding.ask_again(opening.open_for_books(settings), utc_now(), portfolio)
    say(f"{count} failed onboarding(s) made pending again")
