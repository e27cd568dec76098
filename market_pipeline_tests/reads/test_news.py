"""What the reads answer, on both databases; and that answers are given again, and taken back."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.ports import Coordination
from market_pipeline.reads import LatestNews, NewsReads, NewsSummary, SymbolReturns
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.coordination.backends import Backend
from market_pipeline_tests.reads.told import (
    NOW,
    Clock,
    Story,
    collect,
    hold,
    hours,
    price,
    tell,
)

TWICE = (("finviz_page", "Reuters"), ("tiingo", "Bloomberg"), ("tiingo", "Reuters"))
STORIES = (
    Story("new", "AAPL,MSFT", hours(0.5), told=TWICE),
    Story("low", "AAPL", hours(2), "negative", 0.5),
    Story("day", "MSFT", hours(30), "neutral", 0.8),
    Story("week", "AAPL", hours(100), "negative", 0.7),
    Story("old", "AAPL", hours(200)),
)


@pytest.fixture
def local(local_backend: Backend) -> Coordination:
    return local_backend.open()


@pytest.fixture
def reads(warehouse: Warehouse, local: Coordination, clock: Clock) -> NewsReads:
    """Give the reads over five stories and a book of two symbols, one of them left."""
    hold(warehouse, "growth", "AAPL", "MSFT", "KO", left="KO")
    tell(warehouse, *STORIES)
    return NewsReads(warehouse, local, clock)


# -- answers -------------------------------------------------------------------------------


def test_the_latest_stories_come_newest_first(reads: NewsReads) -> None:
    """With what a reader must know of each: score, confidence, mark, sources."""
    found = reads.latest("AAPL")
    assert [story.headline_hash for story in found.headlines] == ["new", "low", "week", "old"]
    new, low = found.headlines[:2]
    assert (new.score, new.label, new.confidence, new.is_low) == (0.5, "positive", 0.9, False)
    assert (new.symbols, new.source_count, new.publisher) == (("AAPL", "MSFT"), 3, "Reuters")
    assert low.is_low
    assert (new.published_at, new.first_seen_at) == (NOW - hours(0.5), NOW - hours(0.4))
    assert found.watermark == NOW - hours(0.5)
    assert [s.headline_hash for s in reads.latest("AAPL", 1).headlines] == ["new"]
    assert len(reads.latest("AAPL", 60).headlines) == 4
    assert reads.latest("TSLA") == LatestNews("TSLA", (), found.as_of, None, found.is_stale)


def test_a_portfolios_latest_counts_each_story_once(reads: NewsReads) -> None:
    """A story on two holdings stands there once; what was sold is not followed."""
    found = reads.latest_of_portfolio("growth")
    names = [story.headline_hash for story in found.headlines]
    assert names == ["new", "low", "day", "week", "old"]
    assert reads.summary_of_portfolio("growth").symbols == ("AAPL", "MSFT")
    with pytest.raises(InputError, match="no portfolio 'nobody'"):
        reads.latest_of_portfolio("nobody")
    with pytest.raises(InputError, match="no portfolio 'nobody'"):
        reads.summary_of_portfolio("nobody")


def test_a_symbols_summary(reads: NewsReads) -> None:
    """Seven days: counts, the mean weighted by confidence, sources, hours."""
    found = reads.summary_of_symbol("AAPL")
    tone = found.tone
    assert (tone.positive, tone.neutral, tone.negative, tone.count) == (1, 0, 2, 3)
    expected = (0.5 * 0.9 - 0.5 * 0.5 - 0.5 * 0.7) / (0.9 + 0.5 + 0.7)
    assert tone.mean_score == pytest.approx(expected)
    assert tone.low_share == pytest.approx(1 / 3)
    assert (found.sources, found.publishers) == (2, 2)
    assert found.since == NOW - timedelta(days=7)
    assert [hour.tone.count for hour in found.trend_day] == [1, 1]
    assert [hour.tone.count for hour in found.trend_week] == [1, 1, 1]
    assert found.trend_day[-1].hour_at == datetime(2026, 11, 20, 17, tzinfo=UTC)
    assert found.trend_day[0].tone.mean_score == pytest.approx(-0.5)
    assert reads.summary_of_symbol("AAPL", days=30).tone.count == 4
    assert reads.summary_of_symbol("AAPL", days=1).tone.count == 2


def test_a_portfolios_summary_counts_each_story_once(reads: NewsReads) -> None:
    """In its tone; in its hours a story counts for each symbol it names."""
    found = reads.summary_of_portfolio("growth")
    assert (found.tone.positive, found.tone.neutral, found.tone.negative) == (1, 1, 2)
    assert (found.sources, found.publishers) == (2, 2)
    assert sum(hour.tone.count for hour in found.trend_week) == 5


def test_no_news_is_an_answer(reads: NewsReads) -> None:
    """Nothing to count, no mean, no share, no hour."""
    found = reads.summary_of_symbol("TSLA")
    assert (found.tone.count, found.tone.mean_score, found.tone.low_share) == (0, None, None)
    assert (found.sources, found.trend_week, found.watermark) == (0, (), None)


def test_returns_are_of_the_newest_session_with_a_price(
    reads: NewsReads, warehouse: Warehouse
) -> None:
    """With metrics where there are any; None for a symbol without a recent price."""
    price(warehouse, "AAPL", date(2026, 11, 18), 99.0)
    price(warehouse, "AAPL", date(2026, 11, 19), 100.0)
    price(warehouse, "MSFT", date(2026, 11, 17), 5.0, float("nan"))
    price(warehouse, "GONE", date(2026, 11, 2), 1.0)
    aapl, msft = reads.returns("AAPL"), reads.returns("MSFT")
    assert aapl is not None
    assert (aapl.session_date, aapl.price_usd) == (date(2026, 11, 19), 100.0)
    assert (aapl.return_1d_pct, aapl.return_1w_pct) == (2.0, 1.5)
    assert aapl.return_1m_pct is None
    assert msft is not None
    assert (msft.return_1d_pct, msft.return_1w_pct, msft.flags) == (None, None, None)
    assert reads.returns("GONE") is None
    assert reads.returns("TSLA") is None


def test_an_empty_warehouse_answers(
    warehouse: Warehouse, local: Coordination, clock: Clock
) -> None:
    """No table has a row: no answer fails, and all news is stale."""
    reads = NewsReads(warehouse, local, clock)
    assert reads.latest("AAPL") == LatestNews("AAPL", (), None, None, is_stale=True)
    assert reads.summary_of_symbol("AAPL").is_stale
    assert reads.returns("AAPL") is None
    assert reads.invalidate(["AAPL"]) == 3
    assert reads.prewarm(["AAPL"]) == 0


def test_as_of_is_the_last_collection_that_delivered(
    reads: NewsReads, warehouse: Warehouse
) -> None:
    """Of the portfolios that hold the symbol; of any for what none holds; else of the rows."""
    assert reads.latest("AAPL").as_of == NOW - hours(0.3), "no record: when the newest came in"
    collect(warehouse, NOW - hours(1))
    collect(warehouse, NOW - hours(0.2), success=False)
    collect(warehouse, NOW - hours(0.1), "other")
    reads.invalidate(["AAPL", "TSLA"])
    assert reads.latest("AAPL").as_of == NOW - hours(1)
    assert reads.summary_of_portfolio("growth").as_of == NOW - hours(1)
    assert reads.latest("TSLA").as_of == NOW - hours(0.1)


def test_a_kept_answer_grows_stale(reads: NewsReads, warehouse: Warehouse, clock: Clock) -> None:
    """Staleness is told by the clock of now, not by that of the computation."""
    collect(warehouse, NOW - timedelta(minutes=14))
    assert not reads.latest("AAPL").is_stale
    assert not reads.summary_of_symbol("AAPL").is_stale
    clock.now += timedelta(minutes=2)
    assert reads.latest("AAPL").is_stale
    assert reads.summary_of_symbol("AAPL").is_stale
    assert [stats.hits for stats in reads.cache_stats()[:2]] == [1, 1]


def test_answers_survive_json(reads: NewsReads, warehouse: Warehouse) -> None:
    """The same object comes back, to the last bit; what does not belong there is refused."""
    price(warehouse, "AAPL", date(2026, 11, 19), 0.1 + 0.2)
    for shape, value in (
        (LatestNews, reads.latest_of_portfolio("growth")),
        (NewsSummary, reads.summary_of_portfolio("growth")),
        (SymbolReturns, reads.returns("AAPL")),
    ):
        adapter: TypeAdapter[object] = TypeAdapter(shape)
        assert adapter.validate_json(adapter.dump_json(value)) == value
        for spoilt in (b'{"subject":1}', b"{}", b"null", b"[]"):
            with pytest.raises(ValueError, match="validation error"):
                adapter.validate_json(spoilt)


# -- keeping -------------------------------------------------------------------------------


@pytest.fixture
def shared(warehouse: Warehouse, coordination: Coordination, clock: Clock) -> NewsReads:
    """Give reads over either kind of coordination, one story told."""
    hold(warehouse, "growth", "AAPL")
    tell(warehouse, STORIES[0])
    return NewsReads(warehouse, coordination, clock)


def names(found: LatestNews) -> list[str]:
    return [story.headline_hash for story in found.headlines]


def test_what_is_kept_is_not_read_again_and_counted(
    shared: NewsReads, warehouse: Warehouse
) -> None:
    """One miss and three hits for the latest news; other kinds count for themselves."""
    for _ in range(4):
        assert names(shared.latest("AAPL")) == ["new"]
    tell(warehouse, *STORIES)
    assert names(shared.latest("AAPL", 5)) == ["new"], "not taken back yet"
    shared.summary_of_portfolio("growth")
    shared.returns("AAPL")
    shared.returns("AAPL")
    stats = {each.kind: (each.hits, each.misses) for each in shared.cache_stats()}
    assert stats == {
        "headlines": (4, 1), "summary_symbol": (0, 0), "summary_portfolio": (0, 1),
        "returns": (1, 1),
    }  # fmt: skip
    shares = [each.hit_share for each in shared.cache_stats()]
    assert shares == [0.8, None, 0.0, 0.5]


def test_after_the_commit_everybody_sees_the_new_rows(
    shared: NewsReads, warehouse: Warehouse
) -> None:
    """The symbol's answers, and those of the portfolios that hold it; other symbols' stay."""
    shared.latest("AAPL")
    shared.latest("MSFT")
    shared.latest_of_portfolio("growth")
    shared.summary_of_portfolio("growth")
    tell(warehouse, *STORIES)
    assert shared.invalidate(["AAPL"]) == 3
    assert names(shared.latest("AAPL")) == ["new", "low", "week", "old"]
    assert names(shared.latest_of_portfolio("growth")) == ["new", "low", "week", "old"]
    assert shared.summary_of_portfolio("growth").tone.count == 3
    assert names(shared.latest("MSFT")) == ["new"]


def test_a_portfolio_can_be_taken_back_by_name(shared: NewsReads, warehouse: Warehouse) -> None:
    """For a changed book: its symbols are others now."""
    assert shared.summary_of_portfolio("growth").symbols == ("AAPL",)
    hold(warehouse, "growth", "KO")
    shared.invalidate([], ["growth"])
    assert shared.summary_of_portfolio("growth").symbols == ("KO",)


def test_only_hot_answers_are_computed_ahead(shared: NewsReads, warehouse: Warehouse) -> None:
    """Three reads make an answer hot, two do not; computing ahead counts neither way."""
    for _ in range(3):
        shared.latest("AAPL")
        shared.summary_of_portfolio("growth")
    for _ in range(2):
        shared.returns("AAPL")
    tell(warehouse, *STORIES)
    shared.invalidate(["AAPL"])
    before = shared.cache_stats()
    assert shared.prewarm(["AAPL", "MSFT"]) == 2
    assert shared.cache_stats() == before
    assert names(shared.latest("AAPL")) == ["new", "low", "week", "old"]
    assert shared.cache_stats()[0].hits == before[0].hits + 1


def test_computing_ahead_is_bounded(shared: NewsReads) -> None:
    """In number, the most wanted first, and in time."""
    for _ in range(3):
        shared.summary_of_symbol("AAPL")
    for _ in range(5):
        shared.latest("AAPL")
    shared.invalidate(["AAPL"])
    assert shared.prewarm(["AAPL"], within_s=0) == 0
    assert shared.prewarm(["AAPL"], at_most=1) == 1
    misses = shared.cache_stats()[0].misses
    shared.latest("AAPL")
    assert shared.cache_stats()[0].misses == misses, "the more wanted one was there"


def test_a_slow_reader_cannot_put_an_old_answer_back(
    shared: NewsReads, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read, then a commit with its invalidation, then put: the next read is a miss."""
    questions = shared._questions
    compute = questions.latest

    def slowly(*arguments: object) -> LatestNews:
        answer = compute(*arguments)  # type: ignore[arg-type]  # passed on
        monkeypatch.setattr(questions, "latest", compute)
        tell(warehouse, *STORIES)
        shared.invalidate(["AAPL"])
        return answer

    monkeypatch.setattr(questions, "latest", slowly)
    assert names(shared.latest("AAPL")) == ["new"], "its own answer was right when it began"
    assert names(shared.latest("AAPL")) == ["new", "low", "week", "old"]


