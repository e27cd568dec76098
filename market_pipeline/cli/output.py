"""Rows on the terminal, in the format asked for: answers to stdout, remarks to stderr.

Text is printed as it is, never as markup, and cannot steer the terminal. Tables are for people:
long text goes on in the next line; csv and json hold every value whole, in one place.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import typer

from market_pipeline.cli.edge import Format

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

SANDBOX_BANNER = "SANDBOX DATA: made up or replayed, no real market"
_WIDTH_OF_A_PIPE = 120
_NEVER_FOLDED = 24
"""Widest cell that stays on its line in a pipe: an instant, a date, any number."""
_LEAST_TEXT = 30
_LONGEST_WORD = 40
"""Widest word that stays whole in a pipe: a hash, a run's id; a longer one is an address."""
_BOUNDLESS = 10_000
_BETWEEN = 3
"""Cells between two columns."""
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
        console = stdout_console()
        room = None if sys.stdout.isatty() else console.width
        table = _table(frame, title, columns or [str(name) for name in frame.columns], room)
        if room is not None:
            console.width = max(room, _taken(table, console))
        console.print(table)
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
    """Give a console on stdout that reads no markup.

    As wide as the window; in a pipe as COLUMNS says, else 120 cells.
    """
    from rich.console import Console

    width = None if sys.stdout.isatty() else _asked_width() or _WIDTH_OF_A_PIPE
    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False, width=width)


def _asked_width() -> int:
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 4 else 0


def _table(frame: "pd.DataFrame", title: str, columns: Sequence[str], room: int | None) -> "Table":
    """Lay rows out; `room` is the width to fit, None where rich sees to the window's."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from market_pipeline.operations.rendering import for_people, is_number_column

    table = Table(
        title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False,
    )  # fmt: skip
    rows = [
        [for_people(name, value) for name, value in zip(columns, row, strict=True)]
        for row in frame[list(columns)].itertuples(index=False, name=None)
    ]
    widths = _widths([list(each) for each in zip(columns, *rows, strict=True)], room)
    for name, width in zip(columns, widths, strict=True):
        # Digits that do not fit go to the next line: a number cut short reads as another one.
        justify: Literal["left", "right"] = "right" if is_number_column(frame[name]) else "left"
        table.add_column(Text(name), justify=justify, overflow="fold", width=width)
    for cells in rows:
        table.add_row(
            *(Text(cell, _style(name, cell)) for name, cell in zip(columns, cells, strict=True))
        )
    return table


def _widths(columns: Sequence[Sequence[str]], room: int | None) -> Sequence[int | None]:
    """Give each column's width: the longest texts are folded until all fit into `room`.

    Never so far that a number, a date, a name or a word is torn: then the table is wider.
    """
    if room is None:
        return [None] * len(columns)
    from rich.cells import cell_len

    natural = [max(map(cell_len, cells)) for cells in columns]
    least = [
        width
        if width <= _NEVER_FOLDED
        else min(width, max(_LEAST_TEXT, *map(_longest_word, cells)))
        for width, cells in zip(natural, columns, strict=True)
    ]
    left = room - _BETWEEN * len(columns)
    most = max(natural, default=0)
    while most > 0:
        widths = [min(own, max(low, most)) for own, low in zip(natural, least, strict=True)]
        if sum(widths) <= left:
            return widths
        most -= 1
    return least


def _taken(table: "Table", console: "Console") -> int:
    return console.measure(table, options=console.options.update(width=_BOUNDLESS)).maximum


def _longest_word(cell: str) -> int:
    from rich.cells import cell_len

    return min(_LONGEST_WORD, max(map(cell_len, cell.split()), default=0))


def _style(name: str, cell: str) -> str:
    if name not in _HIGHLIGHTED or cell in _UNREMARKABLE:
        return ""
    return "bold red" if cell in ("broken", "unpriced", "rejected") else "yellow"
