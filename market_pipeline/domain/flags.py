"""Flags: switches and intervals that operators change while everything runs.

A flag's value is a setting until an override says otherwise. Belongs here: which flags there are,
what a value may be, and why something is off. Does not: where overrides are kept (`warehouse`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from market_pipeline.domain.errors import InputError
from market_pipeline.domain.notices import iso

INGESTION, BATCH = "INGESTION_V2_ENABLED", "BATCH_V2_ENABLED"
CONTROL, PAUSED = "SCHEDULER_CONTROL_API", "SCHEDULER_PAUSED"
MINUTES_OPEN, MINUTES_CLOSED = "HEADLINE_MINUTES_OPEN", "HEADLINE_MINUTES_CLOSED"
MINUTES_INTRADAY, MINUTES_CLEANUP = "INTRADAY_MINUTES", "CLEANUP_MINUTES"
VENDORS = ("yahoo", "polygon", "alpha_vantage", "finviz_export", "finviz_page", "tiingo", "finnhub")

TICK_MINUTES, HOUR_MINUTES = 5, 60
"""How often the schedule of headlines is asked, and the others: intervals are multiples of it."""

_DAY_MINUTES = 24 * 60
_ON = frozenset({"on", "true", "yes", "1"})
_OFF = frozenset({"off", "false", "no", "0"})


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag: its name and what it does; of an interval, the minutes it is a multiple of."""

    name: str
    meaning: str
    tick: int = 0

    @property
    def is_interval(self) -> bool:
        """Whether the value is a number of minutes, and not on or off."""
        return self.tick > 0

    @property
    def setting(self) -> str:
        """Name of the field of the settings that holds the value without an override."""
        return self.name.lower()

    def parsed(self, text: str) -> str:
        """Give the value that `text` means, as it is kept; raise InputError for any other text."""
        if self.is_interval:
            return str(interval(text, self.tick))
        word = text.strip().lower()
        if word in _ON | _OFF:
            return "on" if word in _ON else "off"
        raise InputError(f"{self.name} is on or off, not {text[:40]!r}")


@dataclass(frozen=True, slots=True)
class Override:
    """One change of a flag by a person; `value` None takes the override back."""

    flag: str
    value: str | None
    changed_at: datetime
    changed_by: str
    reason: str

    def __str__(self) -> str:
        at = iso(self.changed_at.replace(microsecond=0))
        return f"set by {self.changed_by} at {at}: {self.reason}"


def vendor_flag(vendor: str) -> str:
    """Name the switch of a vendor."""
    return f"VENDOR_{vendor.upper()}_ENABLED"


FLAGS: Mapping[str, Flag] = {
    flag.name: flag
    for flag in (
        Flag(INGESTION, "headlines are collected"),
        Flag(BATCH, "the graph of symbols and portfolios runs by itself"),
        Flag(CONTROL, "operators may pause and resume by command"),
        Flag(PAUSED, "nothing starts by itself"),
        Flag(
            MINUTES_OPEN, "minutes between collections of headlines in market hours", TICK_MINUTES
        ),
        Flag(MINUTES_CLOSED, "minutes between collections of headlines outside", TICK_MINUTES),
        Flag(MINUTES_INTRADAY, "minutes between collections of hourly bars", HOUR_MINUTES),
        Flag(MINUTES_CLEANUP, "minutes between cleanups", HOUR_MINUTES),
        *(Flag(vendor_flag(name), f"{name} is asked") for name in VENDORS),
    )
}


def interval(value: str | int, tick: int = TICK_MINUTES) -> int:
    """Read minutes between two of a kind: a multiple of `tick` that divides a day.

    Raises InputError for anything else.
    """
    text = str(value).strip()
    minutes = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if minutes < tick or minutes % tick or _DAY_MINUTES % minutes:
        such = "60, 120 or 240" if tick == HOUR_MINUTES else "5, 15, 30, 60 or 240"
        raise InputError(
            f"{text[:40]!r} is no interval: write minutes that are a multiple of {tick} "
            f"and divide a day, such as {such}"
        )
    return minutes


def flag_named(name: str) -> Flag:
    """Give the flag of a name, in any case and with the prefix of the settings or without it."""
    known = FLAGS.get(name.strip().upper().removeprefix("MARKET_PIPELINE_"))
    if known is None:
        raise InputError(f"{name[:60]!r} is no flag; there are {', '.join(FLAGS)}")
    return known


@dataclass(frozen=True, slots=True)
class FlagValues:
    """Every flag as it stands: `configured` by the settings, `overrides` by people."""

    configured: Mapping[str, str]
    overrides: Mapping[str, Override]

    def value(self, name: str) -> str:
        """Give a flag's value: on or off, or a number of minutes."""
        override = self.overrides.get(name)
        if override is not None and override.value is not None:
            return override.value
        return self.configured[name]

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.value(name) == "on"

    def minutes(self, name: str) -> int:
        """Give an interval in minutes."""
        return int(self.value(name))

    def why(self, name: str) -> str:
        """Say that a flag has its value, and who gave it."""
        override = self.overrides.get(name)
        if override is not None and override.value is not None:
            return f"{name} is {override.value}, {override}"
        return f"MARKET_PIPELINE_{name} is {self.configured[name]}"

    def why_off(self, name: str) -> str | None:
        """Say why a switch is off; None where it is on."""
        return None if self.is_on(name) else self.why(name)

    def why_resting(self, name: str) -> str | None:
        """Say why nothing starts by itself under the switch `name`; None where it does.

        Either all is paused or the switch is off.
        """
        if self.is_on(PAUSED):
            return f"paused: {self.why(PAUSED)}"
        return self.why_off(name)
