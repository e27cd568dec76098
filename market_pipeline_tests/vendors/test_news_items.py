"""One item of news: what is checked, what becomes text, what is joined. Laws over any input."""

import html
import json
import string
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.errors import VendorError
from market_pipeline.domain.headlines import clean_url
from market_pipeline.vendors.finnhub_payloads import parse_company_news, parse_news_sentiment
from market_pipeline.vendors.finviz_csv import parse_companies, parse_news_export
from market_pipeline.vendors.finviz_page import parse_quote_page
from market_pipeline.vendors.news_items import (
    MAX_DESCRIPTION,
    RawItem,
    Refused,
    iso_instant,
    merge_items,
    plain_text,
    read_item,
    unix_instant,
)
from market_pipeline.vendors.tiingo_payloads import parse_news

AT = datetime(2026, 7, 31, 8, tzinfo=UTC)


def raw(**changes: Any) -> RawItem:
    fields: dict[str, Any] = {
        "title": "T", "publisher": "P", "url": "https://n.example/", "published_at": AT,
        "symbols": ["KO"],
    }  # fmt: skip
    return RawItem(**(fields | changes))


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<b>surged</b>, then", "surged, then"),
        ("<p>One</p><p>Two<br/>Three", "One Two Three"),
        ("AT&amp;T &quot;up&quot; &#39;5&#39;", "AT&T \"up\" '5'"),
        ("&lt;script&gt;x&lt;/script&gt;", "<script>x</script>"),
        ("&amp;lt;i&amp;gt;", "&lt;i&gt;"),
        ("a<script type='x'>alert('<b>')</script>b<style>p{}</style>c", "a b c"),
        ("a<SCRIPT>alert(1)", "a"),
        ("EPS < $3 and > $2, R&D", "EPS < $3 and > $2, R&D"),
        ("x<!-- hidden -->y <img src=x onerror='go()'>z", "x y z"),
        ("<img src=x onerror=alert(1)", "<img src=x onerror=alert(1)"),
        ("a\x00b\u202ec\nd", "a bc d"),
        ("&#0;&#x202e;a", "\ufffda"),
    ],
)
def test_markup_is_stripped_once(markup: str, text: str) -> None:
    """Tags and scripts go, references are resolved once, control characters never stay."""
    assert plain_text(markup, 500) == text


def test_a_pages_text_is_not_unescaped_again() -> None:
    """What a parsed page shows as `&lt;` is those four characters."""
    assert plain_text("<b>&lt;</b>", 50, is_escaped=False) == "&lt;"


def test_a_long_description_is_cut() -> None:
    """Five thousand characters are kept of it."""
    item = read_item(raw(description="<p>" + "word " * 3000), "s")
    assert len(item.description) <= MAX_DESCRIPTION
    assert item.description.endswith("word")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"title": "<b></b> \x00"}, "empty_headline"),
        ({"url": "javascript:alert(1)"}, "bad_url"),
        ({"url": "https://"}, "bad_url"),
        ({"url": "https://[::1"}, "bad_url"),
        ({"url": "https://n.example/" + "x" * 2000}, "bad_url"),
        ({"url": ""}, "bad_url"),
        ({"published_at": datetime(1970, 1, 1, tzinfo=UTC)}, "bad_time"),
        ({"published_at": datetime(1990, 6, 1, tzinfo=UTC)}, "bad_time"),
        ({"published_at": datetime(2005, 1, 1, 4, 59, tzinfo=UTC)}, "bad_time"),
        ({"published_at": datetime(2031, 12, 31, 21, tzinfo=UTC)}, "bad_time"),
        ({"published_at": datetime(2032, 1, 1, 12, tzinfo=UTC)}, "bad_time"),
        ({"published_at": datetime(2100, 1, 1, tzinfo=UTC)}, "bad_time"),
        ({"title": "\u3164\u115f\u1160 \uffa0\u2800"}, "empty_headline"),
    ],
)
def test_what_cannot_be_a_headline_is_refused(changes: dict[str, Any], rule: str) -> None:
    """Each with its rule."""
    with pytest.raises(Refused) as caught:
        read_item(raw(**changes), "s")
    assert caught.value.rule == rule


