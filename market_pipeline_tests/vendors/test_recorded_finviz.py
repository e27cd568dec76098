"""Every recorded Finviz body: quote pages of four layouts, news exports, a screener export."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from market_pipeline.domain.errors import BadPayload, UnknownSymbol
from market_pipeline.domain.news import Company, FetchedNews
from market_pipeline.vendors.finviz_csv import (
    parse_companies,
    parse_news_export,
    parse_screener,
)
from market_pipeline.vendors.finviz_page import parse_quote_page
from market_pipeline_tests.vendors.recorded import files_of, reply_of

# File, symbol, articles, first one's time in UTC, its publisher, its title; the company.
PAGES = [
    (
        "quote_AAPL_20201124.html", "AAPL", 100, (2020, 11, 24, 17, 57),
        "Investor's Business Daily",
        "Dow Jones Stocks To Buy And Watch In November 2020: "
        "Apple Tumbles Below Key Support Level",
        ("Apple Inc.", "Technology", "Consumer Electronics"),
    ),
    (
        "quote_ATHE_20201124.html", "ATHE", 20, (2020, 11, 16, 15, 42), "MarketWatch",
        "Alterity Therapeutics stock more than doubles on massive volume "
        "after new patent announcement",
        ("Alterity Therapeutics Limited", "Healthcare", "Biotechnology"),
    ),
    (
        "quote_TSLA_20211209.html", "TSLA", 100, (2021, 12, 9, 2, 57),
        "Investor's Business Daily",
        "Dow Jones Futures: As Market Rallies, Watch For This; "
        "Apple Nears Milestone, Trump SPAC Stock DWAC Soars",
        ("Tesla, Inc.", "Consumer Cyclical", "Auto Manufacturers"),
    ),
    (
        "quote_AAPL_20220718.html", "AAPL", 100, (2022, 7, 18, 6, 30), "Barrons.com",
        "Big Investor Sold Apple Stock, Bought Coinbase, GE, and Nvidia",
        ("Apple Inc.", "Technology", "Consumer Electronics"),
    ),
    (
        "quote_AACT_20250507.html", "AACT", 5, (2025, 5, 7, 13, 0), "PR Newswire",
        "Kodiak Appoints Two New Board Members in Preparation for Public Listing "
        "via Business Combination with Ares Acquisition Corporation II",
        ("Ares Acquisition Corporation II", "Financial", "Shell Companies"),
    ),
]  # fmt: skip
# File, articles, first one's time in UTC, its symbols, its title.
EXPORTS = [
    (
        "news_export_v3_AAPL_20260731.csv", 20, (2026, 7, 31, 8, 12, 27), ("AAPL",),
        "Stock market today: Nasdaq, Dow, S&P 500, Nasdaq set for more gains as Big Tech's AI "
        "spending shows no sign of letting up",
    ),
    (
        "news_export_v1_market_20260731.csv", 12, (2026, 7, 31, 8, 7, 58), (),
        "Nasdaq futures rise as tech stocks lead sharp Wall Street rebound: Live updates",
    ),
    (
        "news_export_v3_us_date_format_20260411.csv", 10, (2026, 4, 11, 12, 20), ("NKE",),
        "Nike on the brink as shares crash 75% from highs. "
        "Critics say brand went woke and is now broke (but heres the truth)",
    ),
]  # fmt: skip
OTHERS = {"quote_INVALID_404.html", "export_v151_20260731.csv"}


def read_page(folder: Path, name: str, symbol: str) -> FetchedNews:
    reply = reply_of(folder, "finviz", name)
    return parse_quote_page(
        reply.body,
        reply.status,
        symbol,
        now=datetime(2026, 1, 1, tzinfo=UTC),
        site="https://finviz.com/",
        source="finviz_page",
    )


def test_every_recorded_file_is_covered(vendor_payloads: Path) -> None:
    """A new recording without a test of its own fails here."""
    covered = {row[0] for row in PAGES} | {row[0] for row in EXPORTS} | OTHERS
    assert files_of(vendor_payloads, "finviz") == covered


@pytest.mark.parametrize(
    ("name", "symbol", "articles", "first_at", "publisher", "title", "company"),
    PAGES,
    ids=[row[0] for row in PAGES],
)
def test_a_recorded_page_gives_its_articles(
    vendor_payloads: Path,
    name: str,
    symbol: str,
    articles: int,
    first_at: tuple[int, ...],
    publisher: str,
    title: str,
    company: tuple[str, str, str],
) -> None:
    """All of them, newest first, times in UTC, clean publishers, absolute links; the company."""
    news = read_page(vendor_payloads, name, symbol)
    assert news.rejected == ()
    assert len(news.items) == articles
    first = news.items[0]
    assert first.published_at == datetime(*first_at, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to minute
    assert (first.headline, first.publisher) == (title, publisher)
    assert (first.symbols, first.source) == ((symbol,), "finviz_page")
    assert news.companies == (Company(symbol, *company, source="finviz_page"),)
    times = [item.published_at for item in news.items]
    assert times == sorted(times, reverse=True)
    assert all(item.url.startswith(("https://", "http://")) for item in news.items)
    assert all("\n" not in item.headline and "<" not in item.headline for item in news.items)


def test_a_relative_link_of_2025_is_made_absolute(vendor_payloads: Path) -> None:
    """`/news/...` belongs to the site it stands on."""
    news = read_page(vendor_payloads, "quote_AACT_20250507.html", "AACT")
    assert news.items[0].url.startswith("https://finviz.com/news/49656/kodiak-appoints")


def test_the_recorded_404_is_an_unknown_symbol(vendor_payloads: Path) -> None:
    """A full page comes with it, and is not searched for news."""
    with pytest.raises(UnknownSymbol, match="INVALID"):
        read_page(vendor_payloads, "quote_INVALID_404.html", "INVALID")


@pytest.mark.parametrize(
    ("name", "articles", "first_at", "symbols", "title"), EXPORTS, ids=[row[0] for row in EXPORTS]
)
def test_a_recorded_export_gives_its_articles(
    vendor_payloads: Path,
    name: str,
    articles: int,
    first_at: tuple[int, ...],
    symbols: tuple[str, ...],
    title: str,
) -> None:
    """Both date forms are New York time; the market view has no tickers."""
    news = parse_news_export(reply_of(vendor_payloads, "finviz", name).body, "finviz_export")
    assert news.rejected == ()
    assert len(news.items) == articles
    first = news.items[0]
    assert first.published_at == datetime(*first_at, tzinfo=UTC)  # type: ignore[misc,arg-type]  # year to second
    assert (first.symbols, first.headline) == (symbols, title)


def test_a_recorded_cell_of_many_tickers_is_split(vendor_payloads: Path) -> None:
    """Quoted and comma-joined, in no order; doubled quotes inside a title are one."""
    body = reply_of(vendor_payloads, "finviz", "news_export_v3_us_date_format_20260411.csv").body
    items = parse_news_export(body, "finviz_export", wanted={"JPM"}).items
    assert items[2].symbols == ("JPM", "BAC", "C", "GS", "MS", "WFC")
    assert '"systemic"' in items[7].headline


def test_the_recorded_screener_has_whole_units(vendor_payloads: Path) -> None:
    """Market value from millions, average volume from thousands, percent signs gone."""
    fetched = parse_screener(reply_of(vendor_payloads, "finviz", "export_v151_20260731.csv").body)
    assert fetched.rejected == ()
    frame = fetched.frame.set_index("symbol")
    assert frame.index.tolist() == ["AAPL", "AMZN", "BA"]
    apple = frame.loc["AAPL"]
    assert apple["market_cap_usd"] == pytest.approx(4545736.82e6)
    assert apple["average_volume"] == pytest.approx(55619280)
    assert (apple["volume"], apple["price_usd"], apple["change_pct"]) == (478008.0, 309.5, -7.18)
    assert apple["sector"] == "Technology"
    assert frame["dividend_yield_pct"].isna().tolist() == [False, True, False]


def test_the_recorded_screener_describes_companies(vendor_payloads: Path) -> None:
    """Sector and industry stand in it under the names of Finviz."""
    body = reply_of(vendor_payloads, "finviz", "export_v151_20260731.csv").body
    found = {one.symbol: (one.sector, one.industry) for one in parse_companies(body, "s")}
    assert found == {
        "AAPL": ("Technology", "Consumer Electronics"),
        "AMZN": ("Consumer Cyclical", "Internet Retail"),
        "BA": ("Industrials", "Aerospace & Defense"),
    }


@pytest.mark.parametrize("name", [row[0] for row in PAGES])
def test_a_page_cut_within_its_news_is_no_answer(vendor_payloads: Path, name: str) -> None:
    """Half a table would pass for all the news: a typed error instead, on every layout."""
    body = (vendor_payloads / "finviz" / name).read_bytes()
    begin = body.index(b"news-table")
    half = body[: begin + body[begin:].lower().index(b"</table") // 2]
    with pytest.raises(BadPayload, match="stops within its news table"):
        parse_quote_page(
            half, 200, "AAPL", now=datetime(2026, 1, 1, tzinfo=UTC),
            site="https://finviz.com/", source="finviz_page",
        )  # fmt: skip
