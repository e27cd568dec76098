"""The tables of valued portfolios: what they are worth, and what that is made of.

Columns that came later may be NULL in rows that were made before; making a session anew fills them.
"""

import sqlalchemy as sa

from market_pipeline.warehouse.columns import Exact, by_session, key, optional, required

portfolio_snapshots = by_session(
    "portfolio_snapshots",
    key("portfolio_id", sa.String(64)),
    required("market_value_usd", Exact),  # net value of all positions but cash
    required("cash_usd", Exact),
    required("equity_usd", Exact),  # market value plus cash
    required("long_usd", Exact),
    required("short_usd", Exact),  # absolute value
    required("gross_usd", Exact),
    required("net_usd", Exact),
    *optional("daily_pnl_usd", kind=Exact),
    required("flows_usd", Exact),  # put in from outside, less what was taken out
    required("gap_usd", Exact),  # value that came or went because a price did
    *optional("daily_return_pct", kind=sa.Float(53)),
    required("position_count", sa.Integer),
    required("stale_count", sa.Integer),
    required("unpriced_count", sa.Integer),
    required("stale_symbols", sa.Text),  # sorted, comma-joined
    required("unpriced_symbols", sa.Text),
    *optional("long_count", "short_count", kind=sa.Integer),
    *optional("dividends_usd", "interest_usd", "fees_usd", kind=Exact),  # since the session before
    *optional("invested_usd", kind=Exact),  # all flows so far, entries at their cost
    *optional("unpriced_cost_usd", kind=Exact),  # cost of what has no price
    *optional("realised_pnl_usd", "unrealised_pnl_usd", "cumulative_pnl_usd", kind=Exact),
    *optional(
        "growth",  # of a dollar since the first session's end
        "twr_pct", "mwr_pct", "volatility_21d_pct", "volatility_63d_pct", "herfindahl",
        "effective_positions", "top_3_weight_pct", "top_10_weight_pct", "completeness_pct",
        kind=sa.Float(53),
    ),
    *optional("made_from", kind=sa.String(32)),  # digest of all the ledger tells up to the session
)  # fmt: skip

portfolio_positions = by_session(
    "portfolio_positions",
    key("portfolio_id", sa.String(64)),
    key("position_no", sa.Integer),  # 0: what transactions brought into cash
    required("symbol", sa.String(32)),
    required("asset_class", sa.String(16)),
    required("quantity", Exact),
    required("multiplier", sa.Integer),
    *optional("price_usd", kind=Exact),
    *optional("price_date", kind=sa.Date),
    *optional("market_value_usd", kind=Exact),
    *optional("daily_pnl_usd", kind=Exact),
    *optional("unrealised_pnl_usd", kind=Exact),
    required("status", sa.String(10)),  # priced, stale, unpriced, manual, closed
    *optional("source", kind=sa.String(40)),
    *optional("cost_usd", kind=Exact),  # of what is open, negative when short
    *optional("flows_usd", "gap_usd", "dividends_usd", "fees_usd", kind=Exact),
    *optional("realised_pnl_usd", kind=Exact),  # so far: gains of closing, dividends less fees
)
