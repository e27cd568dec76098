"""What every portfolio may lose after one session: greeks, sectors, stress, tail losses.

Belongs here: rows of a session from its exposures. Does not: the exposures themselves
(`day_exposures`), or which windows and rows belong to the session (`portfolio_risk`).
"""

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.books import OPTION
from market_pipeline.domain.day_exposures import DayExposures, DayInputs, Flags
from market_pipeline.domain.factor_definitions import MARKET
from market_pipeline.domain.factor_risk import deviations
from market_pipeline.domain.frames import Floats
from market_pipeline.domain.stress import scenarios
from market_pipeline.domain.value_at_risk import (
    LEVELS,
    UNKNOWN,
    TailLoss,
    historical_loss,
    normal_loss,
)

NO_SECTOR = "Unknown"
_DIGITS = 6
_GREEKS = ("gamma_usd", "vega_usd", "theta_usd")


@dataclass(frozen=True, slots=True)
class DayRisk:
    """Rows of the four tables, without their date."""

    portfolios: pd.DataFrame
    positions: pd.DataFrame
    factors: pd.DataFrame
    stress: pd.DataFrame


def risk_of_day(inputs: DayInputs) -> DayRisk:
    """Tell the risk of every portfolio in `inputs.equity`."""
    day = DayExposures(inputs)
    losses = _Losses(day, inputs)
    names = sorted(inputs.equity)
    factors = pd.concat([day.factor_rows(name) for name in names]) if names else pd.DataFrame()
    return DayRisk(
        pd.DataFrame([losses.portfolio_row(name) for name in names]),
        day.position_rows(),
        factors,
        _stress_rows(factors, inputs),
    )


def _stress_rows(factors: pd.DataFrame, inputs: DayInputs) -> pd.DataFrame:
    """Give what every portfolio gains in every scenario of a factor it has an exposure to."""
    sigmas = map(float, deviations(inputs.factor_returns))
    told = scenarios(dict(zip(inputs.factors, sigmas, strict=True)), inputs.duration)
    moves = pd.DataFrame(
        [(each.name, each.factor, each.shock) for each in told],
        columns=["scenario", "factor", "shock"],
    )
    if factors.empty:
        return pd.DataFrame()
    rows = factors.merge(moves, on="factor")
    return rows.assign(
        shock_pct=100.0 * rows["shock"], pnl_usd=rows["exposure_usd"] * rows["shock"]
    )


