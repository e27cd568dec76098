"""Asking a vendor of news for one symbol after the other: which failure ends it, which does not.

Belongs here: what clients without a request for many symbols share. Does not: requests, formats.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from market_pipeline.domain.errors import (
    Blocked,
    CircuitOpen,
    NotEntitled,
    Throttled,
    Transient,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.domain.news import Company, FetchedNews, NewsItem
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.vendors.news_items import merge_items

_NO_MORE = (Blocked, NotEntitled, CircuitOpen, Throttled)


def readable_symbols(texts: Sequence[str]) -> tuple[list[str], list[Rejected]]:
    """Part symbols that a vendor can be asked about, each once, from those that are none."""
    asked: list[str] = []
    rejected: list[Rejected] = []
    for text in dict.fromkeys(texts):
        try:
            asked.append(parse_symbol(text))
        except ValueError:
            rejected.append(
                Rejected(text[:32], None, UnknownSymbol.kind, text[:100], "no stock ticker")
            )
    return list(dict.fromkeys(asked)), rejected


def ask_each(
    symbols: Sequence[str], ask: Callable[[str], FetchedNews], *, patience_s: float
) -> FetchedNews:
    """Ask for each symbol and join the answers.

    A symbol that fails is rejected under its error's kind and the rest goes on; after a refusal
    of this client, or once nothing at all was readable for `patience_s`, no more is asked. Raises
    the first error where nothing was readable, unknown symbols aside.
    """
    asked, rejected = readable_symbols(symbols)
    items: list[NewsItem] = []
    companies: list[Company] = []
    failures: list[VendorError] = []
    is_read, hopeless_at = False, monotonic() + patience_s
    for position, symbol in enumerate(asked):
        try:
            news = ask(symbol)
        except UnknownSymbol as error:
            rejected.append(_failed(symbol, error))
            continue
        except VendorError as error:
            failures.append(error)
            # A vendor that is down is not asked for each symbol: another source waits its turn.
            is_down = isinstance(error, Transient) and not is_read and monotonic() >= hopeless_at
            if is_down or isinstance(error, _NO_MORE):
                rejected += [_failed(unasked, error) for unasked in asked[position:]]
                break
            rejected.append(_failed(symbol, error))
            continue
        is_read = True
        items += news.items
        rejected += news.rejected
        companies += news.companies
    if failures and not is_read:
        raise failures[0]
    return FetchedNews(merge_items(items), tuple(rejected), tuple(companies))


def _failed(symbol: str, error: VendorError) -> Rejected:
    return Rejected(symbol, None, error.kind, symbol, error.detail[:400])
