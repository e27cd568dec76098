"""The benchmarks: rows of one shape, JSON that reads back, nothing left behind, equal work."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from benchmarks import lab as laboratory
from benchmarks.__main__ import main
from benchmarks.lab import Lab
from benchmarks.made_up import LAST, MadeUp
from benchmarks.plain_graph import PlainGraph
from benchmarks.registry import all_benchmarks, benchmark
from benchmarks.report import shown
from benchmarks.rows import Row, duration, rate
from benchmarks.turns import in_turns
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.settings import current_settings
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.fakes import FakeCompanies, FakeOptions
from market_pipeline_tests.news_making import FakeCollector

CALENDAR = TradingCalendar.xnys()
NAMES = (
    "bulk", "collect", "derived", "download", "download_full", "graph", "guard", "news_full",
    "news_parse", "news_score", "news_search", "news_store", "nightly", "regress", "snapshots",
    "start_up",
)  # fmt: skip


def test_every_benchmark_is_listed_with_what_it_tells(capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` names all modules' benchmarks and measures nothing."""
    assert main(["--list"]) == 0
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert tuple(name for name, _ in listed) == NAMES
    assert all(tells for _, tells in listed)


def test_an_unknown_name_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A typing error in `--only` costs no minutes."""
    assert main(["--only", "grpah"]) == 2
    assert "grpah" in (said := capsys.readouterr().err)
    assert all(name in said for name in NAMES)


def test_two_benchmarks_cannot_share_a_name() -> None:
    """The second registration fails where it stands, not by vanishing."""
    all_benchmarks()
    with pytest.raises(ValueError, match="bulk"):
        benchmark("bulk", "again")(lambda lab: [])


def test_a_ratio_is_the_median_of_the_turns_ratios() -> None:
    """A slow turn of both sides does not move the ratio, and spreads span all turns."""
    row = rate("x", 100, "rows", [1.0, 10.0, 2.0], peer="y", peer_seconds=[0.5, 5.0, 1.0])
    assert (row.value, row.unit, row.spread) == (50.0, "rows/s", (10.0, 100.0))
    assert (row.ratio, row.ratio_spread, row.repetitions) == (0.5, (0.5, 0.5), 3)
    slow = duration("x", [3.0, 1.0], peer="y", peer_seconds=[1.0, 1.0])
    assert (slow.value, slow.unit, slow.ratio) == (2.0, "s", 2.0)
    assert duration("x", [3.0]).ratio is None


def test_sides_are_measured_in_turn() -> None:
    """A B A B, not A A B B."""
    order: list[str] = []
    sides: dict[str, Callable[[], str]] = {
        name: lambda name=name: order.append(name) or name  # type: ignore[misc,func-returns-value]  # bound early, and append gives None
        for name in ("a", "b")
    }
    assert in_turns(2, sides, lambda line: None) == {"a": ["a", "a"], "b": ["b", "b"]}
    assert order == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(123456.7, "123,457"), (99.94, "99.9"), (9.876, "9.88"), (0.01234, "0.0123")],
)
def test_numbers_are_shown_with_three_digits(value: float, text: str) -> None:
    """Neither a small ratio nor a large rate loses what matters."""
    assert shown(value) == text


@pytest.fixture
def measured(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[str, object], Path]:
    """Run the quick bulk benchmark on SQLite alone; give its JSON and its temporary folder."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(laboratory.Lab, "dialects", _only_sqlite)
    assert main(["--quick", "--only", "bulk"]) == 0
    return json.loads((state_dir / "bench.json").read_text()), scratch


def _only_sqlite(lab: Lab, name: str) -> list[str]:
    lab.skip(f"{name}.postgresql", "left out here")
    return ["sqlite"]


def test_a_run_writes_rows_of_one_shape(measured: tuple[dict[str, object], Path]) -> None:
    """Every row has all fields, its median inside its spread, and its skips a reason."""
    written, _ = measured
    rows = written["rows"]
    assert isinstance(rows, list)
    assert [row["name"] for row in rows] == [
        f"bulk.sqlite.{step}" for step in ("first_write", "unchanged_write", "read")
    ]
    for row in rows:
        assert set(row) == {field.name for field in fields(Row)}
        assert row["spread"][0] <= row["value"] <= row["spread"][1]
        assert row["unit"] == "rows/s"
        assert math.isfinite(row["ratio"])
        assert row["ratio"] > 0
    assert written["skipped"] == [{"name": "bulk.postgresql", "reason": "left out here"}]
    assert written["is_quick"] is True
    assert datetime.fromisoformat(str(written["measured_at"])).tzinfo is not None


def test_a_run_leaves_nothing_behind(
    measured: tuple[dict[str, object], Path], state_dir: Path
) -> None:
    """The temporary folder is empty, and the state folder holds the report alone."""
    _, scratch = measured
    assert list(scratch.iterdir()) == []
    assert [path.name for path in state_dir.iterdir()] == ["bench.json"]


def test_a_missing_postgresql_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is named and does not answer is no failure, and is not replaced by another."""
    monkeypatch.setenv(
        "MARKET_PIPELINE_BENCH_POSTGRES_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none"
    )
    with Lab(progress=lambda line: None) as lab:
        assert lab.dialects("bulk") == ["sqlite"]
        assert [asdict(skip) for skip in lab.skipped] == [
            {
                "name": "bulk.postgresql",
                "reason": "the PostgreSQL server that MARKET_PIPELINE_BENCH_POSTGRES_URL names "
                "does not answer",
            }
        ]


def test_made_up_rows_are_the_same_every_time() -> None:
    """Two runs measure the same rows, a year of them before the first session."""
    made_up = MadeUp(24, 4, CALENDAR)
    bars = made_up.bars()
    assert bars.equals(MadeUp(24, 4, CALENDAR).bars())
    assert len(bars) == 24 * len(CALENDAR.sessions(made_up.first_bar, LAST))
    assert {"SPY", "TLT"} < set(bars["symbol"])
    assert sum(len(book.positions) for book in made_up.books()) == 24


def test_the_plain_graph_makes_what_the_graph_makes(state_dir: Path) -> None:
    """Universe to snapshots, checks included, with no run of Dagster's."""
    first, last = date(2026, 11, 17), date(2026, 11, 19)
    graph = PlainGraph(
        current_settings(),
        prices=bars_of("AAPL", "KO", "SPY", "TLT"),
        polygon=FakeOptions(),
        companies=FakeCompanies(),
        finviz=FakeCollector(),
        clock=lambda: datetime(2026, 11, 20, 1, tzinfo=UTC),
    )
    book = book_of(stock(1, "AAPL"), stock(2, "KO", -40))
    graph.warehouse.import_book(book, datetime(2026, 11, 19, 22, tzinfo=UTC))
    graph.run(first, last)
    counts = {
        name: graph.warehouse.count(name)
        for name in ("symbol_universe", "symbol_daily_metrics", "portfolio_snapshots")
    }
    graph.warehouse.dispose()
    assert counts == {
        "symbol_universe": 12, "symbol_daily_metrics": 12, "portfolio_snapshots": 3,
    }  # fmt: skip
    assert not (state_dir / "dagster").exists()
