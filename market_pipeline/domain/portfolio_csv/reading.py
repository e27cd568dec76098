"""Records of a file to its rows: whose header it has, and which reader judges its rows.

Our own columns and brokers' profiles end in the same readers. Knows nothing of portfolios.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from typing import BinaryIO, TypeVar

from market_pipeline.domain.books import Position
from market_pipeline.domain.errors import FileProblem
from market_pipeline.domain.portfolio_csv.columns import (
    TRANSACTIONS,
    Header,
    Layout,
    Row,
    cell_count_problem,
    layout_of,
    read_header,
    written_names,
)
from market_pipeline.domain.portfolio_csv.dating import AS_OF, Dating
from market_pipeline.domain.portfolio_csv.ordering import oldest_first
from market_pipeline.domain.portfolio_csv.positions import read_position
from market_pipeline.domain.portfolio_csv.profiles import profile_of
from market_pipeline.domain.portfolio_csv.profiles.profile import BrokerRow, Profile, is_prose
from market_pipeline.domain.portfolio_csv.records import read_records
from market_pipeline.domain.portfolio_csv.report import ProblemReport
from market_pipeline.domain.portfolio_csv.transactions import read_transaction
from market_pipeline.domain.transactions import Transaction

_MOST_LINES_ABOVE = 10

Record = tuple[int, list[str]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: positions, or transactions oldest first, and the rows they stood in.

    `day` is the day the file speaks of, and `is_dated` whether a comment or the importer stated it
    of rows that do not; `profile` the broker's export it is, if one.
    """

    layout: Layout
    day: date
    positions: tuple[Position, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    lines: tuple[int, ...] = ()
    profile: str | None = None
    is_dated: bool = False


def read_contents(
    stream: BinaryIO, today: date, asked: date | None, report: ProblemReport
) -> Contents | None:
    """Read a file by whatever header it has; what is wrong goes to `report`.

    `asked` is the day of which the importer says that the file is. None where nothing could be
    made of the header.
    """
    comments: list[tuple[int, str]] = []
    records = read_records(stream, report, comments)
    first = next(records, None)
    if first is None:
        if not report:
            report.add("the file is empty; expected a header row and positions or transactions")
        return None
    above, profile, records = _find_header(first, records)
    if profile is not None:
        return _of_broker(profile, above, records, Dating(today, asked, comments), report)
    number, record = first
    layout = layout_of(record)
    header = read_header(number, record, report, layout)
    if header is None:
        return None
    stated = Dating(today, asked, comments).stated(layout, report)

    def own(number: int, record: list[str]) -> Row:
        return Row.from_record(number, header, record, layout.numbers)

    contents = _read(layout, records, own, stated or today, report)
    return replace(contents, is_dated=stated is not None)


def _find_header(
    first: Record, records: Iterator[Record]
) -> tuple[list[Record], Profile | None, Iterator[Record]]:
    """Look for a broker's header, in the first row or below a few lines of one cell.

    Gives what stood above it (itself last), its profile, and what follows; without one, the
    records after the first.
    """
    above = [first]
    profile = profile_of(first[1])
    if any(map(layout_of(first[1]).name_of, written_names(first[1]))):
        return above, profile, records
    while profile is None and len(above) <= _MOST_LINES_ABOVE and _is_one_cell(above[-1][1]):
        following = next(records, None)
        if following is None:
            break
        above.append(following)
        profile = profile_of(following[1])
    return above, profile, records if profile else chain(above[1:], records)


def _is_one_cell(record: Sequence[str]) -> bool:
    return sum(bool(cell.strip()) for cell in record) == 1


def _of_broker(
    profile: Profile,
    above: Sequence[Record],
    records: Iterator[Record],
    dating: Dating,
    report: ProblemReport,
) -> Contents:
    title = above[-1][1]
    header = Header((None,) * len(title), written_names(title))
    day = dating.today
    stated = dating.stated(profile.layout, report)
    if profile.day_of is not None:
        # The day may stand below the table.
        kept = list(records)
        day = _day_of_file(profile, [*above, *kept], dating.today, stated, report)
        records = iter(kept)

    def translated(number: int, record: list[str]) -> Row | None:
        if record == title or is_prose(record):
            return None
        while len(record) > len(title) and not record[-1].strip():
            record.pop()  # some exports end every row, but not the header, with a comma
        if len(record) != len(title):
            row = Row(number, {}, {}, frozenset(), is_misaligned=True)
            expected = cell_count_problem(len(title), len(record))
            row.problems.append(FileProblem(row=number, column=None, value=None, expected=expected))
            return row
        told = profile.translate(BrokerRow.of_record(number, header, record, day))
        return told.row(number, profile.layout) if told else None

    return _read(profile.layout, records, translated, day, report, profile)


def _day_of_file(
    profile: Profile,
    records: Sequence[Record],
    today: date,
    stated: date | None,
    report: ProblemReport,
) -> date:
    found = [day for _, record in records if profile.day_of and (day := profile.day_of(record))]
    if not found and stated is None:
        report.add(
            "the file does not say of which day it is; expected the line with its date that "
            f"{profile.name} have above or below the table"
        )
    elif found and found[0] > today:
        report.add(f"the file is of {found[0]}; expected a day not after {today}")
    elif found and stated not in (None, found[0]):
        expected = f"the file itself says that it is of {found[0]}; expected no other date"
        report.add(expected, column=AS_OF, value=str(stated))
    return min(found[0], today) if found else stated or today


def _read(
    layout: Layout,
    records: Iterator[Record],
    make: Callable[[int, list[str]], Row | None],
    day: date,
    report: ProblemReport,
    profile: Profile | None = None,
) -> Contents:
    name = profile.name if profile else None
    if layout is TRANSACTIONS:
        read, lines = _read_rows(records, make, read_transaction, (layout, day), report)
        is_usual = profile is not None and profile.newest_first
        done, places = oldest_first(read, lines, is_usually_newest_first=is_usual)
        return Contents(layout, day, (), done, places, name)
    held, lines = _read_rows(records, make, read_position, (layout, day), report)
    return Contents(layout, day, tuple(held), (), tuple(lines), name)


def _read_rows(
    records: Iterator[Record],
    make: Callable[[int, list[str]], Row | None],
    read: Callable[[Row, int, date], T | None],
    of: tuple[Layout, date],
    report: ProblemReport,
) -> tuple[list[T], list[int]]:
    """Read every row, the good ones only as long as all are."""
    layout, day = of
    found: list[T] = []
    lines: list[int] = []
    is_empty = True
    for number, record in records:
        row = make(number, record)
        if row is None:
            continue
        is_empty = False
        one = None if row.is_misaligned else read(row, len(found) + 1, day)
        if row.problems:
            report.extend(row.problems_in_order())
        if one is not None and not report:
            found.append(one)
            lines.append(number)
    if is_empty and not report:
        report.add(f"the file has a header and no {layout.rows.removesuffix('s')}")
    return found, lines
