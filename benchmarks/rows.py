"""A figure: its median, its spread, and how it compares with a peer measured in turn with it.

The ratio is the figure divided by the peer's, turn by turn, so that what else the machine does
meanwhile weighs on both: above 1 a rate is better than its peer's, a duration worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

Samples = Sequence[float]
Spread = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a benchmark; spreads are (smallest, largest) over the repetitions."""

    name: str
    value: float
    unit: str
    spread: Spread
    repetitions: int
    peer: str | None = None
    peer_value: float | None = None
    peer_spread: Spread | None = None
    ratio: float | None = None
    ratio_spread: Spread | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that was not measured, and why."""

    name: str
    reason: str


def duration(
    name: str, seconds: Samples, *, peer: str | None = None, peer_seconds: Samples = ()
) -> Row:
    """Make a row of how long something takes, in seconds."""
    return _row(name, "s", seconds, peer, peer_seconds)


def rate(
    name: str,
    amount: float,
    unit: str,
    seconds: Samples,
    *,
    peer: str | None = None,
    peer_seconds: Samples = (),
) -> Row:
    """Make a row of how many `unit` are done a second, from how long `amount` of them took."""
    values, peers = ([amount / taken for taken in side] for side in (seconds, peer_seconds))
    return _row(name, f"{unit}/s", values, peer, peers)


def amount(
    name: str, unit: str, values: Samples, *, peer: str | None = None, peer_values: Samples = ()
) -> Row:
    """Make a row of what is neither a duration nor a rate, such as memory."""
    return _row(name, unit, values, peer, peer_values)


def _row(name: str, unit: str, values: Samples, peer: str | None, peers: Samples) -> Row:
    if peer is None:
        return Row(name, median(values), unit, _spread(values), len(values))
    ratios = [value / other for value, other in zip(values, peers, strict=True)]
    return Row(
        name, median(values), unit, _spread(values), len(values),
        peer, median(peers), _spread(peers), median(ratios), _spread(ratios),
    )  # fmt: skip


def _spread(values: Samples) -> Spread:
    return min(values), max(values)
