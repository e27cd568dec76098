"""A range of sessions in blocks, each small enough to be held in memory at once."""

from collections.abc import Iterable
from datetime import date, timedelta


def date_blocks(
    first: date, last: date, held: Iterable[tuple[date, int]], most: int
) -> list[tuple[date, date]]:
    """Part the dates from `first` to `last` into blocks of sessions with `most` rows, or of one.

    `held` are the sessions of the range, rising, with the rows that each counts. The blocks follow
    each other without a gap.
    """
    starts, filled = [first], 0
    for day, count in held:
        if filled and filled + count > most:
            starts.append(day)
            filled = 0
        filled += count
    ends = [day - timedelta(days=1) for day in starts[1:]]
    return list(zip(starts, [*ends, last], strict=True))
