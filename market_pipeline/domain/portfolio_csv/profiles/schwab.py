"""Charles Schwab: the exports of Positions and of History (transactions)."""

import re
from collections.abc import Sequence
from datetime import date

from market_pipeline.domain.portfolio_csv.cells import parse_date
from market_pipeline.domain.portfolio_csv.columns import POSITIONS, TRANSACTIONS
from market_pipeline.domain.portfolio_csv.option_names import parse_option
from market_pipeline.domain.portfolio_csv.profiles.activity import TRANSFER, Activity, translated
from market_pipeline.domain.portfolio_csv.profiles.holdings import cash, held
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    BrokerRow,
    Cell,
    Profile,
    Translation,
    columns,
    number_of,
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

_ACTIONS = {
    "Buy": BUY, "Sell": SELL, "Sell Short": SHORT,
    "Buy to Open": BUY, "Sell to Close": SELL, "Sell to Open": SHORT, "Buy to Close": COVER,
    "Reinvest Shares": BUY,
    "Cash Dividend": DIVIDEND, "Qualified Dividend": DIVIDEND, "Non-Qualified Div": DIVIDEND,
    "Pr Yr Cash Div": DIVIDEND, "Special Dividend": DIVIDEND, "Reinvest Dividend": DIVIDEND,
    "Qual Div Reinvest": DIVIDEND, "Long Term Cap Gain": DIVIDEND, "Short Term Cap Gain": DIVIDEND,
    "Long Term Cap Gain Reinvest": DIVIDEND, "Short Term Cap Gain Reinvest": DIVIDEND,
    "Bank Interest": INTEREST, "Credit Interest": INTEREST, "Margin Interest": INTEREST,
    "Bond Interest": INTEREST,
    "MoneyLink Transfer": TRANSFER, "MoneyLink Deposit": TRANSFER, "Funds Received": TRANSFER,
    "Wire Funds": TRANSFER, "Wire Received": TRANSFER, "Wire Sent": TRANSFER,
    "Service Fee": FEE, "ADR Mgmt Fee": FEE, "Foreign Tax Paid": FEE, "NRA Tax Adj": FEE,
    "Expired": EXPIRY, "Assigned": ASSIGNMENT,
}  # fmt: skip
_KINDS = {action.casefold(): kind for action, kind in _ACTIONS.items()}
_TOTALS = frozenset(("transactions total", "account total", "positions total"))
_CASH = "cash & cash investments"
_AS_OF = re.compile(r"as of (?P<day>[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})$")
_TITLE_DAY = re.compile(
    r"Positions for .* as of .*?(?P<y>[0-9]{4})/(?P<m>[0-9]{2})/(?P<d>[0-9]{2})"
    r"|Positions for .* as of .*?(?P<us>[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})"
)


def _transaction(row: BrokerRow) -> Translation | None:
    if row.text("Date").casefold() in _TOTALS:
        return None
    action = row.cell("Action")
    return translated(
        Activity(
            date=_day(row.cell("Date")),
            action=action,
            symbol=_dotted(row.cell("Symbol")),
            quantity=row.cell("Quantity"),
            price=row.cell("Price"),
            amount=row.cell("Amount"),
            fees=row.cell("Fees & Comm"),
        ),
        _KINDS.get(row.text("Action").casefold()),
        _ACTIONS,
    )


def _day(cell: Cell) -> Cell:
    """Of `11/23/2026 as of 11/20/2026` take the day on which it counted."""
    match = _AS_OF.search(cell[1])
    return (cell[0], match["day"]) if match else cell


def _dotted(cell: Cell) -> Cell:
    """A share class stands behind a slash here; so do the parts of an option's date."""
    return cell if parse_option(cell[1]) else (cell[0], cell[1].replace("/", "."))


def _position(row: BrokerRow) -> Translation | None:
    symbol, value = row.cell("Symbol"), row.cell("Mkt Val (Market Value)", "Market Value")
    name = row.text("Symbol").casefold()
    if name in _TOTALS:
        return None
    if name == _CASH:
        return None if number_of(value[1]) == 0 else cash(row, symbol, "CASH", value)
    return held(
        row, _dotted(symbol), row.cell("Qty (Quantity)", "Quantity"), row.cell("Cost Basis")
    )


def _day_of_title(record: Sequence[str]) -> date | None:
    match = _TITLE_DAY.match(" ".join(record[0].split()))
    if match is None:
        return None
    text = match["us"] or f"{match['y']}-{match['m']}-{match['d']}"
    try:
        return parse_date(text)
    except ValueError:
        return None


SCHWAB_TRANSACTIONS = Profile(
    "Schwab transactions",
    TRANSACTIONS,
    columns("Date", "Action", "Symbol", "Description", "Quantity", "Price", "Fees & Comm",
            "Amount"),
    _transaction,
    newest_first=True,
)  # fmt: skip
SCHWAB_POSITIONS = Profile(
    "Schwab positions",
    POSITIONS,
    columns("Symbol", "Description", "Qty (Quantity)|Quantity", "Price",
            "Mkt Val (Market Value)|Market Value", "Cost Basis", "Security Type"),
    _position,
    _day_of_title,
)  # fmt: skip
