"""`market-pipeline price`: the latest price of symbols, with their betas."""

from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark


def price(
    ctx: typer.Context,
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...")],
    form: FormatOption = Format.table,
) -> None:
    """Show the latest price of symbols, its session and source, and their betas."""
    settings = begin(ctx)
    from market_pipeline.operations.symbols import prices_of

    found = prices_of(settings, utc_now, symbols)
    print_rows(found.frame, form, data_kind=found.data_kind)
    for symbol in found.missing:
        remark(f"{symbol}: no price within 30 days of the newest session")
    if found.missing:
        raise typer.Exit(FAILED)
