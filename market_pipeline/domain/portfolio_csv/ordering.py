"""In which order the transactions of a file happened: a file may list the newest first.

Lots close first in, first out, so that the order within a day tells which are closed.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from market_pipeline.domain.transactions import Transaction


def oldest_first(
    done: Sequence[Transaction], lines: Sequence[int], *, is_usually_newest_first: bool
) -> tuple[tuple[Transaction, ...], tuple[int, ...]]:
    """Give transactions and the rows they stood in oldest first, numbered in that order.

    A file whose dates fall lists the newest first, one whose dates rise does not; where they do
    as much of either, as in a file of one day, it is as usual. A file is turned as a whole or left.
    """
    steps = list(pairwise(one.trade_date for one in done))
    falls, rises = sum(b < a for a, b in steps), sum(b > a for a, b in steps)
    if falls < rises or (falls == rises and not is_usually_newest_first):
        return tuple(done), tuple(lines)
    turned = (replace(one, transaction_no=no) for no, one in enumerate(reversed(done), 1))
    return tuple(turned), tuple(reversed(lines))
