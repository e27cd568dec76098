"""`market-pipeline portfolio` and `watchlist`: all or nothing of a file, and the rest of a list."""

import json
from datetime import date
from pathlib import Path

import pytest

from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run

HEADER = "Symbol,Quantity,Entry Price Per Share,Entry Date\n"
DONE = "Date,Type,Symbol,Quantity,Price,Fees\n"
GOOD = HEADER + "AAPL,100,150.25,2025-05-19\nMSFT,20,400,2025-05-19\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a portfolio file of two positions."""
    path = tmp_path / "growth.csv"
    path.write_text(GOOD)
    return path


def opened() -> Warehouse:
    """Open the warehouse the commands write to."""
    return Warehouse.open(current_settings().warehouse_url)


def test_a_file_is_imported_once(run: Run, file: Path) -> None:
    """The first import stores it, the second says that nothing changes."""
    first = run("portfolio", "import", str(file))
    assert first.exit_code == 0
    assert "growth: 2 positions imported; 2 added" in first.stdout
    assert "unchanged" in run("portfolio", "import", str(file)).stdout
    book = opened().book("growth")
    assert book is not None
    assert [position.symbol for position in book.positions] == ["AAPL", "MSFT"]
    listed = json.loads(run("portfolio", "list", "--format", "json").stdout)
    assert [(row["portfolio_id"], row["positions"]) for row in listed] == [("growth", 2)]


def test_a_name_may_be_given(run: Run, file: Path) -> None:
    """`--portfolio` wins over the file's name."""
    assert run("portfolio", "import", str(file), "--portfolio", "core").exit_code == 0
    assert [book.portfolio_id for book in opened().books()] == ["core"]


def test_an_import_dedicates_the_warehouse_to_nothing(run: Run, file: Path) -> None:
    """Books are neither live nor sandbox data: either may follow."""
    run("portfolio", "import", str(file))
    run("watchlist", "add", "AAPL")
    assert opened().meta_get("data_kind") is None


def test_a_dry_run_writes_nothing(run: Run, file: Path, state_dir: Path) -> None:
    """Before the first import not even the warehouse is made."""
    shown = run("portfolio", "import", str(file), "--dry-run")
    assert shown.exit_code == 0
    assert "nothing was written" in shown.stdout
    assert not state_dir.exists()


def test_a_dry_run_tells_what_would_change(run: Run, file: Path) -> None:
    """Added, removed and changed positions against the stored book, which stays as it is."""
    run("portfolio", "import", str(file))
    before = opened().book("growth")
    file.write_text(GOOD.replace("AAPL,100", "AAPL,120").replace("MSFT", "NVDA"))
    shown = run("portfolio", "import", str(file), "--dry-run", "--format", "json")
    changes = {(row["change"], row["symbol"]): row["detail"] for row in json.loads(shown.stdout)}
    assert changes == {
        ("changed", "AAPL"): "quantity 100 -> 120",
        ("added", "NVDA"): "",
        ("removed", "MSFT"): "",
    }
    assert opened().book("growth") == before


def test_a_refused_file_exits_1_with_every_problem(run: Run, file: Path) -> None:
    """Row, column, value and what was expected; the stored book stays."""
    run("portfolio", "import", str(file))
    file.write_text(HEADER + "=1+1,0,150,2025-13-01\n[red]x,1,1,2025-05-19\n")
    shown = run("portfolio", "import", str(file), "--format", "json")
    assert shown.exit_code == 1
    problems = json.loads(shown.stdout)
    assert {(row["row"], row["column"]) for row in problems} >= {
        (2, "Symbol"), (2, "Quantity"), (2, "Entry Date"), (3, "Symbol"),
    }  # fmt: skip
    assert all(row["expected"] for row in problems)
    assert "nothing was imported" in shown.stderr
    book = opened().book("growth")
    assert book is not None
    assert len(book.positions) == 2


def test_problems_are_printed_as_text(run: Run, file: Path) -> None:
    """A symbol that reads as markup is shown, and a control character is not obeyed."""
    file.write_text(HEADER + "[red]x,1,1,2025-05-19\nA\x1b[31m,1,1,2025-05-19\n")
    shown = run("portfolio", "import", str(file))
    assert shown.exit_code == 1
    assert "[red]x" in shown.stdout
    assert "\x1b" not in shown.output
    assert "\\x1b[31m" in shown.stdout


