"""What a run of the benchmarks found: a table for people, JSON for whatever compares two runs."""

import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, Skip, Spread

JSON_FILE = "bench.json"
_LIBRARIES = ("dagster", "pandas", "numpy", "sqlalchemy", "psycopg", "yfinance")


@dataclass
class Report:
    """Rows and skips of one run, and where it ran."""

    is_quick: bool
    rows: list[Row] = field(default_factory=list)
    skipped: Sequence[Skip] = ()
    environment: dict[str, object] = field(default_factory=dict)
    seconds: float = 0.0


def environment_of(postgres: str | None) -> dict[str, object]:
    """Describe the machine and the versions, without naming either."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "load_average": [round(value, 1) for value in os.getloadavg()],
        "sqlite": sqlite3.sqlite_version,
        "postgresql": postgres,
        **{name: version(name) for name in _LIBRARIES},
    }


def write_json(report: Report, folder: Path) -> Path:
    """Write the report to `bench.json` in `folder`, in place of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), **asdict(report)}
    path, draft = folder / JSON_FILE, folder / f"{JSON_FILE}.new"
    draft.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
    return path


def print_table(report: Report, console: Console) -> None:
    """Print the rows, then what was left out."""
    table = Table(title="Benchmarks (quick)" if report.is_quick else "Benchmarks")
    table.add_column("measured", no_wrap=True)
    for name in ("median", "min - max"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("peer")
    for name in ("peer median", "ratio", "ratio min - max"):
        table.add_column(name, justify="right", no_wrap=True)
    section = ""
    for row in report.rows:
        if section and section != row.name.partition(".")[0]:
            table.add_section()
        section = row.name.partition(".")[0]
        table.add_row(
            row.name, shown(row.value), _range(row.spread), row.unit, row.peer or "",
            "" if row.peer_value is None else shown(row.peer_value),
            "" if row.ratio is None else shown(row.ratio),
            "" if row.ratio_spread is None else _range(row.ratio_spread),
        )  # fmt: skip
    console.print(table)
    for skip in report.skipped:
        console.print(f"skipped {skip.name}: {skip.reason}", style="yellow", markup=False)


def shown(value: float) -> str:
    """Write a number with as many digits as it deserves."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _range(spread: Spread) -> str:
    return f"{shown(spread[0])} - {shown(spread[1])}"
