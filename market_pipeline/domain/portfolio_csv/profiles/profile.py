"""What a broker's profile is made of: a header to know it by, and a row's translation to ours.

A profile only renames and rewrites cells; the readers of our own columns judge them, so that a
broker's file is held to the same rules and its errors name the broker's own columns.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal

from market_pipeline.domain.portfolio_csv.cells import parse_number
from market_pipeline.domain.portfolio_csv.columns import Header, Layout, Row

Cell = tuple[str, str]
"""A column as the file writes it, and the text of one of its cells."""

_BLANKS = frozenset(("--", "n/a", "-"))
_PROSE_WORDS = 3
_WORD = re.compile(r"[A-Za-z]{2,}")
_UNIT = Decimal("1E-10")
_WIDE = Context(prec=80)


@dataclass(frozen=True, slots=True)
class BrokerRow:
    """One record of a broker's file, its cells found by column name in any case."""

    number: int
    cells: Mapping[str, Cell]
    day: date | None = None
    """The day of which the file speaks, where the profile reads one."""

    @classmethod
    def of_record(
        cls, number: int, header: Header, record: Sequence[str], day: date | None
    ) -> "BrokerRow":
        """Name the cells of a record by the header; of two equal columns the first counts."""
        cells: dict[str, Cell] = {}
        for written, raw in zip(header.written, record, strict=False):
            cells.setdefault(written.casefold(), (written, raw))
        return cls(number, cells, day)

    def cell(self, *names: str) -> Cell:
        """Give the first column of `names` that the file has; a broker's mark for none is blank."""
        for name in names:
            found = self.cells.get(name.casefold())
            if found is not None:
                written, text = found
                return written, "" if text.strip().casefold() in _BLANKS else text.strip()
        return names[0], ""

    def text(self, *names: str) -> str:
        """Give the text of a cell without its outer spaces, extra spaces aside."""
        return " ".join(self.cell(*names)[1].split())


@dataclass(slots=True)
class Translation:
    """A row in our columns: where each cell came from, and what could not be translated."""

    cells: dict[str, Cell] = field(default_factory=dict)
    complaints: list[tuple[str, str]] = field(default_factory=list)
    is_net: bool = False
    """Whether the broker's amounts are net of charges that it has no column for."""

    def row(self, number: int, layout: Layout) -> Row:
        """Make the row the readers of our own columns take."""
        row = Row.of_cells(number, self.cells, layout.numbers)
        row.is_net = self.is_net
        for column, expected in self.complaints:
            row.complain(column, expected)
        return row


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of file of one broker is read.

    `signature` are the columns that tell it, each by the names it may have. `translate` gives
    None for a row of pure information (a total, a line of prose). `day_of` finds the day of the
    file in a record outside the table, for files whose rows have none. `newest_first` is how
    transactions are listed where their dates do not tell, as in a file of one day.
    """

    name: str
    layout: Layout
    signature: tuple[tuple[str, ...], ...]
    translate: Callable[[BrokerRow], Translation | None]
    day_of: Callable[[Sequence[str]], date | None] | None = None
    newest_first: bool = False

    def knows(self, names: Collection[str]) -> bool:
        """Say whether the names of a header, casefolded, are those of such a file."""
        return all(any(n.casefold() in names for n in either) for either in self.signature)


def columns(*names: str) -> tuple[tuple[str, ...], ...]:
    """Give a signature; a name with a bar in it (`Quantity|Qty`) may be written either way."""
    return tuple(tuple(name.split("|")) for name in names)


def is_prose(record: Sequence[str]) -> bool:
    """Say whether a record is a sentence (a disclaimer, a title): one cell, several words."""
    filled = [cell for cell in record if cell.strip()]
    return len(filled) == 1 and len(_WORD.findall(filled[0])) >= _PROSE_WORDS


def number_of(text: str) -> Decimal | None:
    """Read a number, or None for a blank or unreadable cell: its reader will say what is wrong."""
    try:
        return parse_number(text)
    except ValueError:
        return None


def unsigned(cell: Cell) -> Cell:
    """Take the sign off a number; any other text stays."""
    number = number_of(cell[1])
    return cell if number is None else (cell[0], format(abs(number), "f"))


def negated(cell: Cell) -> Cell:
    """Turn the sign of a number; any other text stays."""
    number = number_of(cell[1])
    return cell if number is None else (cell[0], format(-number if number else number, "f"))


def summed(*cells: Cell) -> Cell:
    """Add the numbers of some cells, blank ones aside; the first unreadable one stands for all."""
    filled = [cell for cell in cells if cell[1]]
    total = Decimal(0)
    for cell in filled:
        number = number_of(cell[1])
        if number is None:
            return cell
        total = _WIDE.add(total, number)
    return (filled or list(cells))[0][0], format(total, "f") if filled else ""


def unit_cost(total: Cell, quantity: Decimal | None, multiplier: int) -> Cell:
    """Give the cost of a unit from that of all, at ten decimals; unreadable text stays."""
    cost = number_of(total[1])
    if cost is None or not quantity:
        return total
    each = _WIDE.divide(abs(cost), _WIDE.multiply(abs(quantity), Decimal(multiplier)))
    return total[0], format(each.quantize(_UNIT, context=_WIDE), "f")
