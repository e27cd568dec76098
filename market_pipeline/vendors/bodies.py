"""Bytes from outside: unpacked under a limit, read as strict JSON, cut down to clean text.

Everything here assumes a hostile sender. Errors are typed; no message holds more than an excerpt.
"""

import json
import re
import unicodedata
import zlib
from typing import Any, NoReturn

from market_pipeline.domain.errors import BadPayload
from market_pipeline.domain.headlines import BLANKS

MAX_NESTING = 64
_MAX_INT_DIGITS = 20
_EXCERPT_CHARS = 160
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_DROPPED_CATEGORIES = frozenset({"Cf", "Cs", "Co"})  # bidi overrides, lone surrogates, private


class BodyError(Exception):
    """The bytes of a body cannot be used."""


class BodyTooLarge(BodyError):
    """More bytes than the limit allows, counted after decompression."""


class BodyCutShort(BodyError):
    """The stream ended before its compressed content did."""


class BodyCorrupt(BodyError):
    """The bytes are not what the `Content-Encoding` says."""


class BodyReader:
    """Collects a body chunk by chunk, decompressed, never holding more than `limit` bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BodyCorrupt("a content encoding that was not asked for")
        self._is_packed = encoding not in ("", "identity")
        self._limit = limit
        self._body = bytearray()
        self._unpacker = self._new_unpacker()

    @staticmethod
    def _new_unpacker() -> "zlib._Decompress":
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its header

    def feed(self, chunk: bytes) -> None:
        """Add a chunk as it came off the wire."""
        if not self._is_packed:
            self._keep(chunk)
            return
        while chunk:
            if self._unpacker.eof:  # a further gzip member
                self._unpacker = self._new_unpacker()
            room = self._limit - len(self._body) + 1
            try:
                unpacked = self._unpacker.decompress(chunk, room)
            except zlib.error as error:
                raise BodyCorrupt(f"not a compressed stream ({error})") from None
            self._keep(unpacked)
            chunk = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def _keep(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._limit:
            raise BodyTooLarge(f"more than {self._limit} bytes")

    def finish(self) -> bytes:
        """Give the whole body; `BodyCutShort` when a compressed stream did not reach its end."""
        if self._is_packed and not self._unpacker.eof:
            raise BodyCutShort("the compressed stream stops before its end")
        return bytes(self._body)


def parse_json(body: bytes, vendor: str, endpoint: str) -> Any:
    """Read a JSON document strictly.

    Raises `BadPayload` for HTML, bad UTF-8, NaN and Infinity (`1e999` too), duplicate keys,
    integers beyond 20 digits and nesting deeper than 64.
    """
    problem = ""
    document: Any = None
    try:
        document = _strict_decoder().decode(body.decode("utf-8-sig").strip())
        if _nesting(document) > MAX_NESTING:
            problem = "nested too deeply"
    except UnicodeDecodeError:
        problem = "not UTF-8"
    except RecursionError:
        problem = "nested too deeply"
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at character {error.pos}"
    except ValueError as error:
        problem = str(error)
    if problem:
        # Raised here, not in an `except`: the original would carry the document with it.
        raise BadPayload(vendor, endpoint, f"no strict JSON ({problem}): {excerpt(body)}")
    return document


def _strict_decoder() -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique_keys,
        parse_float=_finite_float,
        parse_int=_bounded_int,
        parse_constant=_refuse_constant,
    )


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return document


def _finite_float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is beyond every bound")
    return value


def _bounded_int(text: str) -> int:
    if len(text) > _MAX_INT_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _nesting(document: Any) -> int:
    depth, level = 0, _containers([document])
    while level and depth <= MAX_NESTING:
        level = [child for node in level for child in _containers(node)]
        depth += 1
    return depth


def _containers(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node
    return [child for child in children if isinstance(child, dict | list)]


def looks_like_html(body: bytes) -> bool:
    """Tell whether a body is a web page, whatever its content type says."""
    head = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<!--", b"<script"))


def excerpt(body: bytes) -> str:
    """Shorten a body for a message: one clean line; of a web page only its title."""
    text = body[:20_000].decode("utf-8", errors="replace")
    if looks_like_html(body):
        title = _TITLE.search(text)
        return f"an HTML page titled {clean_text(title[1], 80)!r}" if title else "an HTML page"
    return clean_text(text, _EXCERPT_CHARS) if text.strip() else "an empty body"


def clean_text(text: str, limit: int = 500) -> str:
    """Make vendor text safe to keep: one line, no control or invisible characters, NFC.

    Lone surrogates and NUL (which break inserts) and bidi overrides (which deceive readers) go;
    runs of white space, and of what shows nothing, become one space; at most `limit` characters
    remain.
    """
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in text[: 20 * limit].translate(BLANKS)
        if unicodedata.category(char) not in _DROPPED_CATEGORIES
    )
    return " ".join(unicodedata.normalize("NFC", kept).split())[:limit].rstrip()
