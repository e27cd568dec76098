"""How commands end: exit codes, one line for an error, no traceback, no secret."""

import json
from datetime import date
from pathlib import Path

import pytest
import structlog

from market_pipeline.domain.errors import (
    ConfigurationError,
    DeliveryFailed,
    NothingStored,
    Unavailable,
)
from market_pipeline.logs import configure_logs
from market_pipeline.operations import backfill, database, demo, opening
from market_pipeline.operations.backfill import BackfillResult, RunOutcome
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run

CANARY = "canary-key-0123456789"
FRIDAY = date(2026, 11, 20)


def outcome(*, is_done: bool) -> BackfillResult:
    """Build the result of a backfill of one run."""
    failures = () if is_done else ("equity_bars: 3 of 4 subjects [bold]could not\x1b be fetched",)
    run = RunOutcome(
        "session_job", "id", FRIDAY, FRIDAY, is_done, ("equity_bars",), 12, failures, ("a gap",)
    )
    return BackfillResult((run,))


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let looking into the warehouse fail with a message that holds a key."""

    def fail(_settings: object) -> None:
        raise RuntimeError(f"GET https://vendor.example/?key={CANARY}\nsecond line")

    monkeypatch.setattr(opening, "open_to_look", fail)
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_API_KEY", CANARY)
    forget_settings()


def test_the_unexpected_is_one_line_without_secrets(run: Run, failing: None) -> None:
    """A person gets what happened and where to look, not a traceback."""
    shown = run("show", "prices")
    assert shown.exit_code == 1
    assert shown.stderr.count("\n") == 1
    assert "unexpected RuntimeError" in shown.stderr
    assert "Traceback" not in shown.output
    assert CANARY not in shown.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError(), "error: unexpected KeyError (--debug shows where)\n"),
        (NothingStored(""), "error: NothingStored\n"),
        (Unavailable("yahoo", "chart", " "), "error: yahoo chart: unavailable\n"),
        (DeliveryFailed("webhook-1", ""), "error: webhook-1: failed without a word\n"),
    ],
)
def test_an_error_without_words_ends_in_no_colon(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    """Its class or its kind is said instead."""

    def fail(_settings: object) -> None:
        raise error

    monkeypatch.setattr(opening, "open_to_look", fail)
    shown = run("show", "prices")
    assert (shown.exit_code, shown.stderr) == (1, said)


def test_debug_shows_the_traceback_without_secrets(run: Run, failing: None) -> None:
    """The key is taken out of the traceback too."""
    shown = run("--debug", "show", "prices")
    assert shown.exit_code == 1
    assert "Traceback (most recent call last)" in shown.stderr
    assert CANARY not in shown.output


def test_an_interrupt_exits_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends quietly with the code shells expect."""

    def interrupt(_settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opening, "open_to_look", interrupt)
    shown = run("show", "prices")
    assert (shown.exit_code, shown.output.strip()) == (130, "")


def test_the_log_stays_out_of_an_answer_unless_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs below may set logging up anew and is as quiet; the level ends with it."""

    def look(_settings: object) -> None:
        configure_logs(current_settings())
        structlog.get_logger().info("looked")
        structlog.get_logger().warning("doubted")
        raise ConfigurationError("enough")

    monkeypatch.setattr(opening, "open_to_look", look)
    quiet, verbose = run("show", "prices").stderr, run("--verbose", "show", "prices").stderr
    assert ("looked" in quiet, "doubted" in quiet) == (False, True)
    assert ("looked" in verbose, "doubted" in verbose) == (True, True)
    assert current_settings().log_level == "INFO"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MARKET_PIPELINE_VENDOR_CONCURRENCY", "many"),
        ("MARKET_PIPELINE_DATABASE_URL", f"postgresql://me:{CANARY}@127.0.0.1/x"),
        ("MARKET_PIPELINE_EXTRA_CLOSURES", "yesterday"),
    ],
)
def test_a_wrong_setting_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The variable stands in the message, its value does not."""
    monkeypatch.setenv(name, value)
    forget_settings()
    shown = run("show", "prices")
    assert shown.exit_code == 1
    assert name in shown.stderr
    assert CANARY not in shown.output


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"SANDBOX_URL": "127.0.0.1:1", "WIRE_SOURCES": "reuters"},
            "error: MARKET_PIPELINE_WIRE_SOURCES: holds an unknown name; the known ones are "
            "tiingo, finnhub; MARKET_PIPELINE_SANDBOX_URL: write the whole URL, such as "
            "http://127.0.0.1:8765",
        ),
        (
            {"DATABASE_URL": f"postgres://me:{CANARY}@h/x"},
            "error: MARKET_PIPELINE_DATABASE_URL must name its driver: postgresql+psycopg:// or "
            "sqlite://, not postgres://",
        ),
    ],
)
def test_a_wrong_setting_is_told_in_our_words_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], said: str
) -> None:
    """Each variable by its full name, and nothing of the library that checks them."""
    for name, value in wrong.items():
        monkeypatch.setenv(f"MARKET_PIPELINE_{name}", value)
    forget_settings()
    assert run("show", "prices").stderr == f"{said}\n"


def test_a_name_near_to_a_setting_is_told_and_stops_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line on stderr, with the name that was meant, whatever the command."""
    monkeypatch.setenv("MARKET_PIPELINE_TINGO_KEY", CANARY)
    shown = run("doctor", "--offline", "--format", "json")
    assert shown.exit_code == 0
    assert shown.stderr == (
        "warning: MARKET_PIPELINE_TINGO_KEY (environment) is no setting; "
        "did you mean MARKET_PIPELINE_TIINGO_API_KEY?\n"
    )
    assert CANARY not in shown.output


def test_a_database_that_does_not_answer_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's error is shown without its password and without a traceback."""
    url = f"postgresql+psycopg://me:{CANARY}@127.0.0.1:1/x"
    monkeypatch.setenv("MARKET_PIPELINE_DATABASE_URL", url)
    forget_settings()
    shown = run("db", "status")
    assert shown.exit_code == 1
    assert "the database refused or did not answer" in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert CANARY not in shown.output


