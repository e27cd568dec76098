"""What the inbox sensor takes, refuses, and starts."""

import json
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from market_pipeline.definitions import build_defs
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.graph import examples
from market_pipeline_tests.fakes import FakeClock

HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date\n"
TRANSACTIONS = "Date,Type,Symbol,Quantity,Price\n"


class Inbox:
    """The sensor, its folder and its cursor."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.folder = current_settings().inbox
        self.folder.mkdir(parents=True)
        self.clock = FakeClock(datetime(2026, 11, 21, 1, 0, tzinfo=UTC))
        self.cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        """Evaluate the sensor once more."""
        sensor = build_defs().resolve_sensor_def("portfolio_inbox")
        context = dg.build_sensor_context(
            instance=dg.DagsterInstance.ephemeral(),
            cursor=self.cursor,
            resources={
                "warehouse": self.warehouse,
                "settings": current_settings(),
                "clock": self.clock,
            },
        )
        result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def drop(self, name: str, rows: str) -> Path:
        """Put a file of `rows` under the usual header into the folder."""
        path = self.folder / name
        path.write_text(HEADER + rows, encoding="utf-8")
        return path


@pytest.fixture
def inbox(state_dir: Path, warehouse: Warehouse) -> Inbox:
    """Give an empty inbox over an empty warehouse."""
    box = Inbox(warehouse)
    box.tick()
    return box


def test_a_file_may_say_of_which_day_it_is(inbox: Inbox) -> None:
    """A comment above the header dates the book; another date starts a run like other rows."""
    path = inbox.folder / "alpha.csv"
    for day in ("2026-11-13", "2026-11-16"):
        path.write_text(f"# As of: {day}\n{HEADER}AAPL,10,150,2026-01-05\n", encoding="utf-8")
        assert inbox.tick().run_requests
        assert [str(book.as_of_date) for book in inbox.warehouse.books()] == [day]
    path.write_text(f"# As of: 16.11.2026\n{HEADER}AAPL,10,150,2026-01-05\n", encoding="utf-8")
    assert not inbox.tick().run_requests
    problems = path.with_suffix(".problems.txt").read_text(encoding="utf-8")
    assert "16.11.2026" in problems
    assert "expected a date as YYYY-MM-DD" in problems


def test_a_dropped_file_is_imported_and_starts_the_last_session(inbox: Inbox) -> None:
    """A new file becomes a book, and its symbols are processed by one run."""
    inbox.drop("alpha.csv", "AAPL,10,150,2026-01-05\n")
    result = inbox.tick()
    assert [book.portfolio_id for book in inbox.warehouse.books()] == ["alpha"]
    assert [request.partition_key for request in result.run_requests or []] == ["2026-11-20"]
    assert [event.asset_key.to_user_string() for event in result.asset_events] == [
        "portfolio_books"
    ]


def test_an_unchanged_folder_starts_nothing(inbox: Inbox) -> None:
    """The same file is taken once."""
    inbox.drop("alpha.csv", "AAPL,10,150,2026-01-05\n")
    inbox.tick()
    again = inbox.tick()
    assert again.run_requests in (None, [])
    assert "nothing new" in str(again.skip_reason)


def test_a_corrected_file_replaces_its_book(inbox: Inbox) -> None:
    """A changed file is read again, and its book is the new one as a whole."""
    inbox.drop("alpha.csv", "AAPL,10,150,2026-01-05\n")
    inbox.tick()
    inbox.drop("alpha.csv", "AAPL,10,150,2026-01-05\nKO,25,60,2026-02-02\n")
    result = inbox.tick()
    (book,) = inbox.warehouse.books()
    assert [position.symbol for position in book.positions] == ["AAPL", "KO"]
    assert len(result.run_requests or []) == 1


def test_a_file_of_transactions_is_taken_and_starts_the_graph(inbox: Inbox) -> None:
    """The header tells the kind; new transactions are a change, the same ones are none."""
    path = inbox.folder / "beta.csv"
    path.write_text(TRANSACTIONS + "2026-11-02,buy,KO,5,60\n")
    assert len(inbox.tick().run_requests or []) == 1
    (file,) = inbox.warehouse.transactions.files()
    assert (file.portfolio_id, file.source_file, len(file.transactions)) == ("beta", "beta.csv", 1)
    path.write_text(TRANSACTIONS + "# seen\n2026-11-02,buy,KO,5,60.0\n")
    assert inbox.tick().run_requests in (None, [])


def test_an_overlap_is_refused_like_any_other_problem(inbox: Inbox) -> None:
    """What would count twice is told beside the file, and nothing of it is taken."""
    (inbox.folder / "beta.csv").write_text(TRANSACTIONS + "2026-11-02,buy,KO,5,60\n")
    inbox.tick()
    (inbox.folder / "Beta!.csv").write_text(TRANSACTIONS + "2026-11-02,buy,KO,5,60\n")
    inbox.tick()
    told = (inbox.folder / "Beta!.problems.txt").read_text()
    assert "row 2" in told
    assert "imported from beta.csv" in told
    assert [file.source_file for file in inbox.warehouse.transactions.files()] == ["beta.csv"]


def test_a_refused_file_imports_nothing_and_says_why_beside_itself(inbox: Inbox) -> None:
    """Every problem of a bad file stands in a file next to it; the others are taken."""
    bad = inbox.drop("bad.csv", "AAPL,0,150,2026-01-05\nKO,5,60,2026-13-01\n")
    inbox.drop("good.csv", "KO,5,60,2026-01-05\n")
    inbox.tick()
    assert [book.portfolio_id for book in inbox.warehouse.books()] == ["good"]
    problems = bad.with_suffix(".problems.txt").read_text(encoding="utf-8")
    assert "row 2" in problems
    assert "row 3" in problems
    assert "Quantity" in problems
    assert "Entry Date" in problems


def test_the_problems_go_away_with_the_correction(inbox: Inbox) -> None:
    """A corrected file leaves no stale list of problems behind."""
    bad = inbox.drop("bad.csv", "AAPL,0,150,2026-01-05\n")
    inbox.tick()
    inbox.drop("bad.csv", "AAPL,12,150,2026-01-05\n")
    inbox.tick()
    assert not bad.with_suffix(".problems.txt").exists()
    assert [book.portfolio_id for book in inbox.warehouse.books()] == ["bad"]


def test_a_watched_symbol_starts_the_graph_too(inbox: Inbox) -> None:
    """Whatever changed the books or the watchlist, their symbols are processed."""
    inbox.warehouse.watch(["MSFT"], inbox.clock())
    assert len(inbox.tick().run_requests or []) == 1


def test_the_example_portfolios_are_taken(inbox: Inbox) -> None:
    """The files shown to people are valid."""
    for path in examples().glob("*.csv"):
        (inbox.folder / path.name).write_bytes(path.read_bytes())
    inbox.tick()
    assert len(inbox.warehouse.books()) == 3
    assert set(json.loads(inbox.cursor or "{}")["files"]) == {
        path.name for path in examples().glob("*.csv")
    }


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("BATCH_V2_ENABLED", "off", "MARKET_PIPELINE_BATCH_V2_ENABLED is off"),
        ("SCHEDULER_PAUSED", "on", "paused: MARKET_PIPELINE_SCHEDULER_PAUSED is on"),
    ],
)  # fmt: skip
def test_while_it_rests_a_file_waits_in_the_inbox(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    """Nothing is imported or started while the flag says so; afterwards the file is taken."""
    inbox.drop("alpha.csv", "AAPL,10,150,2026-01-05\n")
    monkeypatch.setenv(f"MARKET_PIPELINE_{variable}", value)
    forget_settings()
    resting = inbox.tick()
    assert resting.skip_reason is not None
    assert resting.skip_reason.skip_message == reason
    assert inbox.warehouse.books() == []
    monkeypatch.delenv(f"MARKET_PIPELINE_{variable}")
    forget_settings()
    assert len(inbox.tick().run_requests or []) == 1
