"""What can be shown of the risk of portfolios: losses, stress tests, exposures."""

from market_pipeline.operations.view import View, columns

RISK = View(
    "risk",
    "rows of risk",
    "Show what each portfolio may lose in a day, its greeks, beta and sectors.",
    "portfolio_risk",
    columns(
        "portfolio_id historical_var_95_usd historical_es_95_usd historical_var_99_usd "
        "historical_es_99_usd factor_var_95_usd factor_var_99_usd factor_volatility_usd "
        "specific_volatility_usd delta_usd gamma_usd vega_usd theta_usd beta_market "
        "sector_weights scenario_days uncovered_symbols"
    ),
    subject="uncovered_symbols",
    made_by="portfolio_risk",
)
STRESS = View(
    "stress",
    "stress tests",
    "Show what each portfolio gains or loses when one factor moves.",
    "portfolio_stress",
    columns("portfolio_id scenario factor shock_pct pnl_usd covered_pct"),
    subject="scenario",
    made_by="portfolio_risk",
)
EXPOSURES = View(
    "exposures",
    "exposures of portfolios",
    "Show how much each portfolio moves with each factor, and its share of the risk.",
    "portfolio_factor_exposures",
    columns("portfolio_id factor beta exposure_usd risk_share covered_pct quality"),
    subject="factor",
    made_by="portfolio_risk",
)
POSITION_EXPOSURES = View(
    "position-exposures",
    "exposures of positions",
    "Show how much each position moves with each factor, and its share of the risk.",
    "position_factor_exposures",
    columns(
        "portfolio_id symbol asset_class factor moves_with base_usd beta exposure_usd risk_share "
        "quality"
    ),
    made_by="portfolio_risk",
)
