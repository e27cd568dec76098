"""A slow second opinion on ledgers: one share, one contract, one day at a time, in Decimals.

It knows the rules of docs/portfolios.md and none of the code: holdings are queues of single units,
cash is a number, and a session is valued by looking everything up.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, localcontext

from market_pipeline.domain.transactions import Transaction

ZERO = Decimal(0)


@dataclass
class Unit:
    """One share or contract: its side and what it cost (short: less what it brought)."""

    side: int
    cost: Decimal


@dataclass
class Day:
    """What the second opinion says of a session."""

    equity: Decimal
    cash: Decimal
    long: Decimal
    short: Decimal
    realised: Decimal
    unrealised: Decimal
    put_in: Decimal


@dataclass
class SlowBook:
    """A portfolio of transactions only, whose quantities are whole numbers.

    `splits` are known to the vendor: prices before them are divided already.
    """

    splits: Mapping[str, tuple[date, int]]
    cash: Decimal = ZERO
    put_in: Decimal = ZERO
    realised: Decimal = ZERO
    units: dict[str, deque[Unit]] = field(default_factory=dict)

    def take(self, one: Transaction) -> None:
        """Let one transaction happen."""
        self.cash += one.amount_usd
        if one.type in ("deposit", "withdrawal"):
            self.put_in += one.amount_usd + one.fees_usd
            self.realised -= one.fees_usd
        elif one.type in ("dividend", "interest", "fee"):
            self.realised += one.amount_usd
        elif one.type in ("buy", "cover", "sell", "short"):
            self.trade(one)
        elif one.type == "split":
            pass  # the vendor's split has counted it
        else:
            held = self.units.get(one.symbol or "", deque())
            for _ in range(min(int(one.quantity), len(held))):
                self.realised -= held.popleft().cost

    def trade(self, one: Transaction) -> None:
        """Trade unit after unit, each for its part of the money."""
        assert one.symbol is not None
        assert one.price_usd is not None
        side = 1 if one.type in ("buy", "cover") else -1
        ratio = self.ratio(one.symbol, one.trade_date)
        held = self.units.setdefault(one.symbol, deque())
        each = one.price_usd * one.multiplier / ratio
        self.realised -= one.fees_usd
        for _ in range(int(one.quantity) * ratio):
            if held and held[0].side != side:
                unit = held.popleft()
                self.realised += -side * each - unit.cost
            else:
                held.append(Unit(side, side * each))

    def ratio(self, symbol: str, day: date) -> int:
        """How many of today's shares one of `day` is."""
        ex_date, ratio = self.splits.get(symbol, (date.min, 1))
        return ratio if day < ex_date else 1

    def value(self, prices: Mapping[str, Decimal], multipliers: Mapping[str, int]) -> Day:
        """Value everything at `prices`."""
        long = short = unrealised = ZERO
        for symbol, held in self.units.items():
            for unit in held:
                worth = unit.side * prices[symbol] * multipliers[symbol]
                long, short = (long + worth, short) if worth > 0 else (long, short - worth)
                unrealised += worth - unit.cost
        equity = long - short + self.cash
        return Day(equity, self.cash, long, short, self.realised, unrealised, self.put_in)


def slow_days(
    done: Sequence[Transaction],
    sessions: Sequence[date],
    prices: Mapping[tuple[str, date], Decimal],
    multipliers: Mapping[str, int],
    splits: Mapping[str, tuple[date, int]],
) -> list[Day]:
    """Give what each session was, every price being there."""
    with localcontext(prec=50):
        book, found, waiting = SlowBook(splits), [], deque(done)
        for day in sessions:
            while waiting and waiting[0].trade_date <= day:
                book.take(waiting.popleft())
            found.append(book.value({s: prices[s, day] for s in multipliers}, multipliers))
        return found
