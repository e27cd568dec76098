"""Which symbols matter in a session, and why: what is held, watched, or needed to explain it.

Frames of `tables.symbol_universe`. What a vendor may be asked about is decided here too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, PRIVATE, STOCK, Book, Position
from market_pipeline.domain.companies import ETF, INDEX, CompanyProfile
from market_pipeline.domain.frames import DATE_DTYPE, session_index
from market_pipeline.domain.reasons import REASONS
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.domain.transactions import Transaction

UNIVERSE_COLUMNS = (
    "session_date", "symbol", "asset_class", "underlying", "exchange", "sector", "industry",
    "reasons", "priority", "timeframes",
)  # fmt: skip
LISTED_CLASSES = (STOCK, ETF, INDEX)
"""Asset classes with bars of their own; in books all three are `stock`."""

DAILY, HOURLY = "1d", "1h"
TRADED_FOR = timedelta(days=30)
"""How long a symbol stays in after a transaction in it, a listed one after it was sold."""

# Reasons are in alphabetical order: joining by rising bit gives their sorted list.
WATCHED = "watched"
_PRIORITIES = {"factor_proxy": 1, "held": 1, "underlying": 2, "traded": 3, WATCHED: 3}

Mask = npt.NDArray[np.uint8]
Instrument = tuple[str, str, str]
"""Symbol, asset class, and the underlying of an option (else empty)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A symbol on the watchlist over a closed range of dates (None: without end)."""

    symbol: str
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class IntradayChoice:
    """What has hourly bars beside daily ones: symbols by name, and all that is in for a reason."""

    symbols: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()


NO_INTRADAY = IntradayChoice()


@dataclass(frozen=True, slots=True)
class _Interest:
    """One reason for one instrument over a closed range of dates (None: without end)."""

    symbol: str
    asset_class: str
    reason: str
    first: date | None = None
    last: date | None = None
    underlying: str | None = None


def build_universe(
    books: Sequence[Book],
    watched: Sequence[str | Watched],
    proxies: Sequence[str],
    sessions: Sequence[date],
    *,
    profiles: Mapping[str, CompanyProfile] | None = None,
    intraday: IntradayChoice = NO_INTRADAY,
    transactions: Sequence[Transaction] = (),
) -> pd.DataFrame:
    """List the instruments that matter in each of the rising `sessions`, as `UNIVERSE_COLUMNS`.

    Held: entered by the session, and neither left before it nor (an option) expired before it.
    Traded: left, or named by one of `transactions`, at most `TRADED_FOR` before it, so that prices
    and news outlive the sale; an option until it expires. A watched name without dates is in every
    session. An option brings its underlying. Priority 1 held or factor proxy, 2 underlying, 3
    traded or watched. Private positions are in, with no timeframe; cash is not. `profiles` say what
    a listed symbol is: without one it is an index where its name says so, an ETF as a factor's
    proxy, else a stock.
    """
    held = chain.from_iterable(_of_position(p) for book in books for p in book.positions)
    seen = chain.from_iterable(_of_watched(each) for each in watched)
    factors = (_Interest(symbol, STOCK, "factor_proxy") for symbol in proxies)
    done = chain.from_iterable(_of_transaction(each) for each in transactions)
    masks = _masks(chain(held, seen, factors, done), sessions)
    _give_shared_names_to_the_listed(masks)
    return _rows(masks, sessions, _Description(profiles or {}, frozenset(proxies), intraday))


def listed(universe: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of symbols with bars of their own: stocks, ETFs and indices."""
    return universe[universe["asset_class"].isin(LISTED_CLASSES)]


def ranks(universe: pd.DataFrame) -> dict[str, int]:
    """Give each symbol's best priority: 1, the held and the factor proxies, is collected first."""
    return {
        str(symbol): int(rank)
        for symbol, rank in universe.groupby("symbol")["priority"].min().items()
    }


