"""Option quotes completed: what the vendor left out is computed, and every such value is named.

Pure: quotes, bars of the underlyings and a rate in, `option_values` out. Does not: reject a quote
(`prices`), or value a position. docs/options.md.
"""

from datetime import timedelta

import numpy as np
import pandas as pd

from market_pipeline.domain.frames import DATE_DTYPE, Floats
from market_pipeline.domain.option_pricing import (
    DAYS_A_YEAR,
    MOST_VOLATILITY,
    Contracts,
    greeks,
    implied_volatility,
)
from market_pipeline.domain.option_quotes import STALE_QUOTE, quoted_price
from market_pipeline.domain.symbols import PLAIN, contract_kind

GREEKS = ("delta", "gamma", "theta", "vega")
VALUE_COLUMNS = (
    "session_date", "symbol", "underlying", "expiration_date", "option_type", "strike_usd",
    "multiplier", "bid", "ask", "last", "volume", "open_interest", "price_usd", "price_kind",
    "quoted_at", "flags", "implied_volatility", *GREEKS, "underlying_price", "rate",
    "dividend_yield", "computed", "source", "fetched_at",
)  # fmt: skip
"""`computed` names, comma-joined, the values that are ours and not the vendor's; `flags` says
`stale_quote` where a price is of another session, or of none that was told."""

YIELD_DAYS = 365
"""Dividends of so many days before a session, over its price, are the yield."""

_SATURDAY = 5
_BILL_DAYS, _DISCOUNT_YEAR = 91, 360
_NUMBERS = (
    "bid", "ask", "last", "strike_usd", "implied_volatility", *GREEKS, "underlying_price",
)  # fmt: skip


def complete_quotes(
    quotes: pd.DataFrame, bars: pd.DataFrame, rates: pd.DataFrame, *, default_rate: float
) -> pd.DataFrame:
    """Complete `option_quotes` rows, as `VALUE_COLUMNS`.

    `bars` (session_date, symbol, close, dividend_usd, split_ratio; split-adjusted) are the
    underlyings' from `YIELD_DAYS` before the first quote to the newest there are; `rates`
    (session_date, rate) continuous fractions a year, the last one up to a session counts, else
    `default_rate`. Implied volatility comes from the price, greeks from the volatility, the
    vendor's where it sent a usable one. What cannot be computed stays missing: without a price or
    an underlying, on the last day, for contracts that deliver something else than the shares.
    """
    frame = quotes.reset_index(drop=True).astype(dict.fromkeys(_NUMBERS, np.float64))
    sent = frame[["implied_volatility", *GREEKS, "underlying_price"]].notna()
    frame = frame.join(quoted_price(frame))
    frame["flags"] = pd.Series(STALE_QUOTE, frame.index, dtype=object).where(
        frame["is_stale"].astype(bool), None
    )
    stocks = _as_traded(bars).set_index(["session_date", "symbol"])
    keys = pd.MultiIndex.from_frame(frame[["session_date", "underlying"]])
    found = stocks.reindex(keys).reset_index(drop=True)
    frame["underlying_price"] = frame["underlying_price"].fillna(found["traded"])
    frame["dividend_yield"] = found["dividend_yield"].fillna(0.0)
    frame["rate"] = _rate_of(frame, rates).fillna(default_rate)
    frame = _with_greeks(frame)
    ours = frame[sent.columns].notna() & ~sent
    frame["computed"] = [
        ",".join(name for name, is_ours in zip(sent.columns, row, strict=True) if is_ours) or None
        for row in ours.to_numpy()
    ]
    return frame.reindex(columns=list(VALUE_COLUMNS))


def bill_rate(discount_pct: "pd.Series[float]") -> "pd.Series[float]":
    """Turn the 13-week Treasury bill's bank discount (percent) into a continuous rate a year."""
    price = 1 - discount_pct / 100 * _BILL_DAYS / _DISCOUNT_YEAR
    return pd.Series(-np.log(price.to_numpy()) * DAYS_A_YEAR / _BILL_DAYS, index=price.index)


