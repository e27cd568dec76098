"""One cell's text to one value: numbers and dates as brokers write them, and nothing else.

Every refusal is a ValueError whose text says what was expected. A cell that a spreadsheet
would run as a formula is refused wherever it stands.
"""

import re
from calendar import monthrange
from datetime import date
from decimal import Decimal

MAX_INTEGER_DIGITS = 18
MAX_DECIMALS = 10
EARLIEST_YEAR = 1900

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SIGNED = re.compile(r"[+-][$.0-9]")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet may run; full-width forms are run by some."""
# What begins with 0 is not grouped by thousands: "0,500" is a half, written with a decimal comma.
_AMOUNT = r"(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?(?:\.[0-9]*)?"
_NUMBER = re.compile(rf"(?P<sign>[+-]?)\$?(?P<amount>{_AMOUNT})")
_DOLLAR_FIRST = re.compile(rf"\$(?P<sign>[+-])(?P<amount>{_AMOUNT})")
_IN_PARENTHESES = re.compile(rf"\((?P<sign>)\$?(?P<amount>{_AMOUNT})\)")
_ISO_DATE = re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})")
_US_DATE = re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})")


def refuse_unreadable(raw: str) -> None:
    """Raise ValueError for a cell with a NUL or with bytes that are not UTF-8."""
    if "\x00" in raw:
        raise ValueError("a NUL byte; expected text")
    if _LONE_SURROGATE.search(raw):
        raise ValueError("bytes that are not UTF-8; save the file as CSV UTF-8")


def refuse_formula(raw: str, *, is_number: bool = False) -> None:
    """Raise ValueError for a cell that a spreadsheet would take for a formula.

    In a column of numbers a sign before something numeric is no formula.
    """
    text = raw.lstrip(" ")
    if is_number and _SIGNED.match(text):
        return
    # Stripped of every kind of space as well: that is how a cell is stored.
    if text.startswith(FORMULA_STARTS) or raw.strip().startswith(FORMULA_STARTS):
        raise ValueError("a formula-like cell (it starts with = + - @ or a tab) is not accepted")


def parse_number(raw: str) -> Decimal:
    """Read a plain decimal, exact and without trailing zeros.

    Accepts `1234.5`, `1,234.50`, `$1,234.50`, `-1`, `+1`, `(1,234.50)` for a negative. No
    exponent, no NaN, at most 18 digits before the point and 10 after. Raises ValueError.
    """
    text = raw.strip()
    match = (
        _NUMBER.fullmatch(text) or _DOLLAR_FIRST.fullmatch(text) or _IN_PARENTHESES.fullmatch(text)
    )
    if match is None or not any(char.isdigit() for char in match["amount"]):
        advice = "; thousands as 1,500, decimals with a point as 0.5" if "," in text else ""
        raise ValueError(f"expected a plain number such as 1234.5, 1,234.50, -12 or (12){advice}")
    whole, _, fraction = match["amount"].replace(",", "").partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if len(whole) > MAX_INTEGER_DIGITS or len(fraction) > MAX_DECIMALS:
        raise ValueError(
            f"expected at most {MAX_INTEGER_DIGITS} digits before the point "
            f"and {MAX_DECIMALS} after it"
        )
    number = Decimal(f"{whole or '0'}.{fraction}" if fraction else whole or "0")
    is_negative = match["sign"] == "-" or match.re is _IN_PARENTHESES
    return -number if is_negative and number else number


def parse_date(raw: str) -> date:
    """Read `YYYY-MM-DD`, or `M/D/YYYY` with the month first as US brokers export it.

    Raises ValueError naming what is impossible about the date.
    """
    text = raw.strip()
    match = _ISO_DATE.fullmatch(text) or _US_DATE.fullmatch(text)
    if match is None:
        raise ValueError("expected a date as YYYY-MM-DD (or M/D/YYYY, month first)")
    year, month, day = int(match["y"]), int(match["m"]), int(match["d"])
    if year < EARLIEST_YEAR:
        raise ValueError(f"expected a date from {EARLIEST_YEAR} on")
    if not 1 <= month <= 12:
        order = "" if match.re is _ISO_DATE else "; M/D/YYYY is read month first"
        raise ValueError(f"no such date: there is no month {month}{order}")
    if not 1 <= day <= monthrange(year, month)[1]:
        raise ValueError(f"no such date: {year}-{month:02d} has no day {day}")
    return date(year, month, day)
