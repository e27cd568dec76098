"""Sources of daily bars in their order of choice, by asset class and by symbol.

Belongs here: which source is asked next, and whose bars may stand beside those stored. Does not:
how a source is asked, or which sources there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import structlog

from market_pipeline.domain.errors import (
    CircuitOpen,
    MixedPrices,
    NotEntitled,
    QuotaEnded,
    Transient,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.ports import FetchedFrame, PriceSource, Quota
from market_pipeline.domain.price_conventions import RAW

INDEX, STOCK = "index", "stock"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Member:
    """A source of the chain, with the quota that its requests count against, if any."""

    source: PriceSource
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Orders:
    """Names of sources, first choice first: for all symbols, for a class, for one symbol."""

    usual: tuple[str, ...]
    by_class: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_symbol: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, symbol: str, asset_class: str) -> tuple[str, ...]:
        """Give the order for a symbol: its own, else its class's, else the usual one."""
        return self.by_symbol.get(symbol) or self.by_class.get(asset_class) or self.usual

    def named(self) -> tuple[str, ...]:
        """Give every source that some order names, each once."""
        orders = (self.usual, *self.by_class.values(), *self.by_symbol.values())
        return tuple(dict.fromkeys(name for order in orders for name in order))


class PriceChain:
    """A `PriceSource` over several; each answer says who gave it. Thread-safe where they are.

    `members` are known by the names that `orders` uses; a name without a member is one left out
    for want of a key (`left_out` says why, by name). The next source is asked after any
    `VendorError` and after an answer without bars.
    """

    def __init__(
        self,
        name: str,
        members: Mapping[str, Member],
        orders: Orders,
        *,
        left_out: Mapping[str, str] | None = None,
        classes: Mapping[str, str] | None = None,
    ) -> None:
        self._name, self._members, self._orders = name, dict(members), orders
        self._left_out, self._classes = dict(left_out or {}), dict(classes or {})

    @property
    def name(self) -> str:
        """Name of the chain; bars carry the name of the source that gave them."""
        return self._name

    @property
    def has_several(self) -> bool:
        """Whether there is more than one source that can be asked."""
        return len(self._members) > 1

    def knowing(self, classes: Mapping[str, str]) -> "PriceChain":
        """Give the same chain, told the asset class of symbols."""
        return PriceChain(
            self._name, self._members, self._orders, left_out=self._left_out, classes=classes
        )

    def besides(self, vendor: str) -> "PriceChain | None":
        """Give the same chain without the source of that name, None where nobody is left."""
        others = {n: m for n, m in self._members.items() if m.source.name != vendor}
        if not others:
            return None
        return PriceChain(
            self._name, others, self._orders, left_out=self._left_out, classes=self._classes
        )

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch bars of `symbol` from the first source that delivers any.

        Raw bars in whose time a split may lie are refused (`MixedPrices`), for those stored are
        split-adjusted. Where nobody delivers, the last empty answer stands; without any, the error
        raised is the one that gives most hope: a passing trouble before a used-up day before a
        refusal before an unknown symbol.
        """
        names = self._orders.of(symbol, self._class_of(symbol))
        errors: list[VendorError] = []
        empty: FetchedFrame | None = None
        is_settled = False
        for name in names:
            member = self._members.get(name)
            if member is None:
                continue
            try:
                fetched = _admitted(_asked(member, symbol, first, last), symbol)
            except VendorError as error:
                errors.append(error)
                self._tell(symbol, member, error.kind, error.detail)
                continue
            if not fetched.frame.empty:
                return fetched
            empty, is_settled = fetched, is_settled or not errors
            self._tell(symbol, member, "empty", "an answer without any bar")
        # The first choice's silence is an answer. A later one's is none while an earlier source is
        # down, nor beside one that says there is no such symbol: Polygon cannot tell the two apart.
        if empty is not None and (is_settled or not says_more(errors)):
            return empty
        raise most_hopeful(errors) if errors else self._nobody(symbol, names)

    def close(self) -> None:
        """Close the connections of every source that has any."""
        for member in self._members.values():
            close = getattr(member.source, "close", None)
            if close is not None:
                close()

    def _class_of(self, symbol: str) -> str:
        return self._classes.get(symbol, INDEX if symbol.startswith("^") else STOCK)

    def _tell(self, symbol: str, member: Member, reason: str, detail: str) -> None:
        log.info(
            "price_source_gave_nothing",
            symbol=symbol, vendor=member.source.name, reason=reason, detail=detail[:200],
        )  # fmt: skip

    def _nobody(self, symbol: str, names: Sequence[str]) -> NotEntitled:
        reasons = "; ".join(self._left_out.get(name, f"{name} is not there") for name in names)
        return NotEntitled(self._name, "bars", f"no source for {symbol}: {reasons}")


def _asked(member: Member, symbol: str, first: date, last: date) -> FetchedFrame:
    """Ask one source; say who answered, and what is left to it today."""
    fetched = member.source.daily_bars(symbol, first, last)
    left = member.quota.status().left if member.quota is not None else fetched.quota_left
    return replace(fetched, source=fetched.source or member.source.name, quota_left=left)


def _admitted(fetched: FetchedFrame, symbol: str) -> FetchedFrame:
    if fetched.convention == RAW and fetched.suspected_splits:
        days = ", ".join(day.isoformat() for day in fetched.suspected_splits[:3])
        raise MixedPrices(
            str(fetched.source), "bars",
            f"{symbol}: raw prices moved as a split moves them on {days}; they cannot stand beside "
            "split-adjusted ones, and another source or an adjusted series must tell",
        )  # fmt: skip
    return fetched


def says_more(errors: Sequence[VendorError]) -> bool:
    """Say whether some error tells more than an empty answer does."""
    telling = Transient | CircuitOpen | QuotaEnded | UnknownSymbol
    return any(isinstance(error, telling) for error in errors)


def most_hopeful(errors: Sequence[VendorError]) -> VendorError:
    """Give the error that gives most hope: a passing trouble before a used-up day and so on."""
    ranks = (Transient, CircuitOpen, QuotaEnded)

    def rank(error: VendorError) -> int:
        for position, kind in enumerate(ranks):
            if isinstance(error, kind):
                return position
        return len(ranks) + isinstance(error, UnknownSymbol)

    return min(errors, key=rank)
