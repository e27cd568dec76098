"""What people own, from files and terminals into the warehouse: books and the watchlist.

Belongs here: reading a file whole, saying what it would change, and doing it. Does not: what a
portfolio file may hold (`domain/portfolio_csv`) or how rows are kept (`warehouse`).
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.portfolio_csv import parse_file, portfolio_id_from_file_name
from market_pipeline.domain.portfolio_csv.hashing import says_the_same
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.operations.matching import unmatched
from market_pipeline.operations.show import canonical_symbol
from market_pipeline.warehouse import Warehouse

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
CHANGE_COLUMNS = (
    "change", "symbol", "asset_class", "quantity", "entry_price_usd", "entry_date", "detail",
)  # fmt: skip
_COMPARED = tuple(column.name for column in fields(Position) if column.name != "position_no")

MAX_LIST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BookChanges:
    """What storing `book` changes (or changed): one row a position, as `CHANGE_COLUMNS`."""

    book: Book
    frame: pd.DataFrame
    is_new: bool
    is_same: bool
    day_before: date | None = None
    """Of which day the positions were that are stored, if any."""

    def count(self, change: str) -> int:
        """Count the positions added, removed or changed."""
        return int((self.frame["change"] == change).sum())

    @property
    def summary(self) -> str:
        """Say what changes, in a few words."""
        if self.is_same:
            return "nothing changes"
        day, before = self.book.as_of_date, self.day_before
        parts = [f"{self.count(kind)} {kind}" for kind in (ADDED, CHANGED, REMOVED)]
        told = ", ".join(parts)
        if before in (None, day):
            told = told if len(self.frame) else "only the order of positions changes"
            return f"{told}; as of {day}"
        return f"{told}; as of {day}, before of {before}"


@dataclass(frozen=True, slots=True)
class WatchOutcome:
    """What a change of the watchlist did; `refused` maps what could not be used to the reason."""

    done: tuple[str, ...]
    count_new: int
    refused: dict[str, str]


def read_file(
    path: Path, portfolio_id: str | None, clock: Clock, as_of: date | None = None
) -> Book | TransactionFile:
    """Read a file of positions or of transactions; without an id its name names the portfolio.

    `as_of` is the day of which the importer says that positions are.
    Raises PortfolioFileError with everything wrong with it, InputError for an impossible id.
    """
    with path.open("rb") as stream:
        return parse_file(
            stream,
            file_name=path.name,
            portfolio_id=portfolio_id or portfolio_id_from_file_name(path.name),
            as_of=clock().astimezone(NEW_YORK).date(),
            stated=as_of,
        )


def changes_of(book: Book, stored: Book | None) -> BookChanges:
    """Say what storing `book` in place of `stored` changes."""
    before = stored.positions if stored else ()
    is_same = stored is not None and says_the_same(book, stored)
    frame = _difference(before, book.positions)
    return BookChanges(book, frame, stored is None, is_same, stored.as_of_date if stored else None)


def import_book(warehouse: Warehouse, book: Book, imported_at: datetime) -> BookChanges:
    """Store `book` as a whole, and give what that changed."""
    changes = changes_of(book, warehouse.book(book.portfolio_id))
    warehouse.import_book(book, imported_at)
    return changes


def list_portfolios(warehouse: Warehouse) -> pd.DataFrame:
    """List the portfolios: id, name, positions, transactions, as-of date, file, instant of import.

    One that has transactions only has no name, date or file of positions.
    """
    frame = warehouse.read("portfolios").drop(columns="content_hash")
    held = warehouse.read("positions", columns=["portfolio_id"])["portfolio_id"].value_counts()
    done = warehouse.read("transactions", columns=["portfolio_id"])["portfolio_id"].value_counts()
    others = pd.DataFrame({"portfolio_id": sorted(set(done.index) - set(frame["portfolio_id"]))})
    if len(others):
        frame = pd.concat([frame, others.reindex(columns=frame.columns)], ignore_index=True)
    for place, (name, counts) in enumerate((("positions", held), ("transactions", done)), 2):
        frame.insert(place, name, frame["portfolio_id"].map(counts).fillna(0).astype("int64"))
    return frame.sort_values("portfolio_id", ignore_index=True)


def list_watchlist(warehouse: Warehouse) -> pd.DataFrame:
    """List the watched symbols and since when."""
    return warehouse.read("watchlist")


def watch(warehouse: Warehouse, texts: Iterable[str], now: datetime) -> WatchOutcome:
    """Put every symbol that is one on the watchlist; the others are given back with the reason."""
    symbols, refused = _readable(texts)
    count_new = warehouse.watch(symbols, now) if symbols else 0
    return WatchOutcome(tuple(symbols), count_new, refused)


def unwatch(warehouse: Warehouse, texts: Iterable[str], now: datetime) -> WatchOutcome:
    """Take symbols off the watchlist; those not on it are given back with that reason."""
    symbols, refused = _readable(texts)
    watched = set(warehouse.watchlist())
    refused |= {symbol: "is not on the watchlist" for symbol in symbols if symbol not in watched}
    present = [symbol for symbol in symbols if symbol in watched]
    if present:
        warehouse.unwatch(present, now)
    return WatchOutcome(tuple(present), 0, refused)


def symbols_of_list(content: bytes) -> list[str]:
    """Read a list of symbols, one a line; empty lines and `#` comments are passed over.

    Raises InputError for more than a megabyte.
    """
    if len(content) > MAX_LIST_BYTES:
        raise InputError(f"the list is larger than {MAX_LIST_BYTES // 1024} kB")
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _readable(texts: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    symbols: dict[str, None] = {}
    refused: dict[str, str] = {}
    for text in texts:
        try:
            symbols[canonical_symbol(text)] = None
        except InputError as error:
            refused[text] = str(error)
    return list(symbols), refused


def _difference(before: Sequence[Position], after: Sequence[Position]) -> pd.DataFrame:
    """Match lots that say the same, then lots of one instrument; the rest came or went."""
    gone, new = unmatched(before, after, _anonymous), unmatched(after, before, _anonymous)
    rows = []
    for key in (_same_lot, _same_symbol):
        pairs, gone, new = _paired(gone, new, key)
        rows += [_row(CHANGED, now, _told(was, now)) for was, now in pairs]
    rows += [_row(ADDED, position) for position in new]
    rows += [_row(REMOVED, position) for position in gone]
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS), dtype=object)


def _paired(
    gone: Sequence[Position], new: Sequence[Position], key: Callable[[Position], object]
) -> tuple[list[tuple[Position, Position]], list[Position], list[Position]]:
    """Pair the gone with the new of the same key; give the pairs and what is left of both."""
    waiting: defaultdict[object, deque[Position]] = defaultdict(deque)
    for position in gone:
        waiting[key(position)].append(position)
    pairs, unpaired = [], []
    for position in new:
        queue = waiting[key(position)]
        if queue:
            pairs.append((queue.popleft(), position))
        else:
            unpaired.append(position)
    return pairs, [position for queue in waiting.values() for position in queue], unpaired


def _anonymous(position: Position) -> Position:
    return replace(position, position_no=0)


def _same_lot(position: Position) -> object:
    return position.symbol, position.asset_class, position.entry_date


def _same_symbol(position: Position) -> object:
    return position.symbol, position.asset_class


def _row(change: str, position: Position, detail: str = "") -> tuple[object, ...]:
    return (
        change, position.symbol, position.asset_class, position.quantity,
        position.entry_price_usd, position.entry_date, detail,
    )  # fmt: skip


def _told(old: Position, new: Position) -> str:
    pairs = ((name, getattr(old, name), getattr(new, name)) for name in _COMPARED)
    return "; ".join(f"{name} {was} -> {now}" for name, was, now in pairs if was != now)
