"""Comparisons of two figures in a text, said in a word: a model of words does not see that
13.1 is more than 8.7.
"""

import re

_NUMBER = r"(?<![\w.,])[-+]?[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = (
    r"(?:\s?(?:k|thousand|m|mn|mln|million|bn|billion|b|%|pct|percent|per cent|cents?|c)\b|\s?%)?"
)
_BETWEEN = r"[^.;:\d]{0,45}?"
_COMPARING = (
    r"(?P<how>(?<!\w)(?:compared (?:to|with)|vs\.?|versus|against|from)(?!\w)|\((?!up|down))"
)
_NEW_THEN_OLD = re.compile(
    rf"(?P<a>{_NUMBER})(?P<unit_a>{_UNIT}){_BETWEEN}{_COMPARING}{_BETWEEN}"
    rf"(?P<b>{_NUMBER})(?P<unit_b>{_UNIT})",
    re.IGNORECASE,
)
_OLD_THEN_NEW = re.compile(
    rf"\bfrom\b[^.;:\d]{{0,12}}?(?P<b>{_NUMBER})(?P<unit_b>{_UNIT})[^.;:\d]{{0,40}}?\bto\b"
    rf"[^.;:\d]{{0,12}}?(?P<a>{_NUMBER})(?P<unit_a>{_UNIT})",
    re.IGNORECASE,
)
# A figure in brackets is the older one, but not where it is the same in another currency.
_SAME_AGAIN = re.compile(
    r"\b(?:about|approx\w*|around|circa|equal\w*|nearly|or|roughly|some)\b", re.IGNORECASE
)
_CURRENCIES = {
    "EUR": r"€|\beur(?:os?)?\b",
    "USD": r"(?<![a-z])\$|\b(?:usd|us dollars?)\b",
    "GBP": r"£|\b(?:gbp|pounds?)\b",
    "JPY": r"¥|\b(?:jpy|yen)\b",
    "SEK": r"\b(?:sek|nok|dkk|kron[ae]r?|crowns?)\b",
    "CHF": r"\b(?:chf|francs?)\b",
    "CAD": r"\b(?:cad\b|canadian dollars?\b|c\$)",
    "INR": r"\b(?:inr|rs\.?|rupees?)(?!\w)",
}
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6}
_SCALES |= {"bn": 1e9, "billion": 1e9, "b": 1e9}
# How far from its figure a currency may stand, in characters.
_NEAR = 6
_RATIOS = {"%", "pct", "percent", "per cent"}


def with_comparisons(text: str) -> str:
    """Put "higher", "lower" or "same" behind the newer of two figures the text compares."""
    found = _OLD_THEN_NEW.search(text) or _NEW_THEN_OLD.search(text)
    if (
        found is None
        or _is_year(found["b"], found["unit_b"])
        or _is_year(found["a"], found["unit_a"])
        or _is_conversion(text, found)
    ):
        return text
    new, old = (_value(found[name], found[f"unit_{name}"], found) for name in ("a", "b"))
    if new is None or old is None:
        return text
    word = "higher" if new > old else "lower" if new < old else "same"
    end = found.end("unit_a")
    return f"{text[:end]} ({word}){text[end:]}"


def _is_conversion(text: str, found: re.Match[str]) -> bool:
    """Tell whether the second figure, in brackets, is the first one in another currency."""
    how = found.groupdict().get("how")
    if how != "(":
        return False
    if _SAME_AGAIN.search(text, found.end("how"), found.start("b")):
        return True
    first = text[max(0, found.start("a") - _NEAR) : found.start("how")]
    second = text[found.end("how") : found.end("unit_b") + _NEAR].partition(")")[0]
    named = [
        {name for name, said in _CURRENCIES.items() if re.search(said, part, re.IGNORECASE)}
        for part in (first, second)
    ]
    return all(named) and not named[0] & named[1]


def _is_year(number: str, unit: str) -> bool:
    return not unit and re.fullmatch(r"(?:19|20)\d\d", number) is not None


def _value(number: str, unit: str, found: re.Match[str]) -> float | None:
    """Read a figure, with the other's unit where it has none; None where the units differ."""
    units = [found[f"unit_{name}"].strip().lower() for name in ("a", "b")]
    if all(units) and (units[0] in _RATIOS) != (units[1] in _RATIOS):
        return None
    own = unit.strip().lower() or max(units)
    plain = number.replace(",", "").lstrip("+").replace("$", "").replace("€", "")
    return float(plain.replace("£", "").replace("¥", "")) * _SCALES.get(own, 1.0)
