"""The text a model reads: a headline without what only says where it was posted.

Cashtags, tickers in brackets, links, handles and hash marks go; arrows become words. Training
and scoring both read through here, so a model cannot learn a cashtag.
"""

import html
import re
import unicodedata

from market_pipeline.domain.headlines import clean_text
from market_pipeline.sentiment.comparisons import with_comparisons

MAX_CHARACTERS = 600

_LINK = re.compile(r"https?://\S*|\bpic\.twitter\.com/\S+")
_HANDLE = re.compile(r"(?:\bvia\s+)?@\w+")
_CASHTAG = re.compile(r"\$[A-Za-z][A-Za-z.]{0,6}\b")
_TICKER = re.compile(r"\(\s*(?:[A-Z]{2,12}\s*:\s*[A-Z0-9. ]{1,9}|[A-Z]{2,5})\s*\)")
_SEPARATORS = " ,;:|-"
_CHARACTERS = str.maketrans(
    {
        "“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-", "#": " ", "…": " ",
        "📈": " up ", "📉": " down ", "🚀": " surge ", "🔺": " up ", "🔻": " down ", "⬆": " up ",
        "⬇": " down ", "🟢": " up ", "🔴": " down ", "↑": " up ", "↓": " down ",
    }
)  # fmt: skip


def readable(text: str) -> str:
    """Give what of a text is read: one line, at most `MAX_CHARACTERS`, maybe empty."""
    return with_comparisons(without_posting(text))


def without_posting(text: str) -> str:
    """Give the words of a text: one line without what only says where it was posted."""
    plain = html.unescape(clean_text(text[: 4 * MAX_CHARACTERS], 4 * MAX_CHARACTERS))
    plain = unicodedata.normalize("NFKC", plain.translate(_CHARACTERS))
    for noise in (_LINK, _HANDLE, _TICKER, _CASHTAG):
        plain = noise.sub(" ", plain)
    # A sign before a number is part of it: "-5%" stays.
    plain = re.sub(r"^[\s,;:|]*-?[\s,;:|]+", "", " " + " ".join(plain.replace("...", " ").split()))
    return plain.rstrip(_SEPARATORS)[:MAX_CHARACTERS]
