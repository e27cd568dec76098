"""Rows to store: small frames in the shape of the tables."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from market_pipeline.domain.ports import Coverage, FetchLog

FIRST = date(2024, 1, 2)
AT = datetime(2024, 6, 3, 12, 30, 15, 123456, tzinfo=UTC)


def day(number: int) -> date:
    """Give the date `number` days after `FIRST`."""
    return FIRST + timedelta(days=number)


def bars(
    closes: Mapping[tuple[int, str], float | None],
    fetched_at: datetime = AT,
    source: str = "yahoo",
) -> pd.DataFrame:
    """Build `equity_bars` rows from closes by (day number, symbol)."""
    frame = pd.DataFrame(
        {
            "session_date": [pd.Timestamp(day(number)) for number, _ in closes],
            "symbol": [symbol for _, symbol in closes],
            "close": pd.Series(list(closes.values()), dtype="float64"),
        }
    )
    frame["session_date"] = frame["session_date"].astype("datetime64[s]")
    for name in ("open", "high", "low", "adj_close", "volume"):
        frame[name] = frame["close"]
    return frame.assign(
        dividend_usd=0.0, split_ratio=0.0, source=source, fetched_at=pd.Timestamp(fetched_at)
    )


def closes(frame: pd.DataFrame) -> dict[tuple[int, str], float]:
    """Turn read bars back into closes by (day number, symbol)."""
    return {
        ((stamp.date() - FIRST).days, symbol): close
        for stamp, symbol, close in zip(
            frame["session_date"], frame["symbol"], frame["close"], strict=True
        )
    }


def covered(
    first: int, last: int, subject: str = "AAPL", outcome: str = "ok", at: datetime = AT
) -> Coverage:
    """Build coverage of `equity_bars` by day numbers."""
    return Coverage("equity_bars", subject, day(first), day(last), "yahoo", at, outcome)


def fetched(subject: str = "AAPL", **changes: object) -> FetchLog:
    """Build a fetch-log entry of `equity_bars`."""
    values: dict[str, object] = {
        "asset": "equity_bars", "subject": subject, "source": "yahoo", "started_at": AT,
        "response_ms": 12.5, "is_success": True, "timeframe": "1d", "rows_fetched": 1,
    }  # fmt: skip
    return FetchLog(**(values | changes))  # type: ignore[arg-type]  # a bag of valid fields


def metrics(rows: Sequence[tuple[int, str, float]]) -> pd.DataFrame:
    """Build `symbol_daily_metrics` rows from (day number, symbol, price); the rest is missing."""
    frame = pd.DataFrame(
        {
            "session_date": [day(number) for number, _, _ in rows],
            "symbol": [symbol for _, symbol, _ in rows],
            "price_usd": [price for _, _, price in rows],
        }
    )
    for name in (
        "return_1d_pct", "return_1w_pct", "return_mtd_pct", "return_1m_pct", "return_3m_pct",
        "return_6m_pct", "return_ytd_pct", "return_1y_pct", "volatility_21d_pct",
        "volatility_63d_pct", "volatility_trend_pct", "volatility_21d_percentile",
        "volatility_63d_percentile", "drawdown_63d_pct", "drawdown_1y_pct", "average_volume_21d",
        "market_cap_usd", "trailing_pe", "price_to_sales", "price_to_book", "beta_market",
        "beta_interest_rate",
    ):  # fmt: skip
        frame[name] = float("nan")
    frame = frame.assign(fundamentals_date=None, sector=None, betas=None)
    return frame.assign(observations=1, quality_score=1.0)


def headlines(items: Sequence[tuple[int, str, str]], first_seen_at: datetime = AT) -> pd.DataFrame:
    """Build `headlines` rows from (day number, hash, headline)."""
    return pd.DataFrame(
        {
            "published_date": [day(number) for number, _, _ in items],
            "headline_hash": [name for _, name, _ in items],
            "headline": [text for _, _, text in items],
            "normalized_headline": "x",
            "publisher": "Wire",
            "url": "https://example.com/1",
            "symbols": "AAPL",
            "published_at": pd.Timestamp(AT),
            "first_seen_at": pd.Timestamp(first_seen_at),
            "ingested_at": pd.Timestamp(AT),
            "session_date": [day(number) for number, _, _ in items],
            "market_session": "regular",
            "source": "finviz",
            "source_count": 1,
            "description": "",
            "category": "Stock",
            "sector": None,
            "industry": None,
            "is_failover": False,
            "sentiment_score": 0.5,
            "sentiment_confidence": 0.75,
            "sentiment_label": "positive",
            "sentiment_model": "by-hand",
        }
    )


def held(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Build `portfolio_positions` rows: exact money, most of it missing unless given."""
    base: dict[str, object] = {
        "session_date": day(0), "portfolio_id": "p", "position_no": 1, "symbol": "AAPL",
        "asset_class": "stock", "quantity": None, "multiplier": 1, "price_usd": None,
        "price_date": None, "market_value_usd": None, "daily_pnl_usd": None,
        "unrealised_pnl_usd": None, "status": "unpriced", "source": None, "cost_usd": None,
        "flows_usd": None, "gap_usd": None, "dividends_usd": None, "fees_usd": None,
        "realised_pnl_usd": None,
    }  # fmt: skip
    return pd.DataFrame([base | dict(row) for row in rows], columns=list(base), dtype=object)
