"""`market-pipeline backfill`: make (again) what the graph makes, for a range of dates."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.cli.edge import begin, parse_day
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import remark, say
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.sessions import TradingCalendar

if TYPE_CHECKING:
    from market_pipeline.operations.backfill import BackfillResult


def backfill(
    ctx: typer.Context,
    first: Annotated[
        date, typer.Option("--from", parser=parse_day, metavar="DATE", help="First session.")
    ],
    last: Annotated[
        date, typer.Option("--to", parser=parse_day, metavar="DATE", help="Last session.")
    ],
    select: Annotated[
        Optional[list[str]],  # noqa: UP045  # typer reads this form for a repeated option
        typer.Option(metavar="ASSETS", help="Assets, comma-separated or repeated; default all."),
    ] = None,
    factor: Annotated[
        Optional[list[str]],  # noqa: UP045  # typer reads this form for a repeated option
        typer.Option(
            metavar="NAMES",
            help="Only these factor definitions, comma-separated or repeated, and their proxies' "
            "prices; exposures to other factors stay untouched.",
        ),
    ] = None,
) -> None:
    """Materialize every asset of the sessions from DATE to DATE, both included."""
    settings = begin(ctx, is_quiet=False)
    if first > last:
        raise InputError(f"--from {first} is after --to {last}")
    names, factors = _named(select), _named(factor)
    if not names:
        # Asked here as well, so that a holiday is answered before Dagster is loaded.
        calendar = TradingCalendar.xnys(settings.extra_closures)
        calendar.require_session(first)
        calendar.require_session(last)
    from market_pipeline.operations.backfill import run_backfill

    result = run_backfill(first, last, select=names, factors=factors, progress=remark)
    _tell(result)
    if not result.succeeded:
        raise typer.Exit(FAILED)


def _named(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())


def _tell(result: "BackfillResult") -> None:
    for run in result.runs:
        state = "done" if run.succeeded else "failed"
        say(f"{run.job} {run.first} to {run.last}: {state}, {run.rows_changed:,} rows changed")
        for line in run.warnings:
            remark(f"worth a look: {line}")
        for line in run.failures:
            remark(f"failed: {line}")
    if not result.succeeded:
        remark("not everything was done; the same command goes on from what is missing")
