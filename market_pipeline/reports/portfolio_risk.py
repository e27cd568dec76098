"""The stored risk of a portfolio as it is shown: losses, stress tests, exposures by kind of factor.

Belongs here: what is read of the risk's tables, and its order. Does not: how any of it is measured
(`domain`). A session without risk is a view of nothing, never an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from market_pipeline.domain.factor_definitions import MACRO, MARKET_KIND, SECTOR, SPREAD, STYLE
from market_pipeline.domain.stress import MARKET_DOWN, RATES_UP
from market_pipeline.reports.portfolio_rows import (
    ContributionRow,
    ExposureRow,
    RiskRow,
    StressRow,
    rows_of,
)
from market_pipeline.warehouse import Warehouse

MAIN, OTHER = "main", "other"
"""Groups of factors that are no kind: market and macro; what no present definition answers to."""

_GROUPS = {MARKET_KIND: MAIN, MACRO: MAIN, STYLE: STYLE, SPREAD: SPREAD, SECTOR: SECTOR}
_NAMED = (MARKET_DOWN, RATES_UP)
_PARTS = 6
"""How many holdings are named of those that make an exposure."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What the holdings add to an exposure: the largest of them, and how many there are."""

    largest: tuple[ContributionRow, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class PortfolioRisk:
    """What the tables say of one portfolio's risk; `losses` is None where nothing was measured.

    `stress`: the named scenarios, then the worst first. `exposures` stand largest first;
    `contributions` are by factor.
    """

    losses: RiskRow | None
    stress: tuple[StressRow, ...]
    exposures: tuple[ExposureRow, ...]
    contributions: Mapping[str, Contributions]

    def through(self, factor: str) -> Contributions:
        """Give what makes the exposure to a factor."""
        return self.contributions.get(factor, Contributions())


@dataclass(frozen=True, slots=True)
class ExposureGroup:
    """Exposures to the factors of a group, largest first; those to the market before all."""

    name: str
    exposures: tuple[ExposureRow, ...]

    @property
    def largest_usd(self) -> float:
        """The largest exposure, whatever its sign."""
        return max(abs(each.exposure_usd) for each in self.exposures)


def portfolio_risk(warehouse: Warehouse, portfolio_id: str, session: date) -> PortfolioRisk:
    """Read the risk of a portfolio as it was stored for `session`."""

    def frame(table: str) -> pd.DataFrame:
        where = {"portfolio_id": portfolio_id}
        return warehouse.read(table, first=session, last=session, where=where)

    losses = rows_of(frame("portfolio_risk"), RiskRow)
    stress = rows_of(frame("portfolio_stress"), StressRow)
    exposures = rows_of(frame("portfolio_factor_exposures"), ExposureRow)
    return PortfolioRisk(
        losses=losses[0] if losses else None,
        stress=tuple(sorted(stress, key=_named_then_worst)),
        exposures=tuple(sorted(exposures, key=_largest)),
        contributions=_contributions(frame("position_factor_exposures")),
    )


def _contributions(parts: pd.DataFrame) -> dict[str, Contributions]:
    """Find the largest parts of each factor: rows of all holdings would be thousands."""
    counts = parts["factor"].value_counts()
    ordered = parts.assign(size=-parts["exposure_usd"].abs()).sort_values(["size", "symbol"])
    largest: dict[str, list[ContributionRow]] = {}
    for each in rows_of(ordered.groupby("factor", sort=False).head(_PARTS), ContributionRow):
        largest.setdefault(each.factor, []).append(each)
    return {
        factor: Contributions(tuple(found), int(counts[factor]))
        for factor, found in largest.items()
    }


def exposures_by_kind(
    exposures: Sequence[ExposureRow], kinds: Mapping[str, str]
) -> tuple[ExposureGroup, ...]:
    """Part exposures by the kind of their factor: the market and macro first, others last."""
    groups: dict[str, list[ExposureRow]] = {name: [] for name in (*_GROUPS.values(), OTHER)}
    for each in exposures:
        groups[_GROUPS.get(kinds.get(each.factor, ""), OTHER)].append(each)
    groups[MAIN].sort(key=lambda each: kinds[each.factor] != MARKET_KIND)
    return tuple(ExposureGroup(name, tuple(found)) for name, found in groups.items() if found)


def _named_then_worst(row: StressRow) -> tuple[int, float, str]:
    place = _NAMED.index(row.scenario) if row.scenario in _NAMED else len(_NAMED)
    return place, row.pnl_usd, row.scenario


def _largest(row: ExposureRow) -> tuple[float, str]:
    return -abs(row.exposure_usd), row.factor
