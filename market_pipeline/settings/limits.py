"""The greatest value of each number a setting may hold, by what it counts.

A number far beyond any use is a slip, and would fail only where dates or time-outs are computed
with it. A field's own bound (`le=`) holds as well where it is the lower one.
"""

from datetime import date

from market_pipeline.domain.xnys_closures import FIRST_YEAR, LAST_YEAR

_BY_ENDING = {
    "_days": 36_500,
    "_minutes": 525_600,
    "_s": 86_400,
    "_per_minute": 1_000_000,
    "_per_hour": 1_000_000,
    "_per_day": 100_000_000,
    "_concurrency": 64,
    "_size": 1_000_000,
    "_calls": 1_000_000,
    "_jump": 100,
}
"""A century, a year, a day; rates and counts beyond what any vendor serves."""


def greatest(name: str) -> int | None:
    """Give the greatest value of the setting `name` as its ending says, None where it says none."""
    return next((most for end, most in _BY_ENDING.items() if name.endswith(end)), None)


def within_reason(name: str, value: object) -> object:
    """Give `value` back; raise ValueError for a number or a date beyond any use."""
    days = value if isinstance(value, tuple) else (value,)
    if any(isinstance(day, date) and not FIRST_YEAR <= day.year <= LAST_YEAR for day in days):
        raise ValueError(f"is outside the calendar ({FIRST_YEAR} to {LAST_YEAR})")
    most = greatest(name)
    # Not `value > most`: what is not a number compares with none.
    if most is not None and isinstance(value, int | float) and not value <= most:
        raise ValueError(f"should be at most {most}")
    return value
