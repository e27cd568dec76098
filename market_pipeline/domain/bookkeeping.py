"""What happened to each lot of a portfolio, from its file of positions and its transactions.

No price of the market comes in: quantities, costs, gains, dividends, fees and cash follow from what
people stated, from splits and from declared dividends. What a lot is worth stands in `lots`; the
rules are told in docs/portfolios.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from math import prod

from market_pipeline.domain.books import CASH, PRIVATE, STOCK, Book, Position
from market_pipeline.domain.exact import PRECISION, ZERO, parts, rounded
from market_pipeline.domain.ledger import (
    CashMove,
    Change,
    Dividends,
    Ledger,
    Lot,
    ManualValues,
    MissedLot,
)
from market_pipeline.domain.option_splits import Series, Splits, series_of, split_ratio
from market_pipeline.domain.transactions import (
    ASSIGNMENT,
    DEPOSIT,
    DIVIDEND,
    EXERCISE,
    EXPIRY,
    FEE,
    INTEREST,
    PURCHASES,
    SPLIT,
    TRADES,
    WITHDRAWAL,
    Transaction,
)  # fmt: skip

SAME_SPLIT = timedelta(days=10)
"""A split row this near to a known split of the symbol tells of that one."""

_ENDS = frozenset((EXERCISE, ASSIGNMENT, EXPIRY))
_DAY = timedelta(days=1)
_ONE = Decimal(1)
# Quantities restated for a split are rounded; what is smaller is no holding.
_DUST = Decimal("1E-8")


def ledger_of(
    portfolio_id: str,
    book: Book | None,
    transactions: Sequence[Transaction],
    splits: Splits,
    dividends: Dividends,
    values: ManualValues,
) -> Ledger:
    """Bring a portfolio's file of positions and its transactions (in order) together.

    The file states the book as of its date: transactions up to it are contained, later ones change
    it. Without a file everything comes from transactions. Declared dividends count for lots of the
    file as long as no transaction could state them.
    """
    with localcontext(prec=PRECISION):
        applied = [
            (number, one)
            for number, one in enumerate(transactions, start=1)
            if book is None or one.trade_date > book.as_of_date
        ]
        work = _Work(book, splits, values, bool(transactions))
        for _, _, _, act in sorted(work.events(applied, dividends), key=lambda event: event[:3]):
            act()
        days = [lot.entry_date for lot in work.lots] + [one.trade_date for _, one in applied]
        keeps = any(one.type in (DEPOSIT, WITHDRAWAL) for _, one in applied) or any(
            lot.asset_class == CASH for lot in work.lots
        )
        lots = tuple(sorted(work.lots, key=lambda lot: lot.number))
        start, missed = min(days, default=None), tuple(work.missed)
        return Ledger(portfolio_id, start, lots, tuple(work.cash), keeps, missed)


def ledgers_of(
    books: Sequence[Book],
    transactions: Mapping[str, Sequence[Transaction]],
    splits: Splits,
    dividends: Dividends,
    values: Mapping[str, ManualValues],
) -> list[Ledger]:
    """Make the ledger of every portfolio that has a file of positions or transactions, by id.

    `transactions` and `values` are by portfolio, transactions in order of date.
    """
    by_id = {book.portfolio_id: book for book in books}
    return [
        ledger_of(
            name, by_id.get(name), transactions.get(name, ()), splits, dividends,
            values.get(name, {}),
        )
        for name in sorted(by_id.keys() | transactions.keys())
    ]  # fmt: skip


def basis(symbol: str, asset_class: str, day: date, splits: Splits) -> Fraction:
    """Give what a stock's quantity of `day` is multiplied by to be in the units of its prices."""
    later = _splits_after(symbol, asset_class, day, splits)
    return prod((ratio for _, ratio in later), start=Fraction(1))


