"""What rows of a file say, as a hash: equal however the file wrote it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from decimal import Decimal

from market_pipeline.domain.books import Position
from market_pipeline.domain.transactions import Transaction


def positions_hash(positions: Iterable[Position]) -> str:
    """Hash positions (SHA-256, hex) by what they say, in order, not by how a file wrote it."""
    return _hash(Position, positions)


def transactions_hash(transactions: Iterable[Transaction]) -> str:
    """Hash transactions (SHA-256, hex) by what they say, in order."""
    return _hash(Transaction, transactions)


def _hash(kind: type[Position] | type[Transaction], rows: Iterable[object]) -> str:
    names = [column.name for column in fields(kind)]
    digest = hashlib.sha256()
    for row in rows:
        told = [_canonical(getattr(row, name)) for name in names]
        if told[-1] is None and kind is Transaction:
            told.pop()  # the lot column came later: rows without it keep their hash
        digest.update(json.dumps(told).encode())
    return digest.hexdigest()


def _canonical(value: object) -> str | int | None:
    if isinstance(value, Decimal):
        # Trailing zeros say nothing about the amount.
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) or value is None else str(value)
