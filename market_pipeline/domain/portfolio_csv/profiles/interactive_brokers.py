"""Interactive Brokers: the Trades section of a Flex Query, as CSV."""

import re

from market_pipeline.domain.portfolio_csv.columns import (
    CURRENCY,
    DATE,
    MULTIPLIER,
    TRANSACTIONS,
    TYPE,
)
from market_pipeline.domain.portfolio_csv.profiles.activity import Activity, translated
from market_pipeline.domain.portfolio_csv.profiles.profile import (
    BrokerRow,
    Cell,
    Profile,
    Translation,
    columns,
    negated,
    number_of,
    summed,
)
from market_pipeline.domain.transactions import (
    ASSIGNMENT,
    BUY,
    COVER,
    EXERCISE,
    EXPIRY,
    SELL,
    SHORT,
    US_DOLLAR,
)

_STOCK, _OPTION = "STK", "OPT"
_SIDES = {("BUY", "C"): COVER, ("SELL", "O"): SHORT}
_PLAIN_SIDES = {"BUY": BUY, "SELL": SELL}
_OPTION_ENDS = {"A": ASSIGNMENT, "EX": EXERCISE, "EP": EXPIRY}
_EXECUTION = "EXECUTION"
_SLASHED_DATE = re.compile(r"(?P<first>[0-9]{1,2})/[0-9]{1,2}/(?:[0-9]{2}){1,2}(?:[ ,;]+[0-9:]+)?")
_COMPACT_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")


def _transaction(row: BrokerRow) -> Translation | None:
    day_first = next(filter(_is_day_first, row.cells.values()), None)
    if day_first is not None:
        # Also of a row that counts nothing: the others would be read with the month first.
        expected = (
            "the dates are written day first; choose the date format yyyyMMdd in the Flex Query"
        )
        return Translation({DATE: day_first}, [(DATE, expected)])
    level = row.text("LevelOfDetail").upper()
    if level and level != _EXECUTION:
        return None  # orders, lots and summaries tell of the same executions again
    asset_class = row.cell("AssetClass")
    if asset_class[1].upper() not in (_STOCK, _OPTION):
        expected = f"expected {_STOCK} or {_OPTION}: nothing else is kept"
        return Translation({TYPE: asset_class}, [(TYPE, expected)])
    told = translated(
        Activity(
            date=_iso(row.cell("TradeDate")),
            action=row.cell("Buy/Sell"),
            symbol=_symbol(row),
            quantity=row.cell("Quantity"),
            price=row.cell("TradePrice"),
            amount=row.cell("NetCash"),
            fees=_cost(row),
            currency=row.cell("CurrencyPrimary"),
        ),
        _kind(row),
        _PLAIN_SIDES,
    )
    told.cells[MULTIPLIER] = row.cell("Multiplier")
    _check_commission(row, told)
    return told


def _check_commission(row: BrokerRow, told: Translation) -> None:
    """Refuse a commission that is charged in another currency than dollars."""
    currency, commission = row.cell("IBCommissionCurrency"), number_of(row.text("IBCommission"))
    if currency[1].upper() not in ("", US_DOLLAR) and commission:
        told.cells[CURRENCY] = currency
        expected = "the commission is not in US dollars; expected it in USD, converted by hand"
        told.complaints.append((CURRENCY, expected))


def _is_day_first(cell: Cell) -> bool:
    match = _SLASHED_DATE.fullmatch(cell[1].strip())
    return match is not None and int(match["first"]) > 12


def _kind(row: BrokerRow) -> str | None:
    codes = {code.strip().upper() for code in row.text("Notes/Codes").split(";")}
    ends = [kind for code, kind in _OPTION_ENDS.items() if code in codes]
    if ends and row.text("AssetClass").upper() == _OPTION:
        return ends[0]
    side = row.text("Buy/Sell").upper()
    opened = row.text("Open/CloseIndicator").upper()
    return _SIDES.get((side, opened), _PLAIN_SIDES.get(side))


def _symbol(row: BrokerRow) -> Cell:
    """A share class stands behind a space; the symbol of an option is padded OCC."""
    column, text = row.cell("Symbol")
    is_stock = row.text("AssetClass").upper() == _STOCK
    return column, text.replace(" ", ".") if is_stock else text


def _cost(row: BrokerRow) -> Cell:
    """Commission and taxes are negative here, a rebate is not."""
    return negated(summed(row.cell("IBCommission"), row.cell("Taxes")))


def _iso(cell: Cell) -> Cell:
    match = _COMPACT_DATE.fullmatch(cell[1])
    return (cell[0], "-".join(match.groups())) if match else cell


FLEX_TRADES = Profile(
    "Interactive Brokers Flex trades",
    TRANSACTIONS,
    columns("CurrencyPrimary", "AssetClass", "Symbol", "TradeDate", "Quantity", "TradePrice",
            "IBCommission", "Buy/Sell"),
    _transaction,
)  # fmt: skip
