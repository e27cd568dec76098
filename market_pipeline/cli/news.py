"""`market-pipeline news`: the latest headlines of a symbol or a portfolio, and their tone."""

from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, LimitOption, begin, utc_now
from market_pipeline.cli.output import mark_sandbox, print_rows, remark, say

SymbolArgument = Annotated[
    Optional[str],  # noqa: UP045  # typer reads this form for what may be left out
    typer.Argument(metavar="[SYMBOL]", help="A symbol; or name a portfolio instead."),
]
PortfolioOption = Annotated[
    Optional[str],  # noqa: UP045  # one form for all options
    typer.Option("--portfolio", "-p", help="The news on what this portfolio holds."),
]
FOR_PEOPLE = (
    "published_at", "headline", "publisher", "told_by", "score", "label", "confidence", "mark",
    "first_seen_at",
)  # fmt: skip


def news(
    ctx: typer.Context,
    symbol: SymbolArgument = None,
    portfolio: PortfolioOption = None,
    limit: LimitOption = 20,
    form: FormatOption = Format.table,
) -> None:
    """Show the latest headlines with their scores, and the week summed up above them.

    `low` marks a score of low confidence, STALE news that should have been collected again.
    """
    settings = begin(ctx)
    from market_pipeline.operations.news import news_of

    found = news_of(settings, utc_now, symbol, portfolio, limit)
    mark_sandbox(found.data_kind, form)
    for sentence in found.sentences:
        say(sentence, form)
    print_rows(found.frame, form, columns=FOR_PEOPLE)
    if found.frame.empty:
        remark("there is no headline to show")
