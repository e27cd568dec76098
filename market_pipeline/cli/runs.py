"""`market-pipeline runs`: who started what, and how it went."""

from datetime import UTC, date, datetime
from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, LimitOption, begin, parse_day
from market_pipeline.cli.output import print_rows, remark

_COLUMNS = (
    "created_at", "job", "first_partition", "last_partition", "started_by", "status", "started_at",
    "ended_at", "symbols_done", "symbols_failed", "symbols_retried", "rows_inserted",
    "rows_updated", "error",
)  # fmt: skip


def runs(
    ctx: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    since: Annotated[
        Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
        typer.Option("--since", parser=parse_day, metavar="DATE", help="Of this UTC day or later."),
    ] = None,
    limit: LimitOption = 100,
    form: FormatOption = Format.table,
) -> None:
    """Show runs, newest first: job, partition, who started it, when, result, symbols and rows."""
    settings = begin(ctx)
    from market_pipeline.operations import runs as history

    at = None if since is None else datetime(since.year, since.month, since.day, tzinfo=UTC)
    found = history.runs(settings, only_failed=failed, since=at, limit=limit)
    print_rows(found, form, title="runs", columns=_COLUMNS)
    if found.empty:
        narrowed = failed or since is not None
        remark("no such run is on record" if narrowed else "no run is on record")
