"""The ways a secret may stand in a text: whole, percent-encoded, or anything in between.

A vendor that echoes a request decodes some of its characters and leaves others: each is looked
for in every way it may be written. Does not belong here: what a secret is, or what replaces it.
"""

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

_SHORTEST_DECODED = 4
"""A shorter text may be any word: only the secret as it was given is then looked for."""
_NO_CHARACTERS = r"(?!)"


def pattern_of(secret: str) -> str:
    """Give a regular expression for one secret, in groups that capture nothing.

    Of a character: as it is; percent-encoded (in either case of the digits, and more than once); a
    blank and a plus for each other; as JSON and HTML escape it. Of the secret: as it was given, and
    decoded where it holds percent signs itself. An empty secret matches nothing.
    """
    decoded = {unquote(secret), unquote_plus(secret)} - {secret}
    read = [secret, *(text for text in decoded if len(text) >= _SHORTEST_DECODED)]
    read.sort(key=len, reverse=True)
    return "|".join("".join(map(_character, text)) for text in read if text) or _NO_CHARACTERS


def any_of(secrets: Iterable[str]) -> str:
    """Give a regular expression for whichever of the secrets, the longest first."""
    longest_first = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
    return "|".join(map(pattern_of, longest_first)) or _NO_CHARACTERS


def _character(char: str) -> str:
    # The longer ways first: of `%25` for a percent sign nothing may be left.
    octets = char.encode("utf-8", "surrogatepass")
    ways = ["".join(f"%(?:25)*{_hex(octet)}" for octet in octets)]
    ways += map(re.escape, sorted(_escaped(char), key=len, reverse=True))
    ways += map(re.escape, char + _SWAPPED.get(char, ""))
    return f"(?:{'|'.join(ways)})"


def _escaped(char: str) -> set[str]:
    """Give the ways JSON and HTML write a character where that is not as it is."""
    written = {html.escape(char), json.dumps(char)[1:-1]} - {char}
    if char in "&<>'":  # as JSON inside a page is written
        written.add(rf"\u{ord(char):04x}")
    return written | {r"\/"} if char == "/" else written


_SWAPPED = {" ": "+", "+": " "}


def _hex(octet: int) -> str:
    return "".join(
        digit if digit.isdigit() else f"[{digit}{digit.lower()}]" for digit in f"{octet:02X}"
    )
