"""Rows of a broker's activity to our transactions: what its words mean, and which cells count.

Belongs here: what the activities of all brokers share. Each broker's words stand in its module.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from market_pipeline.domain.portfolio_csv.columns import (
    AMOUNT,
    CURRENCY,
    DATE,
    FEES,
    NOTE,
    PRICE,
    QUANTITY,
    SYMBOL,
    TYPE,
)
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    Cell,
    Translation,
    negated,
    number_of,
    unsigned,
)
from market_pipeline.domain.transactions import (
    ASSIGNMENT,
    CASH_ONLY,
    DEPOSIT,
    EXERCISE,
    EXPIRY,
    FEE,
    WITHDRAWAL,
)

TRANSFER = "transfer"
"""Money moved: a deposit or a withdrawal, as the sign of the amount says."""

_WITHOUT_CASH = frozenset((EXERCISE, ASSIGNMENT, EXPIRY))
_NOTE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Activity:
    """The cells of a row that a transaction is made of; `action` is the broker's word for it."""

    date: Cell
    action: Cell
    symbol: Cell
    quantity: Cell
    price: Cell
    amount: Cell
    fees: Cell = ("Fees", "")
    currency: Cell = ("Currency", "")


def translated(activity: Activity, kind: str | None, known: Iterable[str]) -> Translation:
    """Write an activity of type `kind` in our columns; None is a word that is not `known`."""
    column, word = activity.action
    told = Translation({DATE: activity.date, TYPE: (column, word)})
    if kind is None:
        told.complaints.append(
            (TYPE, f"what this does is not known; known are {', '.join(sorted(known))}")
        )
        return told
    if kind == TRANSFER:
        amount = number_of(activity.amount[1])
        kind = WITHDRAWAL if amount is not None and amount < 0 else DEPOSIT
    told.cells[TYPE] = (column, kind)
    told.cells[CURRENCY] = activity.currency
    told.cells[NOTE] = (column, _note(word))
    told.cells |= _of_cash(activity, kind) if kind in CASH_ONLY else _of_trade(activity, kind)
    return told


def _of_cash(activity: Activity, kind: str) -> dict[str, Cell]:
    """The amount is all there is: what the broker writes as quantity and price explains it."""
    amount = activity.amount
    if kind == FEE:
        amount = negated(amount)
    elif kind in (DEPOSIT, WITHDRAWAL):
        amount = unsigned(amount)
    symbol = (activity.symbol[0], "") if kind in (DEPOSIT, WITHDRAWAL) else activity.symbol
    return {SYMBOL: symbol, QUANTITY: amount}


def _of_trade(activity: Activity, kind: str) -> dict[str, Cell]:
    cells = {
        SYMBOL: activity.symbol,
        QUANTITY: unsigned(activity.quantity),
        FEES: activity.fees,
        AMOUNT: activity.amount,
    }
    if kind not in _WITHOUT_CASH:
        cells[PRICE] = activity.price
    return cells


def _note(word: str) -> str:
    """Keep the broker's word as a note where it may be one."""
    text = " ".join(word.split())[:_NOTE_LENGTH]
    return text if text.isprintable() and text[:1].isalnum() else ""
