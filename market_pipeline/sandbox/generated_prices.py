"""Daily bars drawn from a seed: common factors, own noise, splits and quarterly dividends.

A bar depends on (seed, symbol, date) alone. The walk runs over weekdays to the calendar's end
and sessions are picked from it; adj_close is anchored at that end, so that no passing of time
restates a row. Does not: serve, cut at the present, price options.
"""

from datetime import date, timedelta

import numpy as np

from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.instruments import FACTORS, STYLES, Instrument
from market_pipeline.sandbox.market import Bars, Floats
from market_pipeline.sandbox.randomness import stream, unit

FIRST_DATE = date(2012, 1, 3)
_REFERENCE_DATE = date(2026, 6, 30)
"""The date on which a built-in instrument costs its listed price."""

SESSIONS_PER_YEAR = 252
_VOLATILITY = {"market": 0.0095, "rates": 0.0080}
_STYLE_VOLATILITY, _SECTOR_VOLATILITY = 0.0030, 0.0055
_DRIFT = {"market": 0.00032, "rates": 0.00004}
_FUND_TURNOVER = 8.0
_MINIMUM_PRICE = 0.05
_SUB_PENNY_BELOW = 5.0


class PricePaths:
    """The factor paths of one seed, and the bars of any instrument on them."""

    def __init__(self, seed: int, calendar: TradingCalendar) -> None:
        self._seed, self._calendar = seed, calendar
        last = calendar.all_sessions[-1]
        days = np.arange(np.datetime64(FIRST_DATE), np.datetime64(last) + 1)
        self._weekdays = days[np.is_busday(days)]
        sessions = np.array(calendar.sessions(FIRST_DATE, last), dtype="datetime64[D]")
        self._picked = np.isin(self._weekdays, sessions)
        self._half = np.isin(sessions, np.array(sorted(calendar.half_days), "datetime64[D]"))
        self.sessions = sessions
        self._regime = self._volatility_regime()
        self._factors = {name: self._factor(name) for name in FACTORS}

    def volatility(self, instrument: Instrument) -> Floats:
        """Give the yearly volatility (a fraction) the walk has on each session."""
        variance = instrument.own_volatility**2
        variance += sum((beta * _volatility_of(f)) ** 2 for f, beta in instrument.loadings)
        daily = np.sqrt(variance) * self._regime
        yearly: Floats = (daily * np.sqrt(SESSIONS_PER_YEAR))[self._picked]
        return yearly

    def bars(self, instrument: Instrument) -> Bars:
        """Draw every bar from 2012 to the calendar's end, the future included."""
        count, noise = len(self._weekdays), instrument.own_volatility * self._regime
        own = stream(self._seed, instrument.symbol, "own").standard_normal(count) * noise
        returns = sum((beta * self._factors[f] for f, beta in instrument.loadings), start=own)
        fractions = self._dividend_fractions(instrument)
        walk = np.cumsum(returns + np.log1p(-fractions))
        reference = int(np.searchsorted(self._weekdays, np.datetime64(_REFERENCE_DATE)))
        level = instrument.price_usd * np.exp(walk - walk[reference])
        close = np.maximum(level, _MINIMUM_PRICE)
        prices = [_rounded(column[self._picked]) for column in self._prices(instrument, close)]
        volume = self._volumes(instrument, returns)[self._picked]
        return self._assemble(instrument, prices, volume, fractions[self._picked])

    def _volatility_regime(self) -> Floats:
        """Multiply volatility by slow waves, so that calm and rough years both occur."""
        t = np.arange(len(self._weekdays))
        phases = stream(self._seed, "regime").uniform(0, 2 * np.pi, 3)
        waves = zip((0.30, 0.18, 0.10), (640.0, 171.0, 37.0), phases, strict=True)
        regime: Floats = np.exp(sum(a * np.sin(2 * np.pi * t / p + ph) for a, p, ph in waves))
        return regime

    def _factor(self, name: str) -> Floats:
        draws = stream(self._seed, "factor", name).standard_normal(len(self._weekdays))
        path: Floats = _DRIFT.get(name, 0.0) + _volatility_of(name) * self._regime * draws
        return path

    def _dividend_fractions(self, instrument: Instrument) -> Floats:
        """Give the dividend as a fraction of the close before, on its ex-date, else 0."""
        fractions = np.zeros(len(self._weekdays))
        if not instrument.dividend_yield:
            return fractions
        ex_dates = np.array(self._ex_dates(instrument.symbol), dtype="datetime64[D]")
        fractions[np.searchsorted(self._weekdays, ex_dates)] = instrument.dividend_yield / 4
        return fractions

    def _ex_dates(self, symbol: str) -> list[date]:
        """Choose one session a quarter, always in the same month of it."""
        month = 1 + int(unit(self._seed, symbol, "dividend month") * 3)
        last = self._calendar.all_sessions[-1]
        dates = []
        for year in range(FIRST_DATE.year, last.year + 1):
            for quarter in range(4):
                jitter = int(unit(self._seed, symbol, year, quarter) * 9)
                day = date(year, 3 * quarter + month, 5) + timedelta(days=jitter)
                if FIRST_DATE < day < last - timedelta(days=7):
                    dates.append(self._calendar.session_on_or_after(day))
        return dates

    def _prices(self, instrument: Instrument, close: Floats) -> tuple[Floats, ...]:
        """Give open, high, low, close: drawn around the closes of today and the day before."""
        draw = stream(self._seed, instrument.symbol, "range")
        gap, up, down = draw.standard_normal((len(close), 3)).T
        spread = (instrument.own_volatility + _VOLATILITY["market"]) * self._regime
        before = np.concatenate(([close[0]], close[:-1]))
        opened = before * np.exp(0.35 * spread * gap)
        high = np.maximum(opened, close) * np.exp(0.4 * spread * np.abs(up))
        low = np.minimum(opened, close) * np.exp(-0.4 * spread * np.abs(down))
        return opened, high, low, close

    def _volumes(self, instrument: Instrument, returns: Floats) -> Floats:
        draws = stream(self._seed, instrument.symbol, "volume").standard_normal(len(returns))
        usual = 4e8 + 6e9 * unit(self._seed, instrument.symbol, "turnover") ** 3
        usual *= _FUND_TURNOVER if instrument.kind == "ETF" else 1.0
        shares = usual / instrument.price_usd * np.exp(0.3 * draws + 12 * np.abs(returns))
        volume: Floats = np.round(shares)
        return volume

    def _assemble(
        self, instrument: Instrument, prices: list[Floats], volume: Floats, fractions: Floats
    ) -> Bars:
        """Put a row a session together: half days' volume, dividends, splits, adj_close."""
        opened, high, low, close = prices
        before = np.concatenate((close[:1], close[:-1]))
        dividends = np.round(fractions * before, 4)
        kept = 1 - dividends / before
        # The product of all later reductions: the last row of the calendar has factor 1.
        factor = np.append(np.cumprod(kept[::-1])[::-1][1:], 1.0)
        splits = np.zeros(len(self.sessions))
        for day, new, old in instrument.splits:
            splits[np.searchsorted(self.sessions, np.datetime64(day))] = new / old
        return Bars(
            days=self.sessions,
            open=opened,
            high=high,
            low=low,
            close=close,
            adj_close=np.round(close * factor, 6),
            volume=np.where(self._half, np.round(volume * 0.45), volume),
            dividends=dividends,
            splits=splits,
        )


def _volatility_of(factor: str) -> float:
    if factor in _VOLATILITY:
        return _VOLATILITY[factor]
    return _STYLE_VOLATILITY if factor in STYLES else _SECTOR_VOLATILITY


def _rounded(prices: Floats) -> Floats:
    """Round to cents, and to hundredths of a cent where splits made a price small."""
    # Rounding keeps the order of prices, also across the border between the two grids.
    return np.where(prices >= _SUB_PENNY_BELOW, np.round(prices, 2), np.round(prices, 4))
