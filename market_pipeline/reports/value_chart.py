"""What became of a portfolio over time as places on a drawing: line, axes, labels, marks.

Pure geometry in the drawing's own units; the template turns it into SVG. A missing session parts
the line, so that nobody reads a value where there is none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from market_pipeline.reports.figures import Number, compact, money, number, percent
from market_pipeline.reports.portfolio_rows import ValuePoint

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_HEADROOM = 0.08
_FLAT_MARGIN = 0.01


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis, at a place along it; `anchor` is SVG's text-anchor."""

    at: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Spot:
    """A session on the drawing: where, and what to say of it; `is_flow`: money came or went."""

    x: float
    y: float
    words: str
    is_flow: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """The size of a drawing and of the plot in it."""

    width: int
    height: int
    left: int = 64
    right: int = 16
    top: int = 14
    bottom: int = 30
    days: int = 6

    @property
    def plot_right(self) -> int:
        """Right edge of the plot."""
        return self.width - self.right

    @property
    def plot_bottom(self) -> int:
        """Lower edge of the plot."""
        return self.height - self.bottom


@dataclass(frozen=True, slots=True)
class Measure:
    """What of a session is drawn, and how it is written: `tick` takes value, step and unit."""

    key: str
    title: str
    name: str
    of: Callable[[ValuePoint], Number | None]
    written: Callable[[Number], str]
    tick: Callable[[float, float, float], str]


def _percent_tick(value: float, step: float, _size: float) -> str:
    places = next((n for n in range(4) if round(step, n) == round(step, 6)), 4)
    return f"{number(value, places=places)}\N{NO-BREAK SPACE}%"


EQUITY = Measure(
    "equity", "Portfolio value over time, in US dollars", "Equity",
    lambda point: point.equity_usd, money, compact,
)  # fmt: skip
RETURN = Measure(
    "return", "Time-weighted return since the start, in percent", "Time-weighted return",
    lambda point: point.twr_pct, lambda value: percent(value, signed=True), _percent_tick,
)  # fmt: skip

WIDE = Frame(1040, 280)
NARROW = Frame(360, 230, left=54, right=10, days=3)


@dataclass(frozen=True, slots=True)
class ValueChart:
    """What to draw: `lines` are SVG paths, one a run of sessions without a gap."""

    measure: Measure
    frame: Frame
    lines: tuple[str, ...]
    spots: tuple[Spot, ...]
    values: tuple[Tick, ...]
    days: tuple[Tick, ...]
    words: str
    zero: float | None

    @property
    def has_flows(self) -> bool:
        """Whether money came or went on any day but the first."""
        return any(spot.is_flow for spot in self.spots)


def value_chart(
    points: Sequence[ValuePoint], frame: Frame, measure: Measure = EQUITY
) -> ValueChart | None:
    """Lay out `measure` of `points` (rising dates) in `frame`; None for fewer than two."""
    known, values, after_gap = _known(points, measure)
    if len(known) < 2:
        return None
    low, high, step = _scale(min(values), max(values))
    first, span = known[0].session_date, (known[-1].session_date - known[0].session_date).days
    xs = [
        _between(frame.left, frame.plot_right, (point.session_date - first).days / span)
        for point in known
    ]
    ys = [_between(frame.plot_bottom, frame.top, (v - low) / (high - low)) for v in values]
    return ValueChart(
        measure=measure,
        frame=frame,
        lines=tuple("M" + " L".join(run) for run in _runs(after_gap, xs, ys)),
        spots=tuple(
            Spot(x, y, _words(point), at > 0 and point.flows_usd != 0)
            for at, (x, y, point) in enumerate(zip(xs, ys, known, strict=True))
        ),
        values=_value_ticks(low, high, step, frame, measure),
        days=_day_ticks(known, xs, frame.days),
        words=_summary(known, values, measure),
        zero=_between(frame.plot_bottom, frame.top, -low / (high - low))
        if low < 0 < high
        else None,
    )


def _known(
    points: Sequence[ValuePoint], measure: Measure
) -> tuple[list[ValuePoint], list[float], list[bool]]:
    """Give the points that have the measure, its values, and which follow a missing one."""
    known, values, after_gap = [], [], []
    is_after_gap = False
    for point in points:
        value = measure.of(point)
        is_after_gap |= point.is_after_gap or value is None
        if value is not None:
            known.append(point)
            values.append(float(value))
            after_gap.append(is_after_gap)
            is_after_gap = False
    return known, values, after_gap


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Give round ends around the values and the round step between labels."""
    margin = (high - low) * _HEADROOM or abs(high) * _FLAT_MARGIN or 1.0
    low, high = low - margin, high + margin
    rough = (high - low) / 4
    power = 10.0 ** floor(log10(rough))
    step = next(nice * power for nice in _NICE if nice * power >= rough * 0.999)
    return floor(low / step) * step, ceil(high / step) * step, step


def _value_ticks(
    low: float, high: float, step: float, frame: Frame, measure: Measure
) -> tuple[Tick, ...]:
    count = round((high - low) / step)
    # The end nearer to zero picks the unit: $950K to $1,050K rather than $0.95M to $1.05M.
    size = max(step, min(abs(low), abs(high)) if low * high > 0 else step)
    return tuple(
        Tick(
            _between(frame.plot_bottom, frame.top, at / count),
            measure.tick(low + at * step, step, size),
        )
        for at in range(count + 1)
    )


def _between(start: float, end: float, part: float) -> float:
    return round(start + (end - start) * part, 1)


def _runs(after_gap: Sequence[bool], xs: list[float], ys: list[float]) -> list[list[str]]:
    runs: list[list[str]] = []
    for is_after_gap, x, y in zip(after_gap, xs, ys, strict=True):
        if not runs or is_after_gap:
            runs.append([])
        runs[-1].append(f"{x} {y}")
    # A lone session still needs a stroke: the round cap of a line of no length.
    return [run if len(run) > 1 else run * 2 for run in runs]


def _day_ticks(points: Sequence[ValuePoint], xs: list[float], wanted: int) -> tuple[Tick, ...]:
    last = len(points) - 1
    count = min(wanted, len(points))
    places = sorted({round(last * n / (count - 1)) for n in range(count)})
    anchors = {0: "start", last: "end"}
    return tuple(
        Tick(xs[at], points[at].session_date.isoformat(), anchors.get(at, "middle"))
        for at in places
    )


def _words(point: ValuePoint) -> str:
    parts = [f"{point.session_date.isoformat()}: {money(point.equity_usd)}"]
    if point.daily_pnl_usd is not None:
        parts.append(f"P&L {money(point.daily_pnl_usd, signed=True)}")
    if point.cumulative_pnl_usd is not None:
        parts.append(f"so far {money(point.cumulative_pnl_usd, signed=True)}")
    if point.twr_pct is not None:
        parts.append(f"return so far {percent(point.twr_pct, signed=True)}")
    if point.flows_usd:
        parts.append(f"in or out {money(point.flows_usd, signed=True)}")
    return ", ".join(parts)


def _summary(points: Sequence[ValuePoint], values: list[float], measure: Measure) -> str:
    """Say in a sentence what the line shows, for those who cannot see it."""
    lowest, highest = (points[values.index(extreme(values))].session_date for extreme in (min, max))
    first, last, low, high = (
        measure.written(value) for value in (values[0], values[-1], min(values), max(values))
    )
    return (
        f"{measure.name} at the end of {len(points)} sessions, from {first} on "
        f"{points[0].session_date} to {last} on {points[-1].session_date}; "
        f"lowest {low} on {lowest}, highest {high} on {highest}."
    )
