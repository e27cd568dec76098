"""A portfolio's value as a line the size of a word, for a cell of a table.

A picture of its own, legible on light and dark: where it is shown, no style of ours reaches.
"""

from collections.abc import Sequence

from market_pipeline.reports.portfolio_rows import ValuePoint
from market_pipeline.reports.value_chart import Frame, value_chart

FRAME = Frame(160, 40, left=3, right=5, top=4, bottom=4, days=2)
_GAIN, _LOSS = "#1f9d63", "#d9534a"


def small_plot(points: Sequence[ValuePoint]) -> str | None:
    """Draw equity over `points` (rising dates) as an SVG; None for fewer than two."""
    chart = value_chart(points, FRAME)
    if chart is None:
        return None
    colour = _GAIN if points[-1].equity_usd >= points[0].equity_usd else _LOSS
    lines = "".join(
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.6" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
        for path in chart.lines
    )
    end = chart.spots[-1]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{FRAME.width}" height="{FRAME.height}" '
        f'viewBox="0 0 {FRAME.width} {FRAME.height}">{lines}'
        f'<circle cx="{end.x}" cy="{end.y}" r="2.6" fill="{colour}"/></svg>'
    )
