"""No argument of any command ends in a traceback: numbers, dates and texts out of all bounds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import COMMAND, Run

NUMBERS = ("9" * 30, "1e400", "-1e400", "nan", "inf", "-1", "9" * 5000)
DATES = ("0001-01-01", "1999-12-31", "9999-12-31", "2026-02-30", "9" * 5000)
NO_TEXTS = ("caf\udce9", "\ud800", "a\0b")
REQUIRED = {"first": ("--from", "2026-11-20"), "last": ("--to", "2026-11-20")}


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every command that does something, with the words that call it."""
    below = getattr(command, "commands", {})
    if not below or command.invoke_without_command:
        yield path, command
    for name, each in below.items():
        yield from leaves(each, (*path, name))


COMMANDS = dict(leaves(COMMAND))


def parameters(is_wanted: Callable[[Any], bool]) -> list[Any]:
    """Give the parameters of all commands that are wanted, named for the report."""
    return [
        pytest.param(path, parameter, id=f"{' '.join(path)} {parameter.opts[0]}")
        for path, command in COMMANDS.items()
        for parameter in command.params
        if is_wanted(parameter)
    ]


def is_number(parameter: Any) -> bool:
    return parameter.type_descriptor.annotation in (int, float)


def is_date(parameter: Any) -> bool:
    return bool(parameter.metavar == "DATE")


def is_text(parameter: Any) -> bool:
    is_flag = getattr(parameter, "is_flag", False)
    return not (is_number(parameter) or is_date(parameter) or is_flag)


def call(path: tuple[str, ...], parameter: Any, value: str) -> list[str]:
    """Write the command with `value` for one parameter, and what else it cannot do without."""
    words = list(path)
    for other in COMMANDS[path].params:
        if other.name != parameter.name and other.name in REQUIRED:
            words += REQUIRED[other.name]
    is_option = parameter.opts[0].startswith("-")
    return [*words, f"{parameter.opts[0]}={value}"] if is_option else [*words, "--", value]


def refusal(run: Run, path: tuple[str, ...], parameter: Any, value: str) -> str:
    """Give what is said of a wrong value: exit code 2 and the name of the option."""
    shown = run(*call(path, parameter, value))
    assert shown.exit_code == 2
    assert "Invalid value for" in shown.stderr
    assert parameter.opts[0] in shown.stderr
    said: str = shown.stderr
    return said


def test_the_table_knows_the_commands_and_their_kinds() -> None:
    """So that the tests below are about all of them."""
    assert {("watchdog",), ("outbox",), ("show", "prices"), ("portfolio", "import")} <= set(
        COMMANDS
    )
    assert len(parameters(is_number)) > 15
    assert len(parameters(is_date)) > 15
    assert len(parameters(is_text)) > 30


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value[:6])
@pytest.mark.parametrize(("path", "parameter"), parameters(is_number))
def test_a_number_out_of_bounds_is_a_wrong_option(
    run: Run, path: tuple[str, ...], parameter: Any, value: str
) -> None:
    """Exit code 2 and the name of the option, before anything is opened."""
    assert refusal(run, path, parameter, value)


@pytest.mark.parametrize("value", DATES, ids=lambda value: value[:10])
@pytest.mark.parametrize(("path", "parameter"), parameters(is_date))
def test_a_date_out_of_bounds_is_a_wrong_option(
    run: Run, path: tuple[str, ...], parameter: Any, value: str
) -> None:
    """A day outside the calendar is answered with the latest session there is."""
    said = refusal(run, path, parameter, value)
    is_day = len(value) == 10 and value != "2026-02-30"
    assert ("the latest session that is complete is 20" in " ".join(said.split())) is is_day


@pytest.mark.parametrize("value", NO_TEXTS, ids=ascii)
@pytest.mark.parametrize(("path", "parameter"), parameters(is_text))
def test_what_is_no_text_is_a_wrong_argument(
    run: Run, path: tuple[str, ...], parameter: Any, value: str
) -> None:
    """No lone surrogate and no NUL gets as far as a database, a file or the terminal."""
    shown = run(*call(path, parameter, value))
    assert shown.exit_code == 2
    assert "is no text: write UTF-8, without NUL" in shown.stderr
    assert shown.stderr.isascii()


@pytest.mark.parametrize(("path", "parameter"), parameters(is_date))
@pytest.mark.parametrize("value", ["2005-01-03", "2031-12-31"])
def test_the_calendars_own_ends_are_no_surprise(
    run: Run,
    stored: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    path: tuple[str, ...],
    parameter: Any,
    value: str,
) -> None:
    """A day nobody has rows of is an answer or a plain refusal, never something unexpected."""
    assert stored
    monkeypatch.setattr("market_pipeline.sandbox.serve_forever", lambda *_, **__: None)
    shown = run(*call(path, parameter, value))
    assert shown.exit_code in (0, 1, 2)
    assert "unexpected" not in shown.stderr


def test_a_seed_at_its_bound_makes_a_market(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The greatest seed that is taken is one the generator takes."""
    served: list[object] = []
    monkeypatch.setattr("market_pipeline.sandbox.serve_forever", lambda *it, **_: served.append(it))
    assert run("sandbox", "serve", "--seed", str(2**63 - 1)).exit_code == 0
    assert len(served) == 1


def test_the_most_rows_may_be_asked_for(run: Run, stored: Warehouse) -> None:
    """The bound is one that every reader of rows takes."""
    assert stored
    most = ("-n", "1000000")
    for words in (("show", "prices"), ("news", "AAPL"), ("alerts", "--all"), ("outbox",)):
        assert run(*words, *most).exit_code == 0, words


@pytest.mark.parametrize("view", ["headlines", "tellings"])
def test_news_of_a_day_to_come_is_no_matter_of_a_backfill(
    run: Run, stored: Warehouse, view: str
) -> None:
    """What cannot be made is not advised; the latest session is named."""
    assert stored
    shown = run("show", view, "--date", "2031-06-02")
    assert shown.exit_code == 1
    assert "that day is yet to come; the latest session that is complete is 20" in shown.stderr
    assert "backfill" not in shown.stderr


def test_a_backfill_of_news_to_come_is_refused(run: Run) -> None:
    """The range would end before it begins; no run is recorded for it."""
    words = ("--from", "2031-06-02", "--to", "2031-06-03", "--select", "headlines")
    shown = run("backfill", *words)
    assert shown.exit_code == 2
    assert "2031-06-02 is yet to come; the latest session that is complete is 20" in shown.stderr


def test_a_backfill_of_news_before_the_first_session_is_refused(run: Run) -> None:
    """The setting that would move it is named, as it is for sessions."""
    words = ("--from", "2006-01-04", "--to", "2006-01-05", "--select", "headlines")
    shown = run("backfill", *words)
    assert shown.exit_code == 2
    assert "setting MARKET_PIPELINE_FIRST_SESSION" in shown.stderr


def test_a_book_named_in_other_bytes_is_refused(run: Run, tmp_path: Path) -> None:
    """The name of the file would be stored with it: in PostgreSQL it could not."""
    file = tmp_path / "caf\udce9.csv"
    file.write_text("Symbol,Quantity\n")
    shown = run("portfolio", "import", str(file))
    assert shown.exit_code == 2
    assert "is no text" in shown.stderr
