"""`market-pipeline demo`: everything once, over data that is made up and says so."""

from typing import Annotated

import typer

from market_pipeline.cli.edge import SeedOption, begin
from market_pipeline.cli.guard import FAILED

MAX_SESSIONS = 1500


def demo(
    ctx: typer.Context,
    sessions: Annotated[int, typer.Option(min=1, max=MAX_SESSIONS, help="How many sessions.")] = 60,
    seed: SeedOption = 7,
) -> None:
    """Run the whole pipeline over sandbox data and example portfolios, and write a report."""
    begin(ctx, is_quiet=True)
    from rich.console import Console

    from market_pipeline.operations.demo import run_demo

    result = run_demo(Console(highlight=False), sessions=sessions, seed=seed)
    if not result.succeeded:
        raise typer.Exit(FAILED)
