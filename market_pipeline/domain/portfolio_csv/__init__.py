"""A portfolio file (CSV, from a person or a broker) to a book or to transactions: all of it, or
every reason why not.

`records` splits bytes, `columns` names cells, `cells` reads values, `dating` the day of the file,
`positions` and `transactions` judge rows (`dollars` the names of cash), `ordering` puts them oldest
first, `profiles` know brokers' exports, `reading` brings them
together, `report` gathers problems. The format is told in `docs/portfolios.md`.
"""

import re
import unicodedata
from datetime import date
from typing import BinaryIO

from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv.columns import TRANSACTIONS
from market_pipeline.domain.portfolio_csv.hashing import positions_hash, transactions_hash
from market_pipeline.domain.portfolio_csv.reading import read_contents
from market_pipeline.domain.portfolio_csv.records import MAX_FILE_BYTES
from market_pipeline.domain.portfolio_csv.report import MAX_LISTED, ProblemReport, printable
from market_pipeline.domain.transactions import TransactionFile

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_LISTED",
    "parse_file",
    "parse_portfolio",
    "portfolio_id_from_file_name",
    "positions_hash",
    "transactions_hash",
]

_PORTFOLIO_ID = re.compile(r"[a-z0-9_-]{1,64}")


def parse_file(
    stream: BinaryIO,
    *,
    file_name: str,
    portfolio_id: str,
    as_of: date,
    stated: date | None = None,
) -> Book | TransactionFile:
    """Read a portfolio file, of positions or of transactions as its header says.

    `as_of` is today, of which positions are that do not say; `stated` the day that the importer
    says they are of. Nothing of a file with a problem is returned. Reads `stream` in chunks and
    gives it up at `MAX_FILE_BYTES`. Raises PortfolioFileError with every problem found, InputError
    for an impossible portfolio id.
    """
    if not _PORTFOLIO_ID.fullmatch(portfolio_id):
        raise InputError(
            f"portfolio id {portfolio_id!r}: expected 1 to 64 of a-z, 0-9, underscore and dash"
        )
    report = ProblemReport()
    contents = read_contents(stream, as_of, stated, report)
    report.raise_if_any(file_name)
    if contents is None:
        raise RuntimeError("a file was neither read nor refused")  # the reader owes a problem
    source_file = printable(file_name)[-400:]
    if contents.layout is TRANSACTIONS:
        done = contents.transactions
        return TransactionFile(
            portfolio_id, source_file, transactions_hash(done), done, contents.lines
        )
    return Book(
        portfolio_id=portfolio_id,
        name=_title(file_name) or portfolio_id,
        as_of_date=contents.day,
        source_file=source_file,
        content_hash=positions_hash(
            contents.positions, contents.day if contents.is_dated else None
        ),
        positions=contents.positions,
    )


def parse_portfolio(stream: BinaryIO, *, file_name: str, portfolio_id: str, as_of: date) -> Book:
    """Read a file of positions into a book, as `parse_file` does; refuse one of transactions."""
    found = parse_file(stream, file_name=file_name, portfolio_id=portfolio_id, as_of=as_of)
    if isinstance(found, Book):
        return found
    report = ProblemReport()
    report.add("the file is of transactions; expected one of positions")
    report.raise_if_any(file_name)
    raise RuntimeError("a problem was noted and not raised")


def portfolio_id_from_file_name(name: str) -> str:
    """Make a portfolio id of a file name: `Long Equity (2).csv` becomes `long-equity-2`.

    Raises InputError when no letter or digit is left.
    """
    plain = unicodedata.normalize("NFKD", _stem(name)).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain.lower())[:64].strip("-_")
    if not slug:
        raise InputError(f"no portfolio id can be made of the file name {name!r}; name one")
    return slug


def _title(file_name: str) -> str:
    words = re.sub(r"[\s_]+", " ", _stem(file_name)).strip()
    title = printable(words)[:200]
    return title[:1].upper() + title[1:]


def _stem(file_name: str) -> str:
    last = re.split(r"[/\\]", file_name)[-1]
    return re.sub(r"\.csv$", "", last, flags=re.IGNORECASE)
