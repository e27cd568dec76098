"""`market-pipeline news` and `cache stats`: what a person sees, and what a program gets."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_pipeline.cli import cache, news
from market_pipeline.operations.news import age
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.reads.told import NOW, Clock, Story, collect, hold, hours, tell

HOSTILE = "[red]Up[/red] \x1b[31m=cmd\u202e now"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the present of the commands."""
    clock = Clock()
    for module in (news, cache):
        monkeypatch.setattr(module, "utc_now", clock)
    return clock


@pytest.fixture
def told(state_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """Give a warehouse with three stories, collected five minutes ago."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    hold(warehouse, "growth", "AAPL", "MSFT")
    monkeypatch.setenv("COLUMNS", "400")  # a row is one line
    two = (("finviz_page", "Reuters"), ("tiingo", "Bloomberg"))
    tell(
        warehouse,
        Story("sure", "AAPL", hours(1), told=two),
        Story("unsure", "AAPL,MSFT", hours(2), "negative", 0.4, HOSTILE),
        Story("other", "MSFT", hours(3), "neutral"),
    )
    collect(warehouse, NOW - timedelta(minutes=5))
    yield warehouse
    warehouse.dispose()


def test_a_person_sees_tone_confidence_and_age(run: Run, told: Warehouse) -> None:
    """The week in a sentence, the day in another, when it was collected, and the rows."""
    shown = run("news", "aapl")
    assert shown.exit_code == 0, shown.output
    summary, trend, dated = shown.stdout.splitlines()[:3]
    assert summary == (
        "AAPL: 2 stories in 7 days (1 positive, 0 neutral, 1 negative), mean score +0.19 weighted "
        "by confidence, 50% of low confidence; told by 2 publishers via 2 sources"
    )
    assert trend == "last 24 hours: 2 stories in 2 hours, by the hour from -0.50 to +0.50"
    assert dated == "collected 5 min ago"
    sure, unsure = (
        next(line for line in shown.stdout.splitlines() if text in line)
        for text in ("Something happened", "=cmd")
    )
    assert " low " in unsure
    assert " low " not in sure
    assert ("Reuters" in sure, " 2 " in sure) == (True, True)


def test_vendor_text_is_no_markup_and_steers_nothing(run: Run, told: Warehouse) -> None:
    """Brackets are printed; control and direction characters are spelt out."""
    shown = run("news", "AAPL").stdout
    assert "[red]Up[/red] \\x1b[31m=cmd\\u202e now" in shown
    assert "\x1b" not in shown
    cells = list(csv.reader(io.StringIO(run("news", "AAPL", "-f", "csv").stdout)))
    assert [len(line) for line in cells] == [13] * 3


def test_a_program_gets_rows_and_nothing_else(run: Run, told: Warehouse) -> None:
    """Every column on stdout; the sentences beside it."""
    shown = run("news", "--portfolio", "growth", "--format", "json")
    found = json.loads(shown.stdout)
    assert [row["headline_hash"] for row in found] == ["sure", "unsure", "other"]
    assert [row["mark"] for row in found] == ["", "low", ""]
    assert (found[0]["told_by"], found[0]["via"]) == (2, "finviz_page")
    assert found[0]["published_at"] == "2026-11-20T17:00:00Z"
    assert "growth: 3 stories" in shown.stderr
    assert len(json.loads(run("news", "MSFT", "-n", "1", "-f", "json").stdout)) == 1


def test_stale_news_says_so_with_its_age(run: Run, told: Warehouse, clock: Clock) -> None:
    """Two hours without a collection in the session, also where the answer was kept."""
    run("news", "AAPL")
    clock.now += timedelta(hours=2)
    shown = run("news", "AAPL").stdout
    assert "STALE: last collected 2 h 5 min ago, and more is due" in shown


def test_a_symbol_without_news_is_answered(run: Run, told: Warehouse) -> None:
    """No story is an answer: exit code 0, an empty list."""
    shown = run("news", "TSLA", "--format", "json")
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, [])
    assert "TSLA: no story in 7 days" in shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("AAPL", "--portfolio", "growth"), ("=1",), ("--portfolio", "nobody"),
     ("AAPL", "--limit", "0")],
)  # fmt: skip
def test_what_cannot_be_exits_2(run: Run, told: Warehouse, arguments: tuple[str, ...]) -> None:
    """Neither or both, no symbol, no portfolio, no number."""
    shown = run("news", *arguments)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr


def test_hits_and_misses_are_shown(run: Run, told: Warehouse) -> None:
    """The second look at a symbol hits twice."""
    for _ in range(2):
        run("news", "AAPL")
    found = json.loads(run("cache", "stats", "-f", "json").stdout)
    rows = {row["kind"]: (row["hits"], row["misses"], row["hit_share"]) for row in found}
    assert rows == {
        "headlines": (1, 1, 0.5), "summary_symbol": (1, 1, 0.5),
        "summary_portfolio": (0, 0, None), "returns": (0, 0, None),
        "symbol": (0, 0, None),
    }  # fmt: skip
    assert "headlines" in run("cache", "stats").stdout


def test_sandbox_news_is_marked(run: Run, told: Warehouse) -> None:
    """As everywhere."""
    told.claim_data_kind("sandbox")
    assert "SANDBOX DATA" in run("news", "AAPL").stdout.splitlines()[0]
    shown = run("news", "AAPL", "-f", "json")
    assert "SANDBOX DATA" in shown.stderr
    assert len(json.loads(shown.stdout)) == 2


def test_without_a_warehouse_nothing_is_made(run: Run, state_dir: Path, clock: Clock) -> None:
    """Looking says how to begin, and creates no file."""
    for arguments in (("news", "AAPL"), ("cache", "stats")):
        shown = run(*arguments)
        assert shown.exit_code == 1
        assert "market-pipeline demo" in shown.stderr
    assert not state_dir.exists()


def test_a_redis_that_is_down_costs_a_warning_only(
    run: Run, told: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes all the same."""
    from market_pipeline.settings import forget_settings

    monkeypatch.setenv("MARKET_PIPELINE_REDIS_URL", "redis://127.0.0.1:1/0")
    forget_settings()
    shown = run("news", "AAPL")
    assert shown.exit_code == 0
    assert "AAPL: 2 stories" in shown.stdout
    assert "coordination_degraded" in shown.stderr


@pytest.mark.parametrize(
    ("before", "said"),
    [(timedelta(0), "0 min"), (timedelta(minutes=59, seconds=59), "59 min"),
     (timedelta(hours=3, minutes=20), "3 h 20 min"), (timedelta(hours=47), "47 h 0 min"),
     (timedelta(days=5, hours=3), "5 days"), (timedelta(minutes=-3), "0 min")],
)  # fmt: skip
def test_ages_in_words(before: timedelta, said: str) -> None:
    """A clock that runs ahead elsewhere is no negative age."""
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert age(now - before, now) == said
