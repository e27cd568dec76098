"""Option quotes and daily bars made from the generated prices of the underlying.

What a contract trades at on a day depends on (seed, contract, date) alone, so a chain's `day`
and the contract's own daily bars agree. Strikes stand on the split basis of the prices served.
Does not: decide which sessions are visible.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox.market import Bars, Floats, OptionQuote
from market_pipeline.sandbox.option_pricing import Booleans, Priced, price
from market_pipeline.sandbox.randomness import Hashes, hashed_uniform, key

_TRADED, _SIZE, _SPREAD, _INTEREST, _BID_SIZE, _ASK_SIZE = range(6)
_RISK_PREMIUM = 1.1
_CENT = 0.01
_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class Underlying:
    """The sessions to quote: bars, the walk's volatility on each, the dividend yield."""

    bars: Bars
    volatility: Floats
    dividend_yield: float

    def last(self, count: int) -> "Underlying":
        """Give the last `count` sessions."""
        rows = slice(max(len(self.bars) - count, 0), None)
        return Underlying(self.bars.take(rows), self.volatility[rows], self.dividend_yield)


@dataclass(frozen=True)
class _Series:
    """A row a contract, a column a session (either may be 1): what was traded and how priced."""

    traded: Booleans
    opened: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    fair: Priced
    implied: Floats


def daily_bars(seed: int, contract: OptionContract, underlying: Underlying) -> Bars:
    """Give the bars of the sessions of `underlying` in which the contract traded."""
    series = _series(seed, [contract], underlying)
    hit = series.traded[0]
    nothing = np.zeros(int(hit.sum()))
    close = series.close[0][hit]
    return Bars(
        underlying.bars.days[hit],
        series.opened[0][hit], series.high[0][hit], series.low[0][hit], close, close,
        series.volume[0][hit], nothing, nothing,
    )  # fmt: skip


def quotes(
    seed: int, contracts: Sequence[OptionContract], underlying: Underlying
) -> list[OptionQuote]:
    """Quote contracts at the close of the last session of `underlying` (it needs two)."""
    pair = underlying.last(2)
    series = _series(seed, contracts, pair)
    keys, today = _keys(seed, contracts), _day_numbers(pair)[-1:]
    fair, spread = series.fair.value[:, -1], hashed_uniform(keys, today, _SPREAD)[:, 0]
    half = np.maximum(_CENT, fair * (0.004 + 0.02 * spread))
    interest = 40 + 9000 * hashed_uniform(keys, np.zeros(1, np.int64), _INTEREST)[:, 0] ** 3
    columns = {
        "bid": np.maximum(np.round(fair - half, 2), 0.0),
        "ask": np.round(fair + half + _CENT, 2),
        "bid_size": 1 + np.floor(300 * hashed_uniform(keys, today, _BID_SIZE)[:, 0]),
        "ask_size": 1 + np.floor(300 * hashed_uniform(keys, today, _ASK_SIZE)[:, 0]),
        "open_interest": np.floor(interest * _activity(contracts, pair)[:, -1]),
    }
    session: date = pair.bars.days[-1].astype(object)
    closing = _Closing(session, float(pair.bars.close[-1]), series, columns)
    return [_quote(contract, row, closing) for row, contract in enumerate(contracts)]


@dataclass(frozen=True)
class _Closing:
    session: date
    spot: float
    series: _Series
    columns: dict[str, Floats]


