"""What one value must be before either dialect may hold it.

The two databases differ in what they refuse: PostgreSQL rejects NUL, lone surrogates and long
text, SQLite takes them all. The rule stands here once, so both hold the same rows. Keys and
data are refused when wrong; `clean_text` is for remarks, where a lost byte loses nothing.
"""

from collections.abc import Iterable
from decimal import Context, Decimal, InvalidOperation

EXACT_DECIMALS = 10
EXACT_DIGITS = 28

_QUANTUM = Decimal(1).scaleb(-EXACT_DECIMALS)
_UNIT = Decimal(1)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# One digit wider than the column, so that a number that overflows is seen and not rounded away.
_WIDE = Context(prec=EXACT_DIGITS + 1)
_LIMIT = Decimal(1).scaleb(EXACT_DIGITS - EXACT_DECIMALS)


def canonical(value: Decimal) -> Decimal:
    """Write `value` the one way it is stored: ten decimals at most, no trailing zeros, no -0.

    Further decimals are rounded half to even. Raises ValueError for NaN, infinities and numbers
    of 10**18 or more, which NUMERIC(28, 10) cannot hold.
    """
    try:
        rounded = value.quantize(_QUANTUM, context=_WIDE)
    except InvalidOperation:
        raise ValueError(f"{value} does not fit 18 digits before the point") from None
    if not rounded.is_finite() or abs(rounded) >= _LIMIT:
        raise ValueError(f"{value} does not fit 18 digits before the point")
    if not rounded:
        return Decimal(0)
    short = rounded.normalize(_WIDE)
    return short if short.as_tuple().exponent <= 0 else short.quantize(_UNIT, context=_WIDE)  # type: ignore[operator]  # finite, so the exponent is an int


def is_exact(value: Decimal) -> bool:
    """Say whether `value` is stored without rounding."""
    return value.is_finite() and canonical(value) == value


def refuse_rounding(record: object, names: Iterable[str], where: str) -> None:
    """Raise ValueError for the first of a record's amounts that would be rounded to be stored."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not is_exact(value):
            raise ValueError(
                f"{where}: {name} {value} has more than {EXACT_DECIMALS} decimals and would be "
                "rounded"
            )


def fault_in_text(text: str, limit: int | None) -> str | None:
    """Name what is wrong with `text` as a stored value of at most `limit` characters, or None."""
    if "\0" in text:
        return "contains a NUL character"
    if not is_encodable(text):
        return "contains a lone surrogate, which is no character"
    if limit is not None and len(text) > limit:
        return f"is {len(text)} characters long, {limit} at most"
    return None


def is_encodable(text: str) -> bool:
    """Say whether UTF-8 can write `text`: it cannot write half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def clean_text(text: str, limit: int | None) -> str:
    """Make a remark storable: NUL and lone surrogates become U+FFFD, the end is cut at `limit`."""
    if not is_encodable(text):
        text = "".join(_REPLACEMENT if 0xD800 <= ord(c) <= 0xDFFF else c for c in text)
    return text.replace("\0", _REPLACEMENT)[:limit]
