"""`market-pipeline report`: the reports of a session as files, from what is stored."""

from datetime import date
from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import begin, parse_day
from market_pipeline.cli.output import say

DateOption = Annotated[
    Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
    typer.Option(
        "--date", parser=parse_day, metavar="DATE", help="A session; default: the last valued."
    ),
]


def report(ctx: typer.Context, day: DateOption = None) -> None:
    """Write the report of every portfolio in a session anew, and name the files.

    The asset `portfolio_report` makes them with each session; this takes in what came since, such
    as headlines, or makes those of a session long past.
    """
    settings = begin(ctx)
    from market_pipeline.operations.opening import open_to_look
    from market_pipeline.operations.reports import write_session

    for path in write_session(open_to_look(settings), settings, day):
        say(str(path))
