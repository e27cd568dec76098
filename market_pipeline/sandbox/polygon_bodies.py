"""Polygon's JSON, object by object: snapshots, contracts, tickers, aggregates.

Keys and their order are those of recorded answers. Belongs here: how one thing is written.
Does not: filters, pages, HTTP.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np

from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox.companies import Standing
from market_pipeline.sandbox.market import (
    Bars,
    HourBars,
    Listing,
    OptionQuote,
    Seconds,
    midnight_seconds,
)

_NS, _MS = 1_000_000_000, 1_000
_EXPONENT_FROM = 1e6
_TRADE_CONDITION, _TRADE_EXCHANGE = 209, 309
_SHARES = 100

type_codes = {"call": "OCASPS", "put": "OPASPS"}
"""The classification of financial instruments Polygon gives for calls and puts."""

Json = dict[str, object]


def snapshot(quote: OptionQuote, closed_at: datetime) -> Json:
    """Write one contract of a chain snapshot; what is unknown is left out, as on the wire."""
    at = _nanoseconds(closed_at)
    midpoint = _midpoint(quote)
    body: Json = {
        "break_even_price": None if midpoint is None else _break_even(quote.contract, midpoint),
        "day": _day(quote),
        "details": _details(quote.contract),
        "greeks": _known(
            {"delta": quote.delta, "gamma": quote.gamma, "theta": quote.theta, "vega": quote.vega}
        ),
        "implied_volatility": quote.implied_volatility,
        "fmv": midpoint,
        "last_quote": _last_quote(quote, at, midpoint),
        "last_trade": _last_trade(quote, at),
        "open_interest": quote.open_interest,
        "underlying_asset": _underlying(quote, at, midpoint),
    }
    return _known(body)


def contract(one: OptionContract) -> Json:
    """Write one contract of the reference list."""
    return {
        "cfi": type_codes[one.option_type],
        "contract_type": one.option_type,
        "exercise_style": "american",
        "expiration_date": one.expiration_date.isoformat(),
        "primary_exchange": "BATO",
        "shares_per_contract": _SHARES,
        "strike_price": _strike(one),
        "ticker": f"O:{one.occ}",
        "underlying_ticker": one.underlying,
    }


def ticker(listing: Listing, updated_at: datetime) -> Json:
    """Write one ticker of the reference list."""
    return {
        "ticker": listing.symbol,
        "name": listing.name,
        "market": "stocks",
        "locale": "us",
        "primary_exchange": listing.exchange,
        "type": listing.kind,
        "active": True,
        "currency_name": "usd",
        "last_updated_utc": f"{updated_at.astimezone(UTC):%Y-%m-%dT00:00:00Z}",
    }


def details(told: Standing, updated_at: datetime) -> Json:
    """Write the details of one ticker: what the list says, and how large the company is."""
    body = ticker(told.listing, updated_at)
    del body["last_updated_utc"]
    return body | {
        "market_cap": round(told.market_cap, 2),
        "share_class_shares_outstanding": round(told.shares),
        "sic_description": told.listing.industry.upper(),
    }


def splits(symbol: str, bars: Bars) -> list[Json]:
    """Write the splits of a symbol, oldest first."""
    return [
        {
            "execution_date": str(bars.days[at]),
            "split_from": exact.denominator,
            "split_to": exact.numerator,
            "ticker": symbol,
        }
        for at in np.flatnonzero(bars.splits > 0)
        if (exact := Fraction(float(bars.splits[at])).limit_denominator(_SHARES)) != 1
    ]


def dividends(symbol: str, bars: Bars) -> list[Json]:
    """Write the cash dividends of a symbol as they were paid, oldest first."""
    ratios = np.where(bars.splits > 0, bars.splits, 1.0)
    later = np.cumprod(ratios[::-1])[::-1] / ratios
    return [
        {
            "cash_amount": round(float(bars.dividends[at] * later[at]), 6),
            "currency": "USD",
            "dividend_type": "CD",
            "ex_dividend_date": str(bars.days[at]),
            "frequency": 4,
            "ticker": symbol,
        }
        for at in np.flatnonzero(bars.dividends > 0)
    ]


def aggregates(bars: Bars) -> Iterator[str]:
    """Write daily bars as JSON text, `t` 00:00 New York; rows without all prices do not exist.

    Large volumes come in exponent form, as recorded, which `json.dumps` cannot write.
    """
    return (row for _, row in _aggregates(midnight_seconds(bars.days) * _MS, bars))


def timed(bars: HourBars) -> Iterator[tuple[int, str]]:
    """Write bars within a day as `aggregates` does, each beside its `t`."""
    return _aggregates(bars.started_at * _MS, bars)


def _aggregates(stamps: Seconds, bars: Bars | HourBars) -> Iterator[tuple[int, str]]:
    columns = (bars.open, bars.close, bars.high, bars.low, bars.volume)
    for at, *cells in zip(stamps.tolist(), *(c.tolist() for c in columns), strict=True):
        if any(np.isnan(cell) for cell in cells):
            continue
        opened, close, high, low, volume = cells
        average = round((opened + close + high + low) / 4, 4)
        trades = int(volume) // 120 + 1
        yield (
            at,
            (
                f'{{"v":{_volume(volume)},"vw":{average!r},"o":{opened!r},"c":{close!r},'
                f'"h":{high!r},"l":{low!r},"t":{at},"n":{trades}}}'
            ),
        )


def open_close(subject: str, bars: Bars) -> Json:
    """Write the one bar of a session: fields at the top level, no results."""
    row = {name: getattr(bars, name)[0] for name in ("open", "high", "low", "close")}
    body: Json = {"status": "OK", "from": str(bars.days[0]), "symbol": subject}
    body |= {name: None if np.isnan(value) else float(value) for name, value in row.items()}
    volume = bars.volume[0]
    body["volume"] = None if np.isnan(volume) else int(volume)
    return _known(body | {"afterHours": body["close"], "preMarket": body["open"]})


def _known(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}


def _day(quote: OptionQuote) -> Json:
    """Write what traded in the session; `{}` where nothing did."""
    if quote.close is None:
        return {}
    before = quote.close if quote.previous_close is None else quote.previous_close
    change = quote.close - before
    opened_day = midnight_seconds(np.array([quote.session], dtype="datetime64[D]"))
    return _known(
        {
            "change": change,
            "change_percent": change / before * 100 if before else 0,
            "close": quote.close,
            "high": quote.high,
            "last_updated": int(opened_day[0]) * _NS,
            "low": quote.low,
            "open": quote.open,
            "previous_close": before,
            "volume": None if quote.volume is None else int(quote.volume),
            "vwap": quote.vwap,
        }
    )


def _details(one: OptionContract) -> Json:
    body = contract(one)
    kept = ("contract_type", "exercise_style", "expiration_date", "shares_per_contract",
            "strike_price", "ticker")  # fmt: skip
    return {name: body[name] for name in kept}


def _last_quote(quote: OptionQuote, at: int, midpoint: float | None) -> Json:
    if quote.ask is None and quote.bid is None:
        return {}
    return _known(
        {
            "ask": quote.ask,
            "ask_size": quote.ask_size,
            "bid": quote.bid,
            "bid_size": quote.bid_size,
            "last_updated": at,
            "midpoint": midpoint,
            "timeframe": "DELAYED",
        }
    )


def _last_trade(quote: OptionQuote, at: int) -> Json:
    if quote.close is None:
        return {}
    return {
        "price": quote.close,
        "sip_timestamp": at,
        "size": 1,
        "conditions": [_TRADE_CONDITION],
        "exchange": _TRADE_EXCHANGE,
        "timeframe": "DELAYED",
    }


def _underlying(quote: OptionQuote, at: int, midpoint: float | None) -> Json:
    body: Json = {"ticker": quote.contract.underlying}
    price = quote.underlying_price
    if price is None:
        return body
    even = None if midpoint is None else _break_even(quote.contract, midpoint)
    sign = 1 if quote.contract.option_type == "call" else -1
    distance = None if even is None else round(sign * (even - price), 4)
    stamped: Json = {"last_updated": at, "price": price, "timeframe": "DELAYED"}
    return _known({"change_to_break_even": distance} | stamped | body)


def _midpoint(quote: OptionQuote) -> float | None:
    if quote.bid is None or quote.ask is None:
        return None
    return round((quote.bid + quote.ask) / 2, 4)


def _break_even(one: OptionContract, premium: float) -> float:
    strike = float(one.strike_usd)
    return round(strike + premium if one.option_type == "call" else strike - premium, 4)


def _strike(one: OptionContract) -> float | int:
    strike = float(one.strike_usd)
    return int(strike) if strike.is_integer() else strike


def _volume(value: float) -> str:
    if value >= _EXPONENT_FROM:
        return np.format_float_scientific(value, trim="-", exp_digits=2)
    return str(int(value)) if value.is_integer() else repr(value)


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp()) * _NS
