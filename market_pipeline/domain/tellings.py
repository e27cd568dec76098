"""What a collected row becomes: a telling of some story, named, timed, tied to symbols, toned.

Belongs here: everything an item says by itself. Does not: which story it tells, which depends on
what is stored (`warehouse.news_joining`), or the model that judges its tone (`sentiment`).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

import pandas as pd

from market_pipeline.domain.headlines import headline_hash, normalise, publisher_family
from market_pipeline.domain.news import Company
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
class Reader:
    """Reads collected rows as tellings. `known` are the symbols held, watched or looked at."""

    calendar: TradingCalendar
    tone: ToneModel
    known: Collection[str] = ()
    companies: Mapping[str, Company] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """Name of all that decides what a row becomes, kept with each row that was taken."""
        return f"{RULES}/{self.tone.version}"

    def read(self, rows: pd.DataFrame) -> tuple[list[Telling], pd.DataFrame]:
        """Read `RAW_COLUMNS` rows, first seen first; their column `table` says whence they are.

        Returns the tellings, and the rows that name no symbol, which can be tied to nothing.
        """
        ordered = rows.sort_values(["fetched_at", "published_at", "item_hash"], kind="stable")
        chosen = [
            clean_symbols(str(cell).split(",") if cell else (), self.known)
            for cell in ordered["symbols"]
        ]
        named = ordered[[bool(symbols) for symbols in chosen]]
        tones = self._tones(named)
        tellings = [
            self._telling(row, symbols, tone)
            for row, symbols, tone in zip(
                named.to_dict("records"), filter(None, chosen), tones, strict=True
            )
        ]
        return tellings, ordered[[not symbols for symbols in chosen]]

    def _tones(self, rows: pd.DataFrame) -> list[Sentiment]:
        """Take the vendor's own judgement where there is one, ours elsewhere."""
        scored = rows["vendor_score"].notna() & rows["vendor_confidence"].notna()
        ours = iter(self.tone.score([str(text) for text in rows.loc[~scored, "headline"]]))
        return [
            _vendors(str(source), float(score), float(confidence)) if is_scored else next(ours)
            for is_scored, source, score, confidence in zip(
                scored, rows["source"], rows["vendor_score"], rows["vendor_confidence"], strict=True
            )
        ]

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


def _vendors(source: str, score: float, confidence: float) -> Sentiment:
    return Sentiment(score, confidence, label_of(score), f"{source}:own")
