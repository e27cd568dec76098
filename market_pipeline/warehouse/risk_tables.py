"""The tables of portfolio risk: exposures to factors, stress, value at risk. All are statistics.

NULL where a number has no basis: too few returns, no equity, nothing that is covered.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import by_session, key, optional, required

portfolio_risk = by_session(
    "portfolio_risk",
    key("portfolio_id", sa.String(64)),
    required("delta_usd", sa.Float(53)),
    required("gamma_usd", sa.Float(53)),  # change of delta_usd when underlyings move 1 %
    required("vega_usd", sa.Float(53)),  # a volatility point
    required("theta_usd", sa.Float(53)),  # a calendar day
    required("options_without_greeks", sa.Integer),
    *optional("beta_market", kind=sa.Float(53)),
    required("sector_weights", sa.Text),  # JSON: percent of all moving dollars by sector
    *optional(
        "factor_volatility_usd", "specific_volatility_usd",  # a day
        "historical_var_95_usd", "historical_var_99_usd", "historical_es_95_usd",
        "historical_es_99_usd", "factor_var_95_usd", "factor_var_99_usd", "factor_es_95_usd",
        "factor_es_99_usd",
        kind=sa.Float(53),
    ),
    required("scenario_days", sa.Integer),
    *optional("historical_covered_pct", "factor_covered_pct", kind=sa.Float(53)),
    required("uncovered_symbols", sa.Text),  # sorted, comma-joined
)  # fmt: skip

position_factor_exposures = by_session(
    "position_factor_exposures",
    key("portfolio_id", sa.String(64)),
    key("symbol", sa.String(32)),
    key("asset_class", sa.String(16)),
    key("factor", sa.String(40)),
    required("moves_with", sa.String(32)),  # itself, an option's underlying, a stand-in
    required("base_usd", sa.Float(53)),
    required("beta", sa.Float(53)),  # of moves_with
    required("exposure_usd", sa.Float(53)),
    *optional("risk_share", kind=sa.Float(53)),  # of the portfolio's factor variance
    required("quality", sa.String(20)),
)

portfolio_factor_exposures = by_session(
    "portfolio_factor_exposures",
    key("portfolio_id", sa.String(64)),
    key("factor", sa.String(40)),
    *optional("beta", kind=sa.Float(53)),  # of equity
    required("exposure_usd", sa.Float(53)),
    *optional("risk_share", "covered_pct", kind=sa.Float(53)),
    required("quality", sa.String(20)),  # that of the worst beta; partial: a holding is left out
)

portfolio_stress = by_session(
    "portfolio_stress",
    key("portfolio_id", sa.String(64)),
    key("scenario", sa.String(60)),
    required("factor", sa.String(40)),
    required("shock_pct", sa.Float(53)),
    required("pnl_usd", sa.Float(53)),
    *optional("covered_pct", kind=sa.Float(53)),
)
