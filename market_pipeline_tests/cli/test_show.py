"""`market-pipeline show`: rows in three formats, and an exit code that can be relied on."""

import csv
import io
import json
from pathlib import Path

import pytest

from market_pipeline.domain.ports import CollectedBatch, FetchLog, Rejected
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.operations import rows

FILLED = ("universe", "prices", "factors", "metrics", "headlines", "snapshot", "positions")
FACTOR_KEYS = {
    "symbol", "session_date", "factor", "beta", "std_error", "t_stat", "r_squared",
    "residual_volatility", "observations", "window_first_date", "quality", "method",
}  # fmt: skip


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("view", FILLED)
def test_every_view_is_shown_in_every_format(
    run: Run, stored: Warehouse, view: str, form: str
) -> None:
    """Exit code 0, rows on stdout; on stderr nothing but that news is stale where it is."""
    shown = run("show", view, "--format", form)
    stale = "STALE: news was never delivered\n" if view == "headlines" else ""
    assert (shown.exit_code, shown.stderr) == (0, stale)
    assert "AAPL" in shown.stdout or view == "snapshot"
    if form == "json":
        assert all(isinstance(row, dict) for row in json.loads(shown.stdout))
    if form == "csv":
        lengths = {len(line) for line in csv.reader(io.StringIO(shown.stdout))}
        assert len(lengths) == 1


def test_json_keeps_every_digit_of_a_beta(run: Run, stored: Warehouse) -> None:
    """Floats read back bit for bit, what is missing is null, dates are ISO."""
    shown = run("show", "factors", "--date", "2026-11-20", "--format", "json")
    aapl, msft = json.loads(shown.stdout)
    assert set(aapl) >= FACTOR_KEYS
    assert aapl["beta"] == rows.UGLY_BETA
    assert aapl["std_error"] == 1 / 3
    assert (aapl["session_date"], aapl["window_first_date"]) == ("2026-11-20", "2026-07-15")
    assert msft["std_error"] is None
    assert msft["beta"] == -1.25


def test_json_keeps_money_exact_as_text(run: Run, stored: Warehouse) -> None:
    """A Decimal does not become a float on its way out."""
    [row] = json.loads(run("show", "snapshot", "--format", "json").stdout)
    assert row["equity_usd"] == "1234567.0000000001"
    assert row["unpriced_symbols"] == "ZZZ"


def test_csv_tames_formula_texts_and_leaves_numbers(run: Run, stored: Warehouse) -> None:
    """The hostile headline and publisher get an apostrophe, the negative beta does not."""
    [header, *lines] = csv.reader(io.StringIO(run("show", "headlines", "-f", "csv").stdout))
    cells = [dict(zip(header, line, strict=True)) for line in lines]
    assert '\'=HYPERLINK("http://x")' in [cell["headline"] for cell in cells]
    assert "'@wire" in [cell["publisher"] for cell in cells]
    [header, _, msft] = csv.reader(io.StringIO(run("show", "factors", "-f", "csv").stdout))
    assert dict(zip(header, msft, strict=True))["beta"] == "-1.25"


