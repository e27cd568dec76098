"""Profiles and size of companies from Polygon's ticker details.

Its sectors are SIC descriptions: they are told as the industry, in Polygon's words.
"""

from typing import Any
from urllib.parse import quote

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.companies import ETF, INDEX, CompanyProfile, Fundamentals
from market_pipeline.domain.errors import BadPayload, LayoutChanged, UnknownSymbol
from market_pipeline.domain.symbols import from_polygon
from market_pipeline.vendors.bodies import clean_text, parse_json
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.polygon_payloads import VENDOR, refuse_told_error
from market_pipeline.vendors.yahoo_payloads import number_of

DETAILS = "ticker-details"
_CLASSES = {
    **dict.fromkeys(("CS", "ADRC", "PFD", "OS", "GDR", "UNIT", "NYRS"), STOCK),
    **dict.fromkeys(("ETF", "ETN", "ETV", "ETS"), ETF),
    "INDEX": INDEX,
}


class PolygonCompanyClient(PolygonClient):
    """A source of profiles and of what Polygon knows of a company's size."""

    def profile(self, symbol: str) -> CompanyProfile:
        """Say what `symbol` is. Raises a `VendorError`."""
        return details_profile(self._details(symbol), self.name)

    def fundamentals(self, symbol: str) -> tuple[Fundamentals, str]:
        """Give market value and shares of `symbol`, and this source. Raises a `VendorError`."""
        return details_fundamentals(self._details(symbol)), self.name

    def _details(self, symbol: str) -> dict[str, Any]:
        ticker = self._ticker(symbol, DETAILS)
        reply = self._http.get(f"/v3/reference/tickers/{quote(ticker)}", {}, DETAILS)
        if reply.status == 404:
            raise UnknownSymbol(self.name, DETAILS, f"{ticker} is not known")
        return parse_details(reply.body, ticker)


def parse_details(body: bytes, symbol: str) -> dict[str, Any]:
    """Give the one result of a details answer about `symbol`, under the name `symbol` as ours.

    Raises `UnknownSymbol` for an empty answer, `LayoutChanged`, or `BadPayload` for another's.
    """
    document = parse_json(body, VENDOR, DETAILS)
    if not isinstance(document, dict):
        raise LayoutChanged(VENDOR, DETAILS, "the answer is no object")
    refuse_told_error(document, DETAILS)
    results = document.get("results")
    if not results:
        raise UnknownSymbol(VENDOR, DETAILS, f"{symbol} is not known")
    if not isinstance(results, dict) or not isinstance(results.get("ticker"), str):
        raise LayoutChanged(VENDOR, DETAILS, "the field results.ticker is missing")
    try:
        told = from_polygon(results["ticker"])
    except ValueError:
        told = ""
    if told != symbol:
        said = clean_text(results["ticker"], 20)
        raise BadPayload(VENDOR, DETAILS, f"asked for {symbol}, the body is about {said!r}")
    return {**results, "symbol": told}


def details_profile(details: dict[str, Any], source: str) -> CompanyProfile:
    """Say what details tell of a symbol; its own name where they have none."""
    return CompanyProfile(
        symbol=details["symbol"],
        name=_text(details.get("name"), 200) or details["symbol"],
        source=source,
        asset_class=_CLASSES.get(_text(details.get("type"), 20) or ""),
        exchange=_text(details.get("primary_exchange"), 20),
        industry=_text(details.get("sic_description"), 120),
    )


def details_fundamentals(details: dict[str, Any]) -> Fundamentals:
    """Read market value and shares of the class; the rest is not told."""
    currency = _text(details.get("currency_name"), 8)
    return Fundamentals(
        symbol=details["symbol"],
        currency=currency.upper() if currency else None,
        market_cap=number_of(details.get("market_cap")),
        shares_outstanding=number_of(details.get("share_class_shares_outstanding")),
    )


def _text(value: Any, length: int) -> str | None:
    return clean_text(value, length).strip() or None if isinstance(value, str) else None
