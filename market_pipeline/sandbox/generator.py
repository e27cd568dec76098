"""The generated `Market`: everything follows from a seed, cut at the clock's last session.

Belongs here: what is visible when, and caches. Does not: how numbers are drawn (the
`generated_*` modules), any wire format.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from threading import RLock

import numpy as np

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox import generated_news, generated_options, option_calendar
from market_pipeline.sandbox.generated_options import Underlying
from market_pipeline.sandbox.generated_prices import FIRST_DATE, SESSIONS_PER_YEAR, PricePaths
from market_pipeline.sandbox.hours import begun, hours_of_days
from market_pipeline.sandbox.instruments import BUILT_IN, find_instrument
from market_pipeline.sandbox.market import Bars, Headline, HourBars, Listing, OptionQuote

_EXPIRED_SINCE = timedelta(days=400)
_QUOTE_SESSIONS = 2


class GeneratedMarket:
    """A market in which every ticker of one to five letters exists, save those beginning ZZ."""

    mode = "generated"

    def __init__(self, seed: int, clock: Clock, calendar: TradingCalendar) -> None:
        self.seed: int | None = seed
        self._seed, self._clock, self._calendar = seed, clock, calendar
        self._paths = PricePaths(seed, calendar)
        self._lock = RLock()
        self._whole = lru_cache(maxsize=2000)(self._draw_whole)
        self._visible = lru_cache(maxsize=4000)(self._cut)
        self._chain = lru_cache(maxsize=500)(self._draw_chain)

    def as_of(self) -> date:
        """Give the last session completed by the clock."""
        return self._calendar.last_completed(self._clock())

    def close_at(self, session: date) -> datetime:
        """Give the closing instant of a session, half days included."""
        return self._calendar.close_at(session)

    def listings(self) -> Sequence[Listing]:
        """List the built-in instruments; other tickers exist without being listed."""
        return [instrument.listing for instrument in BUILT_IN.values()]

    def listing(self, symbol: str) -> Listing | None:
        """Describe an instrument, built in or made up."""
        instrument = find_instrument(self._seed, symbol)
        return instrument.listing if instrument is not None else None

    def bars(self, symbol: str) -> Bars | None:
        """Give the bars from 2012 to the last completed session; None for an unknown symbol."""
        with self._lock:
            return self._visible(symbol, self.as_of())

    def hours(self, symbol: str, first: date, last: date) -> HourBars | None:
        """Part daily bars into hours; of today's session those that have begun by the clock."""
        with self._lock:
            whole = self._whole(symbol)
        if whole is None:
            return None
        days = whole.bars.between(first, last)
        return begun(hours_of_days(self._seed, symbol, days, self._calendar), self._clock())

    def option_chain(self, underlying: str) -> Sequence[OptionQuote]:
        """Quote every listed contract at the last completed session."""
        with self._lock:
            return self._chain(underlying, self.as_of())

    def option_quote(self, contract: OptionContract) -> OptionQuote | None:
        """Quote a contract that trades now, whether or not its strike is in the chain."""
        source = self._underlying(contract, self.as_of())
        if source is None or contract.expiration_date < self.as_of():
            return None
        if len(source.bars) < _QUOTE_SESSIONS:
            return None
        return generated_options.quotes(self._seed, [contract], source)[0]

    def option_bars(self, contract: OptionContract) -> Bars | None:
        """Give the bars from listing to expiry; None where the underlying is unknown."""
        source = self._underlying(contract, min(self.as_of(), contract.expiration_date))
        if source is None:
            return None
        return generated_options.daily_bars(self._seed, contract, source)

    def option_contracts(
        self, underlying: str, as_of: date | None, *, expired: bool
    ) -> Sequence[OptionContract]:
        """List the contracts alive on `as_of`, or those that expired in the 400 days before."""
        day = min(as_of or self.as_of(), self.as_of())
        if not expired:
            return self._contracts(underlying, day, option_calendar.alive(self._calendar, day))
        first = max(day - _EXPIRED_SINCE, FIRST_DATE)
        last = day - timedelta(days=1)
        found: list[OptionContract] = []
        for expiration in option_calendar.expirations(self._calendar, first, last):
            found += self._contracts(underlying, expiration, [expiration])
        return sorted(found, key=lambda contract: contract.occ)

    def headlines(self, symbol: str, now: datetime, limit: int) -> Sequence[Headline] | None:
        """Give the newest headlines published by `now`; None for an unknown symbol."""
        if find_instrument(self._seed, symbol) is None:
            return None
        return generated_news.newest(self._seed, symbol, now, limit)

    def _draw_whole(self, symbol: str) -> Underlying | None:
        instrument = find_instrument(self._seed, symbol)
        if instrument is None:
            return None
        bars, volatility = self._paths.bars(instrument), self._paths.volatility(instrument)
        return Underlying(bars, volatility, instrument.dividend_yield)

    def _cut(self, symbol: str, last: date) -> Bars | None:
        whole = self._whole(symbol)
        return None if whole is None else whole.bars.upto(last)

    def _between(self, symbol: str, first: date, last: date) -> Underlying | None:
        with self._lock:
            whole = self._whole(symbol)
        if whole is None:
            return None
        days = whole.bars.days
        start = int(np.searchsorted(days, np.datetime64(first)))
        stop = int(np.searchsorted(days, np.datetime64(last), side="right"))
        rows = slice(start, stop)
        return Underlying(whole.bars.take(rows), whole.volatility[rows], whole.dividend_yield)

    def _underlying(self, contract: OptionContract, last: date) -> Underlying | None:
        """Give the underlying's sessions from the contract's listing to `last`."""
        listed = option_calendar.listed_on(contract.expiration_date)
        return self._between(contract.underlying, listed, last)

    def _contracts(
        self, underlying: str, day: date, expirations: Sequence[date]
    ) -> list[OptionContract]:
        year = self._between(underlying, FIRST_DATE, day)
        if year is None or not len(year.bars):
            return []
        strikes = option_calendar.strikes(year.last(SESSIONS_PER_YEAR).bars.close)
        listed = [
            OptionContract(underlying, expiration, side, strike)
            for expiration in expirations
            for side in ("call", "put")
            for strike in strikes
        ]
        return sorted(listed, key=lambda contract: contract.occ)

    def _draw_chain(self, underlying: str, session: date) -> Sequence[OptionQuote]:
        alive = option_calendar.alive(self._calendar, session)
        contracts = self._contracts(underlying, session, alive)
        source = self._between(underlying, session - timedelta(days=14), session)
        if not contracts or source is None or len(source.bars) < _QUOTE_SESSIONS:
            return []
        return generated_options.quotes(self._seed, contracts, source)
