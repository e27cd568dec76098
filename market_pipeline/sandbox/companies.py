"""What the sandbox says of companies: the same figures for every vendor, from names and prices.

Belongs here: figures and dates made up to look plausible. Does not: any vendor's format.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from market_pipeline.sandbox.market import Listing, Market
from market_pipeline.sandbox.randomness import unit

_QUARTER = 91
_FIRST_SEASON = date(2012, 1, 10)


@dataclass(frozen=True, slots=True)
class Standing:
    """A company's figures at the market's present; amounts in USD, shares in units."""

    listing: Listing
    price_usd: float
    shares: float
    trailing_eps: float
    forward_eps: float
    book_value: float
    revenue: float
    margin: float
    beta: float
    next_earnings: date

    @property
    def market_cap(self) -> float:
        """Price times shares."""
        return self.price_usd * self.shares


def standing(market: Market, symbol: str) -> Standing | None:
    """Give the figures of a symbol in dot form; None where the sandbox does not know it."""
    listing, bars, as_of = market.listing(symbol), market.bars(symbol), market.as_of()
    if listing is None or bars is None or as_of is None:
        return None
    closes = bars.upto(as_of).close
    known = closes[np.isfinite(closes)]
    if not len(known):
        return None
    price = float(known[-1])
    seed = market.seed or 0
    shares = float(round(10 ** (7.5 + 2.5 * unit(seed, symbol, "shares")), -3))
    trailing = price / (8 + 40 * unit(seed, symbol, "earnings"))
    return Standing(
        listing=listing,
        price_usd=price,
        shares=shares,
        trailing_eps=round(trailing, 2) or 0.01,
        forward_eps=round(trailing * (0.95 + 0.25 * unit(seed, symbol, "growth")), 2) or 0.01,
        book_value=round(price / (1 + 9 * unit(seed, symbol, "book")), 3) or 0.001,
        revenue=float(round(price * shares / (1 + 8 * unit(seed, symbol, "sales")))),
        margin=round(0.02 + 0.3 * unit(seed, symbol, "margin"), 4),
        beta=round(0.5 + 1.2 * unit(seed, symbol, "beta"), 2),
        next_earnings=_next_earnings(symbol, as_of),
    )


def _next_earnings(symbol: str, as_of: date) -> date:
    """Give the first of the symbol's dates, a quarter apart, that comes after `as_of`."""
    first = _FIRST_SEASON + timedelta(days=int(35 * unit(0, symbol, "season")))
    elapsed = (as_of - first).days // _QUARTER + 1
    return first + timedelta(days=max(elapsed, 0) * _QUARTER)
