"""A short storm: ten kills of real processes leave no run untrue and the tables of a quiet run."""

import os
import subprocess
import sys

import pytest

from market_pipeline_tests.end_to_end.sandboxed import ROOT


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_ten_kills_of_any_process_leave_no_trace(database: str) -> None:
    """Two of each kind; `make storm` makes fifty."""
    command = [sys.executable, "-m", "market_pipeline_tests.storm", "--database", database]
    ended = subprocess.run(
        [*command, "--kills", "10"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "all holds" in ended.stdout