def _splits_after(
    symbol: str, asset_class: str, day: date, splits: Splits
) -> tuple[tuple[date, Fraction], ...]:
    """Give the splits of a stock with a later ex-date than `day`, in which its units count."""
    return tuple(
        (ex_date, split_ratio(ratio))
        for ex_date, ratio in splits.get(symbol, ())
        if asset_class == STOCK and ex_date > day
    )


def is_known_split(row: Transaction, splits: Splits) -> bool:
    """Whether prices are adjusted for the split that a row tells of: then it is counted there."""
    known = splits.get(row.symbol or "", ())
    return any(abs(ex_date - row.trade_date) <= SAME_SPLIT for ex_date, _ in known)


class _Work:
    """The open lots while the days go by."""

    def __init__(
        self, book: Book | None, splits: Splits, values: ManualValues, has_transactions: bool
    ) -> None:
        self._book = book
        self._splits = splits
        self._values = values
        self._has_transactions = has_transactions
        self._open: dict[tuple[str, str], list[Lot]] = {}
        self._base = max((p.position_no for p in book.positions), default=0) if book else 0
        self.lots: list[Lot] = []
        self.cash: list[CashMove] = []
        self.missed: list[MissedLot] = []

    def events(
        self, applied: Iterable[tuple[int, Transaction]], dividends: Dividends
    ) -> Iterator[tuple[date, int, int, Callable[[], None]]]:
        """Give what happens: its day, its place within the day, and what it does.

        A dividend goes to who held before the day; then splits, entries, transactions, exits.
        """
        for position in sorted(
            self._book.positions if self._book else (),
            key=lambda p: (p.entry_date, p.position_no),
        ):
            if position.expiration_date and position.entry_date > position.expiration_date:
                continue  # never held: there was nothing to buy any more
            number = position.position_no
            lot, paid = self._stated(position)
            yield position.entry_date, 2, number, partial(self._enter, lot, paid)
            if position.exit_date is not None:
                yield _exit_day(position), 4, number, partial(self._exit, lot, position)
            for ex_date, each in dividends.get(position.symbol, ()):
                if position.asset_class == STOCK and self._is_declared(ex_date):
                    yield ex_date, 0, number, partial(self._declare, lot, (ex_date, each))
        for number, one in applied:
            if one.type == SPLIT:
                yield one.trade_date, 1, number, partial(self._split, one)
            else:
                yield _day_of(one), 3, number, partial(self._transact, one, self._base + number)

    def _is_declared(self, ex_date: date) -> bool:
        """Whether a declared dividend counts: not where transactions tell of those received."""
        book = self._book
        return not self._has_transactions or (book is not None and ex_date <= book.as_of_date)

    def _stated(self, p: Position) -> tuple[Lot, Decimal]:
        """Make the lot of a position, still empty, and give its cost."""
        book = self._book
        if book is None:
            raise RuntimeError("a position belongs to a book")
        values = _values_of(p, self._values)
        series = series_of(p, book.as_of_date, self._splits)
        lot = Lot(
            p.position_no, p.symbol, p.asset_class, p.multiplier, p.entry_date, _lapse_of(p),
            series, values, is_of_file=True,
            splits=_splits_after(p.symbol, p.asset_class, book.as_of_date, self._splits),
        )  # fmt: skip
        price = values[0][1] if values else p.entry_price_usd
        return lot, rounded(p.quantity * p.multiplier * price)

    def _enter(self, lot: Lot, cost: Decimal) -> None:
        book = self._book
        if book is None:
            raise RuntimeError("a position belongs to a book")
        position = next(p for p in book.positions if p.position_no == lot.number)
        factor = basis(lot.symbol, lot.asset_class, book.as_of_date, self._splits)
        factor *= lot.series[-1].ratio
        quantity = rounded(position.quantity * factor.numerator / factor.denominator)
        lot.add(Change(lot.entry_date, quantity, cost, cost))
        self.lots.append(lot)
        self._open.setdefault((lot.asset_class, lot.last_symbol), []).append(lot)

    def _exit(self, lot: Lot, p: Position) -> None:
        """Let what is left of a lot leave at the exit price; without one it lapses."""
        if p.exit_date is None or p.exit_price_usd is None or not lot.quantity:
            return
        price = _ONE if p.asset_class == CASH else p.exit_price_usd
        entered = lot.changes[0].quantity
        proceeds = rounded(p.quantity * p.multiplier * price * lot.quantity / entered)
        lot.add(Change(_exit_day(p), -lot.quantity, -lot.cost, -proceeds))

    def _declare(self, lot: Lot, declared: tuple[date, Decimal]) -> None:
        ex_date, each = declared
        if lot.changes and lot.entry_date < ex_date and lot.quantity:
            lot.add(Change(ex_date, dividends=rounded(lot.quantity * each)))

    def _split(self, row: Transaction) -> None:
        """Multiply what is held, where no known split does so already by way of the prices."""
        if is_known_split(row, self._splits):
            return
        for lot in self._held(STOCK, row.symbol or ""):
            lot.add(Change(row.trade_date, rounded(lot.quantity * (row.quantity - 1))))

    def _transact(self, row: Transaction, number: int) -> None:
        if row.type in TRADES:
            self._trade(row, number)
        elif row.type in _ENDS:
            self._close(row, abs(self._units(row)), None)
        elif row.type in (DIVIDEND, FEE) and self._earn(row):
            self.cash.append(CashMove(row.trade_date, row.amount_usd))
        else:
            self.cash.append(_of_cash(row))

    def _trade(self, row: Transaction, number: int) -> None:
        """Close what is held the other way, first in first out; open a lot with the rest."""
        is_purchase = row.type in PURCHASES
        units = self._units(row)
        gross = row.amount_usd + row.fees_usd
        closed = self._close(row, units, is_purchase)
        rest = units - sum((taken for _, taken in closed), ZERO)
        if closed and rest <= _DUST:
            rest = ZERO
        weights = [taken for _, taken in closed] + ([rest] if rest else [])
        paid, fees = parts(-gross, weights), parts(row.fees_usd, weights)
        for (lot, _), money, fee in zip(closed, paid, fees, strict=False):
            lot.add(Change(row.trade_date, paid=money, fees=fee))
        if rest:
            lot = self._lot_of(row, number)
            quantity = rest if is_purchase else -rest
            lot.add(Change(row.trade_date, quantity, paid[-1], paid[-1], fees=fees[-1]))
            self.lots.append(lot)
            self._open.setdefault((lot.asset_class, lot.last_symbol), []).append(lot)
        self.cash.append(CashMove(row.trade_date, row.amount_usd))

    def _close(
        self, row: Transaction, units: Decimal, is_purchase: bool | None
    ) -> list[tuple[Lot, Decimal]]:
        """Take up to `units` from open lots, the chosen ones first; give what was taken of each.

        `is_purchase` says which way: shorts, longs, or (None) whatever there is.
        """
        found: list[tuple[Lot, Decimal]] = []
        held = [
            lot
            for lot in self._held(row.asset_class or STOCK, self._series(row)[-1].symbol)
            if is_purchase is None or (lot.quantity < 0) == is_purchase
        ]
        if row.lot_date is not None and row.lot_date not in {lot.entry_date for lot in held}:
            self.missed.append(MissedLot(row, any(lot.is_of_file for lot in held)))
        for lot in sorted(held, key=lambda each: each.entry_date != row.lot_date):
            if units <= 0:
                break
            size = abs(lot.quantity)
            taken = size if size - units <= _DUST else units
            cost = rounded(lot.cost * taken / size)
            gone = -lot.quantity if taken == size else taken.copy_sign(-lot.quantity)
            lot.add(Change(_day_of(row), gone, -cost))
            found.append((lot, min(taken, units)))
            units -= taken
        return found

    def _earn(self, row: Transaction) -> bool:
        """Share out among the lots of its symbol what a row brought; say whether there are any."""
        if row.symbol is None:
            return False
        key = row.asset_class or STOCK, self._series(row)[-1].symbol
        held = self._held(*key) or self._open.get(key, [])[-1:]
        if not held:
            return False
        weights = [abs(lot.quantity) or _ONE for lot in held]
        gross = row.amount_usd + row.fees_usd
        earned = gross if row.type != FEE else ZERO
        charged = row.fees_usd if row.type != FEE else -row.amount_usd
        shared = zip(held, parts(earned, weights), parts(charged, weights), strict=True)
        for lot, income, fees in shared:
            lot.add(Change(row.trade_date, dividends=income, fees=fees))
        return True

    def _held(self, asset_class: str, symbol: str) -> list[Lot]:
        return [lot for lot in self._open.get((asset_class, symbol), ()) if lot.quantity]

    def _units(self, row: Transaction) -> Decimal:
        """Count a row's quantity in the units its lots are counted in."""
        factor = basis(row.symbol or "", row.asset_class or STOCK, row.trade_date, self._splits)
        factor *= self._series(row)[-1].ratio
        return rounded(row.quantity * factor.numerator / factor.denominator)

    def _series(self, row: Transaction) -> tuple[Series, ...]:
        return series_of(_as_position(row), row.trade_date, self._splits)

    def _lot_of(self, row: Transaction, number: int) -> Lot:
        return Lot(
            number, row.symbol or "", row.asset_class or STOCK, row.multiplier, row.trade_date,
            None if row.expiration_date is None else row.expiration_date + _DAY, self._series(row),
            splits=_splits_after(
                row.symbol or "", row.asset_class or STOCK, row.trade_date, self._splits
            ),
        )  # fmt: skip


