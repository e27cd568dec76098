"""What people own: positions, and the book (one portfolio as of a date) that holds them.

Frozen and exact: quantities and prices are Decimals, as the file stated them. How a file
becomes a book stands in `portfolio_csv`; what a book is worth, elsewhere.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

STOCK = "stock"
OPTION = "option"
PRIVATE = "private"
CASH = "cash"
ASSET_CLASSES = (STOCK, OPTION, PRIVATE, CASH)

OPTION_MULTIPLIER = 100


@dataclass(frozen=True, slots=True)
class Position:
    """One lot of one instrument, as in `tables.positions` less the portfolio.

    `quantity` is in units (shares, contracts, US dollars for cash), negative when short or
    owed; prices are USD a unit (a share, for options); a private position's entry price is
    its manual value. `underlying` to `option_type` are set for options only.
    """

    position_no: int
    symbol: str
    asset_class: str
    quantity: Decimal
    entry_price_usd: Decimal
    entry_date: date
    multiplier: int = 1
    subtype: str | None = None
    underlying: str | None = None
    strike_usd: Decimal | None = None
    expiration_date: date | None = None
    option_type: str | None = None
    exit_date: date | None = None
    exit_price_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """One portfolio as of a date; `content_hash` changes with a position or a stated date only."""

    portfolio_id: str
    name: str
    as_of_date: date
    source_file: str
    content_hash: str
    positions: tuple[Position, ...]