def test_db_upgrade_makes_the_warehouse_and_says_so(run: Run, state_dir: Path) -> None:
    """Status fails before, upgrade tells the revisions, and twice changes nothing."""
    assert run("db", "status").exit_code == 1
    assert not state_dir.exists()
    assert "revision none -> " in run("db", "upgrade").stdout
    assert "newest revision already" in run("db", "upgrade").stdout
    shown = run("db", "status", "--format", "json")
    assert shown.exit_code == 0
    tables = {row["table"]: row["row_count"] for row in json.loads(shown.stdout)}
    assert tables["equity_bars"] == 0
    assert tables["factor_definitions"] == 2  # before anything is calculated


def test_db_status_exits_1_for_tables_of_another_version(
    run: Run, stored: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's script notices that an upgrade is due, and so does every other command."""
    monkeypatch.setattr(database, "newest_revision", lambda: "9999")
    monkeypatch.setattr(Warehouse, "is_current", lambda _self: False)
    shown = run("db", "status")
    assert shown.exit_code == 1
    assert "market-pipeline db upgrade" in shown.stderr
    looked = run("show", "prices")
    assert looked.exit_code == 1
    assert "market-pipeline db upgrade" in looked.stderr


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2026-11-21", "2026-11-23", "2026-11-20 and 2026-11-23"),
        ("2026-11-20", "2026-11-26", "2026-11-25 and 2026-11-27"),
        ("2026-11-21", "2026-11-22", "no trading session"),
        ("2026-11-23", "2026-11-20", "is after"),
        ("2026-11-31", "2026-12-01", "is no date"),
    ],
)
def test_a_backfill_of_no_sessions_exits_2(run: Run, first: str, last: str, said: str) -> None:
    """Holidays, weekends, ranges without a session or the wrong way round, and no dates."""
    shown = run("backfill", "--from", first, "--to", last)
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(("is_done", "code"), [(True, 0), (False, 1)])
def test_a_backfill_exits_0_only_when_all_was_done(
    run: Run, monkeypatch: pytest.MonkeyPatch, is_done: bool, code: int
) -> None:
    """Progress and failures are told as text; names are split at commas."""
    asked: list[object] = []

    def fake(
        first: date, last: date, *, select: object, factors: object, progress: object
    ) -> BackfillResult:
        asked.append((first, last, select, factors))
        progress("equity_bars ...")  # type: ignore[operator]  # the command's own function
        return outcome(is_done=is_done)

    monkeypatch.setattr(backfill, "run_backfill", fake)
    shown = run(
        "backfill", "--from", "2026-11-20", "--to", "2026-11-20",
        "--select", "equity_bars, headlines", "--select", "symbol_universe",
        "--factor", "market,style",
    )  # fmt: skip
    assert shown.exit_code == code
    selected = ("equity_bars", "headlines", "symbol_universe")
    assert asked == [(FRIDAY, FRIDAY, selected, ("market", "style"))]
    assert "equity_bars ..." in shown.stderr
    assert "12 rows changed" in shown.stdout
    assert "worth a look: a gap" in shown.stderr
    assert ("[bold]could not\\x1b be fetched" in shown.stderr) is not is_done


def test_an_unknown_asset_is_answered_with_those_there_are(run: Run) -> None:
    """The graph itself is asked, and the code is 2."""
    shown = run("backfill", "--from", "2026-11-20", "--to", "2026-11-20", "--select", "prises")
    assert shown.exit_code == 2
    assert "prises" in shown.stderr
    assert "equity_bars" in shown.stderr


@pytest.mark.parametrize(("is_done", "code"), [(True, 0), (False, 1)])
def test_a_demo_exits_0_only_when_all_was_done(
    run: Run, monkeypatch: pytest.MonkeyPatch, is_done: bool, code: int
) -> None:
    """The options reach the demo, and its success decides."""

    def fake(_console: object, *, sessions: int, seed: int) -> demo.DemoResult:
        assert (sessions, seed) == (5, 11)
        return demo.DemoResult(outcome(is_done=is_done), (), ())

    monkeypatch.setattr(demo, "run_demo", fake)
    assert run("demo", "--sessions", "5", "--seed", "11").exit_code == code


def test_a_demo_that_cannot_start_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error on purpose is one line and exit code 1."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise ConfigurationError("no example portfolio")

    monkeypatch.setattr(demo, "run_demo", fail)
    shown = run("demo")
    assert (shown.exit_code, shown.stderr) == (1, "error: no example portfolio\n")


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_doctor_offline_exits_0_with_nothing_configured(run: Run, form: str) -> None:
    """It works without key, network or warehouse, in every format."""
    shown = run("doctor", "--offline", "--format", form)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "Polygon" in shown.stdout
    assert "next partition" in shown.stdout


def test_doctor_exits_1_where_what_is_configured_is_down(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox named in the settings does not answer; no key is shown."""
    monkeypatch.setenv("MARKET_PIPELINE_SANDBOX_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_API_KEY", CANARY)
    forget_settings()
    shown = run("doctor")
    assert shown.exit_code == 1
    assert "needed, and not working: Yahoo" in shown.stderr
    assert "SANDBOX DATA" in shown.stdout
    assert CANARY not in shown.output
