"""`market-pipeline cleanup`: forgetting what is past its time."""

from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.output import print_rows, remark


def cleanup(
    ctx: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; nothing is deleted.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Delete headlines, logs and intraday bars past their time; daily bars are kept."""
    settings = begin(ctx)
    from market_pipeline.operations.cleanup import clean_up

    found = clean_up(settings, utc_now, is_dry_run=dry_run)
    print_rows(found.frame, form, data_kind=found.data_kind)
    total = int(found.frame["rows"].sum())
    remark(f"{total} rows would go; nothing was deleted" if dry_run else f"{total} rows deleted")
