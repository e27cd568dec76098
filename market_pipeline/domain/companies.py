"""What a company or fund is, and its figures: which source to believe, and when to ask again.

Belongs here: shapes and rules. Does not: any vendor's words for them (`vendors`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Protocol

from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.ports import Coverage

ETF, INDEX = "etf", "index"
"""Asset classes beside those of books (`books.ASSET_CLASSES`)."""

_RANKS = {"yahoo": 1, "polygon": 2, "finviz_export": 3, "finviz_page": 4}
_UNRANKED = 9
_QUARTER = timedelta(days=91)


@dataclass(frozen=True, slots=True)
class CompanyProfile:
    """What a source says a symbol is; None where it says nothing, empty name included.

    `asset_class` is stock, etf or index; `exchange` a MIC such as XNAS where it is known.
    """

    symbol: str
    name: str
    source: str
    asset_class: str | None = None
    exchange: str | None = None
    sector: str | None = None
    industry: str | None = None


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """A company's figures as a vendor tells them at present; None where unknown.

    Amounts in `currency`, yields and margins in percent, ratios as they are.
    """

    symbol: str
    currency: str | None = None
    market_cap: float | None = None
    trailing_pe: float | None = None
    forward_pe: float | None = None
    price_to_sales: float | None = None
    price_to_book: float | None = None
    shares_outstanding: float | None = None
    trailing_eps: float | None = None
    forward_eps: float | None = None
    total_revenue: float | None = None
    beta: float | None = None
    dividend_yield_pct: float | None = None
    profit_margin_pct: float | None = None
    next_earnings_date: date | None = None


class CompanySource(Protocol):
    """Tells what a symbol is and how its company stands."""

    @property
    def name(self) -> str: ...

    def profile(self, symbol: str) -> CompanyProfile:
        """Describe a symbol. Raises a `VendorError`: `UnknownSymbol` where nobody knows it."""
        ...

    def fundamentals(self, symbol: str) -> tuple[Fundamentals, str]:
        """Give present figures and the name of the source. Raises a `VendorError`."""
        ...


def rank(source: str) -> int:
    """Give how good a source of profiles is, 1 the best; `yahoo:sandbox` ranks as `yahoo`."""
    return _RANKS.get(source.partition(":")[0], _UNRANKED)


def joined(stored: CompanyProfile | None, told: CompanyProfile) -> CompanyProfile:
    """Join what a source tells to what is stored: of two the better one is believed.

    Where the better one is silent the other fills the field in; the source named is the better.
    Of equals the one told now is believed.
    """
    if stored is None:
        return told
    better, other = (told, stored) if rank(told.source) <= rank(stored.source) else (stored, told)
    return replace(
        better,
        name=better.name or other.name,
        asset_class=better.asset_class or other.asset_class,
        exchange=better.exchange or other.exchange,
        sector=better.sector or other.sector,
        industry=better.industry or other.industry,
    )


def due_fundamentals(
    symbols: Iterable[str],
    asked: Mapping[str, Coverage],
    next_earnings: Mapping[str, date],
    today: date,
    window: timedelta,
) -> list[str]:
    """List the symbols whose figures to ask for on `today`, in their order.

    Once a day within `window` of the earnings date told last, once a quarter otherwise, and never
    twice for one day. One that no source knew is asked about once a quarter.
    """

    def is_due(symbol: str) -> bool:
        known = asked.get(symbol)
        if known is None:
            return True
        if known.last_date >= today:
            return False
        earnings = next_earnings.get(symbol)
        is_near = earnings is not None and abs(today - earnings) <= window
        if is_near and known.outcome != UNKNOWN_SYMBOL:
            return True
        return today - known.last_date >= _QUARTER

    return [symbol for symbol in symbols if is_due(symbol)]
