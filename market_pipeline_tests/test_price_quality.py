"""The bounds that the rules on bars keep, on recorded history and on bars spoilt on purpose."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.price_quality import measures

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.real_history
def test_every_listed_defect_is_caught_with_few_false_alarms(market_history: Path) -> None:
    """All of the recording's list; at most one false alarm in 1,000 bars, by far."""
    bars = measures.read_bars(market_history)
    doubts = set(measures.doubted(bars))
    found = measures.scores(len(bars), doubts, measures.listed())
    assert found.missed == frozenset()
    assert len(found.caught) == 19
    assert found.alarms_per_1000 <= 1.0
    by_now = measures.scores(len(bars), doubts, measures.known())
    assert by_now.recall == 1.0
    assert by_now.precision > 0.8
    assert by_now.alarms_per_1000 < 0.05


@pytest.mark.real_history
@pytest.mark.parametrize("kind", measures.SPOILT)
def test_bars_spoilt_on_purpose_are_doubted(market_history: Path, kind: str) -> None:
    """Impossible bars all of them, spikes and splits nearly all of them."""
    bars = measures.read_bars(market_history)
    some = bars[bars["symbol"].isin(sorted(set(bars["symbol"]))[::8])]
    share = measures.recall_of_spoilt(some, kind, 200)
    assert share >= (0.9 if "spike" in kind or "split" in kind else 1.0)


def test_a_folder_without_history_is_refused(tmp_path: Path) -> None:
    """The command says what is missing, and ends with 2."""
    command = [sys.executable, "-m", "benchmarks.price_quality", "--history", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )  # our own command
    assert done.returncode == 2
    assert "holds no file daily_ohlcv_*" in done.stderr
