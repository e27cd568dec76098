"""A file in the inbox becomes a snapshot within a minute, by the daemon, whoever is killed."""

import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from market_pipeline.domain.jobs import COMPLETED
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.operations import onboarding
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

WITHIN_S = 60
"""What the drop of 20 new symbols may take to its snapshot."""
NEW = (
    "AAPL", "MSFT", "NVDA", "GOOGL", "AMZN", "META", "JPM", "BAC", "XOM", "CVX",
    "JNJ", "PFE", "KO", "PEP", "PG", "WMT", "HD", "MCD", "CAT", "BA",
)  # fmt: skip
UNKNOWN = "NOSUCH"
LATER = ("DIS", "NKE", "GE", "IBM", "ORCL")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """Give a sandbox whose present is now, as the daemon's is."""
    with sandbox_of_now() as running:
        yield running


@pytest.fixture(scope="module")
def daemon(server: SandboxServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Give a running daemon that has made the last session once, without a book."""
    with daemon_over(tmp_path_factory.mktemp("onboarding"), server.url) as running:
        running.start()
        running.settle()
        yield running


def timeline(daemon: Daemon, name: str, dropped_at: datetime) -> dict[str, float]:
    """Give the seconds from the drop to the end of each step."""
    one = daemon.onboarding(name)
    assert one is not None
    assert one.started_at is not None
    assert one.completed_at is not None
    jobs = daemon.warehouse.read("collection_jobs", where={"subject": list(one.new)})
    ends = jobs.groupby("asset")["completed_at"].max()
    moments = {
        "imported": one.imported_at, "taken up": one.started_at,
        "profiles": ends["company_profiles"], "history": ends["equity_bars"],
        "snapshot settled": one.completed_at,
    }  # fmt: skip
    return {step: round((at - dropped_at).total_seconds(), 1) for step, at in moments.items()}


def test_twenty_new_symbols_are_valued_within_a_minute(
    daemon: Daemon, server: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """From drop to snapshot; two portfolios ask for one history of each symbol, not two.

    The symbol no vendor knows is failed with that reason, and its portfolio is valued.
    """
    forget_requests(server)
    dropped_at, began = datetime.now(UTC), time.monotonic()
    daemon.drop("alpha", NEW)
    daemon.drop("beta", (*NEW, UNKNOWN))
    done = wait_until(lambda: daemon.is_complete("alpha"), PATIENCE_S)
    assert done, (daemon.onboarding("alpha"), daemon.said())
    took = time.monotonic() - began
    with capsys.disabled():
        told = timeline(daemon, "alpha", dropped_at)
        sys.stderr.write(f"\ndrop to snapshot: {took:.1f} s; seconds to each step: {told}\n")
    assert took < WITHIN_S
    assert daemon.is_complete("beta")
    assert charts_asked(server) == len(NEW) + 1
    steps = status(daemon, "alpha")
    assert {name: row["state"] for name, row in steps.items()} == dict.fromkeys(
        ("imported", "symbols", "history", "profiles", "factors", "snapshot"), COMPLETED
    )
    assert (steps["history"]["done"], steps["factors"]["done"]) == (20, 20)
    assert steps["symbols"]["reason"] == "20 new, 0 known"
    beta = status(daemon, "beta")
    assert "no vendor knows it" in beta["history"]["reason"]
    assert (beta["history"]["done"], beta["history"]["of"]) == (20, 21)
    assert beta["snapshot"]["reason"] == f"without a price: {UNKNOWN}"


@pytest.mark.soak
@pytest.mark.skipif(
    os.environ.get("MARKET_PIPELINE_SOAK") != "1", reason="minutes; make test-soak runs it"
)
def test_killed_in_the_middle_it_goes_on_by_itself(daemon: Daemon, server: SandboxServer) -> None:
    """Run worker and daemon are killed while histories arrive; a new daemon brings it to its end.

    What was stored is not asked for again.
    """
    slow = {"kind": "slow_body", "vendor": "yahoo", "path": "/chart/", "params": {"seconds": 1.5}}
    faults = f"{server.url}/_sandbox/faults"
    httpx.post(faults, content=json.dumps(slow), trust_env=False).raise_for_status()
    forget_requests(server)
    daemon.drop("gamma", (*LATER, *NEW[:2]))
    assert wait_until(lambda: charts_asked(server) > 0, PATIENCE_S), daemon.said()
    daemon.kill_daemon()
    workers = daemon.workers()
    assert workers
    for worker in workers:
        worker.kill()
    assert not daemon.is_complete("gamma")
    # Its code server outlives the daemon for a while, and sees that the worker is gone.
    assert wait_until(lambda: not daemon.under_way(), PATIENCE_S), daemon.runs()
    httpx.delete(faults, trust_env=False)
    before = dict(daemon.warehouse.coverage("equity_bars"))
    forget_requests(server)
    daemon.start()
    done = wait_until(lambda: daemon.is_complete("gamma"), PATIENCE_S)
    assert done, (daemon.onboarding("gamma"), daemon.runs(), daemon.said())
    assert charts_asked(server) == len(set(LATER) - set(before))
    # Dagster's own retry led it there: no further run was needed.
    assert len(daemon.runs()) == 4, daemon.runs()
    one = daemon.onboarding("gamma")
    assert one is not None
    assert (set(one.new), set(one.known)) == (set(LATER), set(NEW[:2]))
    assert status(daemon, "gamma")["history"]["done"] == len(LATER) + 2


def status(daemon: Daemon, name: str) -> dict[str, dict[str, Any]]:
    """Give how a portfolio stands, as the command shows it, by step."""
    rows = onboarding.steps(daemon.warehouse, TradingCalendar.xnys(), name).to_dict("records")
    return {row["step"]: {str(key): value for key, value in row.items()} for row in rows}
