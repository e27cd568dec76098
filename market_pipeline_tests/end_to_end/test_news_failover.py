"""Sources of news fail as the sandbox can make them: the next delivers, and people are told once.

The real job, clients, sensor and webhook; only the clock is moved where minutes must pass.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from pydantic import SecretStr

from market_pipeline.cli import news as cli_news
from market_pipeline.cli import show as cli_show
from market_pipeline.resources import utc_now
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline_tests.cli.conftest import Run, run
from market_pipeline_tests.end_to_end.newsroom import (
    Newsroom,
    failed_steps,
    news_settings,
    spoil,
    verdicts,
)
from market_pipeline_tests.fakes import FakeClock
from market_pipeline_tests.receiver import Receiver, receiving

__all__ = ["run"]  # a fixture, found here by name

OPEN = datetime(2026, 6, 17, 15, 0, tzinfo=UTC)
"""A Wednesday, eleven in the morning in New York."""

FIVE_MINUTES = timedelta(minutes=5)
NEWS = ("headlines", "headline_sources", "headline_symbols", "headline_aggregates")
TIINGO_HANGS = {"kind": "timeout", "vendor": "tiingo", "params": {"seconds": 60}}
WIRE_DOWN = (
    {"kind": "server_error", "vendor": "tiingo"},
    {"kind": "server_error", "vendor": "finnhub"},
)


@pytest.fixture
def clock() -> FakeClock:
    """Give the present of pipeline and sandbox."""
    return FakeClock(OPEN)


@pytest.fixture
def server(clock: FakeClock) -> Iterator[SandboxServer]:
    """Give a sandbox whose present is the clock's."""
    with SandboxServer(create_app(generated(7, clock=clock), clock)) as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a webhook that keeps what it is told."""
    with receiving() as running:
        yield running


@pytest.fixture
def settings(state_dir: Path, server: SandboxServer, receiver: Receiver) -> Settings:
    """Give the settings of a pipeline that has the wire alone, and someone to tell."""
    return news_settings(
        state_dir, server.url, finviz_sources=(), webhook_urls=SecretStr(receiver.url)
    )


@pytest.fixture
def newsroom(settings: Settings, clock: FakeClock) -> Iterator[Newsroom]:
    """Give the news of one book."""
    room = Newsroom(settings, clock)
    yield room
    room.warehouse.dispose()


def failure_and_answer(newsroom: Newsroom) -> tuple[pd.Series, pd.Series]:
    """Give the two attempts on record: Tiingo's that failed, and Finnhub's after it."""
    events = newsroom.events()
    assert events["source"].tolist() == ["tiingo:sandbox", "finnhub:sandbox"]
    assert events["is_success"].tolist() == [False, True]
    assert events["is_failover"].tolist() == [False, True]
    return events.iloc[0], events.iloc[1]


def test_tiingo_hangs_and_finnhub_is_stored_attributed_and_flagged(
    server: SandboxServer, settings: Settings, clock: FakeClock
) -> None:
    """Every story and item names Finnhub and the failover; both attempts are on record."""
    spoil(server, TIINGO_HANGS)
    # Long enough for Finnhub to answer from a machine that is busy with other tests.
    patience_s = 4.0
    newsroom = Newsroom(settings.model_copy(update={"news_timeout_s": patience_s}), clock)
    result = newsroom.run()
    assert result.success, failed_steps(result)
    failed, answered = failure_and_answer(newsroom)
    assert failed["error_kind"] == "unavailable"
    assert failed["duration_ms"] == pytest.approx(1000 * patience_s, abs=900)
    assert answered["item_count"] > 0
    for table in ("wire_headlines", "headlines", "headline_sources"):
        rows = newsroom.warehouse.read(table)
        assert len(rows) > 0
        assert set(rows["source"]) == {"finnhub:sandbox"}, table
        assert rows["is_failover"].all(), table
    newsroom.warehouse.dispose()


def test_finnhubs_items_are_stored_within_ten_seconds_of_tiingos_failure(
    state_dir: Path,
) -> None:
    """With the default patience, in real time, for nine portfolios, three collected at once.

    The six that come after the first failure do not wait for Tiingo any more.

    Measured from the end of the last attempt at Tiingo to the instant the stories were stored.
    """
    with SandboxServer(create_app(generated(7, clock=utc_now), utc_now)) as server:
        spoil(server, TIINGO_HANGS)
        settings = news_settings(state_dir, server.url, finviz_sources=())
        assert settings.news_timeout_s == 10
        symbols = ("AAPL", "MSFT", "KO", "JNJ", "NVDA", "AMZN", "GOOGL", "JPM", "XOM")
        held = {f"book{number}": (symbol,) for number, symbol in enumerate(symbols)}
        newsroom = Newsroom(settings, utc_now, held)
        began = time.monotonic()
        result = newsroom.run()
        took_s = time.monotonic() - began
    assert result.success, failed_steps(result)
    events = newsroom.events()
    hung = events[events["source"] == "tiingo:sandbox"]
    assert len(hung) == 3, events.drop(columns="run_id").to_string()
    assert not hung["is_success"].any()
    ended = hung["started_at"] + pd.to_timedelta(hung["duration_ms"], unit="ms")
    stories = newsroom.warehouse.read("headlines")
    assert set(stories["source"]) == {"finnhub:sandbox"}
    asked_next = events[events["source"] == "finnhub:sandbox"]
    assert set(asked_next["portfolio_id"]) == set(held)
    assert asked_next["is_failover"].all()
    waited = stories["ingested_at"].max() - ended.min()
    assert timedelta(0) < waited < timedelta(seconds=10)
    assert took_s >= 10
    newsroom.warehouse.dispose()


def alerts(receiver: Receiver) -> list[tuple[str, str]]:
    """Give topic and key of every alert that reached the webhook."""
    told = [posted.json for posted in receiver.posted]
    return [(t["topic"], t["alert_key"]) for t in told if t["topic"].startswith("alert.")]


def evaluate(newsroom: Newsroom, clock: FakeClock, times: int) -> None:
    """Evaluate the sensor every quarter of a minute."""
    for _ in range(times):
        clock.now += timedelta(seconds=15)
        newsroom.evaluate_notices()


def test_both_down_is_told_once_keeps_the_last_good_news_and_its_end_is_told_once(
    newsroom: Newsroom,
    server: SandboxServer,
    receiver: Receiver,
    clock: FakeClock,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four ticks of an outage and two after it: the alert, STALE on the terminal, and the end."""
    # Breakers count real seconds, of which five minutes of this test have few.
    newsroom.settings = newsroom.settings.model_copy(update={"breaker_reset_s": 0.01})
    key = "collection:wire_headlines"
    good = newsroom.run()
    assert good.success, failed_steps(good)
    stored = newsroom.digests(NEWS)
    assert newsroom.warehouse.count("headlines") > 0

    spoil(server, *WIRE_DOWN)
    for number in range(1, 5):
        clock.now = OPEN + number * FIVE_MINUTES
        failed = newsroom.run()
        assert not failed.success
        found = verdicts(failed)
        assert not found["sources_delivered"]
        assert found["headlines_are_fresh"] == (number * 5 <= 15)
        evaluate(newsroom, clock, 4)
        assert alerts(receiver) == ([("alert.opened", key)] if number >= 3 else [])
    assert newsroom.digests(NEWS) == stored

    for module in (cli_news, cli_show):
        monkeypatch.setattr(module, "utc_now", clock)
    with settings_in_force(newsroom.settings):
        shown, listed = run("news", "AAPL"), run("show", "headlines", "--limit", "1")
    assert shown.exit_code == listed.exit_code == 0
    assert "STALE: last collected" in shown.output
    assert "STALE: news was last delivered 2026-06-17 15:00 UTC" in listed.output

    spoil(server)
    for number in (5, 6):
        clock.now = OPEN + number * FIVE_MINUTES
        recovered = newsroom.run()
        assert recovered.success, failed_steps(recovered)
        assert verdicts(recovered)["headlines_are_fresh"]
        evaluate(newsroom, clock, 3)
    assert alerts(receiver) == [("alert.opened", key), ("alert.closed", key)]
    with settings_in_force(newsroom.settings):
        assert "STALE" not in run("news", "AAPL").output


def test_an_export_that_shows_a_login_page_leaves_it_to_the_page(
    server: SandboxServer, settings: Settings, clock: FakeClock
) -> None:
    """Finviz's page delivers; the items say so, and the record says why."""
    spoil(server, {"kind": "login_page", "vendor": "finviz_elite"})
    order = settings.model_copy(
        update={"finviz_sources": ("finviz_export", "finviz_page"), "wire_sources": ()}
    )
    newsroom = Newsroom(order, clock)
    result = newsroom.run()
    assert result.success, failed_steps(result)
    events = newsroom.events()
    assert events["source"].tolist() == ["finviz_export:sandbox", "finviz_page:sandbox"]
    assert events["error_kind"].tolist()[0] == "blocked"
    assert events["is_success"].tolist() == [False, True]
    for table in ("finviz_headlines", "headlines"):
        rows = newsroom.warehouse.read(table)
        assert len(rows) > 0
        assert set(rows["source"]) == {"finviz_page:sandbox"}
        assert rows["is_failover"].all()
    newsroom.warehouse.dispose()
