"""Fakes of the outside world: small working implementations of the ports, no mocks.

They keep what they were asked, so that a test can prove what was not asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from market_pipeline.domain.companies import CompanyProfile, Fundamentals
from market_pipeline.domain.errors import UnknownSymbol, VendorError
from market_pipeline.domain.factor_definitions import DEFAULTS, INTEREST_RATE, MARKET, proxies_of
from market_pipeline.domain.intraday import INTRADAY_COLUMNS, hours_of
from market_pipeline.domain.ports import (
    BAR_COLUMNS,
    OPTION_COLUMNS,
    FetchedFrame,
)
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.vendors.polygon_reference import parse_contracts

CALENDAR = TradingCalendar.xnys()
PROXIES = proxies_of(DEFAULTS)

TWO_FACTORS = {
    definition.name: {"active": False}
    for definition in DEFAULTS
    if definition not in (MARKET, INTEREST_RATE)
}
"""The setting `factors` that leaves the first two of the shipped definitions."""


@dataclass
class FakeClock:
    """A clock that stands still until it is moved."""

    now: datetime = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def steady_bars(
    symbol: str, first: date, last: date, *, start: float = 100.0, seed: int = 0
) -> pd.DataFrame:
    """Make plausible bars of `symbol` for every session of a range, the same for the same seed."""
    sessions = CALENDAR.sessions(first, last)
    random = np.random.default_rng([seed, *symbol.encode()])
    close = start * np.cumprod(1 + random.normal(0.0005, 0.01, len(sessions)))
    return pd.DataFrame(
        {
            "session_date": pd.to_datetime(sessions).astype("datetime64[s]"),
            "symbol": symbol,
            "open": close * 0.999,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "adj_close": close,
            "volume": 1_000_000.0,
            "dividend_usd": 0.0,
            "split_ratio": 0.0,
        },
        columns=list(BAR_COLUMNS),
    )


@dataclass
class FakePrices:
    """A price source over frames; `fails` makes the next call for a symbol raise."""

    frames: Mapping[str, pd.DataFrame]
    name: str = "fake"
    asked: list[tuple[str, date, date]] = field(default_factory=list)
    fails: dict[str, list[VendorError]] = field(default_factory=dict)

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        self.asked.append((symbol, first, last))
        if self.fails.get(symbol):
            raise self.fails[symbol].pop(0)
        if symbol not in self.frames:
            raise UnknownSymbol(self.name, "chart", f"no data found for {symbol}")
        frame = self.frames[symbol]
        dates = frame["session_date"]
        kept = frame[(dates >= pd.Timestamp(first)) & (dates <= pd.Timestamp(last))]
        return FetchedFrame(kept.reset_index(drop=True))


@dataclass
class FakeHours:
    """A source of hourly bars that knows `symbols` (None: all), each hour once it has begun.

    `silent` names (symbol, start) pairs it has no bar of; `fails` makes the next call raise. The
    hours of a symbol in `days` make up its daily bars.
    """

    clock: FakeClock
    name: str = "fake"
    symbols: frozenset[str] | None = None
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    silent: set[tuple[str, datetime]] = field(default_factory=set)
    fails: dict[str, list[VendorError]] = field(default_factory=dict)
    before: Callable[[str], None] | None = None
    days: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def hourly_bars(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        if self.before is not None:
            self.before(symbol)
        self.asked.append((symbol, begins_at, ends_at))
        if self.fails.get(symbol):
            raise self.fails[symbol].pop(0)
        if self.symbols is not None and symbol not in self.symbols:
            raise UnknownSymbol(self.name, "chart", f"no data found for {symbol}")
        first, last = (at.astimezone(NEW_YORK).date() for at in (begins_at, ends_at))
        starts = [
            hour.starts_at
            for day in CALENDAR.sessions(first, last)
            for hour in hours_of(CALENDAR, day)
            if begins_at <= hour.starts_at < min(ends_at, self.clock())
            and (symbol, hour.starts_at) not in self.silent
        ]
        frame = hour_frame(symbol, starts)
        if symbol in self.days:
            frame = _of_days(frame, self.days[symbol])
        return FetchedFrame(frame)


def _of_days(hours: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """Give hours the prices of their day: it opens with the first and closes with every one."""
    key = "session_date"
    of_day = days.set_index(key).loc[hours[key]].reset_index()
    is_first = ~hours[key].duplicated()
    count = hours.groupby(key)[key].transform("size")
    return hours.assign(
        open=of_day["open"].where(is_first, of_day["close"]),
        high=of_day["high"], low=of_day["low"], close=of_day["close"],
        volume=of_day["volume"] / count,
    )  # fmt: skip


def hour_frame(symbol: str, starts: Sequence[datetime]) -> pd.DataFrame:
    """Make an hourly bar for each start, the same for the same start."""
    rows = [
        (at.astimezone(NEW_YORK).date(), symbol, at, 10.0, 11.0, 9.0, 10.0 + at.hour / 100, 100.0)
        for at in starts
    ]
    frame = pd.DataFrame(rows, columns=list(INTRADAY_COLUMNS))
    frame["starts_at"] = pd.to_datetime(frame["starts_at"], utc=True)
    return frame.astype({"session_date": "datetime64[s]", "symbol": "str"})


@dataclass
class FakeCompanies:
    """A source on companies: all are of one industry; `fails` makes the next call raise."""

    name: str = "fake"
    earnings: dict[str, date] = field(default_factory=dict)
    sectors: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    figures_asked: list[str] = field(default_factory=list)
    fails: dict[str, list[VendorError]] = field(default_factory=dict)

    def profile(self, symbol: str) -> CompanyProfile:
        self.asked.append(symbol)
        if self.fails.get(symbol):
            raise self.fails[symbol].pop(0)
        asset_class = "etf" if symbol in PROXIES else "stock"
        sector = self.sectors.get(symbol, "Technology")
        name = f"{symbol} Inc."
        return CompanyProfile(symbol, name, self.name, asset_class, "XNAS", sector, "Software")

    def fundamentals(self, symbol: str) -> tuple[Fundamentals, str]:
        self.figures_asked.append(symbol)
        if self.fails.get(symbol):
            raise self.fails[symbol].pop(0)
        figures = Fundamentals(
            symbol, "USD", market_cap=1e9, next_earnings_date=self.earnings.get(symbol)
        )
        return figures, self.name


@dataclass
class FakeOptions:
    """An option source that prices every contract by a function of its symbol and session."""

    price: Callable[[str, date], float] = lambda contract, session: 5.0
    name: str = "fake"
    asked: list[str] = field(default_factory=list)
    fails: list[VendorError] = field(default_factory=list)
    is_configured: bool = True
    listings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    listings_asked: list[tuple[str, date | None]] = field(default_factory=list)

    def daily_bars(self, contract: str, first: date, last: date) -> FetchedFrame:
        self.asked.append(contract)
        if self.fails:
            raise self.fails[0]
        rows = [self._row(contract, day, "daily_bar") for day in CALENDAR.sessions(first, last)]
        return FetchedFrame(option_frame(rows))

    def chain(self, underlying: str, session: date) -> FetchedFrame:
        self.asked.append(f"chain:{underlying}")
        if self.fails:
            raise self.fails[0]
        return FetchedFrame(option_frame([]))

    def contracts(self, underlying: str, expired_on: date | None = None) -> FetchedFrame:
        self.listings_asked.append((underlying, expired_on))
        if self.fails:
            raise self.fails[0]
        rows = []
        for symbol in self.listings.get(underlying, ()):
            terms = parse_occ(symbol)
            assert terms is not None
            if expired_on is None or terms.expiration_date == expired_on:
                shares = self.shares.get(symbol, 100)
                rows.append({"ticker": f"O:{symbol}", "shares_per_contract": shares,
                             "underlying_ticker": underlying})  # fmt: skip
        return parse_contracts(rows)

    def _row(self, contract: str, session: date, kind: str) -> dict[str, object]:
        terms = parse_occ(contract)
        assert terms is not None
        return {
            "session_date": session,
            "symbol": contract,
            "underlying": terms.stock,
            "expiration_date": terms.expiration_date,
            "option_type": terms.option_type,
            "strike_usd": float(terms.strike_usd),
            "multiplier": 100,
            "last": self.price(contract, session),
            "volume": 10.0,
            "quote_kind": kind,
        }


def option_frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build a frame of `OPTION_COLUMNS`; what the rows leave out is missing."""
    frame = pd.DataFrame(list(rows), columns=list(OPTION_COLUMNS))
    dates = ("session_date", "expiration_date")
    numbers = OPTION_COLUMNS[7:18]
    frame["quoted_at"] = pd.to_datetime(frame["quoted_at"], utc=True).astype("datetime64[us, UTC]")
    frame["is_stale"] = frame["is_stale"].eq(other=True)
    return frame.astype(dict.fromkeys(dates, "datetime64[s]") | dict.fromkeys(numbers, "float64"))
