"""Which symbols matter in a session, and why: what is held, watched, or needed to explain it.

Frames of `tables.symbol_universe`. What a vendor may be asked about is decided here too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, PRIVATE, STOCK, Book, Position
from market_pipeline.domain.frames import DATE_DTYPE, session_index
from market_pipeline.domain.symbols import parse_occ

UNIVERSE_COLUMNS = (
    "session_date", "symbol", "asset_class", "underlying", "reasons", "priority",
)  # fmt: skip
DEFAULT_PROXIES = ("SPY", "TLT")

# In alphabetical order, so that joining by rising bit gives the sorted list of reasons.
_REASONS = ("factor_proxy", "held", "underlying", "watched")
_PRIORITIES = {"factor_proxy": 1, "held": 1, "underlying": 2, "watched": 3}

Mask = npt.NDArray[np.uint8]
Instrument = tuple[str, str, str]
"""Symbol, asset class, and the underlying of an option (else empty)."""


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
    watched: Sequence[str],
    proxies: Sequence[str],
    sessions: Sequence[date],
) -> pd.DataFrame:
    """List the instruments that matter in each of the rising `sessions`, as `UNIVERSE_COLUMNS`.

    Held: entered by the session, and neither left before it nor (an option) expired before it.
    A held or watched option brings its underlying. Priority 1 held or factor proxy, 2 underlying,
    3 watched. Private positions are in, cash is not.
    """
    held = chain.from_iterable(_of_position(p) for book in books for p in book.positions)
    seen = chain.from_iterable(_of_watched(symbol) for symbol in watched)
    factors = (_Interest(symbol, STOCK, "factor_proxy") for symbol in proxies)
    masks = _masks(chain(held, seen, factors), sessions)
    _give_shared_names_to_the_listed(masks)
    return _rows(masks, sessions)


def collectable(universe: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows a vendor may be asked about: private holdings never leave the house."""
    return universe[universe["asset_class"] != PRIVATE].reset_index(drop=True)


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


def _of_watched(symbol: str) -> Iterator[_Interest]:
    contract = parse_occ(symbol)
    if contract is None:
        yield _Interest(symbol, STOCK, "watched")
        return
    span, underlying = (None, contract.expiration_date), contract.underlying
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
        mask[lower:upper] |= 1 << _REASONS.index(each.reason)
    return masks


def _give_shared_names_to_the_listed(masks: dict[Instrument, Mask]) -> None:
    """Where a private position bears a listed symbol of the same session, keep one row: listed."""
    for (symbol, asset_class, _), mask in masks.items():
        listed = masks.get((symbol, STOCK, ""))
        if asset_class == PRIVATE and listed is not None:
            shared = listed > 0
            listed[shared] |= mask[shared]
            mask[shared] = 0


def _rows(masks: dict[Instrument, Mask], sessions: Sequence[date]) -> pd.DataFrame:
    keys = sorted(masks)
    table = np.array([masks[key] for key in keys], dtype=np.uint8).reshape(len(keys), len(sessions))
    at_session, at_key = np.nonzero(table.T)
    bits = table.T[at_session, at_key]
    symbols, classes, underlyings = zip(*keys, strict=True) if keys else ((), (), ())
    return pd.DataFrame(
        {
            "session_date": session_index(sessions).to_numpy()[at_session],
            "symbol": _pick(symbols, at_key),
            "asset_class": _pick(classes, at_key),
            "underlying": _pick([name or None for name in underlyings], at_key),
            "reasons": _pick([_joined(n) for n in range(1 << len(_REASONS))], bits),
            "priority": np.array([_priority(n) for n in range(1 << len(_REASONS))])[bits],
        },
        columns=list(UNIVERSE_COLUMNS),
    )


def _pick(values: Sequence[str | None], at: npt.NDArray[np.integer]) -> pd.Series:
    return pd.Series(np.array([*values, None], dtype=object)[at], dtype="str")


def _reasons_of(bits: int) -> list[str]:
    return [reason for n, reason in enumerate(_REASONS) if bits & (1 << n)]


def _joined(bits: int) -> str:
    return ",".join(_reasons_of(bits))


def _priority(bits: int) -> int:
    return min((_PRIORITIES[reason] for reason in _reasons_of(bits)), default=0)
