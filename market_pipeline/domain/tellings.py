"""What a collected row becomes: a telling of some story, named, timed, tied to symbols, toned.

Belongs here: everything an item says by itself. Does not: which story it tells, which depends on
what is stored (`warehouse.news_joining`), or the model that judges its tone (`sentiment`).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.headlines import BAD_TIME, headline_hash, normalise
from market_pipeline.domain.news import Company
from market_pipeline.domain.publishers import publisher_family
from market_pipeline.domain.relevance import MAX_SYMBOLS, clean_symbols, relevance
from market_pipeline.domain.sentiment import Sentiment, label_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.stories import StoryItem
from market_pipeline.domain.story_titles import read_title

RULES = "stories-1"
"""Names the rules by which items become stories: a new name has every item taken again."""

NO_SYMBOL = "no_symbol"


def joined_symbols(stored: Collection[str], told: Iterable[str]) -> frozenset[str]:
    """Add symbols in their order while there is room; none that is stored is ever taken away."""
    room = MAX_SYMBOLS - len(stored)
    more = [symbol for symbol in dict.fromkeys(told) if symbol not in stored]
    return frozenset(stored) | frozenset(more[: max(room, 0)])


class ToneModel(Protocol):
    """Judges the tone of texts, one sentiment each, in their order."""

    @property
    def version(self) -> str:
        """Name of the model and its weights, kept with every score."""
        ...

    def score(self, texts: Sequence[str]) -> list[Sentiment]: ...


@dataclass(frozen=True, slots=True)
class Telling:
    """One collected item, read. `item` is what deciding on its story needs; `said` the collected
    row's symbols and description, by which a row that has come to say more is told."""

    table: str
    item_hash: str
    headline_hash: str
    published_date: date
    headline: str
    normalized: str
    description: str
    url: str
    publisher: str
    source: str
    category: str
    symbols: tuple[str, ...]
    relevance: Mapping[str, float]
    published_at: datetime
    first_seen_at: datetime
    is_failover: bool
    session_date: date
    market_session: str
    sector: str | None
    industry: str | None
    tone: Sentiment
    item: StoryItem
    said: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What collected rows came to, all of them in one of the three.

    `refused` has columns more, `rule`, `value` and `detail`: why no story can be made of the row.
    `too_old` would be forgotten as soon as it were stored.
    """

    tellings: list[Telling]
    refused: pd.DataFrame
    too_old: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads collected rows as tellings. `known` are the symbols held, watched or looked at.

    Rows of a New York day before `kept_since` are too old to be told.
    """

    calendar: TradingCalendar
    tone: ToneModel
    known: Collection[str] = ()
    companies: Mapping[str, Company] = field(default_factory=dict)
    kept_since: date = date.min

    @property
    def version(self) -> str:
        """Name of all that decides what a row becomes, kept with each row that was taken."""
        return f"{RULES}/{self.tone.version}"

    def read(self, rows: pd.DataFrame) -> Reading:
        """Read `RAW_COLUMNS` rows, first seen first; their column `table` says whence they are."""
        ordered = rows.sort_values(["fetched_at", "published_at", "item_hash"], kind="stable")
        meets = _mask(self.calendar.holds(at) for at in ordered["published_at"])
        is_kept = _mask(day.date() >= self.kept_since for day in ordered["published_date"])
        timely = ordered[meets & is_kept]
        chosen = [
            clean_symbols(str(cell).split(",") if cell else (), self.known)
            for cell in timely["symbols"]
        ]
        is_named = _mask(map(bool, chosen))
        named = timely[is_named]
        tones = self._tones(named)
        tellings = [
            self._telling(row, symbols, tone)
            for row, symbols, tone in zip(
                named.to_dict("records"), filter(None, chosen), tones, strict=True
            )
        ]
        refused = [self._untimely(ordered[~meets]), _nameless(timely[~is_named])]
        return Reading(tellings, pd.concat(refused, ignore_index=True), ordered[meets & ~is_kept])

    def _untimely(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Refuse rows that an older version let in."""
        instants = [at.to_pydatetime().astimezone(UTC) for at in rows["published_at"]]
        said = zip(instants, rows["headline"], strict=True)
        return rows.assign(
            rule=BAD_TIME,
            value=[f"{at.isoformat()} {headline}" for at, headline in said],
            detail=[self.calendar.why_outside(at) for at in instants],
        )

    def _tones(self, rows: pd.DataFrame) -> list[Sentiment]:
        """Take the vendor's own judgement where there is one, ours elsewhere."""
        scored = rows["vendor_score"].notna() & rows["vendor_confidence"].notna()
        # One title comes under several symbols and by several ways, and has one tone.
        texts = list(dict.fromkeys(str(text) for text in rows.loc[~scored, "headline"]))
        ours = dict(zip(texts, self.tone.score(texts), strict=True))
        return [
            _vendors(str(source), float(score), float(confidence)) if is_scored else ours[str(text)]
            for is_scored, text, source, score, confidence in zip(
                scored, rows["headline"], rows["source"], rows["vendor_score"],
                rows["vendor_confidence"], strict=True,
            )
        ]  # fmt: skip

    def _telling(
        self,
        row: Mapping[Hashable, Any],
        symbols: tuple[str, ...],
        tone: Sentiment,
    ) -> Telling:
        headline, publisher = str(row["headline"]), str(row["publisher"])
        published_at = pd.Timestamp(row["published_at"]).to_pydatetime()
        day = pd.Timestamp(row["published_date"]).date()
        description = str(row["description"])
        main = next((self.companies[s] for s in symbols if s in self.companies), None)
        return Telling(
            table=str(row["table"]),
            item_hash=str(row["item_hash"]),
            headline_hash=headline_hash(headline, publisher, day),
            published_date=day,
            headline=headline,
            normalized=normalise(headline),
            description=description,
            url=str(row["url"]),
            publisher=publisher,
            source=str(row["source"]),
            category=str(row["category"]),
            symbols=symbols,
            relevance=self._relevance(symbols, headline, description),
            published_at=published_at,
            first_seen_at=pd.Timestamp(row["fetched_at"]).to_pydatetime(),
            is_failover=bool(row["is_failover"]),
            session_date=self.calendar.session_meeting(published_at),
            market_session=self.calendar.market_session(published_at),
            sector=(main.sector or None) if main else None,
            industry=(main.industry or None) if main else None,
            tone=tone,
            item=StoryItem(
                read_title(headline), publisher_family(publisher), published_at, frozenset(symbols)
            ),
            said=(str(row["symbols"]), description),
        )

    def _relevance(
        self, symbols: Sequence[str], headline: str, description: str
    ) -> dict[str, float]:
        return {
            symbol: relevance(
                symbol, headline, description, len(symbols),
                self.companies[symbol].name if symbol in self.companies else "",
            )
            for symbol in symbols
        }  # fmt: skip


def _mask(answers: Iterable[bool]) -> npt.NDArray[np.bool_]:
    return np.fromiter(answers, dtype=bool)


def _nameless(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(
        rule=NO_SYMBOL, value=rows["headline"], detail="names no symbol to tie it to"
    )


def _vendors(source: str, score: float, confidence: float) -> Sentiment:
    return Sentiment(score, confidence, label_of(score), f"{source}:own")
