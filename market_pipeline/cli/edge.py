"""What every command starts from: the settings, the logs, the clock, the common options."""

import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.xnys_closures import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from market_pipeline.settings import Settings

MOST_ROWS = 1_000_000
"""The most rows that may be asked for by number: more is a slip, and past what databases count."""
_GREATEST_SEED = 2**63 - 1
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Format(StrEnum):
    """How rows are printed: for people, for spreadsheets, for programs."""

    table = "table"
    csv = "csv"
    json = "json"


@dataclass(frozen=True, slots=True)
class Flags:
    """The options before the command."""

    is_verbose: bool = False


def parse_day(text: str) -> date:
    """Read an ISO date within the calendar, or refuse it as a wrong option."""
    try:
        if not _ISO_DATE.fullmatch(text):
            raise ValueError("the form is wrong")
        day = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text[:40]!r} is no date; write YYYY-MM-DD") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        latest = TradingCalendar.xnys(load_settings().extra_closures).last_completed(utc_now())
        raise typer.BadParameter(
            f"{day} is outside the calendar ({FIRST_YEAR} to {LAST_YEAR}); the latest session that "
            f"is complete is {latest}"
        )
    return day


FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="table for people; csv and json in full.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=MOST_ROWS, help="At most so many.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=_GREATEST_SEED, help="The same seed makes the same market.")
]
DayOption = Annotated[
    Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
    typer.Option("--date", parser=parse_day, metavar="DATE", help="Default: the latest there is."),
]


def utc_now() -> datetime:
    """Give the present instant."""
    return datetime.now(UTC)


def load_settings() -> "Settings":
    """Read the configuration; raise ConfigurationError naming what is wrong with it."""
    from pydantic import ValidationError

    from market_pipeline.settings import current_settings, faults_of

    try:
        return current_settings()
    except ValidationError as error:
        raise ConfigurationError("; ".join(faults_of(error))) from None
    except ValueError as error:
        raise ConfigurationError(f"the settings cannot be read: {error}") from None


def begin(ctx: typer.Context, *, is_quiet: bool = True) -> "Settings":
    """Read the settings and set logging up.

    `is_quiet` keeps the log to warnings, for commands whose output is the answer; so does a
    terminal, where progress takes the log's place. `--verbose` undoes both. Names that look like
    settings and are none are told on stderr.
    """
    from market_pipeline.logs import configure_logs
    from market_pipeline.settings import settings_in_force

    settings = load_settings()
    _warn_of_unknown_settings()
    flags = ctx.find_root().obj or Flags()
    if not flags.is_verbose and (is_quiet or sys.stderr.isatty()):
        level = max("WARNING", settings.log_level, key=_SEVERITIES.index)
        settings = settings.model_copy(update={"log_level": level})
        # In force, for what runs below sets logging up again for itself.
        ctx.find_root().with_resource(settings_in_force(settings))
    configure_logs(settings)
    return settings


def _warn_of_unknown_settings() -> None:
    from market_pipeline.settings import unknown_settings

    for unknown in unknown_settings():
        from market_pipeline.operations.rendering import harmless  # slow, and rarely needed

        typer.echo(harmless(f"warning: {unknown}"), err=True)


_SEVERITIES = ("DEBUG", "INFO", "WARNING", "ERROR")
