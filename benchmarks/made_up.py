"""Made-up rows of any size, the same every time: books and bars for derived assets.

Not plausible prices (the sandbox makes those), only rows of the right shape, fast.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice, product
from string import ascii_uppercase

import numpy as np
import pandas as pd

from benchmarks.lab import SEED
from market_pipeline.domain.books import STOCK, Book, Position
from market_pipeline.domain.collection import HISTORY_SESSIONS
from market_pipeline.domain.factor_definitions import DEFAULTS, proxies_of
from market_pipeline.domain.portfolio_csv import positions_hash
from market_pipeline.domain.sessions import TradingCalendar

LAST = date(2025, 12, 31)
SOURCE = "benchmark:sandbox"
FETCHED_AT = datetime(2026, 1, 2, 12, tzinfo=UTC)
_LOTS_A_BOOK = 50


@dataclass(frozen=True)
class MadeUp:
    """A market of `symbol_count` stocks over `session_count` sessions, and a year before them."""

    symbol_count: int
    session_count: int
    calendar: TradingCalendar

    @property
    def first(self) -> date:
        """First session that is derived; the last is `LAST`."""
        return self.calendar.shift(self.calendar.next(LAST), -self.session_count)

    @property
    def first_bar(self) -> date:
        """First session with bars."""
        return self.calendar.shift(self.first, -HISTORY_SESSIONS)

    def symbols(self) -> list[str]:
        """Name the stocks, factor proxies included."""
        proxies = proxies_of(DEFAULTS)
        names = ("".join(letters) for letters in product("B", *[ascii_uppercase] * 3))
        return sorted([*proxies, *islice(names, self.symbol_count - len(proxies))])

    def bars(self) -> pd.DataFrame:
        """Make `equity_bars` rows of every stock and session: random walks."""
        sessions = pd.DatetimeIndex(self.calendar.sessions(self.first_bar, LAST))
        symbols = self.symbols()
        random = np.random.default_rng([SEED, len(symbols), len(sessions)])
        moves = random.normal(0.0004, 0.012, (len(sessions), len(symbols)))
        close = np.round(100 * np.exp(np.cumsum(moves, axis=0)), 4).ravel()
        volume = random.integers(100_000, 5_000_000, close.size).astype(np.float64)
        return pd.DataFrame(
            {
                "session_date": np.repeat(sessions.to_numpy("datetime64[s]"), len(symbols)),
                "symbol": np.tile(np.array(symbols, dtype=object), len(sessions)),
                "open": np.round(close * 0.998, 4),
                "high": np.round(close * 1.01, 4),
                "low": np.round(close * 0.99, 4),
                "close": close,
                "adj_close": close,
                "volume": volume,
                "dividend_usd": 0.0,
                "split_ratio": 0.0,
                "source": SOURCE,
                "fetched_at": pd.Timestamp(FETCHED_AT),
            }
        )

    def books(self) -> list[Book]:
        """Make books that together hold every stock, a quarter of the lots short."""
        symbols = self.symbols()
        return [
            self._book(at // _LOTS_A_BOOK, symbols[at : at + _LOTS_A_BOOK])
            for at in range(0, len(symbols), _LOTS_A_BOOK)
        ]

    def _book(self, number: int, symbols: list[str]) -> Book:
        positions = tuple(
            Position(
                position_no=at,
                symbol=symbol,
                asset_class=STOCK,
                quantity=Decimal(-30 if at % 4 == 0 else 100 + at),
                entry_price_usd=Decimal("101.25"),
                entry_date=self.first_bar,
            )
            for at, symbol in enumerate(symbols, 1)
        )
        name, content = f"book_{number}", positions_hash(positions)
        return Book(name, name, LAST, f"{name}.csv", content, positions)
