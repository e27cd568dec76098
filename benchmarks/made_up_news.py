"""Made-up news of any amount, the same every time: of companies and people that do not exist.

Titles vary in company, number, verb and reason about as much as a day of company news does, so
that match keys tell them apart as well as they would real ones. No text of anyone else's.
"""

# ruff: noqa: SIM905  # lists of words are shorter to read as one text
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

from benchmarks.lab import SEED
from market_pipeline.domain.news import NewsItem
from market_pipeline.domain.sentiment import NEUTRAL, Sentiment

NOW = datetime(2026, 1, 7, 15, tzinfo=UTC)  # Wednesday, ten o'clock in New York
WINDOW_DAYS = 3
SOURCE = "benchmark:sandbox"
_STORED_OVER, _NEW_OVER = timedelta(hours=48), timedelta(hours=6)
_RETOLD_EVERY = 5

_FIRST = "Al Bor Cer Dal Ester Fen Gal Hol Iber Jun Kel Lum Mer Nor Or Pel Quan Ros Sil Tor".split()
_SECOND = "adine anta bexa cor dyne etra fina genix hart ivo lytic mont nova pria quell ron".split()
_THIRD = (
    "Air", "Bank", "Biosciences", "Brands", "Capital", "Chemicals", "Energy", "Foods", "Health",
    "Homes", "Logistics", "Materials", "Media", "Mining", "Networks", "Power", "Semiconductor",
    "Software", "Steel", "Therapeutics",
)  # fmt: skip
_COMPANIES = [f"{a}{b} {c}" for a, b, c in product(_FIRST, _SECOND, _THIRD)]
_PEOPLE = [f"{a}{b}" for a, b in product(("Ada", "Ivo", "Lena", "Marc", "Nils", "Rhea"), _SECOND)]
_WORDS = {
    "up": "climb rise jump surge gain advance rally".split(),
    "down": "fall drop slide tumble sink slip plunge".split(),
    "quarter": "first-quarter second-quarter third-quarter fourth-quarter".split(),
    "measure": "revenue profit earnings sales margin cash-flow".split(),
    "role": ["finance chief", "chair", "head of research", "operations chief", "general counsel"],
    "rating": "buy hold sell outperform underperform neutral".split(),
    "product": "batteries sensors pumps turbines routers vaccines tyres drones valves".split(),
    "place": "Ohio Texas Poland Vietnam Brazil Ontario Kenya Saxony Osaka Perth Chile".split(),
    "reason": [
        "strong demand abroad", "a warning from regulators", "higher input costs",
        "a supply shortage", "a data breach", "new export rules", "a patent ruling",
        "weak guidance", "talks with a rival", "an activist's letter", "a trial result",
        "falling freight rates", "a factory fire", "record orders",
    ],
}  # fmt: skip
_TEMPLATES = (
    "{company} shares {up} {n}.{d}% on {reason}",
    "{company} shares {down} {n}.{d}% after {reason}",
    "{company} beats {quarter} {measure} estimates, cites {reason}",
    "{company} misses {quarter} {measure} estimates amid {reason}",
    "{bank} raises {company} to {rating}, sets target of ${n}{d}",
    "{bank} cuts {company} to {rating} on {reason}",
    "{company} to buy {other} for ${n}.{d} billion in cash and stock",
    "{company} names {person} as {role}, replacing {successor}",
    "{company} recalls {n},{d}00 {product} over {reason}",
    "{company} and {other} sign {n}-year deal to make {product} in {place}",
    "{company} plans ${n}{d}0 million plant in {place} for {product}",
    "{company} sued in {place} over {product}, {other} named too",
    "{company} to cut {n}{d}0 jobs in {place} as {measure} weakens",
    "Why {company} stock is moving today: {reason} and {n} things to know",
    "{company} holders back merger with {other}, {n}{d}% vote in favour",
    "{company} lifts dividend by {n}.{d}% and plans ${n}00 million buyback",
)
_PUBLISHERS = (
    "Harbor Newswire", "The Ledger", "Market Lantern", "Bluechip Daily", "Tape & Ticker",
    "Wire Service One", "Investor's Almanac",
)  # fmt: skip
_RETELLINGS = (
    "{}", "UPDATE 1-{}", "{}, sources say", "Breaking: {}", "{} - report", "{}",
)  # fmt: skip


class PlainTone:
    """A tone model that costs nothing, where something else is measured."""

    version = "plain-1"

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """Call every text neutral."""
        return [Sentiment(0.0, 0.9, NEUTRAL, self.version)] * len(texts)


def title_of(number: int) -> tuple[str, str]:
    """Give the title of the made-up story of this number, and the symbol it is about."""
    random = Random((SEED << 40) + number)
    at = random.randrange(len(_COMPANIES))
    choice = random.choice
    company = _COMPANIES[at]
    title = choice(_TEMPLATES).format(
        company=company,
        other=choice(_COMPANIES),
        bank=choice(_COMPANIES).partition(" ")[0] + " Securities",
        person=choice(_PEOPLE) + " " + choice(_COMPANIES).partition(" ")[0],
        successor=choice(_PEOPLE),
        n=random.randrange(2, 98),
        d=random.randrange(1, 10),
        **{name: choice(words) for name, words in _WORDS.items()},
    )
    letters = "".join(chr(65 + at // 26**place % 26) for place in range(3))
    return title, f"B{letters}"


def stored_item(number: int, count: int) -> NewsItem:
    """Give story `number` of `count` that are stored, all within the window of what is new."""
    title, symbol = title_of(number)
    published_at = NOW - _STORED_OVER + _STORED_OVER * (number / count)
    published_at = published_at.replace(microsecond=0)
    publisher = _PUBLISHERS[number % len(_PUBLISHERS)]
    url = f"https://news.example/{number}"
    return NewsItem(title, publisher, url, published_at, (symbol,), SOURCE)


def is_retold(number: int) -> bool:
    """Say whether the new item of this number tells a story that is there already."""
    return number % _RETOLD_EVERY == _RETOLD_EVERY - 1


def new_item(number: int, count: int, stored: int) -> NewsItem:
    """Give item `number` of `count` new ones; one in five retells a stored story, or a new one
    where none is stored, by another publisher and in slightly other words."""
    published_at = (NOW + _NEW_OVER * (number / count)).replace(microsecond=0)
    if not is_retold(number):
        item = stored_item(stored + number, stored + count)
        return replace(item, published_at=published_at)
    told = Random(number).randrange(stored) if stored else number - _RETOLD_EVERY + 1
    item = stored_item(told, stored + count)
    return replace(
        item,
        headline=_RETELLINGS[number % len(_RETELLINGS)].format(item.headline),
        publisher=_PUBLISHERS[(told + 1 + number % 3) % len(_PUBLISHERS)],
        url=f"{item.url}/again/{number}",
        published_at=published_at,
    )
