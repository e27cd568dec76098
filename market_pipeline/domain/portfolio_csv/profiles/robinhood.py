"""Robinhood: the account activity report."""

import re

from market_pipeline.domain.portfolio_csv.columns import TRANSACTIONS
from market_pipeline.domain.portfolio_csv.profiles.activity import TRANSFER, Activity, translated
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    BrokerRow,
    Cell,
    Profile,
    Translation,
    columns,
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

_CODES = {
    "Buy": BUY, "Sell": SELL, "BTO": BUY, "STC": SELL, "STO": SHORT, "BTC": COVER,
    "CDIV": DIVIDEND, "MDIV": DIVIDEND, "INT": INTEREST, "MINT": INTEREST, "SLIP": INTEREST,
    "ACH": TRANSFER, "GOLD": FEE, "DFEE": FEE, "AFEE": FEE, "DTAX": FEE,
    "OEXP": EXPIRY, "OASGN": ASSIGNMENT,
}  # fmt: skip
_KINDS = {code.casefold(): kind for code, kind in _CODES.items()}
_OPTION_CODES = frozenset(("bto", "stc", "sto", "btc", "oexp", "oasgn"))
_OPTION_IN_TEXT = re.compile(
    r"[A-Z][A-Z0-9.]{0,6} [0-9]{1,2}/[0-9]{1,2}/[0-9]{4} (?:Call|Put) \$[0-9,.]+$"
)
_SHORT_MARK = re.compile(r"([0-9.,]+)S")


def _transaction(row: BrokerRow) -> Translation | None:
    quantity = row.cell("Quantity")
    marked = _SHORT_MARK.fullmatch(quantity[1])
    told = translated(
        Activity(
            date=row.cell("Activity Date"),
            action=row.cell("Trans Code"),
            symbol=_symbol(row),
            # `1S`: one contract, of a short position
            quantity=(quantity[0], marked[1]) if marked else quantity,
            price=row.cell("Price"),
            amount=row.cell("Amount"),
        ),
        _KINDS.get(row.text("Trans Code").casefold()),
        _CODES,
    )
    told.is_net = True  # what regulators charge of a sale is taken off, and stands nowhere
    return told


def _symbol(row: BrokerRow) -> Cell:
    """An option's contract stands at the end of the description only."""
    if row.text("Trans Code").casefold() not in _OPTION_CODES:
        return row.cell("Instrument")
    column, text = row.cell("Description")
    match = _OPTION_IN_TEXT.search(" ".join(text.split()))
    return column, match[0] if match else text


ROBINHOOD_ACTIVITY = Profile(
    "Robinhood activity",
    TRANSACTIONS,
    columns("Activity Date", "Process Date", "Settle Date", "Instrument", "Description",
            "Trans Code", "Quantity", "Price", "Amount"),
    _transaction,
    newest_first=True,
)  # fmt: skip
