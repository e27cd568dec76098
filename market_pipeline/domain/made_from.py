"""What a portfolio was made from up to each session, as a digest that any change to the past moves.

Belongs here: what of a ledger counts from which day on. Prices do not count: what a restated one
reaches is told by `refreshing`. Does not: what a digest is compared with.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from hashlib import blake2b
from math import prod

from market_pipeline.domain.exact import whole
from market_pipeline.domain.ledger import CashMove, Ledger, Lot
from market_pipeline.domain.option_splits import series_on

DIGEST_LENGTH = 32

_RULES = 1
"""To be raised with any change of what is digested, or of what a ledger's rows mean to returns."""

_Event = tuple[date, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """The digest of a ledger from each of `days` (rising) on; the first of `digests` is before."""

    days: Sequence[date]
    digests: Sequence[str]

    def on(self, day: date) -> str:
        """Give the digest of all that counts up to the end of `day`."""
        return self.digests[bisect_right(self.days, day)]


def made_from(ledger: Ledger) -> MadeFrom:
    """Digest a ledger day by day, each upon the one before.

    A row counts from its own day on: what is added later (an exit, a split, a value by hand) leaves
    the digests before it. Quantities are taken in the terms of their day, which no later split
    moves. How lots are numbered does not count, so that a file may be sorted otherwise. Whether
    cash is kept counts from the beginning: the first deposit changes what all rows before it mean.
    """
    by_day: dict[date, list[bytes]] = {}
    for lot in ledger.lots:
        for day, digest in _lot_digests(lot):
            by_day.setdefault(day, []).append(digest)
    for move in ledger.cash:
        by_day.setdefault(move.on, []).append(_digest(b"cash", _cash_terms(move)))
    if ledger.start is not None:
        by_day.setdefault(ledger.start, []).append(b"start")
    state = _digest(b"", (_RULES, ledger.keeps_cash))
    days, digests = sorted(by_day), [state.hex()]
    for day in days:
        state = _digest(state, (day.toordinal(), *sorted(by_day[day])))
        digests.append(state.hex())
    return MadeFrom(days, digests)


def _lot_digests(lot: Lot) -> Iterator[tuple[date, bytes]]:
    """Digest all a lot has been through up to each of its events.

    A lot's own past is in each, so that two lots cannot change places unseen.
    """
    kind = (lot.symbol, lot.asset_class, lot.multiplier, lot.entry_date.toordinal())
    state = _digest(b"lot", kind)
    for day, terms in sorted(_lot_events(lot), key=lambda event: event[0]):
        state = _digest(state, (day.toordinal(), *terms))
        yield day, state


def _lot_events(lot: Lot) -> Iterator[_Event]:
    """Tell what happens to a lot, not in order; its lapse only where something is left for it."""
    stated = [change for change in lot.changes if not change.is_lapse]
    for change in stated:
        amounts = (change.cost, change.paid, change.dividends, change.fees)
        units = _in_terms_of(change.on, lot, _count(change.quantity))
        yield change.on, ("change", *units, *map(_count, amounts))
    for place, (since, value) in enumerate(lot.values):  # the first holds before its date, too
        yield max(since, lot.entry_date) if place else lot.entry_date, ("value", _count(value))
    for series in lot.series[1:]:
        terms = ("series", series.symbol, *series.ratio.as_integer_ratio())
        yield max(series.since, lot.entry_date), terms
    for ex_date, ratio in lot.splits:
        yield max(ex_date, lot.entry_date), ("split", *ratio.as_integer_ratio())
    rest = sum(_count(change.quantity) for change in stated)
    if lot.lapses_on is not None and rest:
        cost = sum(_count(change.cost) for change in stated)
        yield lot.lapses_on, ("lapse", *_in_terms_of(lot.lapses_on, lot, rest), cost)


def _in_terms_of(day: date, lot: Lot, units: int) -> tuple[int, int]:
    """Give a quantity as a fraction in the terms of `day`, before the splits that came later."""
    if not lot.splits and len(lot.series) == 1:
        return units, 1
    later = prod((ratio for ex_date, ratio in lot.splits if ex_date > day), start=Fraction(1))
    later *= lot.series[-1].ratio / series_on(lot.series, day).ratio
    return (units / later).as_integer_ratio()


def _cash_terms(move: CashMove) -> Iterable[object]:
    amounts = (move.amount, move.interest, move.dividends, move.fees, move.flow)
    return (move.on.toordinal(), *map(_count, amounts))


def _count(amount: Decimal) -> int:
    return whole(amount) if amount else 0


def _digest(before: bytes, terms: Iterable[object]) -> bytes:
    """Digest plain numbers, texts and bytes upon what came before."""
    told = repr(tuple(terms)).encode()
    return blake2b(before + told, digest_size=DIGEST_LENGTH // 2).digest()
