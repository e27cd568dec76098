"""The cached reads: kept answers where they are current, computed ones else.

Call `invalidate` with the symbols a transaction touched, after it committed, then `prewarm`.
Symbols are written as the tables write them.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from market_pipeline.domain.freshness import FRESH_FOR, freshness
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.reads.answers import LatestNews, NewsSummary, SymbolReturns
from market_pipeline.reads.cache import HOT_READS, AnswerCache, Kind, KindStats
from market_pipeline.reads.questions import NewsQuestions, Subject
from market_pipeline.warehouse import Warehouse

SUMMARY_DAYS = 7
"""Days a summary speaks of unless others are asked for; only these are kept."""

LATEST_KEPT = 50
"""Stories that an answer on the latest news keeps; more are read from the warehouse."""

# What is asked about is a symbol, or `portfolio:` and an id, which no symbol can be.
BOOK = "portfolio:"
HEADLINES: Kind[LatestNews] = Kind("headlines", "headlines:{}", LatestNews)
SUMMARY: Kind[NewsSummary] = Kind("summary_symbol", "analytics:summary:symbol:{}", NewsSummary)
BOOK_SUMMARY: Kind[NewsSummary] = Kind("summary_portfolio", "analytics:summary:{}", NewsSummary)
RETURNS: Kind[SymbolReturns | None] = Kind("returns", "returns:ticker:{}", SymbolReturns | None)

_OF_SYMBOLS, _OF_BOOKS = (HEADLINES, SUMMARY, RETURNS), (HEADLINES, BOOK_SUMMARY)
S = TypeVar("S", LatestNews, NewsSummary)


class NewsReads:
    """Latest news, its summary, and returns, for a symbol or a portfolio."""

    def __init__(
        self,
        warehouse: Warehouse,
        coordination: Coordination,
        clock: Clock,
        *,
        calendar: TradingCalendar | None = None,
        fresh_for: timedelta = FRESH_FOR,
    ) -> None:
        self._questions, self._clock = NewsQuestions(warehouse, clock), clock
        self._calendar, self._fresh_for = calendar or TradingCalendar.xnys(), fresh_for
        self._cache = AnswerCache(coordination, clock, (HEADLINES, SUMMARY, BOOK_SUMMARY, RETURNS))

    def latest(self, symbol: str, limit: int = LATEST_KEPT) -> LatestNews:
        """Give the newest `limit` stories that name `symbol`, newest first."""
        return self._latest(symbol, limit)

    def latest_of_portfolio(self, portfolio_id: str, limit: int = LATEST_KEPT) -> LatestNews:
        """Give the newest `limit` stories on what a portfolio holds; InputError without it."""
        return self._latest(f"{BOOK}{portfolio_id}", limit)

    def summary_of_symbol(self, symbol: str, days: int = SUMMARY_DAYS) -> NewsSummary:
        """Sum up the news of the last `days` days that names `symbol`."""
        return self._summary(SUMMARY, symbol, days)

    def summary_of_portfolio(self, portfolio_id: str, days: int = SUMMARY_DAYS) -> NewsSummary:
        """Sum up the last `days` days of news on what a portfolio holds; InputError without it."""
        return self._summary(BOOK_SUMMARY, f"{BOOK}{portfolio_id}", days)

    def returns(self, symbol: str) -> SymbolReturns | None:
        """Give the newest price of `symbol` and its returns; None without a recent price."""
        return self._cache.answer(RETURNS, symbol, lambda: self._questions.returns(symbol))

    def cache_stats(self) -> tuple[KindStats, ...]:
        """Give hits and misses by kind of answer."""
        return self._cache.stats()

    def invalidate(self, symbols: Sequence[str], portfolios: Sequence[str] = ()) -> int:
        """Take back the answers on `symbols`, on the portfolios that hold them, and on those named.

        Call it after the commit: from then on nobody is given an answer of the rows before. Gives
        how many kept answers went.
        """
        return self._cache.take_back([*symbols, *self._books(symbols, portfolios)])

    def prewarm(
        self,
        symbols: Sequence[str],
        portfolios: Sequence[str] = (),
        *,
        at_most: int = 50,
        within_s: float = 2.0,
    ) -> int:
        """Compute the hot answers on `symbols` and their portfolios; give how many.

        Hot is what was asked for `HOT_READS` times within an hour; the most wanted come first. No
        more than `at_most`, and none is begun after `within_s` seconds.
        """
        deadline = time.monotonic() + within_s
        done = 0
        for kind, subject in self._hot(symbols, portfolios, deadline)[:at_most]:
            if time.monotonic() >= deadline:
                break
            self._cache.warm(kind, subject, partial(self._computed, kind, subject))
            done += 1
        return done

    def _latest(self, subject: str, limit: int) -> LatestNews:
        if limit > LATEST_KEPT:
            return self._aged(self._questions.latest(self._subject(subject), limit))
        found = self._cache.answer(HEADLINES, subject, lambda: self._computed(HEADLINES, subject))
        return self._aged(replace(found, headlines=found.headlines[:limit]))

    def _summary(self, kind: Kind[NewsSummary], subject: str, days: int) -> NewsSummary:
        if days != SUMMARY_DAYS:
            return self._aged(self._questions.summary(self._subject(subject), days))
        return self._aged(self._cache.answer(kind, subject, lambda: self._computed(kind, subject)))

    def _computed(self, kind: Kind[Any], subject: str) -> Any:
        """Compute the answer of a kind, as it is kept."""
        if kind is RETURNS:
            return self._questions.returns(subject)
        whose = self._subject(subject)
        if kind is HEADLINES:
            return self._questions.latest(whose, LATEST_KEPT)
        return self._questions.summary(whose, SUMMARY_DAYS)

    def _subject(self, subject: str) -> Subject:
        if subject.startswith(BOOK):
            return self._questions.portfolio(subject.removeprefix(BOOK))
        return self._questions.symbol(subject)

    def _aged(self, answer: S) -> S:
        """Say whether the answer is stale now: a kept one ages while it is kept."""
        stand = freshness(answer.as_of, self._clock(), self._calendar, self._fresh_for)
        return replace(answer, is_stale=stand.is_stale)

    def _books(self, symbols: Sequence[str], portfolios: Sequence[str]) -> list[str]:
        names = dict.fromkeys([*self._questions.holders(list(symbols)), *portfolios])
        return [f"{BOOK}{name}" for name in names]

    def _hot(
        self, symbols: Sequence[str], portfolios: Sequence[str], deadline: float
    ) -> list[tuple[Kind[Any], str]]:
        """Give what was asked for often, the most wanted first."""
        candidates = [(kind, symbol) for symbol in dict.fromkeys(symbols) for kind in _OF_SYMBOLS]
        candidates += [(k, book) for book in self._books(symbols, portfolios) for k in _OF_BOOKS]
        reads: dict[tuple[Kind[Any], str], int] = {}
        for kind, subject in candidates:
            if time.monotonic() >= deadline:
                break
            count = self._cache.reads_of(kind, subject)
            if count >= HOT_READS:
                reads[kind, subject] = count
        return sorted(reads, key=lambda hot: -reads[hot])
