"""The columns of a portfolio file, how its header is matched to them, and one row by column."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

from market_pipeline.domain.errors import FileProblem
from market_pipeline.domain.portfolio_csv import cells
from market_pipeline.domain.portfolio_csv.report import ProblemReport, printable, shown

SYMBOL = "Symbol"
QUANTITY = "Quantity"
ENTRY_PRICE = "Entry Price Per Share"
ENTRY_DATE = "Entry Date"
CLASS = "Investment Class"
SUBTYPE = "Investment Subtype"
UNDERLYING = "Underlying Symbol"
STRIKE = "Strike Price"
EXPIRATION = "Expiration Date"
OPTION_TYPE = "Option Type"
EXIT_DATE = "Exit Date"
EXIT_PRICE = "Exit Price Per Share"

REQUIRED = (SYMBOL, QUANTITY, ENTRY_PRICE, ENTRY_DATE)
OPTION_FIELDS = (UNDERLYING, STRIKE, EXPIRATION, OPTION_TYPE)
COLUMNS = (*REQUIRED, CLASS, SUBTYPE, *OPTION_FIELDS, EXIT_DATE, EXIT_PRICE)

_NUMBERS = frozenset((QUANTITY, ENTRY_PRICE, STRIKE, EXIT_PRICE))
_MAX_COLUMNS = 100
_BY_KEY = {name.casefold(): name for name in COLUMNS}

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Header:
    """What each cell position of a row means: `names` as known to us, `written` as in the file.

    A position that is unknown or a duplicate has the name None.
    """

    names: tuple[str | None, ...]
    written: tuple[str, ...]


def read_header(row: int, raw_names: Sequence[str], report: ProblemReport) -> Header | None:
    """Match a header to the known columns, ignoring case and extra spaces.

    Unknown, duplicate and missing columns go to `report`; None when nothing is known in it.
    """
    written = tuple(printable(" ".join(shown(raw).split())) for raw in raw_names[:_MAX_COLUMNS])
    known = [_BY_KEY.get(column.casefold()) for column in written]
    if not any(known) or len(raw_names) > _MAX_COLUMNS:
        expected = f"expected the header row: at least {', '.join(REQUIRED)}, parted by commas"
        report.add(expected, row=row, value=",".join(written))
        return None
    names: list[str | None] = []
    for column, name in zip(written, known, strict=True):
        if name is None:
            report.add(_unknown_column(column), row=row, column=column or None)
        elif name in names:
            report.add("duplicate column", row=row, column=column)
        names.append(name if name not in names else None)
    for name in REQUIRED:
        if name not in names:
            report.add("the required column is missing from the header", row=row, column=name)
    return Header(tuple(names), written)


def _unknown_column(column: str) -> str:
    if not column:
        return "a column without a name"
    key = column.casefold()
    close = [known for known in _BY_KEY if known.startswith(key)]
    close = close or get_close_matches(key, _BY_KEY, n=1, cutoff=0.5)
    if close:
        return f"unknown column; the closest known name is {_BY_KEY[close[0]]}"
    return f"unknown column; known are {', '.join(COLUMNS)}"


@dataclass(slots=True)
class Row:
    """One record by column; every read notes at most one problem a column.

    Reads of an absent, blank or faulty cell give "" or None; `problems` says which was faulty.
    """

    number: int
    raw: Mapping[str, str]
    written: Mapping[str, str]
    filled: frozenset[str]
    problems: list[FileProblem] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)
    is_misaligned: bool = False
    """Too few or too many cells: which cell belongs to which column is not known."""

    @classmethod
    def from_record(cls, number: int, header: Header, record: Sequence[str]) -> "Row":
        """Name the cells of a record by the header; note what no cell may hold."""
        pairs = [
            (name, written, raw)
            for name, written, raw in zip(header.names, header.written, record, strict=False)
            if name is not None
        ]
        row = cls(
            number,
            {name: raw for name, _, raw in pairs},
            {name: written for name, written, _ in pairs},
            frozenset(name for name, _, raw in pairs if raw.strip()),
        )
        if len(record) != len(header.names):
            row.is_misaligned = True
            expected = _cell_count_problem(len(header.names), len(record))
            row.problems.append(FileProblem(row=number, column=None, value=None, expected=expected))
        for name in row.raw:
            row.convert(name, cells.refuse_unreadable)
            row.convert(name, partial(cells.refuse_formula, is_number=name in _NUMBERS))
        return row

    def complain(self, column: str, expected: str) -> None:
        """Note what is wrong with a column's cell, once."""
        if column in self.faulty:
            return
        self.faulty.add(column)
        raw = self.raw.get(column)
        self.problems.append(
            FileProblem(
                row=self.number,
                column=self.written.get(column, column),
                value=None if raw is None else shown(raw.strip(" ")),
                expected=expected,
            )
        )

    def problems_in_order(self) -> list[FileProblem]:
        """Give the problems as the columns stand in the file, the row's own first."""
        place = {written: at for at, written in enumerate(self.written.values())}
        end = len(place)
        return sorted(self.problems, key=lambda p: place.get(p.column, end) if p.column else -1)

    def is_filled(self, column: str) -> bool:
        """Whether something stands in the cell, readable or not."""
        return column in self.filled

    def require(self, column: str, expected: str = "a value is required") -> None:
        """Note a blank cell; a column missing altogether is the header's problem."""
        if column in self.raw and not self.is_filled(column):
            self.complain(column, expected)

    def convert(self, column: str, read: Callable[[str], Value]) -> Value | None:
        """Read a filled cell with `read`, whose ValueError becomes the problem noted."""
        if column in self.faulty or not self.is_filled(column):
            return None
        try:
            return read(self.raw[column])
        except ValueError as error:
            self.complain(column, str(error))
            return None

    def text(self, column: str) -> str:
        """Read a cell as text without its outer spaces."""
        return "" if column in self.faulty else self.raw.get(column, "").strip()

    def number_in(self, column: str) -> Decimal | None:
        """Read a cell as an exact number."""
        return self.convert(column, cells.parse_number)

    def date_in(self, column: str) -> date | None:
        """Read a cell as a date."""
        return self.convert(column, cells.parse_date)


def _cell_count_problem(expected: int, found: int) -> str:
    advice = "; a number with a thousands comma must stand in quotes" if found > expected else ""
    return f"expected {expected} cells as in the header, found {found}{advice}"
