"""What can be shown: each view's table, its dates, and the columns a person reads first.

CSV and JSON carry every column; the table only those named here. Imports nothing slow: the
command line is built from this list.
"""

from market_pipeline.domain.errors import InputError
from market_pipeline.operations.risk_views import EXPOSURES, POSITION_EXPOSURES, RISK, STRESS
from market_pipeline.operations.view import View, columns

UNIVERSE = View(
    "universe",
    "symbols",
    "Show which symbols matter in a session, and why.",
    "symbol_universe",
    columns("symbol asset_class underlying exchange sector industry reasons priority timeframes"),
    made_by="symbol_universe",
)
COMPANIES = View(
    "companies",
    "companies",
    "Show what each symbol is, and who said so.",
    "company_profiles",
    columns("symbol company_name asset_class exchange sector industry source fetched_at"),
    date_column=None,
    is_by_session=False,
)
FUNDAMENTALS = View(
    "fundamentals",
    "fundamentals",
    "Show how large companies are, what they cost and when they report, newest first.",
    "fundamentals",
    columns(
        "as_of_date symbol currency market_cap trailing_pe forward_pe price_to_sales price_to_book "
        "shares_outstanding beta dividend_yield_pct next_earnings_date source"
    ),
    date_column=None,
    is_by_session=False,
    newest="as_of_date",
    default_limit=100,
)
PRICES = View(
    "prices",
    "prices",
    "Show the prices of a session, with their flags and source.",
    "market_data_cache",
    columns(
        "symbol asset_class price_usd price_kind return_1d open high low adj_close volume flags "
        "source"
    ),
    made_by="market_data_cache",
)
OPTIONS = View(
    "options",
    "option quotes",
    "Show the option chain of a session; `computed` names values that are ours, `flags` doubts.",
    "option_values",
    columns(
        "symbol expiration_date option_type strike_usd bid ask last quoted_at flags volume "
        "open_interest implied_volatility delta gamma theta vega underlying_price computed source"
    ),
)
CONTRACTS = View(
    "contracts",
    "option contracts",
    "Show the option contracts that are known of a stock: terms, what they deliver, when seen.",
    "option_contracts",
    columns(
        "symbol underlying expiration_date option_type strike_usd exercise_style multiplier "
        "contract_kind recognised_by primary_exchange first_seen_date last_seen_date source"
    ),
    date_column=None,
    is_by_session=False,
    default_limit=100,
)
FACTORS = View(
    "factors",
    "factor exposures",
    "Show how much each symbol moves with each factor.",
    "symbol_factor_exposures",
    columns(
        "symbol factor beta std_error t_stat r_squared residual_volatility observations "
        "quality method definition definition_version"
    ),
    made_by="factor_exposures",
)
SUPERSEDED = View(
    "superseded-factors",
    "superseded exposures",
    "Show exposures as definitions that were replaced since had measured them.",
    "superseded_factor_exposures",
    columns(
        "symbol factor beta std_error t_stat r_squared observations quality method definition "
        "definition_version"
    ),
)
DEFINITIONS = View(
    "factor-definitions",
    "factor definitions",
    "Show what factors are measured, how, in which version, and why some were not.",
    "factor_definitions",
    columns(
        "name version is_active kind method proxies window min_observations cap penalty half_life "
        "skipped"
    ),
    date_column=None,
    is_by_session=False,
    subject="name",
)
METRICS = View(
    "metrics",
    "metrics",
    "Show returns, volatility, drawdown, size and betas of each symbol.",
    "symbol_daily_metrics",
    columns(
        "symbol sector price_usd return_1d_pct return_1m_pct return_ytd_pct return_1y_pct "
        "volatility_21d_pct volatility_21d_percentile drawdown_1y_pct market_cap_usd trailing_pe "
        "beta_market quality_score"
    ),
    made_by="symbol_daily_metrics",
)
QUALITY = View(
    "quality",
    "judged symbols",
    "Show how far each symbol's prices of the last quarter can be relied on.",
    "price_quality",
    columns("symbol expected priced flagged rejected validation_rate quality_score"),
    made_by="symbol_daily_metrics",
)
HEADLINES = View(
    "headlines",
    "headlines",
    "Show the headlines of a New York day, newest first.",
    "headlines",
    columns("published_at market_session symbols tone headline publisher source source_count"),
    date_column="published_date",
    is_by_session=False,
    subject="symbols",
    lists_symbols=True,
    newest="published_at",
    made_by="headlines",
)
SOURCES = View(
    "sources",
    "sources",
    "Show how each source of news stands: its last success and failure, and how many in a row.",
    "source_status",
    columns(
        "source is_available last_success_at last_failure_at consecutive_failures last_error_kind "
        "last_error_message"
    ),
    date_column=None,
    is_by_session=False,
    subject="source",
)
COLLECTIONS = View(
    "collections",
    "collections",
    "Show each time a source of news was asked, and what came of it; --date is a UTC day.",
    "collection_events",
    columns(
        "started_at asset portfolio_id source is_success is_failover item_count new_item_count "
        "duration_ms error_kind error_message"
    ),
    date_column=None,
    is_by_session=False,
    subject="source",
    newest="started_at",
    default_limit=100,
)
TELLINGS = View(
    "tellings",
    "tellings",
    "Show every item that told the stories of a New York day, the first one marked.",
    "headline_sources",
    columns(
        "published_at headline_hash is_primary is_failover similarity headline publisher source"
    ),
    date_column="published_date",
    is_by_session=False,
    subject="headline_hash",
    newest="published_at",
    made_by="headlines",
)
IMPACT = View(
    "impact",
    "rows of impact",
    "Show what each story's session and the next five returned, beside its score.",
    "headline_impact",
    columns(
        "symbol headline_hash published_at sentiment_label sentiment_score sentiment_confidence "
        "relevance beta return_pct adjusted_return_pct adjusted_next_1_pct adjusted_next_2_pct "
        "adjusted_next_3_pct adjusted_next_4_pct adjusted_next_5_pct sessions_known"
    ),
    newest="published_at",
    default_limit=100,
)
SNAPSHOT = View(
    "snapshot",
    "snapshots",
    "Show what each portfolio is worth; with --symbol, those that hold it.",
    "portfolio_snapshots",
    columns(
        "portfolio_id equity_usd market_value_usd cash_usd long_usd short_usd gross_usd net_usd "
        "daily_pnl_usd daily_return_pct flows_usd realised_pnl_usd unrealised_pnl_usd "
        "cumulative_pnl_usd position_count stale_symbols unpriced_symbols"
    ),
    made_by="portfolio_snapshots",
)
POSITIONS = View(
    "positions",
    "valued positions",
    "Show each position's value, and where its price comes from.",
    "portfolio_positions",
    columns(
        "portfolio_id position_no symbol asset_class quantity price_usd price_date "
        "market_value_usd cost_usd daily_pnl_usd unrealised_pnl_usd realised_pnl_usd status source"
    ),
    made_by="portfolio_snapshots",
)
NOTES = View(
    "notes",
    "notes",
    "Show what has no answer in a session, or a doubtful one, and why.",
    "enrichment_compute_log",
    columns("asset subject outcome reason"),
    subject="subject",
)
QUARANTINE = View(
    "quarantine",
    "quarantined rows",
    "Show rows refused or flagged, and by which rule; of every date unless one is named.",
    "quarantine",
    columns("row_date asset symbol rule severity value detail source"),
    date_column=None,
    is_by_session=False,
    newest="row_date",
    default_limit=100,
    day_column="row_date",
)
ACTIONS = View(
    "actions",
    "corporate actions",
    "Show dividends and splits by ex-date; of every date unless one is named.",
    "corporate_actions",
    columns("ex_date symbol kind value source first_seen_at"),
    date_column=None,
    is_by_session=False,
    newest="ex_date",
    default_limit=100,
    day_column="ex_date",
)
RESTATEMENTS = View(
    "restatements",
    "restatements",
    "Show bars whose past a vendor changed, and splits that moved a history.",
    "bar_restatements",
    columns(
        "session_date symbol field old_value new_value seen_at old_source source old_fetched_at"
    ),
    date_column=None,
    is_by_session=False,
    newest="seen_at",
    default_limit=100,
    day_column="session_date",
)
TRANSACTIONS = View(
    "transactions",
    "transactions",
    "Show what was bought, sold, paid in and paid out, newest first.",
    "transactions",
    columns(
        "portfolio_id trade_date type symbol quantity price_usd fees_usd amount_usd note "
        "source_file"
    ),
    date_column=None,
    is_by_session=False,
    newest="trade_date",
    default_limit=100,
    day_column="trade_date",
)
FETCHES = View(
    "fetches",
    "fetches",
    "Show what was asked of vendors and what came of it; --date is a UTC day.",
    "enrichment_fetch_log",
    columns(
        "started_at asset subject timeframe source is_success rows_fetched rows_inserted "
        "rows_updated attempts response_ms quota_left error_kind error_detail"
    ),
    date_column=None,
    is_by_session=False,
    subject="subject",
    newest="started_at",
    default_limit=100,
)

