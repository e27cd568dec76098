"""Headlines drawn from a seed, ticker and New York day: good, bad and neutral, none real.

Belongs here: templates, publishers and when they publish. Quotes, commas, tags and ampersands
stand in some on purpose, some concern several tickers at once, and some are told by several
publishers in nearly the same words. Does not: any wire format.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice

import numpy as np

from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import to_dashed
from market_pipeline.sandbox.instruments import BUILT_IN, SECTORS, find_instrument
from market_pipeline.sandbox.market import Headline
from market_pipeline.sandbox.randomness import stream

_PUBLISHERS = (
    "Harbor Newswire", "The Ledger", "Tape & Ticker", "Market Lantern", "Bluechip Daily",
    "Investor's Almanac", "Wire Service One",
)  # fmt: skip
_PRESS_RELEASES = "Harbor Newswire"
"""This publisher's links are relative to the page, as a press release's are at Finviz."""

_GOOD = (
    "{name} beats {quarter} estimates and raises full-year outlook",
    '{name} shares climb {n}% after upgrade to "Buy", price target lifted',
    "{name} announces ${n} billion buyback & higher dividend",
    "{name} wins record ${n}00 million order, margins expand",
    "Why {symbol} <b>surged</b> {n}% today: strong demand, falling costs",
)
_BAD = (
    "{name} misses {quarter} revenue estimates, cuts guidance",
    "{name} falls {n}% after downgrade: 'too much optimism,' says analyst",
    "{name} faces ${n}00 million fine & rising legal costs",
    "{name} to cut {n},000 jobs as demand weakens",
    '{symbol} <b>tumbles</b> {n}% on profit warning, "challenging" {quarter} ahead',
)
_NEUTRAL = (
    "{name} to report {quarter} results on Thursday",
    "{name} names new head of division {n}",
    "{name} presents at {n}th annual technology & growth conference",
    "What to know about {symbol}, explained in {n} charts",
    'Options traders eye {symbol} before "witching" Friday, strike {n}00',
)
_SHARED = (
    "{names}: sector peers rally as rates ease",
    "{names} slide as new tariffs loom & costs rise",
    '"Crowded trades" to watch this week: {names}',
)
_DETAILS = (
    "<p>{title}.</p><p>The company gave no further detail &amp; did not comment.</p>",
    "{title}. Analysts had expected as much; volume was above its average of 20 days.",
    "In short: <b>{title}</b>. A filing is expected within days.",
    "",
)
_RETELLINGS: tuple[Callable[[str], str], ...] = (
    lambda title: title,
    lambda title: f"UPDATE 1-{title}",
    lambda title: f"{title}, sources say",
    lambda title: f"Breaking: {title}",
    lambda title: title.replace("estimates", "expectations").replace("shares", "stock"),
)
_TOLD_AGAIN = 0.35
_ORDINALS = ("first", "second", "third", "fourth")
_OLDEST_DAYS = 120
_SHARED_TICKERS = 3


def newest(seed: int, symbol: str, now: datetime, limit: int) -> list[Headline]:
    """Give up to `limit` headlines of a known symbol published by `now`, newest first."""
    return list(islice((h for h in _backwards(seed, symbol, now) if h.published_at <= now), limit))


def _backwards(seed: int, symbol: str, now: datetime) -> Iterator[Headline]:
    today = now.astimezone(NEW_YORK).date()
    for back in range(_OLDEST_DAYS):
        day = today - timedelta(days=back)
        found = [*_of_symbol(seed, symbol, day), *_of_sector(seed, _sector(seed, symbol), day)]
        concerned = (told for h in found if symbol in h.symbols for told in _told(seed, h))
        yield from sorted(concerned, key=lambda h: (h.published_at, h.title), reverse=True)


@lru_cache(maxsize=50_000)
def _of_symbol(seed: int, symbol: str, day: date) -> tuple[Headline, ...]:
    """Draw a day's headlines about one ticker: several on weekdays, rarely one on weekends."""
    draw = stream(seed, "news", symbol, day)
    count = int(draw.poisson(1.8 if day.weekday() < 5 else 0.25))
    instrument = find_instrument(seed, symbol)
    name = instrument.name.split(",")[0] if instrument else symbol
    headlines = []
    for _ in range(count):
        tone = (_GOOD, _BAD, _NEUTRAL)[int(draw.choice(3, p=(0.35, 0.3, 0.35)))]
        title = tone[int(draw.integers(len(tone)))].format(
            name=name,
            symbol=symbol,
            n=int(draw.integers(4, 10)),
            quarter=f"{_ORDINALS[int(draw.integers(4))]}-quarter",
        )
        headlines.append(_headline(draw, title, day, (symbol,)))
    return tuple(headlines)


