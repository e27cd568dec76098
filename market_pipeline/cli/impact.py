"""`market-pipeline impact`: did the scores mean anything, by label and confidence?"""

from datetime import date
from typing import Annotated, Optional

import typer

from market_pipeline.cli.edge import Format, FormatOption, begin, parse_day
from market_pipeline.cli.output import print_rows, remark

FromOption = Annotated[
    Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
    typer.Option("--from", parser=parse_day, metavar="DATE", help="Default: the first there is."),
]
ToOption = Annotated[
    Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
    typer.Option("--to", parser=parse_day, metavar="DATE", help="Default: the last there is."),
]
SymbolOption = Annotated[
    Optional[list[str]],  # noqa: UP045  # typer reads this form for a repeated option
    typer.Option("--symbol", "-s", help="Only this symbol; may be repeated."),
]
FOR_PEOPLE = (
    "label", "confidence", "stories", "sessions", "mean_adjusted_pct", "std_error_pct", "t_stat",
    "hit_rate", "rank_ic", "mean_next_5_pct", "std_error_next_5_pct", "t_stat_next_5", "sample",
)  # fmt: skip


def impact(
    ctx: typer.Context,
    first: FromOption = None,
    last: ToOption = None,
    symbol: SymbolOption = None,
    form: FormatOption = Format.table,
) -> None:
    """Compare what stories were scored with what prices did, the market's move taken out.

    By label and confidence; errors are clustered by session, small samples are marked. `show
    impact` shows the rows behind it.
    """
    settings = begin(ctx)
    from market_pipeline.domain.impact_report import BUCKETS, SMALL_SAMPLE
    from market_pipeline.operations.impact import report_of
    from market_pipeline.operations.opening import open_to_look

    found = report_of(open_to_look(settings), first, last, symbol or ())
    title = f"impact of stories that met prices from {found.first} to {found.last}"
    print_rows(found.frame, form, title=title, columns=FOR_PEOPLE, data_kind=found.data_kind)
    if form is Format.table:
        bounds = ", ".join(f"{name} from {bound:g}" for name, bound in BUCKETS)
        remark(f"confidence: {bounds}. Returns in percent, less beta times the market's.")
    if (found.frame["sample"] != "ok").any():
        remark(f"small: fewer than {SMALL_SAMPLE} stories or sessions, too few to conclude from")