CHECKS = View(
    "checks",
    "failed checks",
    "Show which dates of which asset fail a check, and since when.",
    "failed_checks",
    columns("asset check_name first_date last_date severity failed_at told run_id"),
    date_column=None,
    is_by_session=False,
    subject="asset",
    newest="failed_at",
    default_limit=100,
)

JOBS = View(
    "jobs",
    "jobs",
    "Show how the collection of each symbol stands, while it runs too.",
    "collection_jobs",
    columns("asset subject status attempts started_at completed_at due_at last_error run_id"),
    date_column=None,
    is_by_session=False,
    subject="subject",
    newest="started_at",
    default_limit=100,
)

VIEWS = {
    view.name: view
    for view in (
        UNIVERSE, COMPANIES, FUNDAMENTALS, PRICES, OPTIONS, CONTRACTS, FACTORS, SUPERSEDED,
        DEFINITIONS, METRICS, QUALITY,
        HEADLINES, TELLINGS, IMPACT, SOURCES, COLLECTIONS, SNAPSHOT, POSITIONS, RISK, STRESS,
        EXPOSURES, POSITION_EXPOSURES, NOTES, QUARANTINE,
        ACTIONS, RESTATEMENTS, CHECKS, FETCHES, JOBS, TRANSACTIONS,
    )
}  # fmt: skip


def view_named(name: str) -> View:
    """Give the view, or raise InputError naming those there are."""
    if name not in VIEWS:
        raise InputError(f"nothing is called {name}; there are {', '.join(VIEWS)}")
    return VIEWS[name]
