"""`market-pipeline portfolio`: books from files into the warehouse, and what is there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say
from market_pipeline.domain.errors import PortfolioFileError

if TYPE_CHECKING:
    from market_pipeline.operations.portfolios import BookChanges

app = typer.Typer(help="Books: import them from CSV files, list them.", no_args_is_help=True)


@app.command("import")
def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file.")
    ],
    portfolio: Annotated[
        Optional[str],  # noqa: UP045  # one form for all options
        typer.Option("--portfolio", "-p", metavar="ID", help="Default: from the file's name."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; write nothing.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Import a portfolio file whole, or say everything that is wrong with it."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    try:
        book = portfolios.read_book(file, portfolio, utc_now)
    except PortfolioFileError as error:
        _print_problems(error, form)
        raise typer.Exit(FAILED) from None
    if dry_run:
        warehouse = opening.open_if_there(settings)
        stored = warehouse.book(book.portfolio_id) if warehouse else None
        changes = portfolios.changes_of(book, stored)
    else:
        changes = portfolios.import_book(opening.open_for_books(settings), book, utc_now())
    _print_changes(changes, form, is_dry_run=dry_run)


@app.command("list")
def list_all(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """List the portfolios."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    frame = portfolios.list_portfolios(opening.open_to_look(settings))
    print_rows(frame, form)
    if frame.empty:
        remark("no portfolio yet: `market-pipeline portfolio import FILE` brings one")


def _print_changes(changes: "BookChanges", form: Format, *, is_dry_run: bool) -> None:
    # The first import of a book adds every row: people need not read their file again.
    is_first = changes.is_new and not is_dry_run
    if form is not Format.table or (len(changes.frame) and not is_first):
        print_rows(changes.frame, form)
    name, count = changes.book.portfolio_id, len(changes.book.positions)
    verb = "would be imported" if is_dry_run else "imported"
    if changes.is_same:
        verb = "unchanged"
    say(f"{name}: {count} positions {verb}; {changes.summary}", form)
    if is_dry_run:
        say("dry run: nothing was written", form)


def _print_problems(error: PortfolioFileError, form: Format) -> None:
    import pandas as pd

    rows = [(each.row, each.column, each.value, each.expected) for each in error.problems]
    columns = ["row", "column", "value", "expected"]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    print_rows(frame, form)
    more = f", {error.unlisted} of them not listed" if error.unlisted else ""
    found = len(error.problems) + error.unlisted
    remark(f"error: {error.file}: nothing was imported, {found} problem(s){more}")
