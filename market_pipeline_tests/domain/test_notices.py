"""Messages: what they carry, when they are tried again, and that their words are harmless."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.notice_texts import as_text, neutral
from market_pipeline.domain.notices import (
    ALERT_CLOSED,
    ALERT_OPENED,
    MOST_SYMBOLS,
    Message,
    StoredCounts,
    Watermark,
    message,
    new_headlines_message,
    next_attempt,
)

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
ID = "6f0c3a52-4a44-4b0e-9c39-0d6f3f8c2b11"


def stored(symbols: tuple[str, ...] = ("MSFT", "AAPL", "MSFT"), kind: str = "live") -> Message:
    new_york = timezone(timedelta(hours=-5))
    watermark = Watermark(datetime(2026, 11, 24, 9, 59, 1, tzinfo=new_york), None)
    return new_headlines_message(ID, AT, StoredCounts(2, 3, 1), symbols, watermark, kind)


def test_a_message_of_stored_headlines_carries_counts_symbols_and_watermark() -> None:
    """The payload is what docs/runbook.md says: instants in UTC, symbols sorted, once."""
    assert stored().payload == {
        "id": ID, "topic": "headlines.stored", "schema_version": 1, "delivery": "at-least-once",
        "created_at": "2026-11-24T15:00:00Z", "data_kind": "live",
        "counts": {"stories": 2, "joined_sources": 3, "quarantined": 1},
        "symbols": ["AAPL", "MSFT"], "symbols_truncated": False,
        "watermark": {"published_at": "2026-11-24T14:59:01Z", "ingested_at": None},
    }  # fmt: skip


def test_symbols_are_bounded_and_say_so() -> None:
    """A universe of thousands does not make a payload no receiver takes."""
    payload = stored(tuple(f"S{n:05}" for n in range(MOST_SYMBOLS + 1))).payload
    assert isinstance(payload["symbols"], list)
    assert len(payload["symbols"]) == MOST_SYMBOLS
    assert payload["symbols_truncated"] is True


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_a_retry_lies_between_a_second_and_fifteen_minutes(
    attempts: int, dice: float, wish: float | None
) -> None:
    """Whatever the receiver wishes and however often it failed."""
    wait = (next_attempt(attempts, AT, lambda: dice, wish) - AT).total_seconds()
    assert 1 <= wait <= 900


@pytest.mark.parametrize(
    ("attempts", "ceiling"), [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (99, 900)]
)
def test_the_ceiling_doubles(attempts: int, ceiling: float) -> None:
    """5 s, 10 s, 20 s, ... 15 minutes; a throw of one half gives half of it."""
    wait = (next_attempt(attempts, AT, lambda: 0.5) - AT).total_seconds()
    assert wait == ceiling / 2


def test_a_receivers_wish_is_honoured() -> None:
    """Retry-After of 60 s is waited for, whatever the dice say."""
    assert next_attempt(1, AT, lambda: 0.0, 60.0) == AT + timedelta(seconds=60)


def test_the_words_for_people() -> None:
    """A title with some symbols, a body with the numbers, and the id."""
    title, body = as_text(stored(kind="sandbox"))
    assert title == "[SANDBOX] 2 new stories: AAPL, MSFT"
    assert "joined sources: 3" in body
    assert "latest published at: 2026-11-24T14:59:01Z" in body
    assert body.endswith(f"id: {ID} (may arrive twice)")


HOSTILE = "<!channel> @everyone [x](https://evil.example) `rm` \x1b[2J\u202egnp\u200b\ud800\0\r\nB"


@pytest.mark.parametrize("topic", [ALERT_OPENED, ALERT_CLOSED, "headlines.stored", "other"])
def test_hostile_text_is_harmless_in_every_topic(topic: str) -> None:
    """No mention, no link, no escape, no line of its own; storable and encodable."""
    hostile = dict.fromkeys(("title", "happened", "subject", "severity", "topic"), HOSTILE)
    content = {**hostile, "symbols": [HOSTILE], "counts": {"stories": HOSTILE}}
    content.pop("topic")
    told = message(ID, topic, AT, "live", **content)
    said = "\n".join(as_text(told))
    for harm in ("<", ">", "@", "[", "`", "://", "\x1b", "\u202e", "\u200b", "\0", "\r", "\ud800"):
        assert harm not in said
    assert "\nB" not in said
    said.encode()


PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["<script>", '">', "https://", "@here", "`", "[a](b)", "\x1b[", "\u202e", "\r\n"]
    ),
)
HARMFUL = st.lists(PIECES, max_size=6).map("".join)


@given(HARMFUL, HARMFUL, st.sampled_from([ALERT_OPENED, ALERT_CLOSED, "headlines.stored", "new"]))
def test_no_text_becomes_markup_a_link_or_a_mention(one: str, other: str, topic: str) -> None:
    """In words for a chat or a mail; and as a webhook's JSON it reads back as it was."""
    content = {"title": one, "happened": other, "subject": one, "symbols": [one, other],
               "counts": {one: other}, "watermark": {other: one}}  # fmt: skip
    told = Message(ID, topic, content | {"topic": other}, AT)
    said = "\n".join(as_text(told))
    assert not set(said) & set("<>@`[]\x1b\u202e\r")
    assert "://" not in said
    assert json.loads(json.dumps(dict(told.payload))) == told.payload


@given(st.text(), st.integers(1, 50))
def test_neutral_text_is_one_printable_line_within_its_limit(text: str, limit: int) -> None:
    """For any text."""
    shown = neutral(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable() or not shown.isascii()
    assert len(shown.splitlines()) <= 1


@given(st.dictionaries(st.text(max_size=8), st.integers() | st.text() | st.lists(st.text())))
def test_a_payload_of_any_shape_has_words(payload: dict[str, object]) -> None:
    """A row that an older or newer version wrote is told all the same."""
    for topic in (ALERT_OPENED, ALERT_CLOSED, "headlines.stored", "new.topic"):
        title, body = as_text(Message(ID, topic, payload, AT))
        assert title
        assert ID in body


def test_payloads_are_json() -> None:
    """What goes out is plain JSON."""
    assert json.loads(json.dumps(dict(stored().payload)))["id"] == ID
