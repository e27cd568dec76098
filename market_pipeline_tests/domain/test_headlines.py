"""Headlines: hostile text made safe, the same news counted once, the session it meets."""

import hashlib
from datetime import UTC, date, datetime
from itertools import permutations
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.headlines import (
    HEADLINE_COLUMNS,
    RAW_COLUMNS,
    clean_text,
    clean_url,
    derive_headlines,
    headline_hash,
    item_hash,
    merge_raw,
    normalise,
    published_date,
    publisher_family,
    raw_frame,
)
from market_pipeline.domain.ports import NewsItem
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse import tables

CALENDAR = TradingCalendar.xnys()
FETCHED = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)  # Friday, 9 o'clock in New York


def item(headline: str = "Apple beats estimates", **rest: Any) -> NewsItem:
    fields: dict[str, Any] = {
        "publisher": "Reuters", "url": "https://example.com/a", "published_at": MORNING,
        "symbols": ("AAPL",), "source": "finviz_export",
    } | rest  # fmt: skip
    return NewsItem(headline=headline, **fields)


def derived(*items: NewsItem, **rest: Any) -> pd.DataFrame:
    return derive_headlines(raw_frame(items, FETCHED), CALENDAR, **rest)


def test_columns_are_those_of_the_tables() -> None:
    """Both frames can be written as they are, also when there was no news."""
    assert tuple(tables.finviz_headlines.columns.keys()) == RAW_COLUMNS
    assert tuple(tables.headlines.columns.keys()) == HEADLINE_COLUMNS
    for items in ([], [item()]):
        raw = raw_frame(items, FETCHED)
        assert tuple(raw.columns) == RAW_COLUMNS
        assert tuple(derive_headlines(raw, CALENDAR).columns) == HEADLINE_COLUMNS
        assert str(raw["published_date"].dtype) == "datetime64[s]"
        assert str(raw["published_at"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Apple\r\n\t beats\x00estimates ", "Apple beats estimates"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("right\u202eto left, zero\u200bwidth", "rightto left, zerowidth"),
        ("Nestl\u00e9 \u2013 fine \U0001f680", "Nestl\u00e9 \u2013 fine \U0001f680"),
        ("x" * 600, "x" * 500),
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


@pytest.mark.parametrize(
    "names",
    [
        ("Motley Fool", "The Motley Fool", "(Motley Fool)", " motley fool "),
        ("PR Newswire", "(PR Newswire)", "PRNewswire"),
        ("Reuters", "Reuters.com"),
        ("The Co.", "the co"),
    ],
)
def test_a_publisher_is_one_family_however_written(names: tuple[str, ...]) -> None:
    """Layouts and years write the same publisher differently."""
    assert len({publisher_family(name) for name in names}) == 1
    assert publisher_family(names[0])


def test_a_headline_is_named_by_the_hash_of_its_three_facts() -> None:
    """The first 32 hex of SHA-256 over headline, source and New York day."""
    text = b"Apple beats estimates|Reuters|2026-11-20"
    expected = hashlib.sha256(text).hexdigest()[:32]
    assert headline_hash("Apple beats estimates", "Reuters", date(2026, 11, 20)) == expected
    assert derived(item())["headline_hash"].tolist() == [expected]


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


def test_the_same_news_of_a_day_and_publisher_family_is_one_headline() -> None:
    """Symbols join, sources are counted, the earliest text and the first sight are kept."""
    later = MORNING.replace(hour=15)
    items = [
        item("Apple Beats Estimates!", publisher="(Reuters)", source="finviz_page", symbols=("KO",),
             published_at=later),
        item(url=""),
        item("Apple beats  estimates", source="finviz_page", published_at=later),
    ]  # fmt: skip
    raw = merge_raw(raw_frame(items[:1], FETCHED.replace(hour=18)), raw_frame(items[1:], FETCHED))
    (row,) = derive_headlines(raw, CALENDAR).to_dict("records")
    assert row["headline"] == "Apple beats estimates"
    assert row["normalized_headline"] == "apple beats estimates"
    assert (row["symbols"], row["source"], row["source_count"]) == ("AAPL,KO", "finviz_export", 2)
    assert row["url"] == "https://example.com/a"
    assert row["published_at"] == pd.Timestamp(MORNING)
    assert row["first_seen_at"] == pd.Timestamp(FETCHED.replace(hour=18))


@pytest.mark.parametrize(
    "other",
    [
        item("Apple misses estimates"),
        item(publisher="Bloomberg"),
        item(published_at=datetime(2026, 11, 23, 14, 0, tzinfo=UTC)),
    ],
)
def test_other_words_publishers_or_days_stay_apart(other: NewsItem) -> None:
    """Nothing is merged on likeness alone."""
    assert len(derived(item(), other)) == 2


def test_titles_without_words_are_told_apart_by_themselves() -> None:
    """Two titles of signs only are not the same news."""
    assert len(derived(item("???"), item("!!!"))) == 2


def test_order_does_not_matter() -> None:
    """Any order of collection gives the same rows."""
    items = [
        item(), item(source="finviz_page", symbols=("KO",)), item("Apple, beats estimates"),
        item(publisher="The Reuters"),
    ]  # fmt: skip
    raws = [raw_frame(order, FETCHED) for order in permutations(items)]
    frames = [derive_headlines(raw.sample(frac=1, random_state=1), CALENDAR) for raw in raws]
    assert len(frames[0]) == 1
    for raw, frame in zip(raws, frames, strict=True):
        pd.testing.assert_frame_equal(raw, raws[0])
        pd.testing.assert_frame_equal(frame, frames[0])


def test_at_most_ten_symbols_known_ones_first() -> None:
    """A list of everything says little; what is held is never cut for what is not."""
    names = tuple(f"A{n:02}" for n in range(20))
    assert derived(item(symbols=names))["symbols"].tolist() == [",".join(names[:10])]
    known = derived(item(symbols=names), known={"A19", "A18"})["symbols"].tolist()
    assert known == [",".join((*names[:8], "A18", "A19"))]


def test_news_that_names_no_symbol_stays_in_the_raw_table() -> None:
    """It can be tied to nothing that is held."""
    raw = raw_frame([item(symbols=("=1+1",))], FETCHED)
    assert len(raw) == 1
    assert derive_headlines(raw, CALENDAR).empty


def test_sandbox_news_never_mixes_with_live_news() -> None:
    """The same title of both is two stories; under one name the live one stands."""
    sandbox = item(source="finviz_export:sandbox", symbols=("KO",))
    (row,) = derived(sandbox, item()).to_dict("records")
    assert (row["source"], row["symbols"], row["source_count"]) == ("finviz_export", "AAPL", 1)
    assert derived(sandbox)["source"].tolist() == ["finviz_export:sandbox"]


@pytest.mark.parametrize(
    ("published_at", "session"),
    [
        (datetime(2026, 11, 20, 14, 0, tzinfo=UTC), date(2026, 11, 20)),  # before the open
        (datetime(2026, 11, 20, 20, 59, tzinfo=UTC), date(2026, 11, 20)),
        (datetime(2026, 11, 20, 21, 0, tzinfo=UTC), date(2026, 11, 23)),  # the close, a Friday
        (datetime(2026, 11, 22, 15, 0, tzinfo=UTC), date(2026, 11, 23)),  # a Sunday
        (datetime(2026, 11, 26, 15, 0, tzinfo=UTC), date(2026, 11, 27)),  # Thanksgiving
        (datetime(2026, 11, 27, 17, 59, tzinfo=UTC), date(2026, 11, 27)),  # a half day
        (datetime(2026, 11, 27, 18, 0, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 7, 1, 20, 0, tzinfo=UTC), date(2026, 7, 2)),  # summer: closes at 20:00 UTC
    ],
)
def test_news_belongs_to_the_session_in_which_it_meets_prices(
    published_at: datetime, session: date
) -> None:
    """From a session's close on, that is the next one."""
    (row,) = derived(item(published_at=published_at)).to_dict("records")
    assert row["session_date"] == pd.Timestamp(session)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=6)), max_size=12))
def test_whatever_is_sent_keys_are_unique(texts: list[tuple[str, str]]) -> None:
    """Any titles and publishers give rows with one key each, in both tables."""
    raw = raw_frame([item(headline, publisher=name) for headline, name in texts], FETCHED)
    assert not raw.duplicated(["published_date", "item_hash"]).any()
    frame = derive_headlines(raw, CALENDAR)
    assert not frame.duplicated(["published_date", "headline_hash"]).any()
    assert len(frame) <= len(raw)
