"""Yahoo's quoteSummary: each module as recorded, with the fields a client may need of it.

Belongs here: the format. Does not: any number of its own (`companies`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import to_dashed
from market_pipeline.sandbox.companies import Standing

_CODES = {"XNAS": ("NMS", "NasdaqGS"), "XNYS": ("NYQ", "NYSE"), "ARCX": ("PCX", "NYSEArca")}
_AFTER_THE_CLOSE = time(16, 30)


def summary_modules(told: Standing, modules: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Write the modules asked for that exist for this kind of instrument."""
    every = {
        "quoteType": _quote_type(told),
        "price": _price(told),
        "summaryDetail": _detail(told),
        "defaultKeyStatistics": _key_statistics(told),
        "assetProfile": {
            "sector": told.listing.sector, "industry": told.listing.industry, "maxAge": 86400,
        },
    }  # fmt: skip
    if told.listing.kind != "ETF":
        every |= {"financialData": _financial_data(told), "calendarEvents": _calendar(told)}
    return {name: every[name] for name in modules if name in every}


def _names(told: Standing) -> dict[str, Any]:
    return {
        "exchange": _CODES.get(told.listing.exchange, (told.listing.exchange, ""))[0],
        "quoteType": "ETF" if told.listing.kind == "ETF" else "EQUITY",
        "symbol": to_dashed(told.listing.symbol),
        "shortName": told.listing.name,
        "longName": told.listing.name,
    }


def _quote_type(told: Standing) -> dict[str, Any]:
    return {**_names(told), "timeZoneFullName": "America/New_York", "maxAge": 1}


def _price(told: Standing) -> dict[str, Any]:
    exchange = _CODES.get(told.listing.exchange, ("", told.listing.exchange))[1]
    return {
        **_names(told),
        "maxAge": 1,
        "exchangeName": exchange,
        "regularMarketPrice": round(told.price_usd, 2),
        "currency": "USD",
        "currencySymbol": "$",
        "marketCap": round(told.market_cap),
    }


def _detail(told: Standing) -> dict[str, Any]:
    return {
        "maxAge": 1,
        "trailingPE": told.price_usd / told.trailing_eps,
        "forwardPE": told.price_usd / told.forward_eps,
        "priceToSalesTrailing12Months": told.market_cap / told.revenue,
        "beta": told.beta,
        "marketCap": round(told.market_cap),
        "currency": "USD",
    }


def _key_statistics(told: Standing) -> dict[str, Any]:
    return {
        "maxAge": 1,
        "sharesOutstanding": round(told.shares),
        "priceToBook": told.price_usd / told.book_value,
        "bookValue": told.book_value,
        "trailingEps": told.trailing_eps,
        "forwardEps": told.forward_eps,
        "forwardPE": told.price_usd / told.forward_eps,
        "profitMargins": told.margin,
        "beta": told.beta,
    }


def _financial_data(told: Standing) -> dict[str, Any]:
    return {
        "maxAge": 86400,
        "currentPrice": round(told.price_usd, 2),
        "totalRevenue": round(told.revenue),
        "profitMargins": told.margin,
        "financialCurrency": "USD",
    }


def _calendar(told: Standing) -> dict[str, Any]:
    at = datetime.combine(told.next_earnings, _AFTER_THE_CLOSE, tzinfo=NEW_YORK)
    stamp = int(at.astimezone(UTC).timestamp())
    return {"maxAge": 1, "earnings": {"earningsDate": [stamp], "isEarningsDateEstimate": True}}
