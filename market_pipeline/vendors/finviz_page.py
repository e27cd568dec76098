"""What Finviz's quote page means: news table and company, in its layouts of 2020 to 2025. Pure.

Times stand once a day and are carried down; `Today` needs the moment of the request.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag

from market_pipeline.domain.errors import BadPayload, Blocked, LayoutChanged, UnknownSymbol
from market_pipeline.domain.news import Company, FetchedNews, NewsItem
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.vendors.bodies import clean_text, excerpt
from market_pipeline.vendors.finviz_times import VENDOR, clock_time, eastern, short_month
from market_pipeline.vendors.news_items import (
    RawItem,
    Refused,
    merge_items,
    read_item,
    rejected,
)

PAGE = "quote"
_STAMP = re.compile(
    r"(?:(?P<today>Today)|(?P<month>[A-Za-z]{3})-(?P<day>[0-9]{2})-(?P<year>[0-9]{2}))?"
    r"\s*(?P<clock>[0-9]{1,2}:[0-9]{2}\s*(?:AM|PM)?)",
    re.IGNORECASE,
)
# Of 2025, then of 2020 to 2022.
_COMPANY_NAME = "h2.quote-header_ticker-wrapper_company, table.fullview-title a.tab-link b"
_SECTOR, _INDUSTRY = (
    f'div.quote-links a[href*="f={kind}_"], table.fullview-title a[href*="f={kind}_"]'
    for kind in ("sec", "ind")
)
_REFUSAL = re.compile(r"captcha|just a moment|attention required|access denied", re.IGNORECASE)


@dataclass(slots=True)
class _Calendar:
    """Carries the day down the rows: None until a row names one that can be read."""

    today: date
    day: date | None = None

    def read(self, text: str) -> datetime:
        match = _STAMP.fullmatch(text)
        if match is None:
            # The rows below may belong to a day that this cell named: none of them is datable.
            self.day = None
            raise Refused("bad_time", f"{text[:40]!r} is no time of a headline")
        if match["today"]:
            self.day = self.today
        elif match["month"]:
            self.day = None
            month = short_month(match["month"])
            named = eastern(2000 + int(match["year"]), month, int(match["day"]), (12, 0, 0))
            self.day = named.date()
        if self.day is None:
            raise Refused("no_date", "a time of day without a date above it")
        return eastern(self.day.year, self.day.month, self.day.day, clock_time(match["clock"]))


def _closes_its_table(body: bytes) -> bool:
    """Say whether the news table ends before the body does."""
    page = body.lower()
    return b"</table" in page[max(page.find(b"news-table"), 0) :]


def parse_quote_page(
    body: bytes, status: int, symbol: str, *, now: datetime, site: str, source: str
) -> FetchedNews:
    """Read the news of a quote page for `symbol`, newest first as it stands there.

    `now` (aware) dates the `Today` rows, `site` completes relative links. Rows without a link or
    a datable time are rejected; what the page says of the company comes with it where readable.
    Raises `UnknownSymbol` (404), `BadPayload` (nothing at all, or cut short), `Blocked` (a captcha
    page) or `LayoutChanged` (no news table, or nothing readable in it).
    """
    if status == 404:
        raise UnknownSymbol(VENDOR, PAGE, f"{symbol}: no such page")
    if not body.strip():
        raise BadPayload(VENDOR, PAGE, f"{symbol}: an empty body")
    soup = BeautifulSoup(body.decode("utf-8", errors="replace"), "lxml")
    table = soup.find("table", id="news-table")
    if not isinstance(table, Tag):
        said = excerpt(body)
        if _REFUSAL.search(said):
            raise Blocked(VENDOR, PAGE, f"{symbol}: {said}")
        raise LayoutChanged(VENDOR, PAGE, f"{symbol}: no table#news-table in {said}")
    if not _closes_its_table(body):
        # A parser closes it silently, and half the news would pass for all of it.
        raise BadPayload(VENDOR, PAGE, f"{symbol}: the page stops within its news table")
    calendar = _Calendar(today=now.astimezone(NEW_YORK).date())
    items: list[NewsItem] = []
    refused: list[Rejected] = []
    for row in table.find_all("tr"):
        try:
            items.append(_read_row(row, calendar, symbol, site, source))
        except Refused as error:
            shown = row.get_text(" ", strip=True)
            refused.append(rejected(error, symbol, calendar.day, shown))
    if refused and not items:
        raise LayoutChanged(
            VENDOR, PAGE, f"{symbol}: no row of the news table is readable ({refused[0].detail})"
        )
    return FetchedNews(merge_items(items), tuple(refused), _read_company(soup, symbol, source))


def _read_company(soup: BeautifulSoup, symbol: str, source: str) -> tuple[Company, ...]:
    """Give name, sector and industry as far as the page shows them; nothing is no error."""
    name, sector, industry = (
        clean_text(found.get_text(" "), 200) if (found := soup.select_one(place)) else ""
        for place in (_COMPANY_NAME, _SECTOR, _INDUSTRY)
    )
    known = Company(symbol, name, sector, industry, source)
    return (known,) if name or sector or industry else ()


def _read_row(row: Tag, calendar: _Calendar, symbol: str, site: str, source: str) -> NewsItem:
    cell = row.find("td")
    # Read first, whatever else is wrong with the row: the rows below depend on its date.
    published_at = calendar.read(clean_text(cell.get_text(" "), 60) if cell else "")
    link = row.select_one("a.tab-link-news")
    if link is None:
        raise Refused("no_link", "no a.tab-link-news in the row")
    publisher = row.select_one("div.news-link-right span")
    try:
        url = urljoin(site, str(link.get("href", "")).strip())
    except ValueError:
        raise Refused("bad_url", "the link is no address") from None
    raw = RawItem(
        title=link.get_text(" "),
        publisher=_without_parentheses(publisher.get_text(" ") if publisher else ""),
        url=url,
        published_at=published_at,
        symbols=(symbol,),
        is_escaped=False,
    )
    return read_item(raw, source, wanted=(symbol,))


def _without_parentheses(text: str) -> str:
    name = clean_text(text, 200)
    return name[1:-1].strip() if name.startswith("(") and name.endswith(")") else name
