"""Messages in words: a title and a body that a person reads in a chat, a mail or a pager.

Whatever a message holds, its text cannot call a group, form a link or steer a terminal.
"""

import unicodedata
from collections.abc import Callable, Mapping

from market_pipeline.domain.notices import ALERT_CLOSED, ALERT_OPENED, HEADLINES_STORED, Message

_SYMBOLS_IN_A_TITLE = 5
_SYMBOLS_IN_A_BODY = 50


def as_text(told: Message) -> tuple[str, str]:
    """Write a message for people: a title of one line, and a body that ends in the id.

    Works for a message of any topic, an older or newer one's included: what is missing is left
    out. Nothing in it can call a group, form a link or steer a terminal.
    """
    payload = told.payload
    write = _TEXTS.get(told.topic, _unknown_text)
    title, lines = write(payload)
    if payload.get("data_kind") == "sandbox":
        title = f"[SANDBOX] {title}"
    lines.append(f"id: {told.message_id} (may arrive twice)")
    return title, "\n".join(lines)


def neutral(text: object, limit: int = 300) -> str:
    """Make foreign text harmless in a chat, a mail or a terminal: one line, no markup, cut."""
    shown = "".join(_visible(char) for char in str(text)[: limit * 4]).translate(_MARKUP)
    shown = " ".join(shown.split()).replace("://", ": //")
    return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"


_MARKUP = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'", "[": "(", "]": ")"})


def _visible(char: str) -> str:
    # Cc control, Cf bidirectional and zero-width, Cs lone surrogates, Zl/Zp line separators.
    category = unicodedata.category(char)
    return " " if category in ("Cc", "Zl", "Zp") else "" if category in ("Cf", "Cs") else char


def _headlines_text(payload: Mapping[str, object]) -> tuple[str, list[str]]:
    counts, watermark = _part(payload, "counts"), _part(payload, "watermark")
    found = payload.get("symbols")
    symbols = [neutral(symbol, 32) for symbol in found] if isinstance(found, list | tuple) else []
    stories = neutral(counts.get("stories", "?"), 12)
    title = f"{stories} new {'story' if stories == '1' else 'stories'}"
    if symbols:
        more = ", ..." if len(symbols) > _SYMBOLS_IN_A_TITLE else ""
        title += f": {', '.join(symbols[:_SYMBOLS_IN_A_TITLE])}{more}"
    lines = [f"{_label(name)}: {neutral(n, 12)}" for name, n in counts.items()]
    if symbols:
        rest = len(symbols) - _SYMBOLS_IN_A_BODY
        more = f" and {rest} more" if rest > 0 else ""
        lines.append(f"symbols: {', '.join(symbols[:_SYMBOLS_IN_A_BODY])}{more}")
    lines += [f"latest {_label(name)}: {neutral(at, 40)}" for name, at in watermark.items() if at]
    return title, lines


_ALERT_LINES = (
    ("happened", "what happened"),
    ("since", "since"),
    ("until", "until"),
    ("subject", "where"),
    ("meaning", "what it means"),
    ("command", "look closer"),
    ("runbook", "runbook"),
)


def alert_lines(payload: Mapping[str, object]) -> list[str]:
    """Write what an alert says, one line a question."""
    return [f"{label}: {neutral(payload[k], 1000)}" for k, label in _ALERT_LINES if payload.get(k)]


def _opened_text(payload: Mapping[str, object]) -> tuple[str, list[str]]:
    severity = neutral(payload.get("severity", "alert"), 10).upper()
    return f"{severity}: {neutral(payload.get('title', ''), 200)}", alert_lines(payload)


def _closed_text(payload: Mapping[str, object]) -> tuple[str, list[str]]:
    return f"Recovered: {neutral(payload.get('title', ''), 200)}", alert_lines(payload)


def _unknown_text(payload: Mapping[str, object]) -> tuple[str, list[str]]:
    return f"Notice: {neutral(payload.get('topic', 'of an unknown topic'), 60)}", []


_TEXTS: Mapping[str, Callable[[Mapping[str, object]], tuple[str, list[str]]]] = {
    HEADLINES_STORED: _headlines_text,
    ALERT_OPENED: _opened_text,
    ALERT_CLOSED: _closed_text,
}


def _part(payload: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = payload.get(name)
    return found if isinstance(found, Mapping) else {}


def _label(name: str) -> str:
    return neutral(name.replace("_", " "), 40)