@lru_cache(maxsize=10_000)
def _of_sector(seed: int, sector: str, day: date) -> tuple[Headline, ...]:
    """Draw a headline that several tickers of a sector share, on two days of five."""
    draw = stream(seed, "sector news", sector, day)
    members = [s for s in BUILT_IN if _sector(seed, s) == sector]
    if len(members) < _SHARED_TICKERS or draw.random() > 0.4:
        return ()
    chosen = [members[i] for i in draw.permutation(len(members))[:_SHARED_TICKERS]]
    names = ", ".join(BUILT_IN[s].name.split(",")[0] for s in chosen)
    title = _SHARED[int(draw.integers(len(_SHARED)))].format(names=names)
    return (_headline(draw, title, day, tuple(chosen)),)


def _headline(
    draw: np.random.Generator, title: str, day: date, symbols: tuple[str, ...]
) -> Headline:
    publisher = _PUBLISHERS[int(draw.integers(len(_PUBLISHERS)))]
    # Mostly between 6:00 and 20:00; a minute that clocks skip or repeat never comes up.
    seconds = int(draw.integers(6 * 3600, 20 * 3600))
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    published_at = datetime.combine(day, clock, tzinfo=NEW_YORK)
    slug = f"{to_dashed(symbols[0]).lower()}-{int(draw.integers(10**9)):09d}"
    path = f"/news/{slug}"
    url = path if publisher == _PRESS_RELEASES else f"https://news.example.com{path}?src=fv&v=1"
    return Headline(title, publisher, url, published_at, symbols)


@lru_cache(maxsize=50_000)
def _told(seed: int, headline: Headline) -> tuple[Headline, ...]:
    """Give a headline with its description, and where drawn its retellings of the same day.

    Drawn from a stream of their own, so that the headlines themselves are those of the seed.
    """
    draw = stream(seed, "told", headline.url, headline.published_at.date())
    told = [_described(draw, headline)]
    again = int(draw.integers(1, 3)) if draw.random() < _TOLD_AGAIN else 0
    for number in range(again):
        others = [name for name in _PUBLISHERS if name not in (headline.publisher, _PRESS_RELEASES)]
        reword = _RETELLINGS[int(draw.integers(len(_RETELLINGS)))]
        slug = headline.url.rpartition("/")[2].partition("?")[0]
        retelling = replace(
            headline,
            title=reword(headline.title),
            publisher=others[int(draw.integers(len(others)))],
            url=f"https://news.example.com/news/{slug}-{number + 2}?src=fv&v=1",
            # At most three hours after 20:00: still the same day.
            published_at=headline.published_at + timedelta(minutes=int(draw.integers(2, 180))),
        )
        told.append(_described(draw, retelling))
    return tuple(told)


def _described(draw: np.random.Generator, headline: Headline) -> Headline:
    detail = _DETAILS[int(draw.integers(len(_DETAILS)))].format(title=headline.title)
    return replace(headline, description=detail)


@lru_cache(maxsize=10_000)
def _sector(seed: int, symbol: str) -> str:
    instrument = find_instrument(seed, symbol)
    loadings = instrument.loadings if instrument else ()
    return next((factor for factor, _ in loadings if factor in SECTORS), "")
