"""`market-pipeline symbols`: what is, or ever was, in the universe."""

from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin
from market_pipeline.cli.output import print_rows, remark


def symbols(
    ctx: typer.Context,
    active: Annotated[
        bool, typer.Option("--active", help="Only those in the newest session.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Show every symbol of the universe: what it is, why it is in, first and last seen."""
    settings = begin(ctx)
    from market_pipeline.operations.symbols import members_of

    frame, data_kind = members_of(settings, only_active=active)
    print_rows(frame, form, data_kind=data_kind)
    if frame.empty:
        remark("no session of the universe is stored yet: `market-pipeline backfill` makes them")
