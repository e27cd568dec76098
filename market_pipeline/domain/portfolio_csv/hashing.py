"""What rows of a file say, as a hash: equal however the file wrote it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from decimal import Decimal

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.transactions import Transaction


def positions_hash(positions: Iterable[Position], stated: date | None = None) -> str:
    """Hash positions (SHA-256, hex) by what they say, in order, not by how a file wrote it.

    `stated` is the day of which somebody says that they are.
    """
    digest = _digest(Position, positions)
    if stated is not None:
        digest.update(f"as of {stated.isoformat()}".encode())
    return digest.hexdigest()


def says_the_same(book: Book, stored: Book) -> bool:
    """Whether storing `book` in place of `stored` would change nothing.

    The same positions of a day that nobody stated are those that are stored, whatever day it is.
    """
    if book.content_hash == stored.content_hash:
        return True
    told = positions_hash(book.positions)
    if told != positions_hash(stored.positions):
        return False
    return book.content_hash == told or book.as_of_date == stored.as_of_date


def transactions_hash(transactions: Iterable[Transaction]) -> str:
    """Hash transactions (SHA-256, hex) by what they say, in order."""
    return _digest(Transaction, transactions).hexdigest()


def _digest(kind: type[Position] | type[Transaction], rows: Iterable[object]) -> "hashlib._Hash":
    names = [column.name for column in fields(kind)]
    digest = hashlib.sha256()
    for row in rows:
        told = [_canonical(getattr(row, name)) for name in names]
        if told[-1] is None and kind is Transaction:
            told.pop()  # the lot column came later: rows without it keep their hash
        digest.update(json.dumps(told).encode())
    return digest


def _canonical(value: object) -> str | int | None:
    if isinstance(value, Decimal):
        # Trailing zeros say nothing about the amount.
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) or value is None else str(value)