def test_the_day_of_the_positions_may_be_given(run: Run, file: Path) -> None:
    """Another day for the same positions is a change that a dry run shows; the same one is none."""
    run("portfolio", "import", str(file))
    before = opened().books()[0].as_of_date
    dated = ("portfolio", "import", str(file), "--as-of", "2026-02-03")
    shown = run(*dated, "--dry-run")
    assert f"0 removed; as of 2026-02-03, before of {before}" in " ".join(shown.stdout.split())
    assert opened().books()[0].as_of_date == before
    assert "imported; 0 added" in run(*dated).stdout
    assert opened().books()[0].as_of_date == date(2026, 2, 3)
    assert "unchanged; nothing changes" in run(*dated).stdout
    assert "unchanged; nothing changes" in run("portfolio", "import", str(file)).stdout
    assert opened().books()[0].as_of_date == date(2026, 2, 3)


def test_an_impossible_day_imports_nothing(run: Run, file: Path) -> None:
    """One in the future is a problem of the import, one that is no date of the command line."""
    late = run("portfolio", "import", str(file), "--as-of", "2029-01-01", "--format", "json")
    assert late.exit_code == 1
    (problem,) = json.loads(late.stdout)
    assert (problem["column"], problem["value"]) == ("As of", "2029-01-01")
    assert "not after" in problem["expected"]
    assert run("portfolio", "import", str(file), "--as-of", "Tuesday").exit_code == 2


def test_an_export_keeps_its_day(run: Run, file: Path, tmp_path: Path) -> None:
    """It stands above the header, so that another warehouse takes the same book."""
    run("portfolio", "import", str(file), "--as-of", "2026-02-03")
    copy = tmp_path / "copy.csv"
    copy.write_text(run("portfolio", "export", "growth").stdout)
    assert copy.read_text().startswith("# As of: 2026-02-03\n")
    run("portfolio", "import", str(copy))
    assert {book.as_of_date for book in opened().books()} == {date(2026, 2, 3)}


