"""Finviz's wire: the export's CSV and the page's table, held against recorded ones."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from bs4 import BeautifulSoup, Tag

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.sandbox import SandboxServer, create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.market import Headline
from market_pipeline_tests.sandbox.conftest import NOW

EXPORT = "/finviz_elite/news_export.ashx"
SCREENER = "/finviz_elite/export.ashx"
STAMP = re.compile(r"(?:(Today|[A-Z][a-z]{2}-\d{2}-\d{2}) )?(\d{2}:\d{2}[AP]M)")


def headlines_of(market: GeneratedMarket, symbol: str) -> list[Headline]:
    return list(market.headlines(symbol, NOW, 100) or ())


def table_of(page: str) -> list[Tag]:
    return list(BeautifulSoup(page, "lxml").select("table#news-table tr"))


def test_the_export_reads_back_as_the_markets_headlines(
    client: httpx.Client, market: GeneratedMarket
) -> None:
    """Titles with quotes, commas and tags survive the CSV; times are New York wall-clock."""
    answer = client.get(EXPORT, params={"v": 3, "t": "AAPL", "auth": "token"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    expected = headlines_of(market, "AAPL")
    assert sorted(row["Title"] for row in rows) == sorted(h.title for h in expected)
    for row, headline in zip(rows, expected, strict=True):
        local = datetime.fromisoformat(row["Date"]).replace(tzinfo=NEW_YORK)
        assert local == headline.published_at
        assert row["Url"].startswith("https://")
    assert any(len(row["Ticker"].split(",")) > 1 for row in rows)


@pytest.mark.parametrize(
    ("view", "file"),
    [("3", "news_export_v3_AAPL_20260731.csv"), ("1", "news_export_v1_market_20260731.csv")],
)
def test_the_export_is_written_as_recorded(
    client: httpx.Client, vendor_payloads: Path, view: str, file: str
) -> None:
    """Header and quoting (date and category bare, the rest quoted) are those of the record."""
    theirs = (vendor_payloads / "finviz" / file).read_text().splitlines()
    answer = client.get(EXPORT, params={"v": view, "t": "AAPL,BRK-B,KO", "auth": "token"})
    ours = answer.text.splitlines()
    assert ours[0] == theirs[0]
    bare = r'"(?:[^"]|"")*","(?:[^"]|"")*",\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,"[^"]*",\w+(?:,"[^"]*")?'
    for line in (*ours[1:], *theirs[1:]):
        assert re.fullmatch(bare, line), line


def test_shared_headlines_come_once(client: httpx.Client) -> None:
    """Asking for two tickers gives a headline about both in one row."""
    answer = client.get(EXPORT, params={"v": 3, "t": "AAPL,MSFT,NVDA,IBM", "auth": "token"})
    rows = [tuple(row.values()) for row in csv.DictReader(io.StringIO(answer.text))]
    assert len(rows) == len(set(rows))


def test_unknown_tickers_bring_no_rows(client: httpx.Client) -> None:
    """A ticker the market does not know leaves the header alone."""
    answer = client.get(EXPORT, params={"v": 3, "t": "ZZTOP", "auth": "token"})
    assert answer.text == '"Title","Source","Date","Url","Category","Ticker"\n'


def test_without_a_token_comes_the_login_page(client: httpx.Client) -> None:
    """A missing or blank token is HTML with status 200."""
    for query in ("v=3&t=AAPL", "v=3&t=AAPL&auth=%20"):
        answer = client.get(f"{EXPORT}?{query}")
        assert answer.status_code == 200
        assert answer.text.startswith("<!DOCTYPE html>")
        assert "Login" in answer.text


def test_an_id_selects_the_tickers_it_was_given(client: httpx.Client) -> None:
    """A control says what a portfolio holds; an id nobody gave holds nothing."""
    told = client.post("/_sandbox/portfolios", json={"123": ["AAPL", "BRK-B"]})
    assert told.json() == {"portfolios": {"123": ["AAPL", "BRK.B"]}}
    by_id = client.get(EXPORT, params={"v": 3, "pid": "123", "auth": "token"})
    by_name = client.get(EXPORT, params={"v": 3, "t": "AAPL,BRK-B", "auth": "token"})
    assert by_id.text == by_name.text
    unknown = client.get(EXPORT, params={"v": 3, "pid": "9", "auth": "token"})
    assert len(unknown.text.splitlines()) == 1
    assert client.post("/_sandbox/portfolios", json={"x": ["AAPL"]}).status_code == 422
    assert client.post("/_sandbox/portfolios", json={"1": ["=x"]}).status_code == 422
    assert client.delete("/_sandbox/portfolios").json() == {"portfolios": {}}


def test_the_screener_names_company_sector_and_industry(
    client: httpx.Client, vendor_payloads: Path
) -> None:
    """Its columns are the first recorded ones, in the order `c=` asks for."""
    recorded = (vendor_payloads / "finviz" / "export_v151_20260731.csv").read_text()
    answer = client.get(SCREENER, params={"v": 152, "t": "AAPL,BRK-B,ZZTOP", "auth": "token"})
    header = answer.text.splitlines()[0]
    assert recorded.startswith(header + ",")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["Ticker"], row["Sector"]) for row in rows] == [
        ("AAPL", "Technology"),
        ("BRK-B", "Financial"),
    ]
    chosen = client.get(SCREENER, params={"t": "AAPL", "c": "1,3", "auth": "token"})
    assert chosen.text == '"Ticker","Sector"\n"AAPL","Technology"\n'
    assert client.get(SCREENER, params={"t": "AAPL"}).text.startswith("<!DOCTYPE html>")


def test_the_page_names_the_company_as_recorded(
    client: httpx.Client, vendor_payloads: Path
) -> None:
    """Name, sector and industry stand under the elements that the page of 2025 has for them."""
    places = (
        "h2.quote-header_ticker-wrapper_company a.tab-link",
        'div.quote-links a[href*="f=sec_"]',
        'div.quote-links a[href*="f=ind_"]',
    )
    recorded = (vendor_payloads / "finviz" / "quote_AACT_20250507.html").read_text()
    ours = client.get("/finviz/quote", params={"t": "T"}).text
    found = [
        [BeautifulSoup(page, "lxml").select_one(place) for place in places]
        for page in (recorded, ours)
    ]
    assert all(all(elements) for elements in found)
    assert [" ".join(element.text.split()) for element in found[1] if element] == [
        "AT&T Inc.",
        "Communication Services",
        "Internet Content & Information",
    ]


def test_the_old_address_moves(client: httpx.Client) -> None:
    """quote.ashx answers 301 with an empty body and leads to the page."""
    answer = client.get("/finviz/quote.ashx", params={"t": "BRK-B"})
    assert (answer.status_code, answer.content) == (301, b"")
    assert answer.headers["location"] == "/finviz/quote?t=BRK-B"
    assert client.get(answer.headers["location"]).status_code == 200


def test_rows_have_the_recorded_markup(client: httpx.Client, vendor_payloads: Path) -> None:
    """Every element and class inside a row is one the recorded page of 2025 has, and no other."""

    def outline(row: Tag) -> list[tuple[str, str]]:
        return [(tag.name, " ".join(tag.get("class") or [])) for tag in (row, *row.find_all(True))]

    recorded = (vendor_payloads / "finviz" / "quote_AACT_20250507.html").read_text()
    expected = outline(table_of(recorded)[0])
    rows = table_of(client.get("/finviz/quote", params={"t": "AAPL"}).text)
    assert len(rows) == 100
    assert all(outline(row) == expected for row in rows)


def test_the_page_reads_back_as_the_markets_headlines(
    client: httpx.Client, market: GeneratedMarket
) -> None:
    """Titles are escaped, sources stand in parentheses, days on a day's first row only."""
    rows = table_of(client.get("/finviz/quote", params={"t": "JPM"}).text)
    day: date | None = None
    for row, headline in zip(rows, headlines_of(market, "JPM"), strict=True):
        link, source, cell = row.select_one("a.tab-link-news"), row.select_one("span"), row.td
        assert link is not None
        assert source is not None
        assert cell is not None
        assert (link.text, link["href"]) == (headline.title, headline.url)
        assert source.text == f"({headline.publisher})"
        match = STAMP.fullmatch(cell.text.strip())
        assert match is not None
        local = headline.published_at.astimezone(NEW_YORK)
        assert (match[1] is not None) == (local.date() != day)
        day = local.date()
        assert match[2] == f"{local:%I:%M%p}"


