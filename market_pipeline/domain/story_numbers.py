"""Numbers of a headline in one spelling: amounts, percentages, ordinals, quarters.

Belongs here: reading them from the words `normalise` gives. Does not: comparing them.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*%?")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_YEAR = re.compile(r"(?:20)?([2-4]\d)")
_SCALES = {
    **dict.fromkeys(("k", "thousand"), 1_000),
    **dict.fromkeys(("m", "mn", "mln", "mm", "million"), 1_000_000),
    **dict.fromkeys(("b", "bn", "bln", "billion"), 1_000_000_000),
    **dict.fromkeys(("tn", "trn", "trillion"), 1_000_000_000_000),
}
_COUNTS = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
ORDINALS = {
    "first": "1th", "second": "2th", "third": "3th", "fourth": "4th", "fifth": "5th",
    "sixth": "6th", "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip
_ORDINAL_ENDINGS = {"st", "nd", "rd", "th"}


@lru_cache(maxsize=200_000)
def may_count(word: str) -> bool:
    """Say whether a word could begin a number or a quarter: most words do not."""
    return word in _COUNTS or word in ORDINALS or any(letter.isdigit() for letter in word)


def is_number(word: str) -> bool:
    """Say whether a word of `normalise` is a number, in digits or as a word from two to twelve."""
    return word in _COUNTS or _NUMBER.fullmatch(word) is not None


def quarter_at(raw: Sequence[str], at: int) -> tuple[str, list[str], int] | None:
    """Read `q3`, `3Q24`, `third quarter of 2024`, `first half` at a position of `raw`.

    Gives its name (`q3`, `h1`), its years as two digits, and the position after it; None where
    no quarter stands.
    """
    word, following = raw[at], raw[at + 1] if at + 1 < len(raw) else ""
    number = ORDINALS.get(word, word).removesuffix("th")
    if re.fullmatch(r"f?[qh][1-4]", word):
        name, after = word.removeprefix("f"), at + 1
    elif number in "1234" and following in ("quarter", "half", "q", "h", "qtr"):
        name, after = following[0] + number, at + 2
    elif number in "1234" and re.fullmatch(r"[qh]2\d", following):
        return following[0] + number, [following[1:]], at + 2
    elif number in "1234" and following in _ORDINAL_ENDINGS and raw[at + 2 : at + 3] == ["quarter"]:
        name, after = "q" + number, at + 3
    else:
        return None
    while after < len(raw) and raw[after] in ("of", "fiscal", "fy"):
        after += 1
    if after < len(raw) and (year := _YEAR.fullmatch(raw[after])):
        return name, [year[1]], after + 1
    return name, [], after


def number_at(raw: Sequence[str], at: int) -> tuple[list[str], int]:
    """Read the number at a position of `raw` with its scale, unit or ordinal ending.

    Gives its words and the position after it: `1.2 billion` is 1200000000, `3rd` is `3th` as
    `third` is, and a signed percentage is a rise or a fall. Call it where `is_number` holds.
    """
    text, following = _COUNTS.get(raw[at], raw[at]), raw[at + 1] if at + 1 < len(raw) else ""
    is_percent, sign = text.endswith("%"), text[0] if text[0] in "+-" else ""
    digits = text.strip("+-%")
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    after = at + 1
    value = Decimal(digits) if re.fullmatch(r"\d+(?:\.\d+)?", digits) else None
    if value is not None and following in _SCALES and not is_percent:
        value, after = value * _SCALES[following], at + 2
    if value is not None:
        digits = f"{value:f}"
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    if following in _ORDINAL_ENDINGS:
        return [digits.lstrip("0") + "th"], at + 2
    if following in ("percent", "pct", "percentage") or raw[at + 1 : at + 3] == ["per", "cent"]:
        is_percent, after = True, at + (3 if following == "per" else 2)
    if following in ("bps", "bp") or raw[at + 1 : at + 3] == ["basis", "points"]:
        return [digits + "bps"], at + (3 if following == "basis" else 2)
    if is_percent:
        direction = {"+": ["rise"], "-": ["fall"], "": []}[sign]
        return [*direction, digits + "%"], after
    return [sign.strip("+") + digits], after
