"""Hourly bars of two sources: who is asked next, and when their bars may stand side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import httpx
import pandas as pd
import pytest

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.errors import NotEntitled, Unavailable, UnknownSymbol
from market_pipeline.domain.intraday import aggregated
from market_pipeline.resources import clients
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import current_settings
from market_pipeline.vendors.hour_chain import HourChain
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.assets.test_intraday import CHOSEN, FRIDAY, MONDAY, TABLE, choose, ny
from market_pipeline_tests.fakes import FakeHours

DOWN = Unavailable("yahoo", "chart", "HTTP 503")


@pytest.fixture
def pair(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> tuple[Graph, FakeHours, FakeHours]:
    """Give the graph at 12:35 on a Friday with one symbol chosen, and its two sources of hours."""
    choose(monkeypatch, "KO")
    graph.clock.now = ny(FRIDAY, 12, 35)
    first, second = FakeHours(graph.clock, "yahoo"), FakeHours(graph.clock, "polygon")
    graph.hours = HourChain("hours", [first, second])  # type: ignore[assignment]
    return graph, first, second


def told_by(graph: Graph) -> list[str]:
    rows = graph.warehouse.read(TABLE, symbols=["KO"]).sort_values("starts_at")
    return rows["source"].tolist()


def test_the_next_source_goes_on_where_the_first_fails(
    pair: tuple[Graph, FakeHours, FakeHours],
) -> None:
    """It shows the stored close in an hour both tell of; each bar bears who told it."""
    graph, first, second = pair
    assert graph.run(FRIDAY, job="intraday_job").success
    assert (told_by(graph), second.asked) == (["yahoo"] * 3, [])
    graph.clock.now = ny(FRIDAY, 13, 35)
    first.fails["KO"] = [DOWN] * 9
    assert graph.run(FRIDAY, job="intraday_job").success
    assert told_by(graph) == ["yahoo"] * 3 + ["polygon"]
    assert [span[1:] for span in second.asked] == [
        (ny(FRIDAY, 12, 30), ny(FRIDAY, 13, 30)), (ny(FRIDAY, 11, 30), ny(FRIDAY, 13, 30))
    ]  # fmt: skip
    first.fails.clear()
    graph.clock.now = ny(FRIDAY, 14, 35)
    assert graph.run(FRIDAY, job="intraday_job").success
    assert told_by(graph) == ["yahoo"] * 3 + ["polygon", "yahoo"]
    stored = graph.warehouse.read(TABLE, symbols=["KO"])
    assert not stored["starts_at"].duplicated().any()


@pytest.mark.parametrize("shift", [0.01, None], ids=["another price", "no hour to compare"])
def test_bars_of_another_basis_are_refused_not_mixed(
    pair: tuple[Graph, FakeHours, FakeHours], shift: float | None
) -> None:
    """A close one percent off, or none to compare with: nothing of it is stored."""
    graph, first, second = pair
    assert graph.run(FRIDAY, job="intraday_job").success
    graph.clock.now = ny(FRIDAY, 13, 35)
    first.fails["KO"] = [DOWN] * 9
    honest = second.hourly_bars

    def other(symbol, begins_at, ends_at):  # type: ignore[no-untyped-def]
        told = honest(symbol, begins_at, ends_at)
        if shift is None:
            return replace(told, frame=told.frame[told.frame["starts_at"] > ny(FRIDAY, 12)])
        return replace(told, frame=told.frame.assign(close=told.frame["close"] * (1 + shift)))

    second.hourly_bars = other  # type: ignore[method-assign]
    assert failed_steps(graph.run(FRIDAY, job="intraday_job")) == [TABLE]
    assert told_by(graph) == ["yahoo"] * 3
    jobs = graph.warehouse.read("collection_jobs", where={"asset": TABLE})
    assert "not one basis" in str(jobs["last_error"].iloc[0])
    first.fails.clear()
    assert graph.run(FRIDAY, job="intraday_job").success
    assert told_by(graph) == ["yahoo"] * 4


def test_a_split_between_the_two_sources_is_no_other_basis(
    pair: tuple[Graph, FakeHours, FakeHours],
) -> None:
    """Stored bars count as divided, as whoever reads them has them."""
    graph, first, second = pair
    assert graph.run(FRIDAY, job="intraday_job").success
    told_at = pd.Timestamp(ny(date(2026, 11, 23), 9))
    split = {
        "symbol": "KO", "ex_date": pd.Timestamp(2026, 11, 23), "kind": "split", "value": 2.0,
        "source": "yahoo", "fetched_at": told_at, "first_seen_at": told_at,
    }  # fmt: skip
    graph.warehouse.merge("corporate_actions", pd.DataFrame([split]))
    graph.clock.now = ny(date(2026, 11, 23), 10, 35)
    first.fails["KO"] = [DOWN] * 9
    honest = second.hourly_bars

    def split_adjusted(symbol, begins_at, ends_at):  # type: ignore[no-untyped-def]
        told = honest(symbol, begins_at, ends_at)
        halved = {name: told.frame[name] / 2 for name in ("open", "high", "low", "close")}
        return replace(told, frame=told.frame.assign(**halved))

    second.hourly_bars = split_adjusted  # type: ignore[method-assign]
    assert graph.run(FRIDAY, date(2026, 11, 23), job="intraday_job").success
    assert told_by(graph) == ["yahoo"] * 3 + ["polygon"] * 5


def test_where_nobody_tells_the_most_hopeful_reason_stands() -> None:
    """As with daily bars: passing trouble before a refusal; a silence of the first is an answer."""
    from market_pipeline_tests.fakes import FakeClock

    clock = FakeClock(ny(FRIDAY, 12, 35))
    first, second = FakeHours(clock, "yahoo"), FakeHours(clock, "polygon")
    chain, span = HourChain("hours", [first, second]), (ny(FRIDAY, 9, 30), ny(FRIDAY, 10, 30))
    first.fails["KO"], second.fails["KO"] = [DOWN], [NotEntitled("polygon", "aggs", "no plan")]
    with pytest.raises(Unavailable):
        chain.hourly_bars("KO", *span)
    first.fails["KO"] = [UnknownSymbol("yahoo", "chart", "none")]
    second.silent = {("KO", ny(FRIDAY, 9, 30))}
    with pytest.raises(UnknownSymbol):
        chain.hourly_bars("KO", *span)
    first.silent = second.silent
    assert chain.hourly_bars("KO", *span).frame.empty
    with pytest.raises(NotEntitled, match="polygon is left out"):
        HourChain("hours", [], left_out=["polygon is left out: set KEY to use it"]).hourly_bars(
            "KO", *span
        )


@contextmanager
def sandboxed(graph: Graph) -> Iterator[str]:
    """Let the graph ask for hours through the real chain of the settings, over a sandbox."""
    application = create_app(generated(7, clock=graph.clock), graph.clock)
    with SandboxServer(application) as server:
        settings = current_settings().model_copy(update={"sandbox_url": server.url})
        state = LocalCoordination(settings.state_dir / "asked.sqlite3", graph.clock)
        graph.prices = clients.yahoo(settings, state)  # type: ignore[assignment]
        graph.hours = clients.hours(settings, state, graph.clock)  # type: ignore[assignment]
        yield server.url
        graph.hours.close()  # type: ignore[union-attr]
        state.close()


def test_a_week_of_hours_comes_from_polygon_while_yahoo_is_down(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the real clients: the same bars that make up Yahoo's days, and none asked twice."""
    choose(monkeypatch, *CHOSEN)
    graph.clock.now = ny(FRIDAY, 20)
    with sandboxed(graph) as url:
        assert graph.run(FRIDAY, only=("symbol_universe", "equity_bars")).success
        down = [{"kind": "html", "vendor": "yahoo", "path": "chart"}]
        answer = httpx.post(f"{url}/_sandbox/faults", json=down, trust_env=False)
        assert answer.is_success, answer.text
        httpx.delete(f"{url}/_sandbox/requests", trust_env=False)
        for _ in range(2):
            result = graph.run(MONDAY, FRIDAY, job="intraday_job")
            assert result.success
            counts = httpx.get(f"{url}/_sandbox/requests", trust_env=False).json()
            assert counts["vendors"]["polygon"] == {"aggregates": 3}
    assert all(each.passed for each in result.get_asset_check_evaluations())
    rows = graph.warehouse.read(TABLE)
    assert set(rows["source"]) == {"polygon:sandbox"}
    days = aggregated(rows)
    daily = graph.warehouse.read("equity_bars", first=MONDAY, symbols=list(CHOSEN))
    columns = ["session_date", "symbol", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(days[columns], daily[columns])
