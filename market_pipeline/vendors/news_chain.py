"""Sources of news in their order of priority: the first that delivers is the one that is stored.

Belongs here: when the next one is asked, and what is told of each asking. Does not: how a source
is asked, or which sources there are.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from time import monotonic

import structlog

from market_pipeline.domain.errors import VendorError
from market_pipeline.domain.news import (
    Attempt,
    FetchedNews,
    NewsCollection,
    NewsQuery,
    NewsSource,
)
from market_pipeline.domain.ports import Clock
from market_pipeline.vendors.bodies import clean_text

EMPTY = "empty"
_MAX_MESSAGE = 500

log = structlog.get_logger()


class NewsChain:
    """A `NewsCollector` over sources, first choice first. Thread-safe where they are.

    On any `VendorError`, and on an answer without headlines, the next one is asked; each item
    keeps the source it came from, and says whether that was not the first choice.
    """

    def __init__(self, name: str, sources: Sequence[NewsSource], clock: Clock) -> None:
        self._name, self._sources, self._clock = name, tuple(sources), clock

    @property
    def name(self) -> str:
        """Name of the chain; items carry the name of the source that gave them."""
        return self._name

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, first choice first; empty where none is configured."""
        return tuple(source.name for source in self._sources)

    def collect(self, query: NewsQuery, ask_last: Collection[str] = ()) -> NewsCollection:
        """Ask until one source delivers; a query without symbols asks nobody.

        The last source's answer stands even without headlines: that there is nothing new is an
        answer. Those in `ask_last` come after the others, and only where these failed: they are
        there to save time, so an empty answer before them stands. `error` is the last one told,
        where no source answered at all.
        """
        attempts: list[Attempt] = []
        answers: list[FetchedNews] = []
        error: VendorError | None = None
        order = self._order(ask_last) if query.symbols else ()
        for position, source in enumerate(order):
            following = order[position + 1].name if position + 1 < len(order) else None
            is_put_last = following in ask_last and source.name not in ask_last
            attempt, outcome = self._ask(
                source, query, source is not self._sources[0],
                is_last=following is None or is_put_last,
            )  # fmt: skip
            attempts.append(attempt)
            if isinstance(outcome, VendorError):
                error = outcome
            else:
                answers.append(outcome)
            if attempt.is_success:
                break
            if following is not None:
                log.warning(
                    "headline_failover",
                    vendor=source.name,
                    second=following,
                    reason=attempt.error_kind,
                    detail=attempt.error_message,
                )
        return NewsCollection(_joined(answers), tuple(attempts), None if answers else error)

    def close(self) -> None:
        """Close the connections of every source that has any."""
        for source in self._sources:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _order(self, ask_last: Collection[str]) -> tuple[NewsSource, ...]:
        order = tuple(sorted(self._sources, key=lambda source: source.name in ask_last))
        if order != self._sources:
            log.info("headline_sources_put_last", vendors=sorted(ask_last), first=order[0].name)
        return order

    def _ask(
        self, source: NewsSource, query: NewsQuery, is_failover: bool, *, is_last: bool
    ) -> tuple[Attempt, FetchedNews | VendorError]:
        began_at, began = self._clock(), monotonic()
        outcome: FetchedNews | VendorError
        kind: str | None = None
        message: str | None = None
        count = 0
        try:
            outcome = _marked(source.headlines(query), is_failover)
        except VendorError as error:
            outcome, kind, message = error, error.kind, clean_text(error.detail, _MAX_MESSAGE)
        else:
            count = len(outcome.items)
            if not count and not is_last:
                kind, message = EMPTY, "an answer without any headline"
        attempt = Attempt(
            source=source.name,
            started_at=began_at,
            duration_ms=(monotonic() - began) * 1000,
            is_success=kind is None,
            item_count=count,
            is_failover=is_failover,
            error_kind=kind,
            error_message=message,
        )
        return attempt, outcome


def _marked(news: FetchedNews, is_failover: bool) -> FetchedNews:
    if not is_failover:
        return news
    return replace(news, items=tuple(replace(item, is_failover=True) for item in news.items))


def _joined(answers: Sequence[FetchedNews]) -> FetchedNews:
    """Join what the sources gave: only one of them gave items, each may have refused rows."""
    return FetchedNews(
        tuple(item for news in answers for item in news.items),
        tuple(dict.fromkeys(row for news in answers for row in news.rejected)),
        tuple(dict.fromkeys(one for news in answers for one in news.companies)),
    )