def test_a_refused_time_says_which_and_what_may_be() -> None:
    """The instant as it was read, and the years the calendar knows."""
    with pytest.raises(Refused, match=r"1995-03-01T08:00:00\+00:00 .*\(2005 to 2031\)"):
        read_item(raw(published_at=datetime(1995, 3, 1, 8, tzinfo=UTC)), "s")


@given(st.sampled_from(["https://n.example/", "http://", "ftp://n/", ""]), st.text())
def test_the_address_of_an_item_is_safe_or_the_row_is_refused(start: str, rest: str) -> None:
    """Whatever a vendor sent as one: what comes in is what is stored and shown."""
    with suppress(Refused):
        url = read_item(raw(url=start + rest), "s").url
        assert url.lower().startswith(("http://", "https://"))
        assert not set(url) & set('"<>`\\ ')
        assert clean_url(url) == url


@pytest.mark.parametrize(
    "text", ["2024-06-25T10:30:20", "2024-06-25", "25/06/2024", "", "0001-01-01T00:00:00+23:00"]
)
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    """No naive instant comes in, and nothing is guessed."""
    with pytest.raises(Refused) as caught:
        iso_instant(text)
    assert caught.value.rule == "bad_time"


@given(
    st.datetimes(AT.replace(year=1991, tzinfo=None), AT.replace(year=2098, tzinfo=None)),
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_times_keep_their_instant(moment: datetime, offset: int) -> None:
    """Whatever the offset and with or without fractions."""
    local = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    read = iso_instant(local.isoformat())
    assert read == local
    assert read.tzinfo is UTC


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1779554718", None, 10**18])
def test_a_stamp_that_is_no_unix_time_is_refused(value: object) -> None:
    """Milliseconds, text and nothing are not taken for seconds."""
    with pytest.raises(Refused):
        unix_instant(value)


def test_the_same_article_is_joined() -> None:
    """Symbols are united; a description or a score that one of them has is not lost."""
    bare = read_item(raw(symbols=["KO"]), "s")
    rich = read_item(raw(symbols=["PEP"], description="D"), "s")
    (joined,) = merge_items([bare, rich])
    assert (joined.symbols, joined.description) == (("KO", "PEP"), "D")


@given(st.text(max_size=300))
def test_plain_text_is_clean_and_short(text: str) -> None:
    """One line, no control characters, within its limit."""
    shown = plain_text(text, 100)
    assert len(shown) <= 100
    assert shown == " ".join(shown.split())
    assert not any(ord(char) < 32 or char in "\u202e\u200b" for char in shown)


@given(st.text(string.ascii_letters + string.digits + " .,!?%$&<>'\"", max_size=200))
def test_text_that_was_escaped_comes_back(text: str) -> None:
    """Escaping is undone exactly once, for any text."""
    assert plain_text(html.escape(text), 300) == " ".join(text.split())


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["title", "url", "publishedDate", "source", "tickers", "description", "headline",
                 "datetime", "summary", "related", "detail", "error", "sentiment",
                 "bullishPercent", "bearishPercent"]
            ),
            inner,
            max_size=8,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON_LIKE | st.lists(JSON_LIKE, max_size=3))
def test_any_json_is_news_or_a_typed_error(document: Any) -> None:
    """Whatever a vendor sends, no other exception leaves a parser."""
    body = json.dumps(document).encode()
    for parse in (
        lambda: parse_news(body, "s"),
        lambda: parse_company_news(body, "KO", "s"),
        lambda: parse_news_sentiment(body),
    ):
        with suppress(VendorError):
            parse()


@given(st.binary(max_size=300))
def test_any_bytes_are_news_or_a_typed_error(body: bytes) -> None:
    """So too for bytes that are no document at all."""
    for parse in (
        lambda: parse_news(body, "s"),
        lambda: parse_company_news(body, "KO", "s"),
        lambda: parse_news_export(body, "s"),
        lambda: parse_companies(body, "s"),
        lambda: parse_quote_page(body, 200, "KO", now=AT, site="https://f.example/", source="s"),
    ):
        with suppress(VendorError):
            parse()
