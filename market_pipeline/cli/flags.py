"""`market-pipeline flags` and `market-pipeline scheduler`: switches an operator turns."""

import getpass
from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, LimitOption, begin, utc_now
from market_pipeline.cli.output import print_rows, remark, say

app = typer.Typer(help="Switches and intervals that work at once, without a restart.")
scheduler_app = typer.Typer(help="Pause and resume everything that starts by itself.")

_LISTED = ("flag", "value", "configured", "changed_by", "changed_at", "reason", "meaning")


def _this_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"


ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the history.")]
ByOption = Annotated[
    Optional[str],  # noqa: UP045  # typer reads this form
    typer.Option("--by", help="Who changes it. Default: this user."),
]


@app.command("list")
def list_flags(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show every flag: its value, what the settings say, who changed it and why."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    print_rows(flags.listed(settings), form, title="flags", columns=_LISTED)


@app.command("set")
def set_flag(
    ctx: typer.Context,
    flag: Annotated[str, typer.Argument(help="Its name, as `flags list` shows it.")],
    value: Annotated[str, typer.Argument(help="on, off, minutes; default: as the settings say.")],
    reason: ReasonOption,
    by: ByOption = None,
) -> None:
    """Override a flag, or with the value `default` take its override back."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    wanted = None if value.strip().lower() == "default" else value
    at = utc_now()
    say(flags.change(settings, flag, wanted, by=by or _this_user(), reason=reason, at=at))


@app.command("history")
def history(
    ctx: typer.Context,
    flag: Annotated[
        Optional[str],  # noqa: UP045  # typer reads this form
        typer.Argument(help="Only this one."),
    ] = None,
    limit: LimitOption = 100,
    form: FormatOption = Format.table,
) -> None:
    """Show what was changed, by whom, when and why, newest first."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    found = flags.history(settings, flag, limit)
    print_rows(found, form, title="changes of flags")
    if found.empty:
        remark("nothing was ever changed")


@scheduler_app.command("pause")
def pause(ctx: typer.Context, reason: ReasonOption, by: ByOption = None) -> None:
    """Let nothing start by itself: ticks are skipped, saying so; what runs goes on."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    say(flags.pause(settings, by=by or _this_user(), reason=reason, at=utc_now()))


@scheduler_app.command("resume")
def resume(ctx: typer.Context, reason: ReasonOption, by: ByOption = None) -> None:
    """Let everything start by itself again."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    say(flags.resume(settings, by=by or _this_user(), reason=reason, at=utc_now()))


@scheduler_app.command("status")
def status(ctx: typer.Context) -> None:
    """Say whether things start by themselves, and who decided that."""
    settings = begin(ctx)
    from market_pipeline.operations import flags

    say(flags.scheduler_state(settings))
