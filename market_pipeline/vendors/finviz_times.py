"""Times as Finviz writes them, in the export and on the page: New York wall-clock, read as UTC.

Belongs here: what both ways in share. Does not: CSV, HTML, what an item of news is (`news_items`).
"""

import re
from datetime import UTC, datetime

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.vendors.news_items import Refused

VENDOR = "finviz"
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*(AM|PM)?", re.IGNORECASE)


def clock_time(text: str) -> tuple[int, int, int]:
    """Read `04:12:27`, `8:20`, `12:57PM` or `02:50` as hour, minute, second. Raises `Refused`."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise Refused("bad_time", f"{text[:30]!r} is no time of day")
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            raise Refused("bad_time", f"{text[:30]!r} is no time of day")
        hour = hour % 12 + (12 if match[4].upper() == "PM" else 0)
    return hour, minute, second


def short_month(name: str) -> int:
    """Read an English three-letter month whatever the locale. Raises `Refused`."""
    try:
        return _MONTHS[name.capitalize()]
    except KeyError:
        raise Refused("bad_time", f"{name[:10]!r} is no month") from None


def eastern(year: int, month: int, day: int, clock: tuple[int, int, int]) -> datetime:
    """Give the UTC instant of a New York wall-clock time. Raises `Refused`.

    In the hour that autumn repeats, the first of the two is taken: Finviz does not tell them apart.
    """
    try:
        local = datetime(year, month, day, *clock, tzinfo=NEW_YORK)
    except ValueError:
        raise Refused("bad_time", f"{year}-{month}-{day} {clock} is no date and time") from None
    return local.astimezone(UTC)
