"""`market-pipeline watchdog`: is the scheduler alive? For cron, outside the daemon."""

from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.output import print_rows, remark

_LONGEST_SILENCE = 525_600
"""A year, in minutes."""
SilenceOption = Annotated[
    Optional[float],  # noqa: UP045  # typer reads this form whatever the parser
    typer.Option(
        "--max-silence",
        min=0.1,
        max=_LONGEST_SILENCE,
        metavar="MIN",
        help="Minutes without a heartbeat that are silence. Default: 15 in market hours, else 75.",
    ),
]
ExpectedOption = Annotated[
    bool, typer.Option("--expected", help="No heartbeat at all is silence, too.")
]


def watchdog(
    ctx: typer.Context,
    max_silence: SilenceOption = None,
    expected: ExpectedOption = False,
    form: FormatOption = Format.table,
) -> None:
    """Check the scheduler's heartbeat, alert and deliver: 0 healthy, 1 silent, 2 cannot tell.

    2 as well where the heartbeat is fresh and the warehouse cannot be used: alerts are not recorded
    then. Why it cannot is one line on stderr.
    """
    settings = begin(ctx)
    from datetime import timedelta

    import pandas as pd

    from market_pipeline.operations.watchdog import watch

    limit = timedelta(minutes=max_silence) if max_silence is not None else None
    seen = watch(settings, utc_now, max_silence=limit, is_expected=expected)
    row = {
        "state": seen.state, "last_heartbeat_at": seen.last_heartbeat_at, "age_s": seen.age_s,
        "detail": seen.detail, "told": seen.told,
    }  # fmt: skip
    print_rows(pd.DataFrame([row], dtype=object), form)
    if seen.trouble:
        remark(f"error: {seen.trouble}")
    raise typer.Exit(seen.exit_code)
