"""The risk of every portfolio in each session: exposures to factors, stress, value at risk.

Holdings, betas and returns in, rows of four tables out. A session is computed from its own holdings
and the window that ends with it, whatever range is asked for (`risk_day`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from market_pipeline.domain.day_exposures import DayInputs
from market_pipeline.domain.factor_definitions import FactorDefinition
from market_pipeline.domain.factor_risk import WINDOW, factor_returns, risk_factors
from market_pipeline.domain.factors import COLLINEAR, returns_as_judged, usable_returns
from market_pipeline.domain.frames import DATE_DTYPE, Floats, empty_frame, wide
from market_pipeline.domain.risk_day import DayRisk, risk_of_day

RISK_COLUMNS = (
    "session_date", "portfolio_id", "delta_usd", "gamma_usd", "vega_usd", "theta_usd",
    "options_without_greeks", "beta_market", "sector_weights", "factor_volatility_usd",
    "specific_volatility_usd", "historical_var_95_usd", "historical_var_99_usd",
    "historical_es_95_usd", "historical_es_99_usd", "factor_var_95_usd", "factor_var_99_usd",
    "factor_es_95_usd", "factor_es_99_usd", "scenario_days", "historical_covered_pct",
    "factor_covered_pct", "uncovered_symbols",
)  # fmt: skip
POSITION_EXPOSURE_COLUMNS = (
    "session_date", "portfolio_id", "symbol", "asset_class", "factor", "moves_with", "base_usd",
    "beta", "exposure_usd", "risk_share", "quality",
)  # fmt: skip
PORTFOLIO_EXPOSURE_COLUMNS = (
    "session_date", "portfolio_id", "factor", "beta", "exposure_usd", "risk_share",
    "covered_pct", "quality",
)  # fmt: skip
STRESS_COLUMNS = (
    "session_date", "portfolio_id", "scenario", "factor", "shock_pct", "pnl_usd", "covered_pct",
)  # fmt: skip

SESSIONS_BEFORE = WINDOW - 1
"""Sessions of prices needed before the first date."""


@dataclass(frozen=True, slots=True)
class Risk:
    """Rows as `RISK_COLUMNS`, `POSITION_EXPOSURE_COLUMNS` and so on, sorted by their keys."""

    portfolios: pd.DataFrame
    positions: pd.DataFrame
    factors: pd.DataFrame
    stress: pd.DataFrame


def portfolio_risk(
    holdings: pd.DataFrame,
    snapshots: pd.DataFrame,
    betas: pd.DataFrame,
    market_data: pd.DataFrame,
    universe: pd.DataFrame,
    definitions: Sequence[FactorDefinition],
    *,
    sessions: Sequence[date],
    first: date,
    last: date,
    duration: float,
) -> Risk:
    """Tell the risk of every snapshot from `first` to `last`.

    `holdings` are `moving_dollars`; `snapshots`, `betas` (symbol_factor_exposures), `universe` rows
    of those sessions; `market_data` rows of what holdings move with and of all proxies in
    `sessions`, which rise without a gap from `SESSIONS_BEFORE` before `first` (fewer only where
    there are none) to `last`. `duration` in years is that of the proxy of `interest_rate`.
    """
    windows = _Windows(market_data, sessions, definitions)
    parts = [_by_day(frame) for frame in (holdings, betas[betas["quality"] != COLLINEAR], universe)]
    days: list[DayRisk] = []
    for day, stored in _by_day(snapshots).items():
        if not first <= day.date() <= last:
            continue
        held, known, listed = (
            part.get(day, frame.iloc[:0])
            for part, frame in zip(parts, (holdings, betas, universe), strict=True)
        )
        equity = stored["equity_usd"].astype(float)
        inputs = DayInputs(
            holdings=held,
            equity=dict(zip(stored["portfolio_id"], equity, strict=True)),
            betas=known,
            universe=listed,
            returns=windows.symbols(day),
            factor_returns=windows.of_factors(day),
            factors=windows.factors,
            risk_names=risk_factors(definitions),
            duration=duration,
        )
        days.append(_dated(risk_of_day(inputs), day))
    return Risk(
        _joined([each.portfolios for each in days], RISK_COLUMNS, 2),
        _joined([each.positions for each in days], POSITION_EXPOSURE_COLUMNS, 5),
        _joined([each.factors for each in days], PORTFOLIO_EXPOSURE_COLUMNS, 3),
        _joined([each.stress for each in days], STRESS_COLUMNS, 3),
    )


class _Windows:
    """Returns of symbols and factors in the sessions that end with one, as known by then.

    A return that turned out to be a spike's one session later counts until then.
    """

    def __init__(
        self,
        market_data: pd.DataFrame,
        sessions: Sequence[date],
        definitions: Sequence[FactorDefinition],
    ) -> None:
        rows = market_data.sort_values(["session_date", "symbol"], ignore_index=True)
        later = rows.assign(return_1d=usable_returns(rows))
        then = rows.assign(return_1d=returns_as_judged(rows))
        self._with_hindsight = wide(later, "return_1d", sessions)
        self._when_made = wide(then, "return_1d", sessions)
        self._factors_with_hindsight = factor_returns(self._with_hindsight, definitions)
        self._factors_when_made = factor_returns(self._when_made, definitions)
        self.factors = tuple(self._factors_when_made.columns)

    def symbols(self, day: pd.Timestamp) -> pd.DataFrame:
        """Give the returns of symbols in the window that ends with `day`."""
        return self._window(self._with_hindsight, self._when_made, day)

    def of_factors(self, day: pd.Timestamp) -> Floats:
        """Give the returns of factors in that window."""
        return self._window(self._factors_with_hindsight, self._factors_when_made, day).to_numpy(
            dtype=np.float64
        )

    @staticmethod
    def _window(earlier: pd.DataFrame, latest: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        at = int(earlier.index.searchsorted(day))
        return pd.concat([earlier.iloc[max(at - WINDOW + 1, 0) : at], latest.iloc[at : at + 1]])


def _by_day(frame: pd.DataFrame) -> Mapping[pd.Timestamp, pd.DataFrame]:
    return {pd.Timestamp(str(day)): rows for day, rows in frame.groupby("session_date")}


def _dated(risk: DayRisk, day: pd.Timestamp) -> DayRisk:
    frames = (risk.portfolios, risk.positions, risk.factors, risk.stress)
    return DayRisk(*(frame.assign(session_date=day) for frame in frames))


def _joined(frames: Sequence[pd.DataFrame], columns: Sequence[str], keys: int) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return empty_frame(columns)
    joined = pd.concat(filled, ignore_index=True)[list(columns)]
    joined = joined.astype({"session_date": DATE_DTYPE})
    return joined.sort_values(list(columns[:keys]), ignore_index=True)
