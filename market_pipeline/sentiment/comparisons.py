"""Comparisons of two figures in a text, said in a word: a model of words does not see that
13.1 is more than 8.7.
"""

import re

_NUMBER = r"(?<![\w.,])[-+]?[$€£¥]?\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = (
    r"(?:\s?(?:k|thousand|m|mn|mln|million|bn|billion|b|trillion|tn"
    r"|%|pct|percent|per cent|cents?|c)\b|\s?%)?"
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
# In brackets stands the older figure, where nothing else stands there: its currency, no other noun.
_BRACKETED = re.compile(r"(?P<before>[^\d]{0,12}?)[-+]?\d[\d.,]*(?P<behind>[^)]{0,24})(?:\)|$)")
_CURRENCY = re.compile(
    r"[A-Z]{0,3}[$€£¥₹]|\b(?:[A-Z]{3}|euros?|dollars?|pounds?|yen|crowns?|kronor|rupees?|yuan)\b"
)
_LAST_TIME = re.compile(
    r"\b(?:a )?(?:year|quarter|month)s?(?: (?:ago|before|earlier))?\b", re.IGNORECASE
)
_KINDS = {
    "loss": re.compile(r"\b(?:loss|losses|deficit)\b", re.IGNORECASE),
    "gain": re.compile(r"\b(?:profits?|gains?|income|earnings|surplus)\b", re.IGNORECASE),
}
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "million": 1e6}
_SCALES |= {"bn": 1e9, "billion": 1e9, "b": 1e9, "trillion": 1e12, "tn": 1e12}
# How far from its figure a currency may stand, and what it is called, in characters.
_NEAR, _SAID_WITHIN = 6, 60
_RATIOS = {"%", "pct", "percent", "per cent"}


def with_comparisons(text: str) -> str:
    """Put "higher", "lower" or "same" behind the newer of two figures the text compares."""
    found = _OLD_THEN_NEW.search(text) or _NEW_THEN_OLD.search(text)
    if (
        found is None
        or _is_year(found["b"], found["unit_b"])
        or _is_year(found["a"], found["unit_a"])
        or _is_other(text, found)
    ):
        return text
    new, old = (_value(found[name], found[f"unit_{name}"], found) for name in ("a", "b"))
    if new is None or old is None:
        return text
    is_more = new > old or _is_turn(text, found)
    word = "higher" if is_more else "lower" if new < old else "same"
    end = found.end("unit_a")
    return f"{text[:end]} ({word}){text[end:]}"


def _is_other(text: str, found: re.Match[str]) -> bool:
    """Tell whether a second figure in brackets is of something else, or in another currency."""
    if found.groupdict().get("how") != "(":
        return False
    held = _BRACKETED.match(text, found.end("how"))
    if held is None:
        return True
    told = held["before"] + held["behind"]
    said = set(_CURRENCY.findall(told))
    near = text[max(0, found.start("a") - _NEAR) : found.start("how")]
    rest = _LAST_TIME.sub("", _CURRENCY.sub("", told))
    rest = re.sub(rf"^\W*{_UNIT}", "", rest.strip(), flags=re.IGNORECASE)
    return not said <= set(_CURRENCY.findall(near)) or re.search(r"[^\W\d_]", rest) is not None


def _is_turn(text: str, found: re.Match[str]) -> bool:
    """Tell whether a gain is compared with a loss, or a loss with a gain.

    Either is more of its own kind, whatever the sizes.
    """
    new, old = (_kind(text, found, *names) for names in (("a", "b"), ("b", "a")))
    return None not in (new, old) and new != old


def _kind(text: str, found: re.Match[str], name: str, other: str) -> str | None:
    """Tell whether a figure is called a loss or a gain before it, and after the other one."""
    end = found.start(name)
    start = max(0, end - _SAID_WITHIN)
    if found.end(other) <= end:
        start = max(start, found.end(other))
    said = [
        (each.start(), kind)
        for kind, words in _KINDS.items()
        for each in words.finditer(text, start, end)
    ]
    return max(said)[1] if said else None


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