def _with_greeks(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = [contract_kind(s, m) for s, m in zip(frame["symbol"], frame["multiplier"], strict=True)]
    can = pd.Series([kind in PLAIN for kind in kinds], index=frame.index, dtype=bool)
    can &= (frame["underlying_price"] > 0) & (frame["strike_usd"] > 0)
    lacks = frame[["implied_volatility", *GREEKS]].isna().any(axis=1)
    some = frame[can & lacks]
    if some.empty:
        return frame
    terms = _terms(some)
    sigma = some["implied_volatility"]
    unknown = sigma.isna().to_numpy()
    volatility = sigma.where((sigma > 0) & (sigma <= MOST_VOLATILITY)).to_numpy(copy=True)
    if unknown.any():
        price = some["price_usd"].to_numpy()
        volatility[unknown] = implied_volatility(terms.at(unknown), price[unknown])
        frame.loc[some.index[unknown], "implied_volatility"] = volatility[unknown]
    slopes = greeks(terms, volatility)
    for name in GREEKS:
        ours = pd.Series(getattr(slopes, name), index=some.index)
        frame[name] = frame[name].fillna(ours)
    return frame


def _terms(frame: pd.DataFrame) -> Contracts:
    count = len(frame)
    return Contracts(
        spot=frame["underlying_price"].to_numpy(),
        strike=frame["strike_usd"].to_numpy(),
        years=_years(frame),
        rate=frame["rate"].to_numpy(),
        dividend_yield=frame["dividend_yield"].to_numpy(),
        is_call=(frame["option_type"] == "call").to_numpy(dtype=bool),
        is_american=np.ones(count, dtype=bool),
    )


def _years(frame: pd.DataFrame) -> Floats:
    """Count calendar days to the last day of trading: the Friday of a Saturday expiration."""
    last = frame["expiration_date"] - pd.to_timedelta(
        (frame["expiration_date"].dt.dayofweek == _SATURDAY).astype(np.int64), unit="D"
    )
    days: Floats = (last - frame["session_date"]).dt.days.to_numpy(dtype=np.float64)
    years: Floats = np.maximum(days, 0.0) / DAYS_A_YEAR
    return years


def _as_traded(bars: pd.DataFrame) -> pd.DataFrame:
    """Undo the adjustment for later splits, and measure the trailing dividend yield."""
    columns = ["session_date", "symbol", "traded", "dividend_yield"]
    parts = []
    for symbol, own in bars.sort_values("session_date").groupby("symbol", sort=False):
        ratio = own["split_ratio"].where(own["split_ratio"] > 0, 1.0).to_numpy(dtype=np.float64)
        later = np.append(np.cumprod(ratio[::-1])[::-1][1:], 1.0)
        paid = own.set_index("session_date")["dividend_usd"].fillna(0.0)
        year = paid.rolling(timedelta(days=YIELD_DAYS)).sum().to_numpy()
        close = own["close"].to_numpy(dtype=np.float64)
        parts.append(
            pd.DataFrame(
                {
                    "session_date": own["session_date"].to_numpy(), "symbol": symbol,
                    "traded": close * later, "dividend_yield": np.maximum(year, 0.0) / close,
                }
            )
        )  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=columns).astype({"session_date": DATE_DTYPE})
    return pd.concat(parts, ignore_index=True)


def _rate_of(frame: pd.DataFrame, rates: pd.DataFrame) -> "pd.Series[float]":
    known = rates.dropna().sort_values("session_date")
    if known.empty:
        return pd.Series(np.nan, index=frame.index)
    days = known["session_date"].to_numpy().astype(DATE_DTYPE)
    at = np.searchsorted(days, frame["session_date"].to_numpy().astype(DATE_DTYPE), "right") - 1
    values = known["rate"].to_numpy(dtype=np.float64)[np.maximum(at, 0)]
    return pd.Series(np.where(at >= 0, values, np.nan), index=frame.index)
