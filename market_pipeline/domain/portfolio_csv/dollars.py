"""Which names of a cash balance are of US dollars: what says so, or says nothing of a currency.

A balance of another currency would be counted as dollars, so that what is not known here is none.
"""

import re

CORE_FUNDS = frozenset(("SPAXX", "FDRXX", "FZFXX", "FCASH", "FDIC"))
"""Where brokers let cash in US dollars rest, as they name it."""

_MONEY_MARKET = re.compile(r"[A-Z]{3}XX")
"""The ticker of a US money-market fund."""
_DOLLARS = re.compile(r"\b(?:US|USA|UNITED STATES) DOLLARS?\b|\bUSD\b")
_OF_NO_CURRENCY = frozenset(("CASH", "BALANCE", "SWEEP", "CORE", "PENDING", "MARGIN", "MONEY",
    "MARKET", "DEBIT", "CREDIT", "ACCOUNT", "DEPOSIT"))  # fmt: skip


def is_of_dollars(name: str) -> bool:
    """Whether a balance of this name is of US dollars, in any case of letters."""
    text = " ".join(re.split(r"[ _-]+", name.upper().replace("U.S.", "US")))
    words = _DOLLARS.sub(" ", text).replace(".", " ").split()
    return all(
        word in _OF_NO_CURRENCY or word in CORE_FUNDS or _MONEY_MARKET.fullmatch(word)
        for word in words
    )
