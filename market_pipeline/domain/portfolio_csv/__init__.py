"""A portfolio file (CSV, from a person or a broker) to a book: all of it, or every reason why not.

`records` splits bytes, `columns` names cells, `cells` reads values, `positions` knows the
investment classes, `report` gathers problems. The format is told in `examples/portfolios`.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv.columns import Header, Row, read_header
from market_pipeline.domain.portfolio_csv.positions import read_position
from market_pipeline.domain.portfolio_csv.records import MAX_FILE_BYTES, read_records
from market_pipeline.domain.portfolio_csv.report import MAX_LISTED, ProblemReport, printable

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_LISTED",
    "parse_portfolio",
    "portfolio_id_from_file_name",
    "positions_hash",
]

_HASHED = tuple(column.name for column in fields(Position))
_PORTFOLIO_ID = re.compile(r"[a-z0-9_-]{1,64}")


def parse_portfolio(stream: BinaryIO, *, file_name: str, portfolio_id: str, as_of: date) -> Book:
    """Read a portfolio file into a book; nothing of a file with a problem is returned.

    Reads `stream` in chunks and gives it up at `MAX_FILE_BYTES`. Raises PortfolioFileError
    with every problem found, InputError for an impossible portfolio id.
    """
    if not _PORTFOLIO_ID.fullmatch(portfolio_id):
        raise InputError(
            f"portfolio id {portfolio_id!r}: expected 1 to 64 of a-z, 0-9, underscore and dash"
        )
    report = ProblemReport()
    positions = _read_positions(stream, as_of, report)
    report.raise_if_any(file_name)
    return Book(
        portfolio_id=portfolio_id,
        name=_title(file_name) or portfolio_id,
        as_of_date=as_of,
        source_file=printable(file_name)[-400:],
        content_hash=positions_hash(positions),
        positions=tuple(positions),
    )


def portfolio_id_from_file_name(name: str) -> str:
    """Make a portfolio id of a file name: `Long Equity (2).csv` becomes `long-equity-2`.

    Raises InputError when no letter or digit is left.
    """
    plain = unicodedata.normalize("NFKD", _stem(name)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain.lower())[:64].strip("-_")
    if not slug:
        raise InputError(f"no portfolio id can be made of the file name {name!r}; name one")
    return slug


def positions_hash(positions: Iterable[Position]) -> str:
    """Hash positions (SHA-256, hex) by what they say, in order, not by how a file wrote it."""
    digest = hashlib.sha256()
    for position in positions:
        values = [_canonical(getattr(position, name)) for name in _HASHED]
        digest.update(json.dumps(values).encode())
    return digest.hexdigest()


def _canonical(value: object) -> str | int | None:
    if isinstance(value, Decimal):
        # Trailing zeros say nothing about the amount.
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, int) or value is None else str(value)


def _read_positions(stream: BinaryIO, as_of: date, report: ProblemReport) -> list[Position]:
    positions: list[Position] = []
    header: Header | None = None
    is_empty = True
    for number, record in read_records(stream, report):
        if header is None:
            header = read_header(number, record, report)
            if header is None:
                return []
            continue
        is_empty = False
        row = Row.from_record(number, header, record)
        position = None
        if not row.is_misaligned:
            position = read_position(row, len(positions) + 1, as_of)
        if row.problems:
            report.extend(row.problems_in_order())
        if position is not None and not report:
            positions.append(position)
    if header is None and not report:
        report.add("the file is empty; expected a header row and positions")
    elif is_empty and not report:
        report.add("the file has a header and no position")
    return positions


def _title(file_name: str) -> str:
    words = re.sub(r"[\s_]+", " ", _stem(file_name)).strip()
    title = printable(words)[:200]
    return title[:1].upper() + title[1:]


def _stem(file_name: str) -> str:
    last = re.split(r"[/\\]", file_name)[-1]
    return re.sub(r"\.csv$", "", last, flags=re.IGNORECASE)
