"""Rows of every view, small and known, in the shape of the tables."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd

from market_pipeline.domain.snapshots import POSITION_COLUMNS, SNAPSHOT_COLUMNS
from market_pipeline.warehouse import Warehouse

SESSION = date(2026, 11, 20)
SATURDAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 0, 5, 1, 250_000, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
UGLY_BETA = 0.1 + 0.2
"""A float whose shortest text has 17 digits."""

NAN = float("nan")


def prices(session: date = SESSION) -> pd.DataFrame:
    """Give three rows of `market_data_cache`: plain, flagged, and an option."""
    option = "AAPL280121C00240000"
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(session),
            "symbol": ["AAPL", option, "MSFT"],
            "asset_class": ["stock", "option", "stock"],
            "price_usd": [270.123456789, 49.75, 0.1 + 0.2],
            "price_kind": ["close", "mid", "close"],
            "open": [269.0, NAN, NAN],
            "high": [271.5, NAN, 1.0],
            "low": [268.0, NAN, 0.25],
            "adj_close": [270.123456789, NAN, 0.3],
            "volume": [51_234_567.0, 120.0, NAN],
            "dividend_usd": 0.0,
            "split_ratio": 0.0,
            "return_1d": [-0.0123, NAN, 0.02],
            "multiplier": [1, 100, 1],
            "delta": [NAN, 0.61, NAN],
            "flags": [None, None, "missing_open"],
            "source": ["yahoo", "polygon", "yahoo"],
            "fetched_at": pd.Timestamp(AT),
        }
    )


def exposures(session: date = SESSION) -> pd.DataFrame:
    """Give two rows of `symbol_factor_exposures`, one without its uncertainty."""
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(session),
            "symbol": ["AAPL", "MSFT"],
            "factor": "market",
            "beta": [UGLY_BETA, -1.25],
            "std_error": [1 / 3, NAN],
            "t_stat": [2.5, NAN],
            "r_squared": [0.61, NAN],
            "residual_volatility": [0.012, NAN],
            "observations": [90, 45],
            "window_first_date": pd.Timestamp(2026, 7, 15),
            "quality": ["full_history", "limited_history"],
            "method": "ols",
            "definition": "market",
            "definition_version": 1,
        }
    )


def headlines(day: date = SESSION, source: str = "finviz_export") -> pd.DataFrame:
    """Give three headlines of one day: plain, formula-like, and one that tries to be markup."""
    texts = ["Apple ships", '=HYPERLINK("http://x")', "[red]Both[/red] rise \x1b[31mnow"]
    return pd.DataFrame(
        {
            "published_date": pd.Timestamp(day),
            "headline_hash": [f"{number:032d}" for number in range(3)],
            "headline": texts,
            "normalized_headline": texts,
            "publisher": ["@wire", "Paper", "Paper"],
            "url": "https://news.example/a",
            "symbols": ["AAPL", "MSFT", "AAPL,MSFT"],
            "published_at": [
                pd.Timestamp(AT.replace(hour=hour, day=day.day)) for hour in (14, 15, 16)
            ],
            "first_seen_at": pd.Timestamp(AT),
            "ingested_at": pd.Timestamp(AT),
            "session_date": pd.Timestamp(SESSION),
            "market_session": "regular",
            "source": source,
            "source_count": 1,
            "description": "",
            "category": "Stock",
            "sector": None,
            "industry": None,
            "is_failover": False,
            "sentiment_score": [0.8, -0.5, 0.0],
            "sentiment_confidence": [0.9, 0.4, 0.8],
            "sentiment_label": ["positive", "negative", "neutral"],
            "sentiment_model": "by-hand",
        }
    )


def impact(session: date = SESSION) -> pd.DataFrame:
    """Give the impact of two stories, told a minute apart; of the second nothing is known yet."""
    returns = ("return_pct", *(f"return_next_{n}_pct" for n in range(1, 6)))
    adjusted = ("adjusted_return_pct", *(f"adjusted_next_{n}_pct" for n in range(1, 6)))
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(session),
            "headline_hash": [f"{number:032d}" for number in range(2)],
            "symbol": ["AAPL", "MSFT"],
            "published_at": [pd.Timestamp(AT), pd.Timestamp(AT) + pd.Timedelta(minutes=1)],
            "relevance": [1.0, 0.5],
            "sentiment_score": [0.75, -0.25],
            "sentiment_confidence": [0.9, 0.4],
            "sentiment_label": ["positive", "negative"],
            "sentiment_model": "test",
            "beta": [UGLY_BETA, NAN],
            **{name: [1.25, NAN] for name in (*returns, *adjusted)},
            "sessions_known": [6, 0],
        }
    )


def snapshots(session: date = SESSION) -> pd.DataFrame:
    """Give a snapshot of one portfolio with an unpriced position."""
    money = (
        "market_value_usd", "cash_usd", "equity_usd", "long_usd", "short_usd", "gross_usd",
        "net_usd", "flows_usd", "gap_usd",
    )  # fmt: skip
    return pd.DataFrame(
        {
            "session_date": [pd.Timestamp(session)],
            "portfolio_id": ["growth"],
            **{name: [Decimal("1234567.0000000001")] for name in money},
            "daily_pnl_usd": [Decimal("-12.5")],
            "daily_return_pct": [-0.001],
            "position_count": [2],
            "stale_count": [0],
            "unpriced_count": [1],
            "stale_symbols": [""],
            "unpriced_symbols": ["ZZZ"],
        }
    ).reindex(columns=list(SNAPSHOT_COLUMNS))


def valued_positions(session: date = SESSION) -> pd.DataFrame:
    """Give a priced and an unpriced position."""
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(session),
            "portfolio_id": "growth",
            "position_no": [1, 2],
            "symbol": ["AAPL", "ZZZ"],
            "asset_class": "stock",
            "quantity": [Decimal(100), Decimal("-3.5")],
            "multiplier": 1,
            "price_usd": [Decimal("270.1234567890"), None],
            "price_date": [pd.Timestamp(session), pd.NaT],
            "market_value_usd": [Decimal("27012.3456789"), None],
            "daily_pnl_usd": [Decimal("-12.5"), None],
            "unrealised_pnl_usd": [None, None],
            "status": ["priced", "unpriced"],
            "source": ["yahoo", None],
        }
    ).reindex(columns=list(POSITION_COLUMNS))


def universe(session: date = SESSION) -> pd.DataFrame:
    """Give two symbols that matter."""
    return pd.DataFrame(
        {
            "session_date": pd.Timestamp(session),
            "symbol": ["AAPL", "MSFT"],
            "asset_class": "stock",
            "underlying": None,
            "exchange": "XNAS",
            "sector": "Technology",
            "industry": None,
            "reasons": ["held", "watched"],
            "priority": [1, 3],
            "timeframes": "1d",
        }
    )


def metrics(session: date = SESSION) -> pd.DataFrame:
    """Give the metrics of one symbol, with what it is too young for missing."""
    known = ("return_1d_pct", "return_1w_pct", "return_1m_pct", "volatility_21d_pct")
    missing = (
        "return_mtd_pct", "return_3m_pct", "return_6m_pct", "return_ytd_pct", "return_1y_pct",
        "volatility_63d_pct", "volatility_trend_pct", "volatility_21d_percentile",
        "volatility_63d_percentile", "drawdown_63d_pct", "drawdown_1y_pct", "average_volume_21d",
        "market_cap_usd", "trailing_pe", "price_to_sales", "price_to_book", "beta_market",
        "beta_interest_rate",
    )  # fmt: skip
    return pd.DataFrame(
        {
            "session_date": [pd.Timestamp(session)],
            "symbol": ["AAPL"],
            "price_usd": [270.123456789],
            **dict.fromkeys(known, 1.5),
            **dict.fromkeys(missing, NAN),
            "fundamentals_date": pd.NaT,
            "sector": None,
            "betas": '{"market": 1.1}',
            "observations": [22],
            "quality_score": [0.5],
        }
    )


def fill(warehouse: Warehouse, kind: str | None = None) -> None:
    """Put the rows of every view into an upgraded warehouse."""
    tables = {
        "market_data_cache": prices(),
        "symbol_factor_exposures": exposures(),
        "headlines": headlines(),
        "headline_impact": impact(),
        "portfolio_snapshots": snapshots(),
        "portfolio_positions": valued_positions(),
        "symbol_universe": universe(),
        "symbol_daily_metrics": metrics(),
    }
    for name, frame in tables.items():
        warehouse.replace_range(name, frame, SESSION, SESSION)
    if kind is not None:
        warehouse.meta_set("data_kind", kind)