def _values_of(p: Position, known: ManualValues) -> tuple[tuple[date, Decimal], ...]:
    """Give what a unit is worth by hand since when: of private holdings and cash."""
    if p.asset_class == CASH:
        return ((date.min, _ONE),)
    if p.asset_class != PRIVATE:
        return ()
    told = known.get((p.symbol, p.entry_date), ())
    return tuple(told) or ((date.min, p.entry_price_usd),)


def _lapse_of(p: Position) -> date | None:
    """Give the day a position leaves without a price that anybody stated; None for never."""
    days = [] if p.expiration_date is None else [p.expiration_date + _DAY]
    if p.exit_date is not None and p.exit_price_usd is None:
        days.append(p.exit_date)
    return min(days, default=None)


def _exit_day(p: Position) -> date:
    """Give the day an exit counts: an option's not after the day its expiration is over."""
    day = p.exit_date or date.max
    return day if p.expiration_date is None else min(day, p.expiration_date + _DAY)


def _day_of(row: Transaction) -> date:
    """Give the day a row counts: an option's end not after the day its expiration is over."""
    if row.type in _ENDS and row.expiration_date is not None:
        return min(row.trade_date, row.expiration_date + _DAY)
    return row.trade_date


def _of_cash(row: Transaction) -> CashMove:
    """Tell what a row of no lot did to cash."""
    gross = row.amount_usd + row.fees_usd
    if row.type == FEE:
        return CashMove(row.trade_date, row.amount_usd, fees=-row.amount_usd)
    if row.type == INTEREST:
        return CashMove(row.trade_date, row.amount_usd, interest=gross, fees=row.fees_usd)
    if row.type == DIVIDEND:
        return CashMove(row.trade_date, row.amount_usd, dividends=gross, fees=row.fees_usd)
    return CashMove(row.trade_date, row.amount_usd, fees=row.fees_usd, flow=gross)


def _as_position(row: Transaction) -> Position:
    """Give the position a row would open, as far as its series need it."""
    return Position(
        0, row.symbol or "", row.asset_class or STOCK, row.quantity, ZERO, row.trade_date,
        row.multiplier,
    )  # fmt: skip
