"""The command tree: what is called what, and the options that stand before every command."""

from typing import Annotated

import typer

from market_pipeline.cli import (
    backfill,
    cache,
    cleanup,
    database,
    demo,
    doctor,
    flags,
    impact,
    news,
    notices,
    onboarding,
    portfolio,
    price,
    report,
    runs,
    sandbox,
    show,
    symbols,
    watchdog,
    watchlist,
)
from market_pipeline.cli.edge import Flags
from market_pipeline.cli.guard import GuardedGroup

app = typer.Typer(
    cls=GuardedGroup,
    help="An open market-data and portfolio pipeline: universe, prices, headlines, factors.",
    no_args_is_help=True,
    add_completion=False,
    # Plain help starts in half the time; rich is kept for rows. Its tracebacks show variables.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens.")] = False,
) -> None:
    """An open market-data and portfolio pipeline: universe, prices, headlines, factors."""
    ctx.obj = Flags(is_verbose=verbose or debug)


app.command("demo")(demo.demo)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(portfolio.app, name="portfolio")
app.add_typer(onboarding.app, name="onboarding")
app.add_typer(watchlist.app, name="watchlist")
app.command("backfill")(backfill.backfill)
app.add_typer(show.app, name="show")
app.command("price")(price.price)
app.command("symbols")(symbols.symbols)
app.command("news")(news.news)
app.command("impact")(impact.impact)
app.command("report")(report.report)
app.command("doctor")(doctor.doctor)
app.command("cleanup")(cleanup.cleanup)
app.command("watchdog")(watchdog.watchdog)
app.add_typer(flags.app, name="flags")
app.add_typer(flags.scheduler_app, name="scheduler")
app.command("runs")(runs.runs)
app.command("alerts")(notices.alerts)
app.add_typer(notices.outbox_app, name="outbox")
app.add_typer(cache.app, name="cache")
app.add_typer(database.app, name="db")
