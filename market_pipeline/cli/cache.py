"""`market-pipeline cache`: how well kept answers serve."""

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
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
def fill(ctx: typer.Context) -> None:
    """Keep the latest price and betas of every symbol, so that readers find them."""
    settings = begin(ctx)
    from market_pipeline.operations.symbols import fill

    say(f"{fill(settings, utc_now)} symbols kept")
