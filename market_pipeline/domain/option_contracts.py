"""Which listings of option contracts to ask for: those of today, and of what expired unlisted.

Pure: what is held and stored in, subjects out. Does not: ask, or read an answer.
"""

from collections.abc import Collection, Iterable
from datetime import date

from market_pipeline.domain.books import OPTION, Book
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