def _quote(contract: OptionContract, row: int, closing: _Closing) -> OptionQuote:
    series, columns = closing.series, closing.columns

    def traded(values: Floats, column: int = -1) -> float | None:
        return float(values[row, column]) if series.traded[row, column] else None

    prices = [traded(c) for c in (series.opened, series.high, series.low, series.close)]
    known = [p for p in prices if p is not None]
    fair = series.fair
    return OptionQuote(
        contract, closing.session,
        open=prices[0], high=prices[1], low=prices[2], close=prices[3],
        volume=traded(series.volume),
        vwap=round(sum(known) / len(known), 4) if known else None,
        previous_close=traded(series.close, 0) if series.traded.shape[1] > 1 else None,
        bid=float(columns["bid"][row]), ask=float(columns["ask"][row]),
        bid_size=int(columns["bid_size"][row]), ask_size=int(columns["ask_size"][row]),
        open_interest=int(columns["open_interest"][row]),
        implied_volatility=float(series.implied[row, -1]),
        delta=float(fair.delta[row, -1]), gamma=float(fair.gamma[row, -1]),
        theta=float(fair.theta[row, -1]), vega=float(fair.vega[row, -1]),
        underlying_price=closing.spot,
    )  # fmt: skip


def _series(seed: int, contracts: Sequence[OptionContract], underlying: Underlying) -> _Series:
    """Price every contract on every session and say whether it traded there."""
    bars = underlying.bars
    keys, days = _keys(seed, contracts), _day_numbers(underlying)
    implied = _implied(contracts, underlying)

    def value(spot: Floats) -> Priced:
        calls = np.array([[c.option_type == "call"] for c in contracts])
        years = _years(contracts, underlying)
        return price(
            spot=spot[None, :],
            strike=_strikes(contracts),
            years=years,
            volatility=implied,
            is_call=calls,
            dividend_yield=underlying.dividend_yield,
        )

    fair = value(bars.close)
    close = np.round(fair.value, 2)
    opened, at_high, at_low = (
        np.round(value(spot).value, 2) for spot in (bars.open, bars.high, bars.low)
    )
    activity = _activity(contracts, underlying)
    size = np.floor(2500 * activity * hashed_uniform(keys, days, _SIZE) ** 4) + 1
    traded = (hashed_uniform(keys, days, _TRADED) < 0.1 + 1.2 * activity) & (close >= _CENT)
    return _Series(
        traded=traded,
        opened=np.maximum(opened, _CENT),
        high=np.maximum.reduce([opened, close, at_high, at_low, np.full_like(close, _CENT)]),
        low=np.maximum(np.minimum.reduce([opened, close, at_high, at_low]), _CENT),
        close=close,
        volume=size,
        fair=fair,
        implied=implied,
    )


def _activity(contracts: Sequence[OptionContract], underlying: Underlying) -> Floats:
    """Say between 0 and 1 how lively a contract is: near the money and near expiry most."""
    distance = np.abs(np.log(_strikes(contracts) / underlying.bars.close[None, :]))
    years = _years(contracts, underlying)
    activity: Floats = np.exp(-distance / 0.12) * np.exp(-years / 1.2)
    return activity


def _implied(contracts: Sequence[OptionContract], underlying: Underlying) -> Floats:
    """Bend the walk's volatility into a smile that leans to the puts."""
    years = np.maximum(_years(contracts, underlying), 1 / 12)
    money = np.log(_strikes(contracts) / underlying.bars.close[None, :]) / np.sqrt(years)
    smile = np.clip(1 - 0.25 * money + 0.5 * money**2, 0.7, 2.5)
    implied: Floats = np.round(_RISK_PREMIUM * underlying.volatility[None, :] * smile, 6)
    return implied


def _strikes(contracts: Sequence[OptionContract]) -> Floats:
    return np.array([[float(c.strike_usd)] for c in contracts])


def _years(contracts: Sequence[OptionContract], underlying: Underlying) -> Floats:
    ends = np.array([[np.datetime64(c.expiration_date)] for c in contracts])
    days: Floats = (ends - underlying.bars.days[None, :]).astype(np.float64)
    return np.maximum(days, 0.0) / _DAYS_PER_YEAR


def _day_numbers(underlying: Underlying) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return underlying.bars.days.astype("datetime64[D]").astype(np.int64)


def _keys(seed: int, contracts: Sequence[OptionContract]) -> Hashes:
    return np.array([[key(seed, c.occ)] for c in contracts], dtype=np.uint64)
