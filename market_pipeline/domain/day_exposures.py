"""What the holdings of one session are exposed to: arrays of holdings, symbols and factors.

Belongs here: exposures alone and together, shares of factor risk, what is covered. Does not: losses
(`risk_day`), or which windows and rows belong to the session (`portfolio_risk`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.factor_risk import (
    LEAST_RETURNS,
    FactorModel,
    deviations,
    factor_model,
    specific_variances,
)
from market_pipeline.domain.factors import CAPPED, FULL_HISTORY, LIMITED_HISTORY
from market_pipeline.domain.frames import Floats

PARTIAL = "partial"
"""Quality of an exposure that leaves a holding out."""
_QUALITIES = (FULL_HISTORY, LIMITED_HISTORY, CAPPED)

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DayInputs:
    """One session: holdings (`moving_dollars`), equity by portfolio, betas that are numbers, the
    universe, the window's returns by symbol, and of `factors`; `risk_names` divide the risk."""

    holdings: pd.DataFrame
    equity: Mapping[str, float]
    betas: pd.DataFrame
    universe: pd.DataFrame
    returns: pd.DataFrame
    factor_returns: Floats
    factors: tuple[str, ...]
    risk_names: tuple[str, ...]
    duration: float


class DayExposures:
    """Arrays of a session: one row a holding, `at` being the mover it moves with (-1: none)."""

    def __init__(self, inputs: DayInputs) -> None:
        self.inputs = inputs
        self.held = inputs.holdings.reset_index(drop=True)
        self._rows = dict(self.held.groupby("portfolio_id").indices)
        self.base = self.held["base_usd"].to_numpy(dtype=np.float64)
        self.gross = self.held["gross_usd"].to_numpy(dtype=np.float64)
        self.movers = sorted(set(self.held["moves_with"].dropna()))
        at = pd.Index(self.movers, dtype=object).get_indexer(self.held["moves_with"])
        self.at: npt.NDArray[np.intp] = at
        returns = inputs.returns.reindex(columns=self.movers)
        self.returns = np.ascontiguousarray(returns.to_numpy(dtype=np.float64))
        self.betas = self._by_factor("beta").astype(np.float64)

    def rows_of(self, portfolio: str) -> npt.NDArray[np.intp]:
        """Give the places of a portfolio's holdings."""
        return np.asarray(self._rows.get(portfolio, ()), dtype=np.intp)

    def _by_factor(self, column: str) -> npt.NDArray[Any]:
        """Spread a column of the betas to movers x factors."""
        rows = self.inputs.betas
        spread = rows.pivot(index="symbol", columns="factor", values=column)
        spread = spread.reindex(index=self.movers, columns=list(self.inputs.factors))
        return spread.to_numpy(dtype=object)

    # -- the model of the session ----------------------------------------------------------------

    @cached_property
    def model(self) -> FactorModel:
        """What the session's factors do together."""
        at = [self.inputs.factors.index(name) for name in self.inputs.risk_names]
        x = np.ascontiguousarray(self.inputs.factor_returns[:, at])
        # A factor that nobody has a beta to in this session divides nothing.
        x[:, ~np.isfinite(self.betas[:, at]).any(axis=0)] = np.nan
        return factor_model(x, self.inputs.risk_names)

    @cached_property
    def _model_columns(self) -> list[int]:
        return [self.inputs.factors.index(name) for name in self.model.names]

    @cached_property
    def _together(self) -> Floats:
        """Exposures of one dollar in each mover that hold together; NaN where a beta is missing."""
        return self.model.together(self.betas[:, self._model_columns])

    @cached_property
    def specific(self) -> Floats:
        """Daily variance of each mover that its factors leave; NaN where not known."""
        return specific_variances(self.model, self._together, deviations(self.returns))

    @cached_property
    def is_modelled(self) -> Flags:
        """Mark the movers whose factors and own risk are known."""
        if not self.model.names:
            return np.zeros(len(self.movers), dtype=bool)
        return np.isfinite(self._together).all(axis=1) & np.isfinite(self.specific)

    @cached_property
    def is_told(self) -> Flags:
        """Mark the movers with a history of their own."""
        return np.isfinite(self.returns).sum(axis=0) >= LEAST_RETURNS  # type: ignore[no-any-return]  # numpy's bool

    @cached_property
    def scenarios(self) -> Floats:
        """Returns of the movers in the window; what one lacks is what its factors made of it."""
        x = self.inputs.factor_returns[:, self._model_columns]
        implied = x @ self._together.T if self.model.names else np.full_like(self.returns, np.nan)
        return np.where(np.isfinite(self.returns), self.returns, implied)

    # -- exposures -------------------------------------------------------------------------------

    def of_mover(self, values: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
        """Give each holding what is known of the symbol it moves with."""
        if not len(self.movers):
            return np.full((len(self.held), *values.shape[1:]), missing, dtype=values.dtype)
        found = values[self.at]
        found[self.at < 0] = missing
        return found

    @cached_property
    def exposures(self) -> Floats:
        """Dollars of each holding in each factor; NaN where they are not known."""
        return np.asarray(self.base[:, np.newaxis] * self.of_mover(self.betas, np.nan))

    @cached_property
    def joint(self) -> Floats:
        """Dollars of each holding in the model's factors that hold together; 0 where not known."""
        known = np.isfinite(self.base) & self.of_mover(self.is_modelled, False)
        joint = self.base[:, np.newaxis] * self.of_mover(self._together, np.nan)
        return np.where(known[:, np.newaxis], joint, 0.0)

    @cached_property
    def _shares(self) -> Floats:
        """Share of each holding and factor in the factor variance of its portfolio; NaN without."""
        shares = np.full(self.exposures.shape, np.nan)
        for name in self.inputs.equity:
            rows = self.rows_of(name)
            total = self.joint[rows].sum(axis=0)
            marginal = self.model.marginal(total)
            variance = float(total @ marginal)
            if variance > 0:
                known = self.joint[rows] * marginal / variance
                known[~self.of_mover(self.is_modelled, False)[rows]] = np.nan
                shares[rows[:, np.newaxis], self._model_columns] = known
        return shares

    @cached_property
    def _qualities(self) -> npt.NDArray[Any]:
        return self.of_mover(self._by_factor("quality"), None)

    def position_rows(self) -> pd.DataFrame:
        """Give the exposures of every holding that are known."""
        at, factor = np.nonzero(np.isfinite(self.exposures))
        rows = self.held.loc[at, ["portfolio_id", "symbol", "asset_class", "moves_with"]]
        return rows.reset_index(drop=True).assign(
            factor=np.array(self.inputs.factors, dtype=object)[factor],
            base_usd=self.base[at],
            beta=self.betas[self.at[at], factor] if len(at) else np.empty(0),
            exposure_usd=self.exposures[at, factor],
            risk_share=self._shares[at, factor],
            quality=self._qualities[at, factor],
        )

    def factor_rows(self, portfolio: str) -> pd.DataFrame:
        """Give a portfolio's exposure to every factor that some holding has one to."""
        rows = self.rows_of(portfolio)
        exposures = self.exposures[rows]
        is_known: Flags = np.isfinite(exposures)
        chosen = np.flatnonzero(is_known.any(axis=0))
        shares = self._shares[rows]
        divides = np.isfinite(shares).any(axis=0)
        total = np.nansum(exposures, axis=0)
        equity = self.inputs.equity[portfolio]
        has_gap: Flags = np.any(~is_known & (self.gross[rows] > 0)[:, np.newaxis], axis=0)
        worst = [self._worst(self._qualities[rows, at], bool(has_gap[at])) for at in chosen]
        return pd.DataFrame(
            {
                "portfolio_id": portfolio,
                "factor": np.array(self.inputs.factors, dtype=object)[chosen],
                "beta": total[chosen] / equity if equity > 0 else np.nan,
                "exposure_usd": total[chosen],
                "risk_share": np.where(divides, np.nansum(shares, axis=0), np.nan)[chosen],
                "covered_pct": [self.covered_pct(rows, is_known[:, at]) for at in chosen],
                "quality": np.array(worst, dtype=object),
            }
        )

    @staticmethod
    def _worst(qualities: npt.NDArray[Any], has_gap: bool) -> str:
        known = [_QUALITIES.index(each) for each in qualities if each in _QUALITIES]
        return PARTIAL if has_gap else _QUALITIES[max(known, default=0)]

    def covered_pct(self, rows: npt.NDArray[np.intp], is_covered: Flags) -> float:
        """Give the part of the gross value, cash apart, that is covered; NaN without any."""
        gross = self.gross[rows]
        whole = float(gross.sum())
        return 100.0 * float(gross[is_covered].sum()) / whole if whole > 0 else np.nan
