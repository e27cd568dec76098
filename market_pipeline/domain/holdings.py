"""What portfolios hold over time, told as books: for the universe, which asks only who and when.

A lot that transactions opened is a position of a book dated by its day, so that splits since then
are met as they are by any other position.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.ledger import Ledger, Lot
from market_pipeline.domain.symbols import parse_occ


def books_of_holdings(books: Sequence[Book], ledgers: Iterable[Ledger]) -> list[Book]:
    """Give `books` with the exits that transactions brought, and a book for each day of purchases.

    What a position lost piecemeal is held until the last piece has gone.
    """
    by_id = {book.portfolio_id: book for book in books}
    found = []
    for ledger in ledgers:
        book = by_id.get(ledger.portfolio_id)
        lots = {lot.number: lot for lot in ledger.lots}
        if book is not None:
            held = [_until_left(p, lots.get(p.position_no)) for p in book.positions]
            found.append(replace(book, positions=tuple(held)))
        bought: dict[date, list[Position]] = {}
        for lot in ledger.lots:
            if not lot.is_of_file:
                bought.setdefault(lot.entry_date, []).append(_position(lot))
        found += [
            Book(ledger.portfolio_id, ledger.portfolio_id, day, "", "", tuple(positions))
            for day, positions in sorted(bought.items())
        ]
    return found


def _until_left(position: Position, lot: Lot | None) -> Position:
    """Give a position with the day it left, where transactions closed it."""
    if lot is None or lot.quantity or position.exit_date is not None:
        return position
    return replace(position, exit_date=_exit(lot))


def _exit(lot: Lot) -> date | None:
    """Give the day a closed lot left, never before it came."""
    left = None if lot.quantity else lot.left_on
    return None if left is None else max(left, lot.entry_date)


def _position(lot: Lot) -> Position:
    contract = parse_occ(lot.symbol)
    opened = lot.changes[0]
    return Position(
        lot.number, lot.symbol, lot.asset_class, opened.quantity, abs(opened.paid), lot.entry_date,
        lot.multiplier,
        underlying=contract.stock if contract else None,
        strike_usd=contract.strike_usd if contract else None,
        expiration_date=None if lot.lapses_on is None else lot.lapses_on - timedelta(days=1),
        option_type=contract.option_type if contract else None,
        exit_date=_exit(lot),
    )  # fmt: skip
