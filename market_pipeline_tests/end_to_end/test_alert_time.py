"""How long a person waits for the message that a run has failed: real daemon, real webhook."""

import sys
import time
from pathlib import Path

import dagster as dg
import httpx
import pytest

from market_pipeline.domain.notices import ALERT_CLOSED, ALERT_OPENED
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.settings import settings_in_force
from market_pipeline_tests.end_to_end.daemon import Daemon, daemon_over, sandbox_of_now
from market_pipeline_tests.end_to_end.dagster_dev import wait_until
from market_pipeline_tests.receiver import Receiver, receiving

WITHIN_S = 90
"""History every 15 s, rules every 30 s, deliveries every 10 s, each behind what else is due."""
PATIENCE_S = 300
FAILED = "run-failed:session_job"

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def session_runs(daemon: Daemon, status: dg.DagsterRunStatus, since: float) -> list[dg.RunRecord]:
    with settings_in_force(daemon.settings), dagster_instance() as instance:
        records = instance.get_run_records(
            dg.RunsFilter(job_name="session_job", statuses=[status]), limit=20
        )
        return [one for one in records if (one.start_time or 0) >= since]


def backfilled(daemon: Daemon, status: dg.DagsterRunStatus) -> float:
    """Ask for a session as a person does, wait for its run to end so, and give when that was."""
    began = time.time()
    daemon.command("backfill", "--from", "2026-03-02", "--to", "2026-03-02")
    ended = wait_until(lambda: bool(session_runs(daemon, status, began)), PATIENCE_S)
    assert ended, daemon.said()
    return max(one.end_time or 0 for one in session_runs(daemon, status, began))


def told_at(receiver: Receiver, topic: str) -> float:
    """Wait for a message on the job; give when it came."""

    def is_told() -> bool:
        told = [posted.json for posted in receiver.posted]
        return (topic, FAILED) in {(one["topic"], one.get("alert_key")) for one in told}

    assert wait_until(is_told, PATIENCE_S), [posted.json for posted in receiver.posted]
    return time.time()


def test_a_failed_run_is_told_within_its_time_and_its_recovery_too(tmp_path: Path) -> None:
    """Every vendor answers 500; then they answer again, and the same session is made."""
    with (
        sandbox_of_now() as server,
        receiving() as receiver,
        daemon_over(tmp_path, server.url) as daemon,
    ):
        daemon.variables["MARKET_PIPELINE_WEBHOOK_URLS"] = receiver.url
        daemon.start()
        daemon.settle()
        httpx.post(
            f"{server.url}/_sandbox/faults", json={"vendor": "*", "kind": "server_error"},
            trust_env=False,
        ).raise_for_status()  # fmt: skip
        failed = backfilled(daemon, dg.DagsterRunStatus.FAILURE)
        told = told_at(receiver, ALERT_OPENED)
        sys.stderr.write(f"\na failed run was told {told - failed:.1f} s after its end\n")
        assert told - failed <= WITHIN_S
        httpx.delete(f"{server.url}/_sandbox/faults", trust_env=False).raise_for_status()
        made = backfilled(daemon, dg.DagsterRunStatus.SUCCESS)
        over = told_at(receiver, ALERT_CLOSED)
        sys.stderr.write(f"its recovery was told {over - made:.1f} s after the run that made it\n")
        assert over - made <= WITHIN_S
