"""The columns of a portfolio file, how its header is matched to them, and one row by column.

A file is of positions or of transactions; `Layout` says which columns each has.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
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
MULTIPLIER = "Multiplier"
EXIT_DATE = "Exit Date"
EXIT_PRICE = "Exit Price Per Share"

REQUIRED = (SYMBOL, QUANTITY, ENTRY_PRICE, ENTRY_DATE)
OPTION_FIELDS = (UNDERLYING, STRIKE, EXPIRATION, OPTION_TYPE)
COLUMNS = (*REQUIRED, CLASS, SUBTYPE, *OPTION_FIELDS, EXIT_DATE, EXIT_PRICE, MULTIPLIER)

DATE = "Date"
TYPE = "Type"
PRICE = "Price"
FEES = "Fees"
AMOUNT = "Amount"
CURRENCY = "Currency"
NOTE = "Note"
LOT = "Lot Date"

_MAX_COLUMNS = 100

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Layout:
    """What a kind of file holds: `rows` by name, its columns, the required and the numeric ones."""

    rows: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    numbers: frozenset[str]

    def name_of(self, written: str) -> str | None:
        """Give the known name of a column, whatever its case; None for an unknown one."""
        key = written.casefold()
        return next((name for name in self.columns if name.casefold() == key), None)


POSITIONS = Layout(
    "positions",
    COLUMNS,
    REQUIRED,
    frozenset((QUANTITY, ENTRY_PRICE, STRIKE, EXIT_PRICE, MULTIPLIER)),
)
TRANSACTIONS = Layout(
    "transactions",
    (DATE, TYPE, SYMBOL, QUANTITY, PRICE, FEES, AMOUNT, CURRENCY, NOTE, LOT, MULTIPLIER),
    (DATE, TYPE, SYMBOL, QUANTITY, PRICE),
    frozenset((QUANTITY, PRICE, FEES, AMOUNT, MULTIPLIER)),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What each cell position of a row means: `names` as known to us, `written` as in the file.

    A position that is unknown or a duplicate has the name None.
    """

    names: tuple[str | None, ...]
    written: tuple[str, ...]


def written_names(raw_names: Sequence[str]) -> tuple[str, ...]:
    """Give the names of a header as messages show them, extra spaces aside."""
    return tuple(printable(" ".join(shown(raw).split())) for raw in raw_names[:_MAX_COLUMNS])


def layout_of(raw_names: Sequence[str]) -> Layout:
    """Tell which kind of file a header is of: the one it has more columns of than of the other."""
    written = written_names(raw_names)
    named = {layout.rows: set(map(layout.name_of, written)) for layout in (POSITIONS, TRANSACTIONS)}
    of_positions, of_transactions = named[POSITIONS.rows], named[TRANSACTIONS.rows]
    return TRANSACTIONS if len(of_transactions) > len(of_positions) else POSITIONS


def read_header(
    row: int, raw_names: Sequence[str], report: ProblemReport, layout: Layout = POSITIONS
) -> Header | None:
    """Match a header to the columns of `layout`, ignoring case and extra spaces.

    Unknown, duplicate and missing columns go to `report`; None when nothing is known in it.
    """
    written = written_names(raw_names)
    known = [layout.name_of(column) for column in written]
    if not any(known) or len(raw_names) > _MAX_COLUMNS:
        expected = (
            f"expected the header row: at least {', '.join(layout.required)}, parted by commas"
        )
        report.add(expected, row=row, value=",".join(written))
        return None
    names: list[str | None] = []
    for column, name in zip(written, known, strict=True):
        if name is None:
            report.add(_unknown_column(column, layout), row=row, column=column or None)
        elif name in names:
            report.add("duplicate column", row=row, column=column)
        names.append(name if name not in names else None)
    for name in layout.required:
        if name not in names:
            report.add("the required column is missing from the header", row=row, column=name)
    return Header(tuple(names), written)


def _unknown_column(column: str, layout: Layout) -> str:
    if not column:
        return "a column without a name"
    by_key = {name.casefold(): name for name in layout.columns}
    key = column.casefold()
    close = [known for known in by_key if known.startswith(key)]
    close = close or get_close_matches(key, by_key, n=1, cutoff=0.5)
    if close:
        return f"unknown column; the closest known name is {by_key[close[0]]}"
    return f"unknown column; known are {', '.join(layout.columns)}"


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
    is_net: bool = False
    """Whether the amount is net of charges that have no column."""
    is_misaligned: bool = False
    """Too few or too many cells: which cell belongs to which column is not known."""

    @classmethod
    def of_cells(
        cls, number: int, cells_of: Mapping[str, tuple[str, str]], numbers: Collection[str]
    ) -> "Row":
        """Make a row of (column as written, cell) by known name; note what no cell may hold."""
        row = cls(
            number,
            {name: raw for name, (_, raw) in cells_of.items()},
            {name: written for name, (written, _) in cells_of.items()},
            frozenset(name for name, (_, raw) in cells_of.items() if raw.strip()),
        )
        for name in row.raw:
            row.convert(name, cells.refuse_unreadable)
            row.convert(name, partial(cells.refuse_formula, is_number=name in numbers))
        return row

    @classmethod
    def from_record(
        cls, number: int, header: Header, record: Sequence[str], numbers: Collection[str]
    ) -> "Row":
        """Name the cells of a record by the header; note what no cell may hold."""
        named = {
            name: (written, raw)
            for name, written, raw in zip(header.names, header.written, record, strict=False)
            if name is not None
        }
        row = cls.of_cells(number, named, numbers)
        if len(record) != len(header.names):
            row.is_misaligned = True
            expected = cell_count_problem(len(header.names), len(record))
            row.problems.append(FileProblem(row=number, column=None, value=None, expected=expected))
        return row

    def remark_in(self, column: str, longest: int) -> str | None:
        """Give the free text of a column, None where it is blank; note what cannot be printed."""
        text = self.text(column)
        if len(text) > longest or not text.isprintable():
            self.complain(column, f"expected up to {longest} printable characters")
        return text or None

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


def cell_count_problem(expected: int, found: int) -> str:
    """Say that a row has `found` cells where the header has `expected`."""
    advice = "; a number with a thousands comma must stand in quotes" if found > expected else ""
    return f"expected {expected} cells as in the header, found {found}{advice}"
