"""`market-pipeline portfolio`: books and transactions from files into the warehouse and back."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, parse_day, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say
from market_pipeline.domain.errors import PortfolioFileError

if TYPE_CHECKING:
    from market_pipeline.domain.books import Book
    from market_pipeline.domain.transactions import TransactionFile
    from market_pipeline.operations.portfolios import BookChanges
    from market_pipeline.operations.transactions import TransactionChanges
    from market_pipeline.settings import Settings

app = typer.Typer(
    help="Books: import them from CSV files, list them, export them.", no_args_is_help=True
)


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
    as_of: Annotated[
        Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
        typer.Option(
            "--as-of",
            parser=parse_day,
            metavar="DATE",
            help="The day of which the positions are; default: what the file says, else today.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; write nothing.")
    ] = False,
    form: FormatOption = Format.table,
) -> None:
    """Import a file of positions or transactions whole, or say everything that is wrong with it.

    Our own columns or a broker's export: the header tells.
    """
    settings = begin(ctx)
    from market_pipeline.domain.books import Book
    from market_pipeline.operations import portfolios

    try:
        found = portfolios.read_file(file, portfolio, utc_now, as_of)
        if isinstance(found, Book):
            _print_changes(_take_book(settings, found, dry_run), form, is_dry_run=dry_run)
        else:
            changes, contained = _take_transactions(settings, found, dry_run)
            _print_transactions(changes, form, dry_run)
            if contained:
                remark(contained)
    except PortfolioFileError as error:
        _print_problems(error, form)
        raise typer.Exit(FAILED) from None


@app.command("export")
def export(
    ctx: typer.Context,
    portfolio: Annotated[str, typer.Argument(metavar="ID", help="The portfolio.")],
    transactions: Annotated[
        bool, typer.Option("--transactions", help="Its transactions instead of its positions.")
    ] = False,
) -> None:
    """Print a portfolio as the CSV file that the import reads."""
    settings = begin(ctx)
    from market_pipeline.operations import opening
    from market_pipeline.operations.transactions import export_positions, export_transactions

    warehouse = opening.open_to_look(settings)
    if transactions:
        print_rows(export_transactions(warehouse, portfolio), Format.csv)
        return
    day, frame = export_positions(warehouse, portfolio)
    say(f"# As of: {day}")
    print_rows(frame, Format.csv)


@app.command("list")
def list_all(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """List the portfolios."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    frame = portfolios.list_portfolios(opening.open_to_look(settings))
    print_rows(frame, form)
    if frame.empty:
        remark("no portfolio yet: `market-pipeline portfolio import FILE` brings one")


def _take_book(settings: "Settings", book: "Book", is_dry_run: bool) -> "BookChanges":
    from market_pipeline.operations import opening, portfolios

    if not is_dry_run:
        return portfolios.import_book(opening.open_for_books(settings), book, utc_now())
    warehouse = opening.open_if_there(settings)
    return portfolios.changes_of(book, warehouse.book(book.portfolio_id) if warehouse else None)


def _take_transactions(
    settings: "Settings", file: "TransactionFile", is_dry_run: bool
) -> "tuple[TransactionChanges, str | None]":
    """Give what the file changes, and what is to be said of rows that the positions contain."""
    from market_pipeline.operations import opening, transactions

    if is_dry_run:
        warehouse = opening.open_if_there(settings)
        if warehouse is None:
            return transactions.changes_of(file, [], None), None
        stored = warehouse.transactions.files(file.portfolio_id)
        changes = transactions.changes_of(file, stored, warehouse.book(file.portfolio_id))
    else:
        warehouse = opening.open_for_books(settings)
        changes = transactions.import_transactions(warehouse, file, utc_now())
    return changes, transactions.contained_in(file, warehouse.book(file.portfolio_id))


def _print_transactions(changes: "TransactionChanges", form: Format, is_dry_run: bool) -> None:
    name, count = changes.file.portfolio_id, len(changes.file.transactions)
    _print_outcome(changes, form, f"{name}: {count} transactions", is_dry_run)


def _print_changes(changes: "BookChanges", form: Format, *, is_dry_run: bool) -> None:
    name, count = changes.book.portfolio_id, len(changes.book.positions)
    _print_outcome(changes, form, f"{name}: {count} positions", is_dry_run)


def _print_outcome(
    changes: "BookChanges | TransactionChanges", form: Format, what: str, is_dry_run: bool
) -> None:
    # The first import adds every row: people need not read their file again.
    is_first = changes.is_new and not is_dry_run
    if form is not Format.table or (len(changes.frame) and not is_first):
        print_rows(changes.frame, form)
    verb = "would be imported" if is_dry_run else "imported"
    if changes.is_same:
        verb = "unchanged"
    say(f"{what} {verb}; {changes.summary}", form)
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
