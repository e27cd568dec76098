"""Fidelity: the exports of Positions and of Activity (history)."""

import re
from collections.abc import Sequence
from datetime import date, datetime

from market_pipeline.domain.portfolio_csv.cells import parse_date
from market_pipeline.domain.portfolio_csv.columns import POSITIONS, TRANSACTIONS
from market_pipeline.domain.portfolio_csv.dollars import CORE_FUNDS, is_of_dollars
from market_pipeline.domain.portfolio_csv.positions import CASH_SYMBOL
from market_pipeline.domain.portfolio_csv.profiles.activity import TRANSFER, Activity, translated
from market_pipeline.domain.portfolio_csv.profiles.holdings import cash, held
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    BrokerRow,
    Profile,
    Translation,
    columns,
    number_of,
    summed,
)
from market_pipeline.domain.transactions import (
    ASSIGNMENT,
    BUY,
    COVER,
    DIVIDEND,
    EXPIRY,
    FEE,
    INTEREST,
    SELL,
    SHORT,
)

# An action begins with these words and goes on with the security's name.
_ACTIONS = {
    "YOU BOUGHT OPENING TRANSACTION": BUY, "YOU SOLD CLOSING TRANSACTION": SELL,
    "YOU SOLD OPENING TRANSACTION": SHORT, "YOU BOUGHT CLOSING TRANSACTION": COVER,
    "YOU BOUGHT": BUY, "YOU SOLD": SELL,
    "DIVIDEND RECEIVED": DIVIDEND, "LONG-TERM CAP GAIN": DIVIDEND, "SHORT-TERM CAP GAIN": DIVIDEND,
    "REINVESTMENT": BUY,
    "INTEREST EARNED": INTEREST, "MARGIN INTEREST": INTEREST,
    "ELECTRONIC FUNDS TRANSFER RECEIVED": TRANSFER, "ELECTRONIC FUNDS TRANSFER PAID": TRANSFER,
    "DIRECT DEPOSIT": TRANSFER, "WIRE TRANSFER FROM BANK": TRANSFER,
    "WIRE TRANSFER TO BANK": TRANSFER,
    "FEE CHARGED": FEE, "FOREIGN TAX PAID": FEE,
    "EXPIRED CALL": EXPIRY, "EXPIRED PUT": EXPIRY, "ASSIGNED CALLS": ASSIGNMENT,
    "ASSIGNED PUTS": ASSIGNMENT,
}  # fmt: skip
_PREFIXES = sorted(_ACTIONS, key=len, reverse=True)
_SWEEP = re.compile(r"[A-Z]{5}", re.IGNORECASE)
"""The ticker of a fund or bank in which cash rests; no currency is called so."""
_PENDING = "pending activity"
_DOWNLOADED = re.compile(
    r"Date downloaded (?:(?P<named>[A-Z][a-z]{2}-[0-9]{1,2}-[0-9]{4})"
    r"|(?P<us>[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}))\b"
)


def _transaction(row: BrokerRow) -> Translation | None:
    symbol = row.cell("Symbol")
    action = row.text("Action").upper()
    prefix = next((words for words in _PREFIXES if action.startswith(words)), None)
    if prefix == "REINVESTMENT" and symbol[1].strip("*").upper() in CORE_FUNDS:
        return None  # cash rests there: nothing moves
    return translated(
        Activity(
            date=row.cell("Run Date"),
            action=row.cell("Action"),
            symbol=(symbol[0], _plain(symbol[1])),
            quantity=row.cell("Quantity"),
            price=row.cell("Price ($)", "Price"),
            amount=row.cell("Amount ($)"),
            fees=summed(row.cell("Commission ($)"), row.cell("Fees ($)")),
            currency=row.cell("Currency"),
        ),
        _ACTIONS[prefix] if prefix else None,
        _ACTIONS,
    )


def _plain(symbol: str) -> str:
    """Take off the minus before an option and the stars behind a core fund."""
    return symbol.removeprefix("-").rstrip("*")


def _position(row: BrokerRow) -> Translation | None:
    symbol, value = row.cell("Symbol"), row.cell("Current Value")
    name = symbol[1].casefold()
    if name == _PENDING:
        is_nothing = not value[1] or number_of(value[1]) == 0
        return None if is_nothing else cash(row, symbol, "PENDING", value)
    if name.endswith("**"):
        core = name.rstrip("*")
        is_other = _SWEEP.fullmatch(core) and not is_of_dollars(core)
        return cash(row, symbol, CASH_SYMBOL if is_other else core, value)
    plain = (symbol[0], _plain(symbol[1]))
    return held(row, plain, row.cell("Quantity"), row.cell("Cost Basis Total"))


def _day_downloaded(record: Sequence[str]) -> date | None:
    match = _DOWNLOADED.match(" ".join(record[0].split()))
    if match is None:
        return None
    try:
        if match["us"]:
            return parse_date(match["us"])
        return datetime.strptime(match["named"], "%b-%d-%Y").date()  # noqa: DTZ007  # a date, not an instant
    except ValueError:
        return None


FIDELITY_ACTIVITY = Profile(
    "Fidelity activity",
    TRANSACTIONS,
    columns("Run Date", "Action", "Symbol", "Quantity", "Price ($)|Price", "Commission ($)",
            "Fees ($)", "Amount ($)"),
    _transaction,
    newest_first=True,
)  # fmt: skip
FIDELITY_POSITIONS = Profile(
    "Fidelity positions",
    POSITIONS,
    columns("Account Number", "Symbol", "Description", "Quantity", "Last Price", "Current Value",
            "Cost Basis Total"),
    _position,
    _day_downloaded,
)  # fmt: skip