@pytest.fixture
def busy_day(market: GeneratedMarket) -> Iterator[tuple[httpx.Client, str]]:
    """Give a page client whose today is a day on which some ticker had news before 21:00 UTC."""
    for symbol in ("AAPL", "MSFT", "KO", "JPM", "XOM"):
        newest = headlines_of(market, symbol)[0]
        if newest.published_at.astimezone(NEW_YORK).date() == date(2026, 11, 20):
            with (
                SandboxServer(create_app(market, lambda: NOW)) as server,
                httpx.Client(base_url=server.url, trust_env=False) as client,
            ):
                yield client, symbol
            return
    pytest.fail("no ticker has news on the day: choose another seed or day")


def test_the_present_day_reads_today(busy_day: tuple[httpx.Client, str]) -> None:
    """The first row of the New York day is labelled Today, with no date on that day's others."""
    client, symbol = busy_day
    rows = table_of(client.get("/finviz/quote", params={"t": symbol}).text)
    cells = [row.td.text.strip() for row in rows if row.td]
    assert cells[0].startswith("Today ")
    assert sum(cell.startswith("Today") for cell in cells) == 1
    assert "Nov-20-26" not in " ".join(cells)


def test_unknown_tickers_answer_a_404_page(client: httpx.Client) -> None:
    """An unknown ticker is a 404 page without a news table, the ticker escaped."""
    answer = client.get("/finviz/quote", params={"t": "ZZ<script>"})
    assert answer.status_code == 404
    assert 'Ticker <b>"ZZ&lt;SCRIPT&gt;"</b> not found' in answer.text
    assert table_of(answer.text) == []


def test_now_decides_what_is_published(market: GeneratedMarket) -> None:
    """The page of an earlier moment shows nothing later than it."""
    then = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
    with (
        SandboxServer(create_app(market, lambda: then)) as server,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        answer = client.get(EXPORT, params={"v": 3, "t": "AAPL,KO,JPM", "auth": "token"})
    stamps = [row["Date"] for row in csv.DictReader(io.StringIO(answer.text))]
    assert max(stamps) <= "2026-11-17 10:00:00"
