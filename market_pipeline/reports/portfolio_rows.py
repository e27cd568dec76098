"""What the report reads of each table: one shape a table, its fields named like the columns.

Belongs here: the shapes, and a frame's rows turned into them. Does not: which rows are read
(`portfolio_view`), or how they look.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pandas as pd


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A row of `portfolio_snapshots`; what came later is None in a row made before."""

    equity_usd: Decimal
    market_value_usd: Decimal
    cash_usd: Decimal
    long_usd: Decimal
    short_usd: Decimal
    gross_usd: Decimal
    net_usd: Decimal
    daily_pnl_usd: Decimal | None
    daily_return_pct: float | None
    flows_usd: Decimal
    gap_usd: Decimal
    position_count: int
    stale_count: int
    unpriced_count: int
    dividends_usd: Decimal | None
    interest_usd: Decimal | None
    fees_usd: Decimal | None
    invested_usd: Decimal | None
    realised_pnl_usd: Decimal | None
    unrealised_pnl_usd: Decimal | None
    cumulative_pnl_usd: Decimal | None
    twr_pct: float | None
    mwr_pct: float | None
    volatility_21d_pct: float | None
    volatility_63d_pct: float | None
    herfindahl: float | None
    effective_positions: float | None
    top_3_weight_pct: float | None
    top_10_weight_pct: float | None
    completeness_pct: float | None

    @property
    def is_from_before(self) -> bool:
        """Whether it was made before there were returns and risk figures."""
        return self.invested_usd is None


@dataclass(frozen=True, slots=True)
class PositionRow:
    """A row of `portfolio_positions`."""

    position_no: int
    symbol: str
    asset_class: str
    quantity: Decimal
    multiplier: int
    price_usd: Decimal | None
    price_date: date | None
    market_value_usd: Decimal | None
    daily_pnl_usd: Decimal | None
    unrealised_pnl_usd: Decimal | None
    status: str
    source: str | None
    dividends_usd: Decimal | None
    fees_usd: Decimal | None
    realised_pnl_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class ValuePoint:
    """What the portfolio was worth in a session; `is_after_gap`: a session before it is missing."""

    session_date: date
    equity_usd: Decimal
    daily_pnl_usd: Decimal | None
    daily_return_pct: float | None
    flows_usd: Decimal
    gap_usd: Decimal
    cumulative_pnl_usd: Decimal | None
    twr_pct: float | None
    is_after_gap: bool


@dataclass(frozen=True, slots=True)
class HeadlineRow:
    """A row of `headlines` that names a symbol of the portfolio; `symbols` are all it names."""

    published_at: datetime
    headline: str
    publisher: str
    url: str
    symbols: tuple[str, ...]
    source: str
    source_count: int
    sentiment_score: float
    sentiment_confidence: float
    sentiment_label: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A row of `quarantine`: what was refused or doubted of a symbol in the session."""

    asset: str
    symbol: str
    rule: str
    severity: str
    value: str
    detail: str
    source: str


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A row of `enrichment_compute_log`: why a derived number is missing."""

    asset: str
    subject: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class RiskRow:
    """A row of `portfolio_risk`: what may be lost in a day, and how it moves."""

    delta_usd: float
    gamma_usd: float
    vega_usd: float
    theta_usd: float
    options_without_greeks: int
    beta_market: float | None
    factor_volatility_usd: float | None
    specific_volatility_usd: float | None
    historical_var_95_usd: float | None
    historical_es_95_usd: float | None
    historical_var_99_usd: float | None
    historical_es_99_usd: float | None
    factor_var_95_usd: float | None
    factor_es_95_usd: float | None
    factor_var_99_usd: float | None
    factor_es_99_usd: float | None
    scenario_days: int
    historical_covered_pct: float | None
    factor_covered_pct: float | None
    uncovered_symbols: str

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What it holds and leaves out, sorted."""
        return tuple(symbol for symbol in self.uncovered_symbols.split(",") if symbol)


@dataclass(frozen=True, slots=True)
class StressRow:
    """A row of `portfolio_stress`: what it gains or loses where one factor moves."""

    scenario: str
    factor: str
    shock_pct: float
    pnl_usd: float
    covered_pct: float | None


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """A row of `portfolio_factor_exposures`: dollars that move one for one with a factor."""

    factor: str
    beta: float | None
    exposure_usd: float
    risk_share: float | None
    covered_pct: float | None
    quality: str


@dataclass(frozen=True, slots=True)
class ContributionRow:
    """A row of `position_factor_exposures`: what a holding adds to an exposure."""

    symbol: str
    factor: str
    moves_with: str
    base_usd: float
    beta: float
    exposure_usd: float
    quality: str


_Row = TypeVar("_Row")


def rows_of(frame: pd.DataFrame, shape: type[_Row]) -> tuple[_Row, ...]:
    """Turn rows into `shape`, whose fields are named like the columns."""
    names = [field.name for field in fields(shape)]  # type: ignore[arg-type]  # every shape above is a dataclass
    rows = frame[names].itertuples(index=False, name=None)
    return tuple(shape(*map(_value, row)) for row in rows)


def _value(cell: Any) -> Any:
    """Give a cell as Python holds it: None for missing, dates as dates."""
    if isinstance(cell, tuple | str | Decimal):
        return cell
    if pd.isna(cell):
        return None
    if isinstance(cell, pd.Timestamp):
        return cell.date() if cell.tzinfo is None else cell.to_pydatetime()
    return cell
