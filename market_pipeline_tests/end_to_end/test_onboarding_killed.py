"""Daemon, code server and run worker die together in an onboarding: its rows come all the same."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest

from market_pipeline.domain.jobs import PENDING
from market_pipeline.domain.onboarding import PROCESSING
from market_pipeline.sandbox import SandboxServer
from market_pipeline_tests.end_to_end.daemon import (
    PATIENCE_S,
    Daemon,
    charts_asked,
    daemon_over,
    forget_requests,
    sandbox_of_now,
)
from market_pipeline_tests.end_to_end.dagster_dev import wait_until

NAME, SYMBOLS = "gamma", ("DIS", "NKE", "GE", "IBM", "ORCL", "AAPL")
TABLES = (
    "positions", "onboarding_symbols", "symbol_universe", "equity_bars", "market_data_cache",
    "symbol_factor_exposures", "symbol_daily_metrics", "portfolio_snapshots",
    "portfolio_positions", "portfolio_risk", "position_factor_exposures",
    "portfolio_factor_exposures", "portfolio_stress",
)  # fmt: skip
SLOW = {"kind": "slow_body", "vendor": "yahoo", "path": "/chart/", "params": {"seconds": 1.0}}

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.environ.get("MARKET_PIPELINE_SOAK") != "1", reason="minutes; make test-soak runs it"
    ),
]


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """Give a sandbox that is slow to tell histories, so that a kill finds some on their way."""
    with sandbox_of_now() as running:
        faults = f"{running.url}/_sandbox/faults"
        httpx.post(faults, content=json.dumps(SLOW), trust_env=False).raise_for_status()
        yield running


def rows(daemon: Daemon) -> dict[str, str]:
    """Wait until nothing is under way, and digest each table of what an onboarding leads to."""
    assert wait_until(lambda: not daemon.under_way(), PATIENCE_S), daemon.runs()
    counts = {name: daemon.warehouse.count(name) for name in TABLES}
    assert all(counts.values()), counts
    return {name: daemon.warehouse.table_digest(name) for name in TABLES}


@pytest.fixture(scope="module")
def undisturbed(
    server: SandboxServer, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """Give what an onboarding that nobody disturbs comes to."""
    with daemon_over(tmp_path_factory.mktemp("undisturbed"), server.url) as daemon:
        daemon.start()
        daemon.settle()
        daemon.drop(NAME, SYMBOLS)
        assert wait_until(lambda: daemon.is_complete(NAME), PATIENCE_S), daemon.said()
        return rows(daemon)


@contextmanager
def no_run_is_recorded(daemon: Daemon) -> Iterator[None]:
    """Keep Dagster from writing to its record of runs: what a sensor asks for cannot begin."""
    path = daemon.settings.state_dir / "dagster" / "history" / "runs.db"
    assert path.exists()
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def imported(daemon: Daemon, server: SandboxServer) -> bool:
    return daemon.onboarding(NAME) is not None


def asking(daemon: Daemon, server: SandboxServer) -> bool:
    return charts_asked(server) > 1


def collected(daemon: Daemon, server: SandboxServer) -> bool:
    return set(SYMBOLS) <= set(daemon.warehouse.coverage("equity_bars"))


@pytest.mark.parametrize(
    ("moment", "state", "runs"),
    [(imported, PENDING, 0), (asking, PROCESSING, 1), (collected, PROCESSING, 1)],
)
def test_all_killed_together_it_goes_on_by_itself(
    undisturbed: Mapping[str, str],
    server: SandboxServer,
    tmp_path: Path,
    moment: Callable[[Daemon, SandboxServer], bool],
    state: str,
    runs: int,
) -> None:
    """Right after the import, before anybody noted it; while histories arrive; before snapshots.

    The start of a new daemon is all that is done. Stored histories are not asked for again.
    """
    with daemon_over(tmp_path, server.url) as daemon:
        daemon.start()
        daemon.settle()
        before = len(daemon.runs())
        forget_requests(server)
        held = no_run_is_recorded(daemon) if moment is imported else nullcontext()
        with held:
            daemon.drop(NAME, SYMBOLS)
            assert wait_until(lambda: moment(daemon, server), PATIENCE_S, 0.01), daemon.said()
            daemon.kill_all()
        assert daemon.members() == []
        one = daemon.onboarding(NAME)
        assert one is not None
        assert one.state == state
        assert len(daemon.runs()) == before + runs
        covered = set(daemon.warehouse.coverage("equity_bars"))
        forget_requests(server)
        daemon.start()
        done = wait_until(lambda: daemon.is_complete(NAME), PATIENCE_S)
        assert done, (daemon.onboarding(NAME), daemon.runs(), daemon.said())
        assert charts_asked(server) == len(set(SYMBOLS) - covered)
        assert rows(daemon) == undisturbed
        # One run for what had none; the retry of the one that died, and no further.
        assert len(daemon.runs()) == before + runs + 1, daemon.runs()
