"""Which listings of option contracts to ask for, and what a contract's multiplier is.

Asked for are those of today, and of what expired unlisted. Pure: what is held and stored in,
subjects and quotes out. Does not: ask, or read an answer.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

import pandas as pd

from market_pipeline.domain.books import OPTION, OPTION_MULTIPLIER, Book
from market_pipeline.domain.symbols import parse_occ

_EXPIRED = "expired"


def expired_unlisted(
    books: Iterable[Book], listed: Collection[str], today: date
) -> dict[str, set[str]]:
    """Give the held contracts that expired before `today` and are not `listed`, by subject.

    One subject (`expired:AAPL:2026-01-16`) is one request: a stock's contracts of one expiration.
    """
    wanted: dict[str, set[str]] = {}
    for book in books:
        for position in book.positions:
            contract = parse_occ(position.symbol) if position.asset_class == OPTION else None
            if contract is None or contract.occ in listed or contract.expiration_date >= today:
                continue
            subject = f"{_EXPIRED}:{contract.stock}:{contract.expiration_date.isoformat()}"
            wanted.setdefault(subject, set()).add(contract.occ)
    return dict(sorted(wanted.items()))


def asked_of(subject: str) -> tuple[str, date | None]:
    """Give the stock of a subject, and the expiration where it is of expired contracts."""
    kind, _, rest = subject.partition(":")
    if kind != _EXPIRED or not rest:
        return subject, None
    stock, _, day = rest.partition(":")
    return stock, date.fromisoformat(day)


def stated_multipliers(books: Iterable[Book]) -> dict[str, int]:
    """Give what the books say of contracts that are not the standard 100, by symbol."""
    return {
        position.symbol: position.multiplier
        for book in books
        for position in book.positions
        if position.asset_class == OPTION and position.multiplier != OPTION_MULTIPLIER
    }


def as_listed(quotes: pd.DataFrame, *known: Mapping[str, int]) -> pd.DataFrame:
    """Give `quotes` with the multiplier of their contract: the first of `known` that has it.

    Only the standard one is replaced, for it stands where a vendor told none: bars never tell, and
    a snapshot that tells another knows better than what was listed at another time.
    """
    told = quotes["multiplier"]
    is_open = told == OPTION_MULTIPLIER
    found = pd.Series(float("nan"), index=quotes.index)
    for source in known:
        found = found.fillna(quotes["symbol"].map(dict(source)).astype("float64"))
    return quotes.assign(multiplier=found.where(is_open).fillna(told).astype("int64"))
