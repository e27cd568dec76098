"""Every recorded Tiingo body is read to what it holds, or refused with its typed error."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from market_pipeline.domain.errors import NotEntitled, Throttled, VendorError
from market_pipeline.domain.news import FetchedNews
from market_pipeline.vendors.replies import Redactor, VendorKey, error_for
from market_pipeline.vendors.tiingo import KEY_SETTING
from market_pipeline.vendors.tiingo_payloads import parse_news
from market_pipeline_tests.vendors.recorded import files_of, reply_of

# File, articles, first one's time in UTC, its title, its publisher, its symbols.
NEWS = [
    (
        "news_AAPL_MSFT_20240625.json", 12, (2024, 6, 25, 10, 30, 20),
        "EU accuses Microsoft of competition breach over Teams bundling", "techcrunch.com",
        ("MSFT",),
    ),
    (
        "news_2017_old_shape.json", 1, (2016, 1, 11, 23, 13),
        "Tech giants may be stronger than you think", "cnbc.com",
        ("AAPL", "MSFT", "AMZN", "FB", "GOOGL", "NFLX"),
    ),
]  # fmt: skip
ERRORS = [
    ("error_403_no_news_permission.json", NotEntitled),
    ("error_429_hourly_allocation.json", Throttled),
]


def news_of(folder: Path, name: str) -> FetchedNews:
    reply = reply_of(folder, "tiingo", name)
    assert reply.status == 200
    return parse_news(reply.body, "tiingo", wanted={"AAPL", "MSFT"})[0]


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A new recording without a test of its own fails here."""
    covered = {row[0] for row in NEWS} | {row[0] for row in ERRORS}
    assert files_of(vendor_payloads, "tiingo") == covered


@pytest.mark.parametrize(
    ("name", "articles", "first_at", "title", "publisher", "symbols"),
    NEWS,
    ids=[row[0] for row in NEWS],
)
def test_recorded_news_gives_its_articles(
    vendor_payloads: Path,
    name: str,
    articles: int,
    first_at: tuple[int, ...],
    title: str,
    publisher: str,
    symbols: tuple[str, ...],
) -> None:
    """All of them, in the order sent, times in UTC; those asked for stand first."""
    news = news_of(vendor_payloads, name)
    assert news.rejected == ()
    assert len(news.items) == articles
    first = news.items[0]
    assert first.published_at == datetime(*first_at, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to second
    assert (first.headline, first.publisher) == (title, publisher)
    assert (first.symbols, first.source) == (symbols, "tiingo")
    assert first.description
    assert not any("<" in item.description for item in news.items)


def test_recorded_noise_is_read_as_it_is(vendor_payloads: Path) -> None:
    """Microseconds are kept, a null description is empty, `ne-ws` reads as a symbol."""
    items = news_of(vendor_payloads, "news_AAPL_MSFT_20240625.json").items
    assert items[1].published_at == datetime(2024, 6, 25, 10, 30, 2, 826000, tzinfo=UTC)
    assert items[1].description == ""
    assert items[7].symbols == ("MSFT", "BA", "NE.WS")


def test_the_same_recorded_title_of_two_publishers_is_two_items(vendor_payloads: Path) -> None:
    """Which news is the same is not decided here."""
    items = news_of(vendor_payloads, "news_AAPL_MSFT_20240625.json").items
    assert items[3].headline == items[4].headline
    assert (items[3].publisher, items[4].publisher) == ("businesswire.com", "finance.yahoo.com")


@pytest.mark.parametrize(("name", "error"), ERRORS)
def test_recorded_refusals_are_typed(
    vendor_payloads: Path, name: str, error: type[VendorError]
) -> None:
    """By their status; and by their words alone, where they come with status 200."""
    reply = reply_of(vendor_payloads, "tiingo", name)
    key = VendorKey(SecretStr("k" * 20), "header", "Authorization", KEY_SETTING, "the add-on")
    told = error_for("tiingo", "news", reply, Redactor("k" * 20), key)
    assert type(told) is error
    with pytest.raises(error, match="status 200"):
        parse_news(reply.body, "tiingo")
