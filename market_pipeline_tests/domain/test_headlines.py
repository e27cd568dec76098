"""Headlines: hostile text made safe, and the same item recognised again."""

import hashlib
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.headlines import (
    RAW_COLUMNS,
    clean_text,
    clean_url,
    headline_hash,
    item_hash,
    merge_raw,
    normalise,
    published_date,
    raw_frame,
)
from market_pipeline.domain.news import NewsItem
from market_pipeline.warehouse.news_tables import finviz_headlines, wire_headlines

FETCHED = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # Friday, 9 o'clock in New York


def item(headline: str = "Apple beats estimates", **rest: Any) -> NewsItem:
    fields: dict[str, Any] = {
        "publisher": "Reuters", "url": "https://example.com/a", "published_at": MORNING,
        "symbols": ("AAPL",), "source": "finviz_export",
    } | rest  # fmt: skip
    return NewsItem(headline=headline, **fields)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Apple\r\n\t beats\x00estimates ", "Apple beats estimates"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("right\u202eto left, zero\u200bwidth", "rightto left, zerowidth"),
        ("Nestl\u00e9 \u2013 fine \U0001f680", "Nestl\u00e9 \u2013 fine \U0001f680"),
        ("x" * 600, "x" * 500),
        ("Kakao\u3164\uffa0rises\u2800", "Kakao rises"),
        ("\u115f\u1160\u3164\uffa0\u2800", ""),
    ],
)  # fmt: skip
def test_vendor_text_loses_what_breaks_databases_and_screens(text: str, clean: str) -> None:
    """Control and format characters and lone surrogates go, letters and marks stay."""
    assert clean_text(text) == clean


@given(st.text())
def test_any_text_becomes_storable(text: str) -> None:
    """Whatever a vendor sends can be encoded, has no control character, and cleans to itself."""
    clean = clean_text(text)
    assert clean.encode("utf-8").decode("utf-8") == clean
    assert not any(ord(character) < 32 or ord(character) == 127 for character in clean)
    assert clean_text(clean) == clean
    assert len(clean) <= 500


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://finviz.com/news/1?a=b", "https://finviz.com/news/1?a=b"),
        (" http://a.b/c\n", "http://a.b/c"),
        (
            'https://a.b/"><script>alert(1)</script>',
            "https://a.b/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        ),
        ("https://a.b/c%22?d='e'&f=(g)", "https://a.b/c%22?d='e'&f=(g)"),
        ("https://a.b/\\`", "https://a.b/%5C%60"),
        ("https://a.b/" + '"' * 700, ""),
        ("https://:80/", ""),
        ("https://user:secret@a.b:81/c@d?e=@", "https://a.b:81/c@d?e=@"),
        ("https://good.com@evil.example/", "https://evil.example/"),
        ("https://a@b@c.d/", "https://c.d/"),
        ("https://http@http/", "https://http/"),
        ("https://user:secret@/", ""),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("/news/relative", ""),
        ("https://[", ""),
        ("https://a.b/" + "x" * 2000, ""),
        ("", ""),
    ],
)
def test_only_web_addresses_are_kept(url: str, kept: str) -> None:
    """A link is followed by people: no other scheme, and never half an address."""
    assert clean_url(url) == kept


@given(st.sampled_from(["https://", "http://a.b/", "HTTPS://a.b?", ""]), st.text())
def test_an_address_that_is_kept_can_end_no_attribute_and_stays_as_it_is(
    start: str, rest: str
) -> None:
    """Of any text: nothing, or an http(s) address without quote, bracket or blank."""
    kept = clean_url(start + rest)
    assert not kept or kept.lower().startswith(("http://", "https://"))
    assert not set(kept) & set('"<>`\\ \t\n\r\x00')
    assert "@" not in urlsplit(kept).netloc
    assert clean_url(kept) == kept


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Apple\u2019s Q4: a RECORD!", "apple s q4 \u2014 a record", True),
        ("\uff21pple up", "Apple up", True),
        ("Shares -5%", "Shares +5%", False),
        ("Shares \u22125%", "Shares -5%", True),
        ("EPS of 1.5", "EPS of 15", False),
        ("Apple beats", "Apple misses", False),
    ],
)
def test_titles_compare_by_their_words_and_signed_numbers(one: str, other: str, same: bool) -> None:
    """Punctuation and case are noise, a sign before a number is not."""
    assert (normalise(one) == normalise(other)) is same


def test_a_headline_is_named_by_the_hash_of_its_three_facts() -> None:
    """The first 32 hex of SHA-256 over headline, source and New York day."""
    text = b"Apple beats estimates|Reuters|2026-11-20"
    expected = hashlib.sha256(text).hexdigest()[:32]
    assert headline_hash("Apple beats estimates", "Reuters", date(2026, 11, 20)) == expected


