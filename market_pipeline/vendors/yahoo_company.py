"""Profiles and fundamentals from Yahoo's quoteSummary, through the real yfinance.

Belongs here: what its modules mean, and asking for them. Does not: charts (`yahoo`).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from market_pipeline.domain.books import STOCK
from market_pipeline.domain.companies import ETF, INDEX, CompanyProfile, Fundamentals
from market_pipeline.domain.errors import BadPayload, LayoutChanged, Unavailable, UnknownSymbol
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.vendors.bodies import clean_text, parse_json
from market_pipeline.vendors.yahoo import YahooClient, checked_ticker, yfinance_error
from market_pipeline.vendors.yahoo_payloads import VENDOR, number_of
from market_pipeline.vendors.yahoo_session import SUMMARY, StaleCrumb

PROFILE_MODULES = ("quoteType", "price", "assetProfile")
FIGURE_MODULES = (
    "quoteType", "price", "summaryDetail", "defaultKeyStatistics", "financialData",
    "calendarEvents",
)  # fmt: skip

_CLASSES = {"EQUITY": STOCK, "ETF": ETF, "INDEX": INDEX}
# Yahoo's codes of US exchanges, as ISO 10383 market identifiers.
_EXCHANGES = {
    "NMS": "XNAS", "NGM": "XNAS", "NCM": "XNAS", "NYQ": "XNYS", "PCX": "ARCX", "ASE": "XASE",
    "BTS": "BATS", "PNK": "OTCM", "OQB": "OTCM", "OQX": "OTCM",
}  # fmt: skip

Facts = Mapping[str, Any]


class YahooCompanyClient(YahooClient):
    """A source of profiles and fundamentals: one request a symbol and question."""

    def profile(self, symbol: str) -> CompanyProfile:
        """Say what `symbol` is. Raises a `VendorError`."""
        symbol = checked_ticker(symbol)
        return profile_of(self._facts(symbol, PROFILE_MODULES), symbol, self.name)

    def fundamentals(self, symbol: str) -> tuple[Fundamentals, str]:
        """Give the present figures of `symbol` and this source. Raises a `VendorError`."""
        symbol = checked_ticker(symbol)
        return fundamentals_of(self._facts(symbol, FIGURE_MODULES), symbol), self.name

    def _facts(self, symbol: str, modules: tuple[str, ...]) -> Facts:
        return self._guard.run(
            SUMMARY, lambda timeout_s: self._ask_summary(symbol, modules, timeout_s)
        )

    def _ask_summary(self, symbol: str, modules: tuple[str, ...], timeout_s: float) -> Facts:
        from yfinance.scrapers.quote import Quote

        session, data = self._engine()
        problem = ""
        try:
            with session.within(timeout_s, symbol):
                # Its public `info` asks twice and drops what it cannot read without a word.
                document = Quote(data, to_dashed(symbol))._fetch(list(modules))
                return facts_of(document, symbol)
        except StaleCrumb:
            data._crumb = None
            problem = "Yahoo wants another crumb"
        except (LookupError, TypeError, ValueError, AttributeError, yfinance_error()) as error:
            raise LayoutChanged(
                VENDOR, SUMMARY, f"{symbol}: yfinance could not read it ({type(error).__name__})"
            ) from None
        raise Unavailable(VENDOR, SUMMARY, f"{symbol}: {problem}")


def summary_facts(body: bytes, symbol: str) -> Facts:
    """Read a quoteSummary body; see `facts_of`."""
    return facts_of(parse_json(body, VENDOR, SUMMARY), symbol)


def facts_of(document: Any, symbol: str) -> Facts:
    """Give every field of a quoteSummary answer about `symbol`, under `module.field`.

    Raises `UnknownSymbol`, `LayoutChanged`, or `BadPayload` for another symbol's answer.
    """
    summary = document.get("quoteSummary") if isinstance(document, dict) else None
    if not isinstance(summary, dict):
        raise LayoutChanged(VENDOR, SUMMARY, "the field quoteSummary is missing")
    error = summary.get("error")
    if isinstance(error, dict):
        said = clean_text(f"{symbol}: {error.get('description')}", 160)
        is_unknown = error.get("code") == "Not Found"
        raise (UnknownSymbol if is_unknown else BadPayload)(VENDOR, SUMMARY, said)
    results = summary.get("result")
    if not isinstance(results, list) or not results or not isinstance(results[0], dict):
        raise LayoutChanged(VENDOR, SUMMARY, "the field quoteSummary.result is missing")
    facts = {
        f"{module}.{name}": value
        for module, fields in results[0].items()
        if isinstance(fields, dict)
        for name, value in fields.items()
    }
    _refuse_another(facts, symbol)
    return facts


def quote_facts(body: bytes) -> dict[str, Facts]:
    """Read a v7 quote answer as facts by symbol, under `quote.field`."""
    document = parse_json(body, VENDOR, "quote")
    response = document.get("quoteResponse") if isinstance(document, dict) else None
    rows = response.get("result") if isinstance(response, dict) else None
    if not isinstance(rows, list):
        raise LayoutChanged(VENDOR, "quote", "the field quoteResponse.result is missing")
    told: dict[str, Facts] = {}
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("symbol"), str):
            raise LayoutChanged(VENDOR, "quote", "the field symbol is missing")
        told[_canonical(row["symbol"])] = {f"quote.{name}": value for name, value in row.items()}
    return told


def profile_of(facts: Facts, symbol: str, source: str) -> CompanyProfile:
    """Say what facts tell of a symbol; its own name where they have none."""
    kind = _text(facts, "quoteType", "quoteType", "price", "quote")
    exchange = _text(facts, "exchange", "quoteType", "price", "quote", length=20)
    name = _text(facts, "longName", "quoteType", "price", "quote") or _text(
        facts, "shortName", "quoteType", "price", "quote"
    )
    return CompanyProfile(
        symbol=symbol,
        name=name or symbol,
        source=source,
        asset_class=_CLASSES.get(kind or ""),
        exchange=_EXCHANGES.get(exchange or "", exchange),
        sector=_text(facts, "sector", "assetProfile", length=120),
        industry=_text(facts, "industry", "assetProfile", length=120),
    )


def fundamentals_of(facts: Facts, symbol: str) -> Fundamentals:
    """Read figures; where modules differ the first one named here is believed."""
    detail, key = "summaryDetail", "defaultKeyStatistics"
    dividend_yield = _number(facts, "dividendYield", detail)
    in_percent = _number(facts, "dividendYield", "quote")  # quote says percent, detail a fraction
    margin = _number(facts, "profitMargins", key, "financialData")
    return Fundamentals(
        symbol=symbol,
        currency=_text(facts, "currency", detail, "price", "quote", length=8),
        market_cap=_number(facts, "marketCap", "price", detail, "quote"),
        trailing_pe=_number(facts, "trailingPE", detail, "quote"),
        forward_pe=_number(facts, "forwardPE", detail, key, "quote"),
        price_to_sales=_number(facts, "priceToSalesTrailing12Months", detail),
        price_to_book=_number(facts, "priceToBook", key, "quote"),
        shares_outstanding=_number(facts, "sharesOutstanding", key, "quote"),
        trailing_eps=_number(facts, "trailingEps", key)
        or _number(facts, "epsTrailingTwelveMonths", "quote"),
        forward_eps=_number(facts, "forwardEps", key) or _number(facts, "epsForward", "quote"),
        total_revenue=_number(facts, "totalRevenue", "financialData"),
        beta=_number(facts, "beta", detail, key),
        dividend_yield_pct=in_percent if dividend_yield is None else 100 * dividend_yield,
        profit_margin_pct=None if margin is None else 100 * margin,
        next_earnings_date=_earnings_date(facts),
    )


def _earnings_date(facts: Facts) -> date | None:
    """Give the first day on which earnings may come; a range is told while it is an estimate."""
    told = facts.get("calendarEvents.earnings")
    dates = told.get("earningsDate") if isinstance(told, dict) else None
    first = dates[0] if isinstance(dates, list) and dates else None
    stamp = first if first is not None else facts.get("quote.earningsTimestampStart")
    seconds = number_of(stamp)
    if seconds is None or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC).astimezone(NEW_YORK).date()


def _refuse_another(facts: Facts, symbol: str) -> None:
    for module in ("quoteType", "price"):
        told = facts.get(f"{module}.symbol")
        if isinstance(told, str) and _canonical(told) != _canonical(symbol):
            said = clean_text(told, 20)
            raise BadPayload(VENDOR, SUMMARY, f"asked for {symbol}, the body is about {said!r}")


def _canonical(symbol: str) -> str:
    try:
        return parse_symbol(symbol)
    except ValueError:
        return clean_text(symbol, 32)


def _number(facts: Facts, field: str, *modules: str) -> float | None:
    told = (number_of(facts.get(f"{module}.{field}")) for module in modules)
    return next((value for value in told if value is not None), None)


def _text(facts: Facts, field: str, *modules: str, length: int = 200) -> str | None:
    for module in modules:
        value = facts.get(f"{module}.{field}")
        if isinstance(value, str) and (cleaned := clean_text(value, length).strip()):
            return cleaned
    return None
