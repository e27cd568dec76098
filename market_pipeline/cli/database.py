"""`market-pipeline db`: the warehouse for an operator."""

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say

app = typer.Typer(help="The warehouse: its revision, its tables.", no_args_is_help=True)


@app.command("upgrade")
def upgrade(ctx: typer.Context) -> None:
    """Bring the warehouse's tables to the newest revision."""
    settings = begin(ctx)
    from market_pipeline.operations import database

    done = database.upgrade(settings)
    if done.before == done.after:
        say(f"{done.display_url} is at the newest revision already ({done.after})")
    else:
        say(f"{done.display_url}: revision {done.before or 'none'} -> {done.after}")


@app.command("status")
def status(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """Show the revision, and the rows and dates of every table; 1 where it is out of date."""
    settings = begin(ctx)
    from market_pipeline.operations import database

    found = database.status(settings)
    say(f"{found.display_url}: revision {found.revision}, newest {found.newest}", form)
    if found.is_current:
        print_rows(found.tables, form, data_kind=found.data_kind)
        return
    remark("error: the tables are out of date: `market-pipeline db upgrade` brings them up to date")
    raise typer.Exit(FAILED)
