"""Finviz's wire: the Elite exports of news and screener (CSV), the quote page (HTML of 2025).

Times are New York wall-clock; an export without a token answers the login page with status 200.
Does not: any headline of its own.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from itertools import groupby

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.sandbox.market import Headline, Listing, Market

_ROWS = 100
_MARKET_VIEW, _STOCK_VIEW = "1", "3"
_SITE = "https://finviz.com"
_SCREENER = ("No.", "Ticker", "Company", "Sector", "Industry", "Country")
"""The screener's first columns, by which `c=` numbers them."""
_COLUMNS = ("Title", "Source", "Date", "Url", "Category")

LOGIN_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><title>FINVIZ.com - Login</title><meta charset="UTF-8"></head>
<body><form action="/login_submit.ashx" method="post">
<input name="email" type="email"><input name="password" type="password">
<input type="submit" value="Login"></form></body>
</html>
"""

_PAGE = """<!DOCTYPE html>
<html lang="en" class=" dark">
<head>
<title>{symbol} - Stock Price and Quote</title>
<meta charset="UTF-8"><meta name="viewport" content="width=1024">
<link rel="canonical" href="/quote.ashx?t={symbol}">
</head>
<body>
<div class="quote-header"><div class="quote-header_left">
<div class="quote-header_ticker-wrapper">
<h1 class="js-recent-quote-ticker quote-header_ticker-wrapper_ticker" data-ticker="{symbol}">\
{symbol}</h1>
<h2 class="quote-header_ticker-wrapper_company text-xl">
<a class="tab-link block truncate" href="https://www.example.com" rel="nofollow">
                        {name}
                        </a>
</h2>
</div>
</div></div>
<div class="quote-links whitespace-nowrap gap-8"><div class="flex space-x-0.5 overflow-hidden">
<a class="tab-link" href="screener.ashx?v=111&amp;f=sec_{sector_slug}">{sector}</a>
<span class="text-muted-3">•</span>
<a class="tab-link truncate" href="screener.ashx?v=111&amp;f=ind_{industry_slug}" \
title="{industry}">{industry}</a>
</div></div>
<div class="body-table-news-wrapper news-table_wrapper"><table width="100%" cellpadding="1" \
cellspacing="0" border="0" id="news-table" class="fullview-news-outer news-table">
{rows}</table>
</div>
</body>
</html>
"""

_ROW = """    <tr class="cursor-pointer has-label" \
onclick="trackAndOpenNews(event, '{publisher}', '{url}');">
        <td width="130" align="right">\r
            {stamp}\r
        </td>
        <td align="left">
            <div class="news-link-container">
                <div class="news-link-left">
                    <a class="tab-link-news" href="{url}" target="_blank" {rel}>{title}</a>
                </div>
                <div class="news-link-right">
                    <span>({publisher})</span></div></div></td></tr>
