"""`market-pipeline cache`: how well kept answers serve."""

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say

app = typer.Typer(help="Answers that are kept for a while.", no_args_is_help=True)


@app.callback()
def cache() -> None:
    """Answers that are kept for a while."""


@app.command()
def stats(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show by kind how often an answer was kept, and how often it had to be computed."""
    settings = begin(ctx)
    from market_pipeline.operations.news import cache_stats
    from market_pipeline.operations.symbols import symbol_stats

    symbols, readiness = symbol_stats(settings, utc_now)
    print_rows(cache_stats(settings, utc_now, symbols), form)
    remark(readiness)


@app.command()
def status(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show whether every symbol's price and betas are kept, since when, and how often that served.

    Exit code 0 where they are, 1 where the database answers for some.
    """
    settings = begin(ctx)
    from market_pipeline.operations.symbols import cache_status

    row, said = cache_status(settings, utc_now)
    print_rows(row, form)
    remark(said)
    if not row["is_ready"].iloc[0]:
        raise typer.Exit(FAILED)


@app.command()
def fill(ctx: typer.Context) -> None:
    """Keep the latest price and betas of every symbol, so that readers find them."""
    settings = begin(ctx)
    from market_pipeline.operations.symbols import fill

    say(f"{fill(settings, utc_now)} symbols kept")
