"""A row that two files of one portfolio state would count twice: found before it is stored.

Within a file equal rows are genuine (two equal fills) and all count.
"""

from collections.abc import Iterable
from dataclasses import replace

from market_pipeline.domain.portfolio_csv.report import ProblemReport
from market_pipeline.domain.transactions import Transaction, TransactionFile


def refuse_overlap(file: TransactionFile, others: Iterable[TransactionFile]) -> None:
    """Raise PortfolioFileError with every row of `file` that another of its portfolio's states.

    A file of the same name is no other: `file` takes its place.
    """
    stated: dict[Transaction, str] = {}
    for other in others:
        if (other.portfolio_id, other.source_file) == (file.portfolio_id, file.source_file):
            continue
        if other.portfolio_id == file.portfolio_id:
            rows = (replace(one, transaction_no=0) for one in other.transactions)
            stated |= dict.fromkeys(rows, other.source_file)
    report = ProblemReport()
    for line, one in file.in_order_of_rows():
        source = stated.get(replace(one, transaction_no=0))
        if source is not None:
            report.add(
                f"the same transaction was imported from {source} and would count twice; take it "
                "out of one of the files (or, where both happened, tell them apart in the note)",
                row=line,
            )
    report.raise_if_any(file.source_file)
