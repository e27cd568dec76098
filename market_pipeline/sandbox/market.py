"""What a sandbox vendor can be asked, whoever made the data up: the `Market` role.

Belongs here: the Protocol both sources of truth fulfil, and the frozen shapes crossing it.
Does not: any vendor's wire format, any generated or recorded number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.sessions import NEW_YORK, OPEN_TIME
from market_pipeline.domain.symbols import OptionContract

Floats = npt.NDArray[np.float64]
Days = npt.NDArray[np.datetime64]
Seconds = npt.NDArray[np.int64]


def opening_seconds(days: Days) -> Seconds:
    """Give 09:30 New York of each day in unix seconds, as Yahoo stamps a daily bar."""
    minutes = OPEN_TIME.hour * 60 + OPEN_TIME.minute
    local = pd.DatetimeIndex(days.astype("datetime64[s]")) + pd.Timedelta(minutes=minutes)
    return _unix_seconds(local.tz_localize(str(NEW_YORK)))


def midnight_seconds(days: Days) -> Seconds:
    """Give 00:00 New York of each day in unix seconds, as Polygon stamps a daily bar."""
    local = pd.DatetimeIndex(days.astype("datetime64[s]"))
    return _unix_seconds(local.tz_localize(str(NEW_YORK)))


def _unix_seconds(index: pd.DatetimeIndex) -> Seconds:
    naive = index.tz_convert("UTC").tz_localize(None)
    return naive.to_numpy().astype("datetime64[s]").astype(np.int64)


@dataclass(frozen=True)
class Bars:
    """Daily bars of one instrument, oldest first; NaN where nothing is known.

    Prices in USD, split-adjusted; `volume` in shares or contracts; `dividends` cash a share on
    the ex-date, `splits` new shares per old, both 0 when none.
    """

    days: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    adj_close: Floats
    volume: Floats
    dividends: Floats
    splits: Floats

    def __len__(self) -> int:
        return len(self.days)

    @cached_property
    def opened_at(self) -> Seconds:
        """09:30 New York of each bar in unix seconds."""
        return opening_seconds(self.days)

    def upto(self, last: date) -> "Bars":
        """Give the bars dated `last` or before."""
        return self.between(None, last)

    def between(self, first: date | None, last: date) -> "Bars":
        """Give the bars from `first` (None: the oldest) to `last`, both included."""
        stop = int(np.searchsorted(self.days, np.datetime64(last), side="right"))
        start = 0 if first is None else int(np.searchsorted(self.days, np.datetime64(first)))
        return self.take(slice(start, stop))

    def take(self, rows: slice) -> "Bars":
        """Give the bars at these positions."""
        return Bars(
            self.days[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.adj_close[rows],
            self.volume[rows],
            self.dividends[rows],
            self.splits[rows],
        )


@dataclass(frozen=True)
class HourBars:
    """Hourly bars of one instrument, oldest first: `started_at` in unix seconds, UTC.

    `live_at` is the second of the last trade where the newest bar is still forming, else None.
    """

    started_at: Seconds
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    live_at: int | None = None

    def __len__(self) -> int:
        return len(self.started_at)


@dataclass(frozen=True, slots=True)
class OptionQuote:
    """One contract at the close of one session; None where nothing is known.

    Prices in USD a share, greeks a share, theta a day, vega a volatility point.
    `open` to `vwap` stand only where the contract traded that session.
    """

    contract: OptionContract
    session: date
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    volume: float | None
    vwap: float | None
    previous_close: float | None
    bid: float | None
    ask: float | None
    bid_size: int | None
    ask_size: int | None
    open_interest: int | None
    implied_volatility: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    underlying_price: float | None


@dataclass(frozen=True, slots=True)
class Headline:
    """One headline: `published_at` aware, `symbols` in dot form, `url` absolute or relative.

    `description` is a sentence or two, markup included as publishers send it; empty where none.
    """

    title: str
    publisher: str
    url: str
    published_at: datetime
    symbols: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument as a reference list shows it: `kind` is CS (stock) or ETF.

    `sector` and `industry` in Finviz's words, empty where unknown.
    """

    symbol: str
    name: str
    kind: str
    exchange: str
    sector: str = ""
    industry: str = ""


class Market(Protocol):
    """The truth behind the sandbox vendors: prices, option chains, news."""

    @property
    def mode(self) -> str:
        """`generated` or `replayed`."""
        ...

    @property
    def seed(self) -> int | None:
        """The generator's seed; None where nothing is generated."""
        ...

    def as_of(self) -> date | None:
        """Give the session the present answers (snapshots) speak of."""
        ...

    def close_at(self, session: date) -> datetime:
        """Give the closing instant of a session, aware."""
        ...

    def listings(self) -> Sequence[Listing]:
        """List the known instruments by symbol (others may be known too)."""
        ...

    def listing(self, symbol: str) -> Listing | None:
        """Describe one symbol in dot form, listed or not; None where it is unknown."""
        ...

    def bars(self, symbol: str) -> Bars | None:
        """Give every daily bar of a symbol in dot form; None where it is unknown."""
        ...

    def hours(self, symbol: str, first: date, last: date) -> HourBars | None:
        """Give the hourly bars of some sessions, today's so far included; None where unknown."""
        ...

    def option_chain(self, underlying: str) -> Sequence[OptionQuote]:
        """Give the present chain, sorted by OCC symbol; empty for an unknown underlying."""
        ...

    def option_quote(self, contract: OptionContract) -> OptionQuote | None:
        """Give the present quote of one contract; None where it is unknown."""
        ...

    def option_bars(self, contract: OptionContract) -> Bars | None:
        """Give the daily bars of the sessions in which a contract traded; None if unknown."""
        ...

    def option_contracts(
        self, underlying: str, as_of: date | None, *, expired: bool
    ) -> Sequence[OptionContract]:
        """List contracts alive (or `expired`) on `as_of` (None: at present) by OCC symbol."""
        ...

    def headlines(self, symbol: str, now: datetime, limit: int) -> Sequence[Headline] | None:
        """Give the newest headlines published by `now`, newest first; None: unknown symbol."""
        ...