def collectable(universe: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows a vendor may be asked about: private holdings never leave the house."""
    return universe[universe["asset_class"] != PRIVATE].reset_index(drop=True)


def optioned(universe: pd.DataFrame, *, with_watched: bool) -> dict[str, int]:
    """Name the stocks whose options are told of in a session's universe, by priority and name.

    Those of the options held or watched, with the best priority of these; `with_watched` also the
    stocks and funds that are watched themselves.
    """
    options = universe[universe["asset_class"] == OPTION]
    best = options.groupby("underlying")["priority"].min().to_dict()
    if with_watched:
        shares = universe[universe["asset_class"].isin((STOCK, ETF))]
        is_watched = shares["reasons"].str.split(",").map(lambda all_: WATCHED in all_)
        for symbol in shares.loc[is_watched.astype(bool), "symbol"]:
            best.setdefault(symbol, _PRIORITIES[WATCHED])
    return {
        str(name): int(rank) for name, rank in sorted(best.items(), key=lambda item: item[::-1])
    }


def of_session(universe: pd.DataFrame, session: date) -> pd.DataFrame:
    """Keep the rows of one session."""
    return universe[universe["session_date"] == pd.Timestamp(session)]


def within(frame: pd.DataFrame, universe: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of `frame` whose symbol is in the universe of their session."""
    key = ["session_date", "symbol"]
    is_in = pd.MultiIndex.from_frame(frame[key]).isin(pd.MultiIndex.from_frame(universe[key]))
    return frame[is_in].reset_index(drop=True)


def _of_position(position: Position) -> Iterator[_Interest]:
    if position.asset_class == CASH:
        return
    ends = [day for day in (position.exit_date, position.expiration_date) if day is not None]
    last = min(ends, default=None)
    span, underlying = (position.entry_date, last), position.underlying
    yield _Interest(position.symbol, position.asset_class, "held", *span, underlying)
    if underlying is not None:
        yield _Interest(underlying, STOCK, "underlying", *span)
    if position.exit_date is not None and position.asset_class == STOCK:
        left = min(position.exit_date, date.max - TRADED_FOR)
        after = left + timedelta(days=1)
        yield _Interest(position.symbol, STOCK, "traded", after, left + TRADED_FOR)


def _of_transaction(each: Transaction) -> Iterator[_Interest]:
    if each.symbol is None or each.asset_class is None:
        return
    first = each.trade_date
    last = min(first, date.max - TRADED_FOR) + TRADED_FOR
    span = (first, min(last, each.expiration_date or last))
    yield _Interest(each.symbol, each.asset_class, "traded", *span, each.underlying)
    if each.underlying is not None:
        yield _Interest(each.underlying, STOCK, "underlying", *span)


def _of_watched(each: str | Watched) -> Iterator[_Interest]:
    spell = Watched(each) if isinstance(each, str) else each
    contract = parse_occ(spell.symbol)
    if contract is None:
        yield _Interest(spell.symbol, STOCK, "watched", spell.first, spell.last)
        return
    last = min(spell.last or date.max, contract.expiration_date)
    span, underlying = (spell.first, last), contract.stock
    yield _Interest(contract.occ, OPTION, "watched", *span, underlying)
    yield _Interest(underlying, STOCK, "underlying", *span)


def _masks(interests: Iterable[_Interest], sessions: Sequence[date]) -> dict[Instrument, Mask]:
    """Give each instrument one bit a reason for every session."""
    days = np.array(sessions, dtype=DATE_DTYPE)
    masks: dict[Instrument, Mask] = {}
    for each in interests:
        key = (each.symbol, each.asset_class, each.underlying or "")
        mask = masks.setdefault(key, np.zeros(len(days), dtype=np.uint8))
        lower = 0 if each.first is None else np.searchsorted(days, np.datetime64(each.first))
        upper = (
            len(days)
            if each.last is None
            else np.searchsorted(days, np.datetime64(each.last), side="right")
        )
        mask[lower:upper] |= 1 << REASONS.index(each.reason)
    return masks


def _give_shared_names_to_the_listed(masks: dict[Instrument, Mask]) -> None:
    """Where a private position bears a listed symbol of the same session, keep one row: listed."""
    for (symbol, asset_class, _), mask in masks.items():
        listed = masks.get((symbol, STOCK, ""))
        if asset_class == PRIVATE and listed is not None:
            shared = listed > 0
            listed[shared] |= mask[shared]
            mask[shared] = 0


@dataclass(frozen=True, slots=True)
class _Description:
    """What is known of instruments beside the reasons they are in."""

    profiles: Mapping[str, CompanyProfile]
    proxies: frozenset[str]
    intraday: IntradayChoice

    def of(self, key: Instrument) -> tuple[str, str | None, str | None, str | None]:
        """Give asset class, exchange, sector and industry."""
        symbol, asset_class, _ = key
        known = self.profiles.get(symbol)
        if asset_class != STOCK:
            return asset_class, None, None, None
        if known is not None and known.asset_class in LISTED_CLASSES:
            asset_class = known.asset_class
        elif symbol.startswith("^"):
            asset_class = INDEX
        elif symbol in self.proxies:
            asset_class = ETF
        if known is None:
            return asset_class, None, None, None
        return asset_class, known.exchange, known.sector, known.industry

    def timeframes(self, key: Instrument, bits: int) -> str | None:
        """Name the timeframes collected, comma-joined; None where no vendor is asked."""
        symbol, asset_class, _ = key
        if asset_class == PRIVATE:
            return None
        is_chosen = symbol in self.intraday.symbols or any(
            reason in self.intraday.reasons for reason in _reasons_of(bits)
        )
        return f"{DAILY},{HOURLY}" if is_chosen and asset_class == STOCK else DAILY


def _rows(
    masks: dict[Instrument, Mask], sessions: Sequence[date], description: _Description
) -> pd.DataFrame:
    keys = sorted(masks)
    table = np.array([masks[key] for key in keys], dtype=np.uint8).reshape(len(keys), len(sessions))
    at_session, at_key = np.nonzero(table.T)
    bits = table.T[at_session, at_key]
    told = [description.of(key) for key in keys]
    every = range(1 << len(REASONS))
    # One entry a key and set of reasons, so that rows are picked and not computed one by one.
    frames = [description.timeframes(key, n) for key in keys for n in every]
    return pd.DataFrame(
        {
            "session_date": session_index(sessions).to_numpy()[at_session],
            "symbol": _pick([symbol for symbol, _, _ in keys], at_key),
            "asset_class": _pick([one[0] for one in told], at_key),
            "underlying": _pick([name or None for _, _, name in keys], at_key),
            "exchange": _pick([one[1] for one in told], at_key),
            "sector": _pick([one[2] for one in told], at_key),
            "industry": _pick([one[3] for one in told], at_key),
            "reasons": _pick([_joined(n) for n in every], bits),
            "priority": np.array([_priority(n) for n in every])[bits],
            "timeframes": _pick(frames, at_key * len(every) + bits),
        },
        columns=list(UNIVERSE_COLUMNS),
    )


def _pick(values: Sequence[str | None], at: npt.NDArray[np.integer]) -> pd.Series:
    return pd.Series(np.array([*values, None], dtype=object)[at], dtype="str")


def _reasons_of(bits: int) -> list[str]:
    return [reason for n, reason in enumerate(REASONS) if bits & (1 << n)]


def _joined(bits: int) -> str:
    return ",".join(_reasons_of(bits))


def _priority(bits: int) -> int:
    return min((_PRIORITIES[reason] for reason in _reasons_of(bits)), default=0)
