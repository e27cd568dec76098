"""Who tells a story: one name for the ways a publisher is written, its own domain among them.

Belongs here: recognising a publisher in what vendors call a source. Does not: whether two items
tell one story (`stories`).
"""

import re
from collections.abc import Iterable

from market_pipeline.domain.headlines import normalise

_COMPANY_WORDS = {"the", "com", "inc", "llc", "ltd", "co"}

_WRITTEN_OTHERWISE = {
    "Associated Press": ("apnews.com", "AP", "AP News"),
    "Barron's": ("barrons.com",),
    "BBC": ("bbc.co.uk", "bbc.com", "BBC News"),
    "Business Insider": ("businessinsider.com", "insider.com"),
    "Financial Times": ("ft.com", "FT"),
    "Investing.com": ("investing.com",),
    "Investor's Business Daily": ("investors.com", "IBD"),
    "Motley Fool": ("fool.com", "fool.co.uk", "fool.ca", "fool.com.au"),
    "New York Times": ("nytimes.com", "NYT"),
    "TheStreet": ("thestreet.com", "The Street"),
    "Wall Street Journal": ("wsj.com", "WSJ"),
    "Washington Post": ("washingtonpost.com",),
    "Yahoo Finance": ("finance.yahoo.com", "yahoo.com", "Yahoo"),
    "Zacks": ("zacks.com", "Zacks Investment Research"),
}
"""Publishers that vendors call by an address or a short name from which the rule below does not
find the name they also go by. A domain stands for all below it."""

_SUFFIXES = {
    "ai", "biz", "com", "info", "io", "media", "net", "news", "online", "org", "press", "tv",
}  # fmt: skip
"""What a publisher's domain ends in, beside the two letters of a country."""
_BELOW_A_COUNTRY = {"ac", "co", "com", "gov", "net", "or", "org"}
_BELOW_NOBODY = "example"
"""Domains under example.com are made up, each for another publisher: the sandbox's are."""

_DOMAIN = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[a-z]{2,})(?::\d+)?(?:[/?#].*)?", re.IGNORECASE)


def publisher_family(publisher: str) -> str:
    """Give one name for the ways a publisher is written: `The Motley Fool`, `fool.com`.

    A name is its words without those any company may have. A domain is the name registered in
    it: `www.business-wire.com` is `businesswire`. Empty where nothing names a publisher.
    """
    labels = _labels(publisher)
    for start in range(len(labels) - 1):
        known = _FAMILY_OF_DOMAIN.get(".".join(labels[start:]))
        if known is not None:
            return known
    family = _registered(labels) if labels else _words(publisher)
    return _FAMILY_OF_NAME.get(family, family)


def count_tellers(publishers: Iterable[str]) -> int:
    """Count who tells a story: each publisher family once, whatever paths its article came by.

    Those that name no publisher are one teller, and only where no other is named: an article that
    one vendor signs another may leave unsigned.
    """
    families = {publisher_family(publisher) for publisher in publishers}
    return len(families - {""}) or len(families)


def _words(publisher: str) -> str:
    words = normalise(publisher).split()
    return "".join(word for word in words if word not in _COMPANY_WORDS) or "".join(words)


def _labels(publisher: str) -> list[str]:
    """Give the labels of a domain, in lower case; none where the text is no domain."""
    found = _DOMAIN.fullmatch(publisher.strip().strip("()"))
    labels = found[1].casefold().split(".") if found else []
    is_domain = labels and (len(labels[-1]) == 2 or labels[-1] in _SUFFIXES)
    return labels if is_domain else []


def _registered(labels: list[str]) -> str:
    """Give the name that stands before a domain's suffix, as a name's words are given."""
    suffix = 1
    if len(labels) > 2 and (
        labels[-2] == _BELOW_NOBODY or (len(labels[-1]) == 2 and labels[-2] in _BELOW_A_COUNTRY)
    ):
        suffix = 2
    return _words(labels[-1 - suffix].replace("-", ""))


_FAMILY_OF_DOMAIN = {
    other: _words(name)
    for name, others in _WRITTEN_OTHERWISE.items()
    for other in others
    if "." in other
}
_FAMILY_OF_NAME = {
    _words(other): _words(name)
    for name, others in _WRITTEN_OTHERWISE.items()
    for other in others
    if "." not in other
}
