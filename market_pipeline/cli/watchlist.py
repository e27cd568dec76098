"""`market-pipeline watchlist`: symbols that are followed without being held."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, utc_now
from market_pipeline.cli.guard import FAILED
from market_pipeline.cli.output import print_rows, remark, say

if TYPE_CHECKING:
    from market_pipeline.operations.portfolios import WatchOutcome

app = typer.Typer(help="Symbols followed without being held.", no_args_is_help=True)

SymbolsArgument = Annotated[
    list[str], typer.Argument(metavar="SYMBOL...", help="`-` reads them from stdin, one a line.")
]
_MAX_NAMED = 50


@app.command()
def add(ctx: typer.Context, symbols: SymbolsArgument) -> None:
    """Put symbols on the watchlist; what is no symbol is named, and the rest still added."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    texts = _with_stdin(symbols)
    outcome = portfolios.watch(opening.open_for_books(settings), texts, utc_now())
    known = len(outcome.done) - outcome.count_new
    say(f"{outcome.count_new} symbols added to the watchlist, {known} on it already")
    _end(outcome)


@app.command()
def remove(ctx: typer.Context, symbols: SymbolsArgument) -> None:
    """Take symbols off the watchlist; those not on it are named."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    texts = _with_stdin(symbols)
    outcome = portfolios.unwatch(opening.open_for_books(settings), texts, utc_now())
    say(f"{len(outcome.done)} symbols taken off the watchlist")
    _end(outcome)


@app.command("list")
def list_all(ctx: typer.Context, form: FormatOption = Format.table) -> None:
    """List the watched symbols."""
    settings = begin(ctx)
    from market_pipeline.operations import opening, portfolios

    frame = portfolios.list_watchlist(opening.open_to_look(settings))
    print_rows(frame, form)
    if frame.empty:
        remark("nothing is watched yet: `market-pipeline watchlist add SYMBOL...`")


def _with_stdin(texts: list[str]) -> list[str]:
    from market_pipeline.operations.portfolios import MAX_LIST_BYTES, symbols_of_list

    if "-" not in texts:
        return texts
    listed = symbols_of_list(sys.stdin.buffer.read(MAX_LIST_BYTES + 1))
    return [text for text in texts if text != "-"] + listed


def _end(outcome: "WatchOutcome") -> None:
    """Name what could not be done; the exit code is 0 only where everything was."""
    for number, (text, reason) in enumerate(outcome.refused.items()):
        if number == _MAX_NAMED:
            remark(f"and {len(outcome.refused) - _MAX_NAMED} more")
            break
        remark(f"{text[:40]}: {reason}")
    if outcome.refused:
        raise typer.Exit(FAILED)
