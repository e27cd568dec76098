"""Kill a working pipeline at random, again and again, and print what that came to.

Run worker, step, code server, daemon and database, in real processes on loopback; each that a
service manager would start again is. Exit code 1 where a run stayed untrue for 60 s after the
recovery, a date was left out, a row stands twice, or a table differs from an undisturbed run's.
"""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path

from market_pipeline_tests.storm.storm import Storm


def main() -> int:
    """Run what the command line asks for; give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m market_pipeline_tests.storm", description=__doc__
    )
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument(
        "--sessions", type=int, help="how many are worked on (4 a kill, 40 at least)"
    )
    parser.add_argument("--minutes", type=float, default=60, help="no kill after this time")
    parser.add_argument("--folder", type=Path, help="keep everything there (a new folder)")
    asked = parser.parse_args()
    sessions = asked.sessions or max(40, 4 * asked.kills)
    if asked.folder is None:
        with tempfile.TemporaryDirectory(prefix="storm-") as made:
            return _run(Path(made), asked, sessions)
    asked.folder.mkdir(parents=True)
    return _run(asked.folder.resolve(), asked, sessions)


def _run(folder: Path, asked: argparse.Namespace, sessions: int) -> int:
    folder.chmod(0o711)  # PostgreSQL's own user passes through
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # all that was started is ended
    logging.disable(logging.WARNING)  # a driver tells of every try while the database is away
    storm = Storm(folder, asked.database, asked.seed, sessions)
    report = storm.run(asked.kills, asked.minutes * 60)
    print(report.told())
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
