"""How long a process takes before it does anything: the command line, the code location."""

import subprocess
import sys
from collections.abc import Callable, Iterable

from benchmarks.lab import Lab
from benchmarks.registry import benchmark
from benchmarks.rows import Row, duration
from benchmarks.turns import in_turns, seconds

_HELP = ("-m", "market_pipeline.cli", "--help")
_DEFINITIONS = ("-c", "import market_pipeline.definitions")
_NOTHING = ("-c", "pass")
_DAGSTER = ("-c", "import dagster")


@benchmark("start_up", "seconds until the command line answers and the definitions are loaded")
def start_up(lab: Lab) -> Iterable[Row]:
    """Start each process anew, after one that is not measured and compiles the modules."""
    sides = {
        "market-pipeline --help": _process(lab, _HELP),
        "an empty process": _process(lab, _NOTHING),
        "import definitions": _process(lab, _DEFINITIONS),
        "import dagster": _process(lab, _DAGSTER),
    }
    for name, side in sides.items():
        lab.say(f"{name}, not counted: {side():.2f} s")
    taken = in_turns(lab.size(full=3, quick=1), sides, lab.say)
    return [
        duration(
            "start_up.help", taken["market-pipeline --help"],
            peer="an empty process", peer_seconds=taken["an empty process"],
        ),
        duration(
            "start_up.definitions", taken["import definitions"],
            peer="importing dagster", peer_seconds=taken["import dagster"],
        ),
    ]  # fmt: skip


def _process(lab: Lab, arguments: Iterable[str]) -> Callable[[], float]:
    environment, folder = lab.environment(), lab.new_folder()

    def run() -> float:
        command = [sys.executable, *arguments]
        return seconds(
            lambda: subprocess.run(
                command, env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL
            )
        )

    return run
