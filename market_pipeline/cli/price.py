"""`market-pipeline price`: the latest price of symbols, with their betas."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark


def price(
    ctx: typer.Context,
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...")],
    form: FormatOption = Format.table,
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and show them again whenever one changes.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", min=0.1, max=3600, help="With --watch: seconds to look in.")
    ] = 5.0,
) -> None:
    """Show the latest price of symbols, its session and source, and their betas.

    With --watch until it is interrupted; meanwhile the cache is kept filled for other processes.
    """
    settings = begin(ctx)
    if watch:
        from market_pipeline.operations.symbols import watched_prices

        for found, ready in watched_prices(settings, utc_now, symbols, every):
            print_rows(found.frame, form, data_kind=found.data_kind)
            _remark_missing(found.missing)
            remark(ready)
            sys.stdout.flush()
    from market_pipeline.operations.symbols import prices_of

    found = prices_of(settings, utc_now, symbols)
    print_rows(found.frame, form, data_kind=found.data_kind)
    _remark_missing(found.missing)
    if found.missing:
        raise typer.Exit(FAILED)


def _remark_missing(symbols: Sequence[str]) -> None:
    for symbol in symbols:
        remark(f"{symbol}: no price within 30 days of the newest session")
