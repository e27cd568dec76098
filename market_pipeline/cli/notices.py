"""`market-pipeline alerts` and `market-pipeline outbox`: what was told, and what waits."""

from typing import Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, LimitOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say

outbox_app = typer.Typer(
    help="Messages to other systems: what was told, what waits.", invoke_without_command=True
)

_ALERT_COLUMNS = (
    "alert_key", "severity", "title", "opened_at", "last_seen_at", "occurrences", "closed_at",
)  # fmt: skip
_OUTBOX_COLUMNS = (
    "created_at", "topic", "message_id", "finished_at", "channel", "attempts", "delivered_at",
    "next_attempt_at", "last_error",
)  # fmt: skip


def alerts(
    ctx: typer.Context,
    is_all: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    limit: LimitOption = 100,
    form: FormatOption = Format.table,
) -> None:
    """Show the alerts that are open; csv and json hold what each of them says in full."""
    settings = begin(ctx)
    from market_pipeline.operations import notices

    found = notices.alerts(settings, is_all=is_all, limit=limit)
    print_rows(found, form, title="alerts", columns=_ALERT_COLUMNS)
    if found.empty:
        remark("there is no alert" if is_all else "no alert is open")


@outbox_app.callback()
def outbox(
    ctx: typer.Context,
    pending: Annotated[bool, typer.Option("--pending", help="Only what waits.")] = False,
    limit: LimitOption = 100,
    form: FormatOption = Format.table,
) -> None:
    """Show the messages of the outbox, newest first, one row for each channel tried."""
    if ctx.invoked_subcommand is not None:
        return
    settings = begin(ctx)
    from market_pipeline.operations import notices

    found = notices.outbox(settings, only_pending=pending, limit=limit)
    print_rows(found, form, title="outbox", columns=_OUTBOX_COLUMNS)
    if found.empty:
        remark("no message waits" if pending else "there is no message")


@outbox_app.command("deliver")
def deliver(ctx: typer.Context) -> None:
    """Deliver what is due now, as the sensor does; 1 where a channel failed."""
    settings = begin(ctx)
    from market_pipeline.operations import notices

    result = notices.deliver(settings, utc_now)
    say(str(result))
    if result.failed:
        remark("error: what failed stays in the outbox and is tried again by itself")
        raise typer.Exit(FAILED)
