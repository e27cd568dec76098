"""`market-pipeline doctor`: is everything there that a day's work needs?"""

from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark


def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no vendor.")] = False,
    form: FormatOption = Format.table,
) -> None:
    """Look at vendors, warehouse, storage and dates; 1 where something needed does not work.

    A key that is missing is no fault: the pipeline runs without. No key is ever shown.
    """
    settings = begin(ctx)
    from market_pipeline.operations.doctor import HERE_COLUMNS, VENDOR_COLUMNS, examine

    diagnosis = examine(settings, utc_now, offline=offline)
    frame = diagnosis.frame()
    if form is Format.table:
        is_vendor = frame["area"] == "vendor"
        print_rows(
            frame[is_vendor], form, title="vendors", columns=VENDOR_COLUMNS,
            data_kind=settings.data_kind,
        )  # fmt: skip
        print_rows(frame[~is_vendor], form, title="here", columns=HERE_COLUMNS)
    else:
        print_rows(frame, form, data_kind=settings.data_kind)
    if not diagnosis.is_healthy:
        broken = ", ".join(frame.loc[frame["state"] == "broken", "item"])
        remark(f"error: needed, and not working: {broken}")
        raise typer.Exit(FAILED)