"""

_UNKNOWN = """<!DOCTYPE html>
<html>
<head>
<title>{symbol} Stock Quote</title>
<meta charset="UTF-8">
</head>
<body><div class="content "><div class="fv-container">
<script>window.location = '/search.ashx?p={symbol}';</script>
<table><tr><td align="center" class="body-text">Ticker <b>"{symbol}"</b> not found.<br>
We cover only stocks and ETFs listed on NYSE, NASDAQ, and AMEX.</td></tr></table>
</div></div></body>
</html>
"""


class FinvizSite:
    """The Finviz pages and exports over one market."""

    def __init__(
        self, market: Market, clock: Clock, portfolios: Mapping[str, Sequence[str]]
    ) -> None:
        self._market, self._clock, self._portfolios = market, clock, portfolios

    def page_routes(self) -> list[Route]:
        """Give the routes below the public site's prefix."""
        return [Route("/quote.ashx", self._moved), Route("/quote", self._quote)]

    def export_routes(self) -> list[Route]:
        """Give the routes below the Elite site's prefix."""
        return [
            Route("/news_export.ashx", self._export),
            Route("/export.ashx", self._screener),
        ]

    async def _moved(self, request: Request) -> Response:
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}/quote?{request.url.query}", 301)

    async def _quote(self, request: Request) -> Response:
        asked = request.query_params.get("t", "").upper()
        now = self._clock()
        symbol = _canonical(asked)
        headlines = self._market.headlines(symbol, now, _ROWS) if symbol else None
        if headlines is None:
            page = _UNKNOWN.format(symbol=escape(asked))
            return Response(page, 404, media_type="text/html")
        listing = self._market.listing(symbol or "") or Listing(asked, asked, "CS", "XNYS")
        page = _PAGE.format(
            symbol=escape(asked),
            name=escape(listing.name),
            sector=escape(listing.sector),
            sector_slug=_slug(listing.sector),
            industry=escape(listing.industry),
            industry_slug=_slug(listing.industry),
            rows=_table_rows(headlines, now),
        )
        return Response(page, media_type="text/html")

    async def _export(self, request: Request) -> Response:
        query = request.query_params
        if not query.get("auth", "").strip():
            return Response(LOGIN_PAGE, media_type="text/html")
        if query.get("v", _MARKET_VIEW) == _STOCK_VIEW:
            return _csv(self._newest(self._selected(query)), has_tickers=True)
        symbols = [listing.symbol for listing in self._market.listings()]
        return _csv(self._newest(symbols)[:_ROWS], has_tickers=False)

    async def _screener(self, request: Request) -> Response:
        query = request.query_params
        if not query.get("auth", "").strip():
            return Response(LOGIN_PAGE, media_type="text/html")
        wanted = [int(text) for text in query.get("c", "").split(",") if text.isdecimal()]
        columns = [number for number in wanted if number < len(_SCREENER)] or range(len(_SCREENER))
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(_SCREENER[number] for number in columns)
        known = [self._market.listing(symbol) for symbol in self._selected(query)]
        for row, one in enumerate((listing for listing in known if listing), 1):
            cells = (row, to_dashed(one.symbol), one.name, one.sector, one.industry, "USA")
            writer.writerow(cells[number] for number in columns)
        return Response(text.getvalue(), media_type="text/csv")

    def _selected(self, query: Mapping[str, str]) -> list[str]:
        """Give the tickers of a portfolio's id, or those named; unreadable ones are left."""
        if "pid" in query:
            return list(self._portfolios.get(query["pid"], ()))
        asked = [_canonical(text) for text in query.get("t", "").split(",")]
        return [symbol for symbol in asked if symbol]

    def _newest(self, symbols: Sequence[str]) -> list[Headline]:
        """Merge the tickers' headlines, newest first, a shared one once; unknown ones are left."""
        now = self._clock()
        found = {
            headline: None
            for symbol in symbols
            for headline in self._market.headlines(symbol, now, _ROWS) or ()
        }
        return sorted(found, key=lambda h: (h.published_at, h.title), reverse=True)


def _slug(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())


def _canonical(asked: str) -> str | None:
    """Read a ticker as Finviz writes it: a dot is unknown there."""
    if "." in asked:
        return None
    try:
        return parse_symbol(asked)
    except ValueError:
        return None


def _csv(headlines: Sequence[Headline], *, has_tickers: bool) -> Response:
    """Write the export: text quoted, date and category bare, several tickers in one cell."""
    columns = (*_COLUMNS, "Ticker") if has_tickers else _COLUMNS
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(columns)
    for headline in headlines:
        stamp = f"{headline.published_at.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S}"
        url = headline.url if "://" in headline.url else _SITE + headline.url
        cells = [_quoted(headline.title), _quoted(headline.publisher), stamp, _quoted(url)]
        cells.append("Stock" if has_tickers else "Market")
        if has_tickers:
            cells.append(_quoted(",".join(map(to_dashed, headline.symbols))))
        text.write(",".join(cells) + "\n")
    return Response(text.getvalue(), media_type="text/csv")


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _table_rows(headlines: Sequence[Headline], now: datetime) -> str:
    """Write the rows: a day on its first row only, `Today` for the present New York day."""
    today = now.astimezone(NEW_YORK).date()
    rows = []
    for day, of_day in groupby(headlines, lambda h: h.published_at.astimezone(NEW_YORK).date()):
        label = "Today" if day == today else f"{day:%b-%d-%y}"
        for headline in of_day:
            clock = f"{headline.published_at.astimezone(NEW_YORK):%I:%M%p}"
            relative = "://" not in headline.url
            rows.append(
                _ROW.format(
                    stamp=f"{label} {clock}" if label else clock,
                    url=escape(headline.url),
                    rel="" if relative else 'rel="nofollow"',
                    title=escape(headline.title),
                    publisher=escape(headline.publisher),
                )
            )
            label = ""
    return "".join(rows)
