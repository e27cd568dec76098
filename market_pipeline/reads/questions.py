"""What the answers are computed from: questions to the warehouse, each of one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from market_pipeline.domain.errors import InputError
from market_pipeline.domain.freshness import reaches_to
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sentiment import LOW_CONFIDENCE
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.reads import building
from market_pipeline.reads.answers import LatestNews, NewsSummary, SymbolReturns
from market_pipeline.warehouse import Warehouse, news_queries, news_taking

_RECORD_DAYS = 30
"""Days in which a successful collection is looked for."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose news is asked for: a symbol's, or that of all a portfolio holds."""

    name: str
    symbols: tuple[str, ...]
    portfolios: tuple[str, ...]


class NewsQuestions:
    """Reads the warehouse; nothing is kept. `is_stale` is left for who gives the answer."""

    def __init__(self, warehouse: Warehouse, clock: Clock) -> None:
        self._warehouse, self._clock = warehouse, clock

    def symbol(self, symbol: str) -> Subject:
        """Give the subject of one symbol: its news is collected for the portfolios that hold it."""
        return Subject(symbol, (symbol,), tuple(self.holders([symbol])))

    def portfolio(self, portfolio_id: str) -> Subject:
        """Give the subject of a portfolio as it stands today; InputError where there is none."""
        book = self._warehouse.book(portfolio_id)
        if book is None:
            raise InputError(f"there is no portfolio {portfolio_id[:64]!r}")
        today = self._clock().astimezone(NEW_YORK).date()
        return Subject(portfolio_id, building.symbols_held(book, today), (portfolio_id,))

    def holders(self, symbols: list[str]) -> list[str]:
        """Give the portfolios with a position in any of `symbols`, or in an option on one."""
        return self._warehouse.ask(lambda c: news_queries.holders_of(c, symbols))

    def latest(self, subject: Subject, limit: int) -> LatestNews:
        """Give the newest `limit` stories."""

        def question(connection: sa.Connection) -> LatestNews:
            stories = news_queries.newest_stories(connection, subject.symbols, limit)
            return LatestNews(
                subject=subject.name,
                headlines=tuple(building.headline(row) for row in stories),
                as_of=self._collected_at(connection, subject),
                watermark=news_queries.newest_story_at(connection, subject.symbols),
                is_stale=False,
            )

        return self._warehouse.ask(question)

    def summary(self, subject: Subject, days: int) -> NewsSummary:
        """Sum up the last `days` days."""
        now, symbols = self._clock(), subject.symbols
        since, week, day = (now - timedelta(days=n) for n in (days, 7, 1))

        def question(connection: sa.Connection) -> NewsSummary:
            labels = news_queries.tone_since(connection, symbols, since, LOW_CONFIDENCE)
            sources, publishers = news_queries.tellers_since(connection, symbols, since)
            first = week.astimezone(NEW_YORK).date()
            hours = building.hours(news_queries.hours_since(connection, symbols, first))
            return NewsSummary(
                subject=subject.name,
                symbols=symbols,
                since=since,
                tone=building.tone_of_labels(labels),
                sources=sources,
                publishers=publishers,
                trend_day=building.hours_after(hours, day),
                trend_week=building.hours_after(hours, week),
                as_of=self._collected_at(connection, subject),
                watermark=news_queries.newest_story_at(connection, symbols),
                is_stale=False,
            )

        return self._warehouse.ask(question)

    def returns(self, symbol: str) -> SymbolReturns | None:
        """Give the newest price and returns; None without a recent price."""
        row = self._warehouse.ask(lambda c: news_queries.newest_returns(c, symbol))
        return None if row is None else building.returns(row)

    def _collected_at(self, connection: sa.Connection, subject: Subject) -> datetime | None:
        """Give when what the stories tell was collected: what came since may wait to be one."""
        now = self._clock()
        since = now - timedelta(days=_RECORD_DAYS)
        collected_at = news_queries.collected_at(connection, subject.portfolios, since)
        waiting_since = news_taking.waiting_since(connection, now.astimezone(NEW_YORK).date())
        return reaches_to(collected_at, waiting_since)
