"""A closing row that chooses lots of a day on which none was opened: found before it is stored.

Whether a lot of that day was still open depends on splits that may not be known yet; the ledger
tells that (`Ledger.missed`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from market_pipeline.domain.books import OPTION, Book, Position
from market_pipeline.domain.portfolio_csv.columns import LOT
from market_pipeline.domain.portfolio_csv.report import ProblemReport
from market_pipeline.domain.transactions import PURCHASES, TRADES, Transaction, TransactionFile

_MOST_DAYS = 5


def refuse_unknown_lots(
    file: TransactionFile, others: Iterable[TransactionFile], book: Book | None
) -> None:
    """Raise PortfolioFileError with every row of `file` whose lot date opened nothing it closes.

    Looks at `file` and at the `others` of its portfolio that it does not replace. Rows that the
    positions contain are left alone, and so are those of what is known from positions: a list of
    holdings does not tell when each was bought.
    """
    chosen = [
        (line, one)
        for line, one in file.in_order_of_rows()
        if one.lot_date is not None and not _is_of_positions(one, book)
    ]
    if not chosen:
        return
    told = [*file.transactions]
    for other in others:
        if other.portfolio_id == file.portfolio_id and other.source_file != file.source_file:
            told += other.transactions
    report = ProblemReport()
    for line, one in chosen:
        days = sorted({each.trade_date for each in _opening(one, told)})
        if one.lot_date not in days:
            report.add(
                f"no {one.symbol} that this row could close was {_way(one)} that day, in this file "
                f"or in those imported before; expected {_expected(days)}or a blank cell: the "
                "oldest first",
                row=line,
                column=LOT,
                value=str(one.lot_date),
            )
    report.raise_if_any(file.source_file)


def _is_of_positions(one: Transaction, book: Book | None) -> bool:
    if book is None or not book.positions:
        return False
    is_contained = one.trade_date <= book.as_of_date
    return is_contained or any(_thing(each) == _thing(one) for each in book.positions)


def _opening(row: Transaction, told: Iterable[Transaction]) -> Iterator[Transaction]:
    for one in told:
        is_trade = one.type in TRADES and one.trade_date <= row.trade_date
        is_other_way = row.type not in TRADES or (one.type in PURCHASES) != (row.type in PURCHASES)
        if is_trade and is_other_way and _thing(one) == _thing(row):
            yield one


def _thing(one: Transaction | Position) -> tuple[str | None, ...]:
    """Name what is held; a split renames the contracts of a stock, so that all of a kind count."""
    if one.asset_class == OPTION:
        return OPTION, one.underlying, one.option_type
    return one.asset_class, one.symbol


def _way(row: Transaction) -> str:
    if row.type not in TRADES:
        return "bought or sold"
    return "sold" if row.type in PURCHASES else "bought"


def _expected(days: Sequence[date]) -> str:
    if not days:
        return ""
    more = f" (and {len(days) - _MOST_DAYS} more)" if len(days) > _MOST_DAYS else ""
    return f"one of {', '.join(map(str, days[:_MOST_DAYS]))}{more}, "
