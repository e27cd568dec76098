"""What people did: transactions, and the file (one of a portfolio's) that states them.

Frozen and exact. The quantity says how much, the type in which direction; what a transaction
does to cash is told here once. Exercise, assignment and expiry take the contracts away, nothing
more: the shares bought or sold at the strike are a transaction of their own, as brokers write them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal

BUY, SELL, SHORT, COVER = "buy", "sell", "short", "cover"
DEPOSIT, WITHDRAWAL = "deposit", "withdrawal"
DIVIDEND, FEE, INTEREST, SPLIT = "dividend", "fee", "interest", "split"
EXERCISE, ASSIGNMENT, EXPIRY = "option exercise", "assignment", "expiry"
TYPES = (
    BUY, SELL, SHORT, COVER, DEPOSIT, WITHDRAWAL, DIVIDEND, FEE, INTEREST, SPLIT, EXERCISE,
    ASSIGNMENT, EXPIRY,
)  # fmt: skip
TRADES = frozenset((BUY, SELL, SHORT, COVER))
PURCHASES = frozenset((BUY, COVER))
CASH_ONLY = frozenset((DEPOSIT, WITHDRAWAL, DIVIDEND, FEE, INTEREST))

US_DOLLAR = "USD"

_CASH_IN = {
    SELL: 1, SHORT: 1, DEPOSIT: 1, DIVIDEND: 1, INTEREST: 1,
    BUY: -1, COVER: -1, WITHDRAWAL: -1, FEE: -1,
}  # fmt: skip
_UNIT = Decimal("1E-10")
# Two numbers of 28 digits multiply to 56: nothing is rounded before the last step.
_WIDE = Context(prec=80)


@dataclass(frozen=True, slots=True)
class Transaction:
    """One thing that happened in a portfolio, as in `tables.transactions` less portfolio and file.

    `quantity` is in units (shares, contracts), in US dollars for cash (dividends, interest and
    fees may be negative), in new shares for each old one for a split. `price_usd` is of a unit (a
    share, for options). `amount_usd` is what came into cash, negative for what went out, fees
    included. `lot_date` is when the lots were opened that a row chose to close. `underlying` to
    `option_type` are set for options only.
    """

    transaction_no: int
    trade_date: date
    type: str
    quantity: Decimal
    amount_usd: Decimal
    fees_usd: Decimal = Decimal(0)
    price_usd: Decimal | None = None
    symbol: str | None = None
    asset_class: str | None = None
    multiplier: int = 1
    underlying: str | None = None
    strike_usd: Decimal | None = None
    expiration_date: date | None = None
    option_type: str | None = None
    currency: str = US_DOLLAR
    note: str | None = None
    lot_date: date | None = None


@dataclass(frozen=True, slots=True)
class TransactionFile:
    """The transactions one file states of a portfolio; `content_hash` changes with any of them.

    Those of a day are oldest first. `lines` are the rows of the file they stood in, one for each.
    """

    portfolio_id: str
    source_file: str
    content_hash: str
    transactions: tuple[Transaction, ...]
    lines: tuple[int, ...] = ()

    def in_order_of_rows(self) -> list[tuple[int | None, Transaction]]:
        """Give each with its row of the file, if known, as the rows follow one another there."""
        if not self.lines:
            return [(None, one) for one in self.transactions]
        placed = sorted(zip(self.lines, self.transactions, strict=True), key=lambda each: each[0])
        return [*placed]


def cash_effect(
    kind: str, quantity: Decimal, price: Decimal | None, multiplier: int, fees: Decimal
) -> Decimal:
    """Give what a transaction of type `kind` brings into cash, in USD to ten decimals at most.

    Quantity times price (none: 1) times multiplier in the direction of the type, less the fees.
    """
    gross = _WIDE.multiply(quantity, Decimal(1) if price is None else price)
    gross = _WIDE.multiply(gross, Decimal(multiplier * _CASH_IN.get(kind, 0)))
    effect = _WIDE.subtract(gross, fees).quantize(_UNIT, context=_WIDE)
    whole = effect.to_integral_value()
    return whole if effect == whole else effect.normalize(_WIDE)