def test_reads_share_answers_between_processes(
    shared: NewsReads, warehouse: Warehouse, coordination: Coordination, clock: Clock
) -> None:
    """What one opener computed, another hits; what it takes back, the first misses."""
    other = NewsReads(warehouse, coordination, clock)
    shared.latest("AAPL")
    other.latest("AAPL")
    assert (shared.cache_stats()[0].hits, shared.cache_stats()[0].misses) == (1, 1)
    other.invalidate(["AAPL"])
    shared.latest("AAPL")
    assert shared.cache_stats()[0].misses == 2


def test_an_answer_stands_five_minutes(
    warehouse: Warehouse, local_backend: Backend, clock: Clock, tmp_path: object
) -> None:
    """By the coordination's clock; the hour of a hot answer ends, too."""
    assert local_backend
    from pathlib import Path

    coordination = LocalCoordination(Path(str(tmp_path)) / "own.sqlite3", clock)
    reads = NewsReads(warehouse, coordination, clock)
    tell(warehouse, STORIES[0])
    for _ in range(3):
        reads.latest("AAPL")
    tell(warehouse, *STORIES)
    clock.now += timedelta(seconds=299)
    assert names(reads.latest("AAPL")) == ["new"]
    clock.now += timedelta(seconds=1)
    assert names(reads.latest("AAPL")) == ["new", "low", "week", "old"]
    assert reads.prewarm(["AAPL"]) == 1
    clock.now += timedelta(hours=1)
    assert reads.prewarm(["AAPL"]) == 0
    coordination.close()


def test_an_answer_equals_the_one_it_was_kept_from(shared: NewsReads, warehouse: Warehouse) -> None:
    """Hit and miss say the same, whatever kind."""
    price(warehouse, "AAPL", date(2026, 11, 19), 100.0)
    for read in (
        lambda: shared.latest("AAPL"),
        lambda: shared.latest_of_portfolio("growth"),
        lambda: shared.summary_of_symbol("AAPL"),
        lambda: shared.summary_of_portfolio("growth"),
        lambda: shared.returns("AAPL"),
    ):
        assert read() == read()
    assert replace(shared.latest("AAPL"), headlines=()) == shared.latest("AAPL", 0)
