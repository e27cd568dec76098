"""The command line as real processes: start-up, pipes, signals, and the sandbox it serves."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from market_pipeline.cli.edge import utc_now
from market_pipeline.operations.symbols import cache_status
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.operations import rows

COMMAND = (sys.executable, "-m", "market_pipeline.cli")
SLOW = (
    "dagster", "pandas", "numpy", "sqlalchemy", "pydantic_settings", "yfinance", "httpx",
    "starlette", "uvicorn", "redis", "rich.console",
)  # fmt: skip
_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(state_dir: Path) -> dict[str, str]:
    """Give the environment of a process over the test's own state folder."""
    assert state_dir
    return {**os.environ, "PYTHONPATH": str(_FOLDER)}


def finished(
    environment: dict[str, str], *arguments: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, input=typed, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def test_a_watching_process_fills_the_cache_and_shows_what_changes(
    environment: dict[str, str], state_dir: Path
) -> None:
    """A real one, from cold to ready: others find every symbol kept, and a new price is shown."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    rows.fill(warehouse)
    watching = subprocess.Popen(
        [*COMMAND, "price", "AAPL", "--watch", "--every", "0.2", "-f", "csv"], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("symbol,")
        before = float(watching.stdout.readline().split(",")[2])
        deadline = time.monotonic() + 60
        while not (standing := cache_status(current_settings(), utc_now)[0].iloc[0])["is_ready"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        prices = warehouse.read("market_data_cache")
        assert standing["entries"] == prices["symbol"].nunique()
        warehouse.merge("market_data_cache", prices.assign(price_usd=prices["price_usd"] + 1))
        assert watching.stdout.readline().startswith("symbol,")
        assert float(watching.stdout.readline().split(",")[2]) == before + 1
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
        assert watching.returncode == 130
        assert "Traceback" not in said
    finally:
        watching.kill()
        watching.communicate()
        warehouse.dispose()


@contextmanager
def served(environment: dict[str, str], *options: str) -> Iterator[subprocess.Popen[str]]:
    """Serve the sandbox on a free port while the block runs."""
    process = subprocess.Popen(
        [*COMMAND, "sandbox", "serve", "--port", "0", *options], env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def announced_url(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Read what the sandbox prints up to its address; give the text and the address."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        found = re.fullmatch(r"  export MARKET_PIPELINE_SANDBOX_URL=(\S+)\n", line)
        if found:
            return text, found[1]
    raise AssertionError(f"no address was printed: {text}")


def test_help_loads_nothing_slow(environment: dict[str, str]) -> None:
    """Building the whole command tree imports no library that takes long."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from market_pipeline.cli.application import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['show', 'prices', '--help']).exit_code == 0\n"
        f"print(sorted(set({SLOW!r}) & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


def test_showing_rows_does_not_load_dagster(environment: dict[str, str], state_dir: Path) -> None:
    """Looking at rows needs the warehouse only, which is most of what makes it quick."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    rows.fill(warehouse)
    warehouse.dispose()
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from market_pipeline.cli.application import app\n"
        "assert CliRunner().invoke(app, ['show', 'prices']).exit_code == 0\n"
        "print(sorted({'dagster', 'yfinance', 'httpx'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.stdout.strip(), ended.stderr) == ("[]", "")


def test_exit_codes_reach_the_shell(environment: dict[str, str]) -> None:
    """What the tests in this process see is what a shell sees, and stdout stays empty."""
    holiday = finished(environment, "show", "prices", "--date", "2026-11-26")
    assert (holiday.returncode, holiday.stdout) == (1, "")  # no warehouse to look into yet
    assert finished(environment, "watchlist", "add", "-", typed="AAPL\n").returncode == 0
    holiday = finished(environment, "show", "prices", "--date", "2026-11-26")
    assert (holiday.returncode, holiday.stdout) == (2, "")
    assert holiday.stderr.startswith("error: 2026-11-26 is no trading session")
    assert finished(environment, "--nonsense").returncode == 2


def test_a_reader_that_goes_away_is_no_traceback(
    environment: dict[str, str], state_dir: Path
) -> None:
    """`market-pipeline show ... | head -1` ends quietly, and not with 0: not all was printed."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    news = pd.concat([rows.headlines()] * 250, ignore_index=True)
    news["headline_hash"] = [f"{number:032d}" for number in range(len(news))]
    warehouse.replace_range("headlines", news, rows.SESSION, rows.SESSION)
    warehouse.dispose()
    for form, unbuffered in (("json", ""), ("json", "1"), ("csv", ""), ("table", "")):
        process = subprocess.Popen(
            [*COMMAND, "show", "headlines", "--format", form],
            env={**environment, "PYTHONUNBUFFERED": unbuffered},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(60) == 1, form
        assert said == "", form


def test_the_sandbox_says_what_it_is_and_serves(environment: dict[str, str]) -> None:
    """The banner, the exact export line, an answer at that address; Ctrl-C ends it quietly."""
    with served(environment, "--seed", "11") as process:
        text, url = announced_url(process)
        assert text.startswith("SANDBOX DATA")
        with urllib.request.urlopen(f"{url}/finviz/quote.ashx?t=SPY", timeout=30) as reply:
            assert reply.status == 200
        healthy = finished({**environment, "MARKET_PIPELINE_SANDBOX_URL": url}, "doctor")
        assert (healthy.returncode, healthy.stdout.count(" yes ")) == (0, 7), healthy
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert (process.returncode, said) == (130, "")


def test_a_taken_port_is_one_line(environment: dict[str, str]) -> None:
    """The second sandbox says what to do."""
    with served(environment) as process:
        _, url = announced_url(process)
        port = url.rpartition(":")[2]
        second = finished(environment, "sandbox", "serve", "--port", port)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr
    assert second.stderr.count("\n") == 1


def test_a_folder_without_history_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    """A replay of nothing does not start."""
    (tmp_path / "empty").mkdir()
    ended = finished(environment, "sandbox", "serve", "--replay", str(tmp_path / "empty"))
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("error: ")
    missing = finished(environment, "sandbox", "serve", "--replay", str(tmp_path / "missing"))
    assert missing.returncode == 2


@pytest.mark.real_history
def test_recorded_history_is_replayed(environment: dict[str, str], market_history: Path) -> None:
    """`--replay` and `--as-of` start a sandbox over the folder."""
    with served(environment, "--replay", str(market_history), "--as-of", "2014-06-30") as process:
        text, url = announced_url(process)
        assert text.startswith("SANDBOX DATA")
        chart = f"{url}/yahoo/v8/finance/chart/AAPL?period1=1517788800&period2=1518134400"
        with urllib.request.urlopen(f"{chart}&interval=1d", timeout=60) as reply:
            assert b'"AAPL"' in reply.read()
