"""`python -m benchmarks.price_quality --history DIR`: precision and recall of the rules on bars."""

import argparse
import sys
from pathlib import Path

from benchmarks.price_quality import measures
from benchmarks.price_quality.measures import Scores


def main() -> int:
    """Read the command line, measure, print; 2 where the folder holds no history."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.price_quality", description=__doc__)
    parser.add_argument("--history", type=Path, required=True, help="folder of recorded bars")
    parser.add_argument("--spoilt", type=int, default=500, help="bars spoilt of each kind")
    asked = parser.parse_args()
    try:
        bars = measures.read_bars(asked.history)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    doubts = set(measures.doubted(bars))
    print(f"{len(bars):,} recorded bars, {len(doubts)} doubted\n")
    _print("the defects that the recording lists", measures.scores(
        len(bars), doubts, measures.listed()
    ))  # fmt: skip
    _print("with those seen since", measures.scores(len(bars), doubts, measures.known()))
    print(f"{asked.spoilt} bars spoilt of each kind: the share that is doubted")
    for kind in measures.SPOILT:
        print(f"  {kind:38} {measures.recall_of_spoilt(bars, kind, asked.spoilt):7.1%}")
    return 0


def _print(title: str, found: Scores) -> None:
    defects = len(found.caught) + len(found.missed)
    print(f"{title}: {defects}")
    print(f"  precision {found.precision:.3f}, recall {found.recall:.3f}, ", end="")
    print(f"{found.alarms_per_1000:.3f} false alarms in 1,000 bars of the rest")
    for word, keys in (("missed", found.missed), ("false alarms", found.alarms)):
        if keys:
            print(f"  {word}: {', '.join(f'{symbol} {day}' for day, symbol in sorted(keys))}")
    print()


if __name__ == "__main__":
    sys.exit(main())
