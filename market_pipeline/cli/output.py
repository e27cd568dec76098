"""Rows on the terminal, in the format asked for: answers to stdout, remarks to stderr.

Text is printed as it is, never as markup, and cannot steer the terminal.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from market_pipeline.cli.edge import Format

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

SANDBOX_BANNER = "SANDBOX DATA: made up or replayed, no real market"
_WIDTH_OF_A_PIPE = 1000
_HIGHLIGHTED = (
    "flags", "quality", "status", "state", "change", "rule", "unpriced_symbols", "mark", "sample",
)  # fmt: skip
_UNREMARKABLE = frozenset({"-", "", "ok", "priced", "manual", "full_history"})


def print_rows(
    frame: "pd.DataFrame",
    form: Format,
    *,
    title: str = "",
    columns: Sequence[str] = (),
    data_kind: str | None = None,
) -> None:
    """Print rows: `columns` of them for people (default all), everything for machines."""
    from market_pipeline.operations.rendering import to_csv, to_json

    mark_sandbox(data_kind, form)
    if form is Format.table:
        table = _table(frame, title, columns or [str(name) for name in frame.columns])
        stdout_console().print(table)
        return
    text = to_csv(frame) if form is Format.csv else to_json(frame)
    # By lines: unbuffered, one long write to a closed pipe is cut short without an error.
    sys.stdout.writelines(text.splitlines(keepends=True))


def mark_sandbox(data_kind: str | None, form: Format) -> None:
    """Say that what follows is of the sandbox: on stdout for people, on stderr for machines."""
    if data_kind != "sandbox":
        return
    if form is Format.table:
        stdout_console().print(SANDBOX_BANNER, style="bold black on yellow")
    else:
        remark(SANDBOX_BANNER)


def say(text: str, form: Format = Format.table) -> None:
    """Say how it went: to stdout for people, beside the rows (stderr) for machines."""
    from market_pipeline.operations.rendering import harmless

    typer.echo(harmless(text), err=form is not Format.table)


def remark(text: str) -> None:
    """Say something beside the answer, to stderr."""
    from market_pipeline.operations.rendering import harmless

    typer.echo(harmless(text), err=True)


def stdout_console() -> "Console":
    """Give a console on stdout that reads no markup; wide where nobody's window limits it."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _WIDTH_OF_A_PIPE
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)


def _table(frame: "pd.DataFrame", title: str, columns: Sequence[str]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from market_pipeline.operations.rendering import for_people, is_number_column

    table = Table(
        title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False,
    )  # fmt: skip
    for name in columns:
        # Digits that do not fit go to the next line: a number cut short reads as another one.
        is_number = is_number_column(frame[name])
        table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
    for row in frame[list(columns)].itertuples(index=False, name=None):
        cells = [for_people(name, value) for name, value in zip(columns, row, strict=True)]
        table.add_row(
            *(Text(cell, _style(name, cell)) for name, cell in zip(columns, cells, strict=True))
        )
    return table


def _style(name: str, cell: str) -> str:
    if name not in _HIGHLIGHTED or cell in _UNREMARKABLE:
        return ""
    return "bold red" if cell in ("broken", "unpriced", "rejected") else "yellow"
