"""Is the number of rows of a date what it was of late? A count that jumps tells of lost or
doubled rows, which no rule about single rows notices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import inf
from statistics import median

EARLIER = 20
"""Dates with which a date is compared: those before it, in the same order of things."""
FEWEST = 5
"""With fewer earlier dates nothing is usual yet."""
LEAST_DIFFERENCE = 10
"""Rows. Small tables double with a single purchase."""
USUAL = (0.5, 2.0)
"""Of the median: what is no drift."""
USUAL_OF_NEWS = (0.2, inf)
"""News comes in bursts, and of the days before the first collection only what sources still had: a
rise says nothing."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A date whose rows are not as many as usual."""

    day: date
    rows: int
    usual: float

    def __str__(self) -> str:
        return f"{self.day}: {self.rows} rows, usually {self.usual:g}"


def drifts(
    rows: Mapping[date, int],
    days: Sequence[date],
    judged: Sequence[date],
    scale: Mapping[date, int] | None = None,
    usual_range: tuple[float, float] = USUAL,
) -> list[Drift]:
    """Give the `judged` dates whose rows leave `usual_range` of the median of the 20 dates before.

    `days` are the dates that are alike, in order, earlier ones included; a date without rows counts
    as none. A judged date has drifted where its rows per unit of `scale` (the size of the universe)
    have drifted as well: a table that grows with what people hold is sound.
    """
    found = []
    low, high = usual_range
    place = {day: at for at, day in enumerate(days)}
    for day in judged:
        before = days[max(0, place[day] - EARLIER) : place[day]]
        before = [one for one in before if rows.get(one)]
        if len(before) < FEWEST:
            continue
        usual, count = median(rows[one] for one in before), rows.get(day, 0)
        if abs(count - usual) <= LEAST_DIFFERENCE or low <= count / usual <= high:
            continue
        per_unit = None if scale is None else _per_unit(count, rows, before, day, scale)
        if per_unit is not None and low <= per_unit <= high:
            continue
        found.append(Drift(day, count, usual))
    return found


def _per_unit(
    count: int,
    rows: Mapping[date, int],
    before: Sequence[date],
    day: date,
    scale: Mapping[date, int],
) -> float | None:
    """Give a date's rows per unit of `scale`, against those of the dates before; None: unknown."""
    size = scale.get(day, 0)
    known = [rows[one] / scale[one] for one in before if scale.get(one)]
    return count / size / median(known) if size and known else None