def test_days_are_those_of_new_york_and_naive_instants_are_refused() -> None:
    """Three in the morning UTC is the evening before."""
    assert published_date(datetime(2026, 11, 21, 3, 0, tzinfo=UTC)) == date(2026, 11, 20)
    with pytest.raises(ValueError, match="aware"):
        published_date(datetime(2026, 11, 21, 3, 0))  # noqa: DTZ001 - naive on purpose


def test_one_item_under_several_symbols_is_one_raw_row() -> None:
    """A page is read per symbol; the row names them all, in dot form, without noise."""
    raw = raw_frame(
        [item(symbols=("MSFT", "BRK-B")), item(symbols=("AAPL", "=cmd()", "")), item(symbols=())],
        FETCHED,
    )
    assert raw["symbols"].tolist() == ["AAPL,BRK.B,MSFT"]


def test_other_text_source_day_or_address_is_another_raw_row() -> None:
    """What one source sent stays apart from what another sent."""
    items = [
        item(), item("Other"), item(source="finviz_page"), item(url="https://example.com/b"),
        item(publisher="AP"), item(published_at=datetime(2026, 11, 19, 14, 0, tzinfo=UTC)),
    ]  # fmt: skip
    assert len(raw_frame(items, FETCHED)) == len({item_hash(each) for each in items}) == 6


def test_an_item_without_text_is_no_row() -> None:
    """A title of control characters says nothing."""
    assert raw_frame([item("\x00\x01 ")], FETCHED).empty


def test_symbols_too_many_for_the_column_are_cut_between_symbols() -> None:
    """The cell never ends in half a ticker."""
    names = tuple(f"A{n:05}" for n in range(100))
    (cell,) = raw_frame([item(symbols=names)], FETCHED)["symbols"]
    assert len(cell) <= 400
    assert set(cell.split(",")) < set(names)


def test_stored_rows_and_fresh_ones_merge_without_losing_the_first_sight() -> None:
    """A later fetch adds symbols and keeps the earlier time; merging again changes nothing."""
    stored = raw_frame([item(symbols=("AAPL",))], FETCHED)
    later = FETCHED.replace(hour=21)
    fresh = raw_frame([item(symbols=("MSFT",)), item("Other")], later)
    merged = merge_raw(stored, fresh)
    pd.testing.assert_frame_equal(merged, merge_raw(fresh, stored))
    pd.testing.assert_frame_equal(merged, merge_raw(merged, fresh))
    first = merged.set_index("headline").loc["Apple beats estimates"]
    assert (first["symbols"], first["fetched_at"]) == ("AAPL,MSFT", pd.Timestamp(FETCHED))


def test_columns_are_those_of_the_tables() -> None:
    """A frame can be written as it is to either table, also when there was no news."""
    for table in (finviz_headlines, wire_headlines):
        assert tuple(table.columns.keys()) == RAW_COLUMNS
    for items in ([], [item()]):
        raw = raw_frame(items, FETCHED)
        assert tuple(raw.columns) == RAW_COLUMNS
        assert str(raw["published_date"].dtype) == "datetime64[s]"
        assert str(raw["published_at"].dtype) == "datetime64[us, UTC]"


def test_an_item_keeps_the_vendors_judgement_and_that_another_source_failed() -> None:
    """Score and confidence come together or not at all; the longest description stays."""
    scored = item(vendor_score=0.5, vendor_confidence=0.75, is_failover=True, description="Long.")
    (row,) = raw_frame([scored, item(is_failover=True)], FETCHED).to_dict("records")
    assert (row["vendor_score"], row["vendor_confidence"]) == (0.5, 0.75)
    assert (row["is_failover"], row["description"]) == (True, "Long.")


@pytest.mark.parametrize(
    ("fresh", "taken_as"),
    [
        (item(), "rules-1"),
        (item(url="https://example.com/a", category="Blog"), "rules-1"),
        (item(symbols=("KO",)), None),
        (item(description="More of it."), None),
    ],
)
def test_a_taken_item_is_to_be_taken_again_when_it_says_more(
    fresh: NewsItem, taken_as: str | None
) -> None:
    """New symbols or a longer description make it news again; meeting it again does not."""
    stored = raw_frame([item()], FETCHED).assign(taken_as="rules-1")
    (row,) = merge_raw(stored, raw_frame([fresh], FETCHED)).to_dict("records")
    assert row["taken_as"] == taken_as
    assert row["fetched_at"] == pd.Timestamp(FETCHED)
