"""The stored risk of a portfolio as it is shown: losses, stress tests, exposures by kind of factor.

Belongs here: what is read of the risk's tables, and its order. Does not: how any of it is measured
(`domain`). A session without risk is a view of nothing, never an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

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

_Shape = TypeVar("_Shape")


@dataclass(frozen=True, slots=True)
class PortfolioRisk:
    """What the tables say of one portfolio's risk; `losses` is None where nothing was measured.

    `stress`: the named scenarios, then the worst first. `exposures` and each factor's
    `contributions` stand largest first.
    """

    losses: RiskRow | None
    stress: tuple[StressRow, ...]
    exposures: tuple[ExposureRow, ...]
    contributions: Mapping[str, tuple[ContributionRow, ...]]


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

    def rows(table: str, shape: type[_Shape]) -> tuple[_Shape, ...]:
        where = {"portfolio_id": portfolio_id}
        return rows_of(warehouse.read(table, first=session, last=session, where=where), shape)

    losses = rows("portfolio_risk", RiskRow)
    contributions: dict[str, list[ContributionRow]] = {}
    for each in sorted(rows("position_factor_exposures", ContributionRow), key=_largest_part):
        contributions.setdefault(each.factor, []).append(each)
    return PortfolioRisk(
        losses=losses[0] if losses else None,
        stress=tuple(sorted(rows("portfolio_stress", StressRow), key=_named_then_worst)),
        exposures=tuple(sorted(rows("portfolio_factor_exposures", ExposureRow), key=_largest)),
        contributions={factor: tuple(each) for factor, each in contributions.items()},
    )


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


def _largest_part(row: ContributionRow) -> tuple[float, str]:
    return -abs(row.exposure_usd), row.symbol