@pytest.mark.parametrize("arguments", [("nowhere.csv",), (".",), ("growth.csv", "-p", "No Way")])
def test_what_cannot_be_meant_exits_2(run: Run, file: Path, arguments: tuple[str, ...]) -> None:
    """A missing file, a folder, an impossible id."""
    assert file.exists()
    shown = run("portfolio", "import", *arguments)
    assert shown.exit_code == 2
    assert "Traceback" not in shown.stderr


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Give a file of two equal fills and a deposit."""
    path = tmp_path / "trades.csv"
    fills = "2026-05-19,buy,AAPL,10,150.25,1\n" * 2
    path.write_text(f"{DONE}2026-05-18,deposit,,5000,,\n{fills}")
    return path


def test_transactions_are_recognised_imported_once_and_shown(run: Run, done: Path) -> None:
    """The header tells; the second import changes nothing; rows are shown newest first."""
    first = run("portfolio", "import", str(done), "-p", "growth")
    assert (first.exit_code, first.stdout) == (
        0,
        "growth: 3 transactions imported; 3 added, 0 removed\n",
    )
    assert (
        "unchanged; nothing changes" in run("portfolio", "import", str(done), "-p", "growth").stdout
    )
    shown = json.loads(run("show", "transactions", "-p", "growth", "--format", "json").stdout)
    assert [(row["type"], row["symbol"], row["amount_usd"]) for row in shown] == [
        ("buy", "AAPL", "-1503.5"), ("buy", "AAPL", "-1503.5"), ("deposit", None, "5000"),
    ]  # fmt: skip
    assert [row["type"] for row in json.loads(
        run("show", "transactions", "--date", "2026-05-18", "--format", "json").stdout
    )] == ["deposit"]  # fmt: skip
    listed = json.loads(run("portfolio", "list", "--format", "json").stdout)
    assert [(r["portfolio_id"], r["positions"], r["transactions"], r["name"]) for r in listed] == [
        ("growth", 0, 3, None)
    ]


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_transactions_that_the_positions_contain_are_told(
    run: Run, file: Path, done: Path, dry: list[str]
) -> None:
    """The book is of today: what was done before is in it, and nobody is to wait for its effect."""
    run("portfolio", "import", str(file), "-p", "growth")
    shown = run("portfolio", "import", str(done), "-p", "growth", *dry)
    assert shown.exit_code == 0
    assert "3 of 3 are dated up to 20" in shown.stderr
    assert "these contain them, and they change nothing" in " ".join(shown.stderr.split())


def test_a_dry_run_of_transactions_tells_what_would_change(run: Run, done: Path) -> None:
    """Added and removed rows against what the file of that name had stated; nothing is written."""
    assert "3 added" in run("portfolio", "import", str(done), "--dry-run").stdout
    run("portfolio", "import", str(done))
    done.write_text(f"{DONE}2026-05-18,deposit,,6000,,\n2026-05-19,buy,AAPL,10,150.25,1\n")
    shown = run("portfolio", "import", str(done), "--dry-run", "--format", "json")
    changes = [(row["change"], row["type"], row["amount_usd"]) for row in json.loads(shown.stdout)]
    assert changes == [
        ("added", "deposit", "6000"), ("removed", "deposit", "5000"), ("removed", "buy", "-1503.5"),
    ]  # fmt: skip
    assert len(opened().transactions.files()[0].transactions) == 3


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_rows_that_would_count_twice_are_refused(run: Run, done: Path, dry: list[str]) -> None:
    """Another file of the portfolio states them: each row is listed and the file exits 1."""
    run("portfolio", "import", str(done), "-p", "growth")
    copy = done.with_name("again.csv")
    copy.write_text(done.read_text())
    shown = run("portfolio", "import", str(copy), "-p", "growth", "--format", "json", *dry)
    assert shown.exit_code == 1
    assert [row["row"] for row in json.loads(shown.stdout)] == [2, 3, 4]
    assert "nothing was imported" in shown.stderr
    assert len(opened().transactions.files()) == 1


def test_an_export_imports_as_the_same(run: Run, file: Path, done: Path, tmp_path: Path) -> None:
    """Positions and transactions come out as files that change nothing when they come in."""
    run("portfolio", "import", str(file))
    run("portfolio", "import", str(done), "-p", "growth")
    for kind, name in (([], "growth.csv"), (["--transactions"], "trades.csv")):
        copy = tmp_path / "out" / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(run("portfolio", "export", "growth", *kind).stdout)
        again = run("portfolio", "import", str(copy), "-p", "growth")
        assert "unchanged; nothing changes" in again.stdout
    refused = run("portfolio", "export", "nobody")
    assert refused.exit_code == 2
    assert "no portfolio 'nobody'" in refused.stderr


def test_an_export_of_the_other_kind_is_hinted_at(run: Run, file: Path, done: Path) -> None:
    """Who has transactions only is told of the option, and who has positions only to leave it."""
    run("portfolio", "import", str(file))
    run("portfolio", "import", str(done))
    refused = run("portfolio", "export", "trades")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--transactions exports them" in refused.stderr
    assert (
        "leave --transactions out" in run("portfolio", "export", "growth", "--transactions").stderr
    )
    assert "--transactions" not in run("portfolio", "export", "nobody").stderr


def test_good_symbols_are_added_and_bad_ones_fail_the_command(run: Run) -> None:
    """The valid ones are watched, the others named, and the code is 1."""
    shown = run("watchlist", "add", "AAPL", "brk-b", "[red]x", "=cmd")
    assert shown.exit_code == 1
    assert "[red]x" in shown.stderr
    assert "=cmd" in shown.stderr
    assert opened().watchlist() == ["AAPL", "BRK.B"]


def test_the_watchlist_is_read_from_standard_input(run: Run) -> None:
    """A long list is piped in, one symbol a line."""
    shown = run("watchlist", "add", "-", typed="AAPL\n# mine\n\nmsft\r\n")
    assert shown.exit_code == 0
    assert "2 symbols added" in shown.stdout
    listed = json.loads(run("watchlist", "list", "--format", "json").stdout)
    assert [row["symbol"] for row in listed] == ["AAPL", "MSFT"]


def test_bytes_that_are_no_text_are_refused_by_name(run: Run) -> None:
    """A binary file on standard input adds nothing and shows no control character."""
    shown = run("watchlist", "add", "-", typed=b"\x1b[31m\xff\x00\nAAPL\n")
    assert shown.exit_code == 1
    assert "\x1b" not in shown.output
    assert opened().watchlist() == ["AAPL"]


def test_removal_exits_1_for_what_was_not_there(run: Run) -> None:
    """The rest is removed all the same."""
    run("watchlist", "add", "AAPL", "MSFT")
    shown = run("watchlist", "remove", "AAPL", "APPL")
    assert shown.exit_code == 1
    assert "APPL: is not on the watchlist" in shown.stderr
    assert run("watchlist", "remove", "MSFT").exit_code == 0
    assert opened().watchlist() == []


def test_an_empty_watchlist_is_an_empty_list(run: Run) -> None:
    """Nothing watched is an answer, not a failure."""
    run("watchlist", "add", "AAPL")
    run("watchlist", "remove", "AAPL")
    shown = run("watchlist", "list", "--format", "json")
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, [])
