"""Bytes from outside: unpacking under a limit, strict JSON, clean text."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.errors import BadPayload
from market_pipeline.vendors.bodies import (
    BodyCorrupt,
    BodyCutShort,
    BodyReader,
    BodyTooLarge,
    clean_text,
    excerpt,
    parse_json,
)


def read(encoding: str, wire: bytes, limit: int = 10_000, step: int = 7) -> bytes:
    reader = BodyReader(encoding, limit)
    for start in range(0, len(wire), step):
        reader.feed(wire[start : start + step])
    return reader.finish()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("", bytes), ("identity", bytes)],
)
def test_a_body_comes_out_as_it_was_packed(encoding: str, pack: object) -> None:
    """Chunks of any size give the original bytes back."""
    assert callable(pack)
    assert read(encoding, pack(b"abc" * 500)) == b"abc" * 500


def test_several_gzip_members_are_one_body() -> None:
    """A server may end and begin a gzip stream within one body."""
    assert read("gzip", gzip.compress(b"one,") + gzip.compress(b"two")) == b"one,two"


@pytest.mark.parametrize("cut", [1, 4, 9, 30])
def test_a_truncated_gzip_stream_is_no_shorter_body(cut: int) -> None:
    """Where plain clients return half the rows, this is an error."""
    wire = gzip.compress(bytes(range(256)) * 8)
    with pytest.raises(BodyCutShort):
        read("gzip", wire[:-cut])


def test_a_bomb_is_stopped_at_the_limit() -> None:
    """One chunk that would unpack to 50 MB never does."""
    reader = BodyReader("gzip", 1_000)
    with pytest.raises(BodyTooLarge):
        reader.feed(gzip.compress(bytes(50_000_000)))
    assert len(reader._body) <= 1_001


def test_bytes_that_are_not_what_the_header_says_are_corrupt() -> None:
    """Plain text under `Content-Encoding: gzip` is refused, and so is an unknown encoding."""
    with pytest.raises(BodyCorrupt):
        read("gzip", b"plain text")
    with pytest.raises(BodyCorrupt):
        BodyReader("br", 10)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b"[" * 70 + b"]" * 70,
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"9" * 21 + b"}",
        b'{"a": "\xff\xfe"}',
        b"<!DOCTYPE html><title>Log in</title>",
        b'{"a": [1, 2',
        b"",
    ],
    ids=lambda body: body[:16].decode("latin-1"),
)
def test_what_is_no_strict_json_is_one_typed_error(body: bytes) -> None:
    """Every way of not being JSON is the same error, naming vendor and endpoint, kept short."""
    with pytest.raises(BadPayload) as caught:
        parse_json(body, "polygon", "aggs")
    assert str(caught.value).startswith("polygon aggs: no strict JSON")
    assert len(str(caught.value)) < 400
    assert caught.value.__context__ is None


def test_json_keeps_numbers_and_unicode() -> None:
    """Strictness changes nothing about a good document, a byte order mark included."""
    body = '\ufeff{"v": 8.3484e+06, "t": 1638421200000, "s": "é", "n": null}'.encode()
    assert parse_json(body, "v", "e") == {
        "v": 8348400.0,
        "t": 1638421200000,
        "s": "é",
        "n": None,
    }


def test_an_excerpt_of_a_page_is_its_title() -> None:
    """Nobody needs a login page in a log."""
    assert excerpt(b"<html><head><title> Log\n in </title>" + b"x" * 9999) == (
        "an HTML page titled 'Log in'"
    )


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\x00b\x1b[31mc", "a b [31mc"),
        ("x\ud800y", "xy"),
        ("moc\u202eevil", "mocevil"),
        ("  two\r\n\t lines\u00a0here ", "two lines here"),
        ("e\u0301", "é"),
    ],
)
def test_text_is_cleaned(dirty: str, clean: str) -> None:
    """Control characters, lone surrogates and bidi overrides go; white space is one space."""
    assert clean_text(dirty) == clean


@given(st.text(alphabet=st.characters(), max_size=2_000))
def test_clean_text_can_always_be_kept(dirty: str) -> None:
    """Whatever comes in: UTF-8 can hold it, no NUL, one line, at most 500 characters, stable."""
    clean = clean_text(dirty)
    clean.encode("utf-8")
    assert len(clean) <= 500
    assert not any(ord(char) < 32 for char in clean)
    assert clean_text(clean) == clean
