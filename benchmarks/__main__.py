"""`python -m benchmarks`: measure, print a table, write `bench.json` to the state folder."""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from benchmarks.lab import Lab
from benchmarks.registry import all_benchmarks, chosen
from benchmarks.report import Report, environment_of, print_table, write_json
from market_pipeline.settings import current_settings

_WIDTH = 160


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what `arguments` (the command line's) ask for; give the exit code."""
    asked = _parser().parse_args(arguments)
    if asked.list:
        for each in all_benchmarks():
            print(f"{each.name:12} {each.tells}")
        return 0
    try:
        benchmarks = chosen(asked.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    state_dir = current_settings().state_dir
    began = time.monotonic()
    report = Report(asked.quick)
    with Lab(is_quick=asked.quick) as lab:
        for each in benchmarks:
            lab.say(f"{each.name}: {each.tells}")
            report.rows += each.measure(lab)
        report.skipped = lab.skipped
        report.environment = environment_of(lab.postgres_version())
    report.seconds = round(time.monotonic() - began, 1)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    print_table(report, console)
    path = write_json(report, state_dir)
    console.print(f"{report.seconds:.0f} s; written to {os.path.relpath(path)}", markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="measure this one (repeatable)"
    )
    parser.add_argument("--quick", action="store_true", help="less of everything, under a minute")
    parser.add_argument("--list", action="store_true", help="name the benchmarks and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