def test_a_headline_is_text_in_the_table_and_not_markup(
    run: Run, stored: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Square brackets are printed, control characters are not obeyed."""
    monkeypatch.setenv("COLUMNS", "400")
    shown = run("show", "headlines").stdout
    assert "[red]Both[/red] rise \\x1b[31mnow" in shown
    assert "\x1b" not in shown


def test_flags_quality_and_source_are_visible(run: Run, stored: Warehouse) -> None:
    """A person sees which numbers to doubt, and where they come from."""
    prices = run("show", "prices").stdout
    assert "missing_open" in prices
    assert "polygon" in prices
    assert "limited_history" in run("show", "factors").stdout
    assert "unpriced" in run("show", "positions").stdout


def test_sandbox_data_is_marked_in_every_format(run: Run, stored: Warehouse) -> None:
    """On stdout for people, beside the rows for machines."""
    stored.claim_data_kind("sandbox")
    assert "SANDBOX DATA" in run("show", "prices").stdout.splitlines()[0]
    for form in ("csv", "json"):
        shown = run("show", "prices", "--format", form)
        assert "SANDBOX DATA" in shown.stderr
        assert "SANDBOX DATA" not in shown.stdout


def test_live_data_bears_no_banner(run: Run, stored: Warehouse) -> None:
    """The banner means something because it is not always there."""
    stored.claim_data_kind("live")
    assert "SANDBOX" not in run("show", "prices").output


@pytest.mark.parametrize("day", ["2026-11-21", "2026-11-26"])
def test_a_day_without_trading_exits_2_with_the_nearest(
    run: Run, stored: Warehouse, day: str
) -> None:
    """Weekend and Thanksgiving: one line on stderr, no traceback, nothing on stdout."""
    shown = run("show", "prices", "--date", day, "--format", "json")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.startswith(f"error: {day} is no trading session")
    assert "the nearest are" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("text", ["2026-02-30", "20261120", "20/11/2026", "2026-W01-1", "[red]"])
def test_what_is_no_date_exits_2(run: Run, stored: Warehouse, text: str) -> None:
    """The form that is expected is named."""
    shown = run("show", "prices", "--date", text)
    assert shown.exit_code == 2
    assert "write YYYY-MM-DD" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("prices", "--date", "2026-11-19"), 1),
        (("prices", "--symbol", "TSLA"), 1),
        (("headlines", "--date", "2026-11-21"), 1),
        (("prices", "--symbol", "=1"), 2),
        (("prices", "--portfolio", "nobody"), 2),
        (("prices", "--format", "xml"), 2),
        (("prices", "--limit", "-1"), 2),
        (("nothing",), 2),
    ],
)
def test_nothing_found_exits_1_and_wrong_input_2(
    run: Run, stored: Warehouse, arguments: tuple[str, ...], code: int
) -> None:
    """Scripts tell an empty answer from a mistake."""
    shown = run("show", *arguments)
    assert shown.exit_code == code
    assert shown.stdout == ""
    assert shown.stderr


@pytest.mark.parametrize("view", ["notes", "quarantine", "fetches"])
def test_an_empty_log_is_an_answer(run: Run, stored: Warehouse, view: str) -> None:
    """Nothing in quarantine is no failure: exit code 0, an empty list, a word on stderr."""
    shown = run("show", view, "--format", "json")
    assert (shown.exit_code, json.loads(shown.stdout)) == (0, [])
    assert shown.stderr.startswith("there are no ")


def test_the_logs_are_shown_newest_first(run: Run, stored: Warehouse) -> None:
    """What failed can be asked for alone; a day and a symbol narrow either log."""
    good = FetchLog(
        "equity_bars", "AAPL", "yahoo", rows.AT, 12.5, True, timeframe="1d", rows_fetched=90
    )
    bad = FetchLog(
        "equity_bars", "MSFT", "yahoo", rows.NOW, 900.0, False, timeframe="1d",
        error_kind="throttled", error_detail="[red]429\x1b",
    )  # fmt: skip
    rejected = Rejected("MSFT", rows.SESSION, "high_below_low", "high=1 low=2", "impossible")
    nothing = stored.read("equity_bars")
    stored.commit_batch(
        "equity_bars", CollectedBatch(nothing, rejected=(rejected,), log=(good, bad))
    )
    asked = [
        ((), ["MSFT", "AAPL"]),
        (("--failed",), ["MSFT"]),
        (("--date", "2026-11-21"), ["AAPL"]),
        (("--symbol", "aapl"), ["AAPL"]),
    ]
    for options, subjects in asked:
        found = json.loads(run("show", "fetches", *options, "-f", "json").stdout)
        assert [row["subject"] for row in found] == subjects
    counts = ("timeframe", "rows_fetched", "rows_inserted", "rows_updated")
    assert [found[0][name] for name in counts] == ["1d", 90, 0, 0]
    assert "[red]429\\x1b" in run("show", "fetches").stdout
    for options, count in (((), 1), (("--date", "2026-11-20"), 1), (("--date", "2026-11-21"), 0)):
        found = json.loads(run("show", "quarantine", *options, "-f", "json").stdout)
        assert [row["rule"] for row in found] == ["high_below_low"] * count


def test_without_a_warehouse_nothing_is_made(run: Run, state_dir: Path) -> None:
    """Looking says how to begin, and creates no file."""
    shown = run("show", "prices")
    assert shown.exit_code == 1
    assert "market-pipeline demo" in shown.stderr
    assert not state_dir.exists()


def test_a_limit_says_what_it_hides(run: Run, stored: Warehouse) -> None:
    """The rows are cut, and the remark is not among them."""
    shown = run("show", "prices", "--limit", "1", "--format", "json")
    assert len(json.loads(shown.stdout)) == 1
    assert "2 more" in shown.stderr