class _Losses:
    """The rows of `portfolio_risk` of a session."""

    def __init__(self, day: DayExposures, inputs: DayInputs) -> None:
        self._day, self._inputs = day, inputs
        self._is_option = (day.held["asset_class"] == OPTION).to_numpy(dtype=bool)
        self._option_greeks = day.held[list(_GREEKS)].to_numpy(dtype=np.float64)
        listed = inputs.universe.dropna(subset=["sector"])
        self._sector_of = dict(zip(listed["symbol"], listed["sector"], strict=True))

    def portfolio_row(self, portfolio: str) -> dict[str, object]:
        """Give the row of a portfolio: greeks, sectors, volatility, losses, what is left out."""
        rows = self._day.rows_of(portfolio)
        has_base = np.isfinite(self._day.base[rows])
        told = has_base & self._day.of_mover(self._day.is_told, False)[rows]
        modelled = has_base & self._day.of_mover(self._day.is_modelled, False)[rows]
        pnl = self._pnl(rows[told])
        historical = [self._unless_blind(rows, told, historical_loss(pnl, at)) for at in LEVELS]
        factor, specific = self._deviations(rows[modelled])
        spread = float(np.hypot(factor, specific))
        normal = [self._unless_blind(rows, modelled, normal_loss(spread, at)) for at in LEVELS]
        if self._is_blind(rows, modelled):
            factor = specific = np.nan
        left_out = sorted(set(self._day.held.loc[rows[~(told & modelled)], "symbol"]))
        return {
            "portfolio_id": portfolio,
            **self._greeks(rows),
            "beta_market": self._market_beta(portfolio, rows),
            "sector_weights": self._sectors(rows[has_base]),
            "factor_volatility_usd": factor,
            "specific_volatility_usd": specific,
            **_losses("historical", historical),
            **_losses("factor", normal),
            "scenario_days": len(pnl),
            "historical_covered_pct": self._day.covered_pct(rows, told),
            "factor_covered_pct": self._day.covered_pct(rows, modelled),
            "uncovered_symbols": ",".join(left_out),
        }

    def _is_blind(self, rows: npt.NDArray[np.intp], is_covered: Flags) -> bool:
        """Whether there is something to lose and nothing of it is covered."""
        return bool(self._day.gross[rows].sum() > 0 and not is_covered.any())

    def _unless_blind(
        self, rows: npt.NDArray[np.intp], is_covered: Flags, loss: TailLoss
    ) -> TailLoss:
        return UNKNOWN if self._is_blind(rows, is_covered) else loss

    def _pnl(self, rows: npt.NDArray[np.intp]) -> Floats:
        """Give what today's holdings would have made in each session of the window that tells."""
        moving = np.unique(self._day.at[rows])
        dollars = np.bincount(
            self._day.at[rows], self._day.base[rows], minlength=len(self._day.movers)
        )
        pnl = np.ascontiguousarray(self._day.scenarios[:, moving]) @ dollars[moving]
        return np.asarray(pnl[np.isfinite(pnl)])

    def _deviations(self, rows: npt.NDArray[np.intp]) -> tuple[float, float]:
        """Give the daily deviation that factors make, and that of the symbols' own, in dollars."""
        total = self._day.joint[rows].sum(axis=0)
        variance = float(total @ self._day.model.marginal(total))
        dollars = np.bincount(
            self._day.at[rows], self._day.base[rows], minlength=len(self._day.movers)
        )
        own = np.where(dollars != 0, dollars**2 * self._day.specific, 0.0)
        return max(variance, 0.0) ** 0.5, float(own.sum()) ** 0.5

    def _greeks(self, rows: npt.NDArray[np.intp]) -> dict[str, object]:
        greeks, is_option = self._option_greeks[rows], self._is_option[rows]
        is_blind = is_option & ~(
            np.isfinite(greeks).all(axis=1) & np.isfinite(self._day.base[rows])
        )
        sums = dict(zip(_GREEKS, map(float, np.nansum(greeks, axis=0)), strict=True))
        return {
            "delta_usd": float(np.nansum(self._day.base[rows])),
            **sums,
            "options_without_greeks": int(is_blind.sum()),
        }

    def _market_beta(self, portfolio: str, rows: npt.NDArray[np.intp]) -> float:
        """Give dollars that move with the market, of a dollar of equity."""
        equity = self._inputs.equity[portfolio]
        if MARKET.name not in self._inputs.factors or equity <= 0:
            return np.nan
        exposures = self._day.exposures[rows, self._inputs.factors.index(MARKET.name)]
        return float(np.nansum(exposures)) / equity if np.isfinite(exposures).any() else np.nan

    def _sectors(self, rows: npt.NDArray[np.intp]) -> str:
        """Give each sector's net dollars in percent of all, signs apart, as JSON by name."""
        dollars: dict[str, float] = {}
        for at in rows:
            name = self._sector_of.get(self._day.movers[self._day.at[at]], NO_SECTOR)
            dollars[name] = dollars.get(name, 0.0) + float(self._day.base[at])
        whole = float(np.abs(self._day.base[rows]).sum())
        shares = {name: round(100.0 * each / whole, _DIGITS) for name, each in dollars.items()} if (
            whole > 0
        ) else {}  # fmt: skip
        return json.dumps(shares, sort_keys=True)


def _losses(kind: str, losses: list[TailLoss]) -> dict[str, object]:
    """Name the losses at each of `LEVELS` as columns."""
    found: dict[str, object] = {}
    for level, loss in zip(LEVELS, losses, strict=True):
        found[f"{kind}_var_{level * 100:.0f}_usd"] = loss.value_at_risk
        found[f"{kind}_es_{level * 100:.0f}_usd"] = loss.expected_shortfall
    return found
