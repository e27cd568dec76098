"""Snapshots of many portfolios over years, next to the same sums in plain numpy floats."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.lab import Lab
from benchmarks.registry import benchmark
from benchmarks.rows import Row, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.books import STOCK, Book, Position
from market_pipeline.domain.exact import WHOLE
from market_pipeline.domain.frames import session_index
from market_pipeline.domain.ledger import Ledger, symbols_of
from market_pipeline.domain.lots import PriceTable
from market_pipeline.domain.portfolio_days import follow
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import snapshot_range

_LAST = date(2026, 11, 20)
_SYMBOLS = 1_000
_FULL, _QUICK = (100, 200, 1_260), (3, 10, 40)
"""Portfolios, positions of each, sessions."""

Floats = npt.NDArray[np.float64]


@benchmark("snapshots", "positions and sessions a second: exact sums, and whole rows of tables")
def snapshots(lab: Lab) -> Iterable[Row]:
    """Value made-up books; plain numpy gives value, long, short and P&L of the same, in floats.

    One portfolio after another, as frames of all positions at once would not fit into memory; rows
    are made of a tenth of them, and their rate is that of the tenth.
    """
    sizes = _QUICK if lab.is_quick else _FULL
    portfolios, positions, count = sizes
    made_up = _MadeUp(*sizes)
    cells = portfolios * positions * count
    shares = {"exact sums": 1.0, "rows": made_up.sampled / portfolios}
    sides = {
        "exact sums": lambda: seconds(made_up.exact),
        "rows": lambda: seconds(made_up.rows),
        "numpy": lambda: seconds(made_up.plain),
    }
    taken = in_turns(lab.size(full=2, quick=1), sides, lab.say)
    worst = float(np.abs(made_up.exact_equity - made_up.plain_equity).max())
    if worst > 0.005:
        raise RuntimeError(f"exact and plain values differ by {worst} USD")
    name = f"{portfolios}x{positions}x{count}"
    for side in ("exact sums", "rows"):
        yield rate(
            f"snapshots.{side.replace(' ', '_')}.{name}", cells, "position sessions",
            [taken_by / shares[side] for taken_by in taken[side]],
            peer="plain numpy floats", peer_seconds=taken["numpy"],
        )  # fmt: skip


class _MadeUp:
    """Books of whole shares, prices in cents, and what three ways make of them."""

    def __init__(self, portfolios: int, positions: int, count: int) -> None:
        random = np.random.default_rng(7)
        calendar = TradingCalendar.xnys()
        self._sessions = calendar.sessions(calendar.shift(_LAST, 1 - count), _LAST)
        names = [f"S{number:04d}" for number in range(_SYMBOLS)]
        walk = np.exp(np.cumsum(random.normal(0, 0.01, (count, _SYMBOLS)), axis=0))
        self._prices: Floats = np.round(100 * walk, 2)
        self._held = [random.choice(_SYMBOLS, positions, replace=False) for _ in range(portfolios)]
        self._shares = random.integers(-100, 500, (portfolios, positions)) * 2 + 1
        books = [self._book(at, names) for at in range(portfolios)]
        self._ledgers: list[Ledger] = ledgers_of(books, {}, {}, {}, {})
        self._market = pd.DataFrame(
            {
                "session_date": session_index(self._sessions).repeat(_SYMBOLS),
                "symbol": names * count,
                "price_usd": self._prices.ravel(),
                "source": "made up",
            }
        )
        self.sampled = max(portfolios // 10, 1)
        self.exact_equity: Floats = np.zeros((portfolios, count))
        self.plain_equity: Floats = np.zeros((portfolios, count))

    def _book(self, at: int, names: list[str]) -> Book:
        entry = date(2012, 1, 3)
        held = tuple(
            Position(no, names[symbol], STOCK, Decimal(int(shares)), Decimal(90), entry)
            for no, (symbol, shares) in enumerate(
                zip(self._held[at], self._shares[at], strict=True), start=1
            )
        )
        return Book(f"p{at:03d}", "made up", _LAST, "p.csv", "", held)

    def exact(self) -> None:
        """Follow every portfolio exactly: what reconciles to the last digit."""
        table = PriceTable(self._market, self._sessions, symbols_of(self._ledgers))
        for at, ledger in enumerate(self._ledgers):
            days = follow(ledger, table, 0)
            self.exact_equity[at] = days.equity.astype(np.float64) / WHOLE

    def rows(self) -> None:
        """Make the rows of both tables, statistics included, of a tenth of the portfolios."""
        for ledger in self._ledgers[: self.sampled]:
            found = snapshot_range(
                [ledger], self._market, sessions=self._sessions, first=self._sessions[0],
            )  # fmt: skip
            if len(found.portfolios) != len(self._sessions):
                raise RuntimeError(f"{len(found.portfolios)} snapshots were made")

    def plain(self) -> None:
        """Give value, long, short and P&L by position and portfolio in floats."""
        for at, held in enumerate(self._held):
            values = self._prices[:, held] * self._shares[at]
            changes = np.diff(values, axis=0)
            long = np.where(values > 0, values, 0).sum(axis=1)
            short = -np.where(values < 0, values, 0).sum(axis=1)
            gained = changes.sum(axis=1)
            if not np.isfinite(gained).all():
                raise RuntimeError("a made-up price is none")
            self.plain_equity[at] = long - short
