"""A small warehouse to look at: one book over a few sessions, with whatever a test puts into it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd

from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.portfolio_csv import transactions_hash
from market_pipeline.domain.portfolio_risk import RISK_COLUMNS
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.quarantine import FINDING_COLUMNS
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import SNAPSHOT_COLUMNS
from market_pipeline.domain.transactions import Transaction, TransactionFile
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.tables import symbol_daily_metrics
from market_pipeline_tests.warehouse.rows import held

CALENDAR = TradingCalendar.xnys()
SESSION = date(2026, 11, 20)
AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)

SCRIPT = "<script>alert(1)</script>"
BREAKOUT = '"><img src=x onerror=alert(1)>'
ESCAPES = "\x1b[31mred\x1b[0m\u202egnihsihp"
RICH_MARKUP = "[bold red]loud[/] [link=https://evil.example]x[/link]"


def store_book(
    warehouse: Warehouse, portfolio_id: str = "p", name: str = "Plain book", lots: int = 1
) -> None:
    """Store a book of that name; what it holds in a session is told by `store_positions`."""
    positions = tuple(
        Position(number, "AAPL", "stock", Decimal(1), Decimal(100), date(2026, 1, 5))
        for number in range(1, lots + 1)
    )
    warehouse.import_book(
        Book(portfolio_id, name, date(2026, 11, 2), f"{portfolio_id[:8]}.csv", "0" * 64, positions),
        AT,
    )


def store_transactions(
    warehouse: Warehouse, portfolio_id: str = "t", source_file: str = "trades.csv"
) -> None:
    """Store a deposit as a portfolio's file of transactions."""
    rows = (Transaction(1, date(2026, 11, 2), "deposit", Decimal(1000), Decimal(1000)),)
    file = TransactionFile(portfolio_id, source_file, transactions_hash(rows), rows)
    warehouse.transactions.import_file(file, AT)


def snapshot(
    equity: str = "1000", day: date = SESSION, portfolio_id: str = "p", **changes: object
) -> dict[str, object]:
    """Describe a `portfolio_snapshots` row; what is not given is zero."""
    zero = Decimal(0)
    row: dict[str, object] = {
        "session_date": day, "portfolio_id": portfolio_id, "market_value_usd": zero,
        "cash_usd": zero, "equity_usd": Decimal(equity), "long_usd": zero, "short_usd": zero,
        "gross_usd": zero, "net_usd": zero, "daily_pnl_usd": None, "flows_usd": zero,
        "gap_usd": zero, "daily_return_pct": None, "position_count": 0, "stale_count": 0,
        "unpriced_count": 0, "stale_symbols": "", "unpriced_symbols": "",
    }  # fmt: skip
    later = dict.fromkeys(set(SNAPSHOT_COLUMNS) - set(row))  # NULL, as before there were any
    return later | row | changes


def store_snapshots(warehouse: Warehouse, rows: Sequence[dict[str, object]]) -> None:
    """Store rows made by `snapshot`."""
    warehouse.merge("portfolio_snapshots", pd.DataFrame(rows, dtype=object))


def store_snapshot(
    warehouse: Warehouse,
    equity: str = "1000",
    day: date = SESSION,
    portfolio_id: str = "p",
    **changes: object,
) -> None:
    """Store one snapshot, as `snapshot` describes it."""
    store_snapshots(warehouse, [snapshot(equity, day, portfolio_id, **changes)])


def position(number: int, symbol: str, value: str | None, **changes: object) -> dict[str, object]:
    """Describe a `portfolio_positions` row of one unit, priced by `yahoo` in the session."""
    exact = None if value is None else Decimal(value)
    row: dict[str, object] = {
        "session_date": SESSION, "position_no": number, "symbol": symbol,
        "quantity": Decimal(1), "price_usd": exact, "price_date": SESSION,
        "market_value_usd": exact, "status": "priced", "source": "yahoo",
    }  # fmt: skip
    return row | changes


def store_positions(warehouse: Warehouse, rows: Sequence[dict[str, object]]) -> None:
    """Store rows made by `position`."""
    warehouse.merge("portfolio_positions", held(rows))


def store_exposures(
    warehouse: Warehouse,
    betas: Sequence[tuple[str, str, float]],
    portfolio_id: str = "p",
    day: date = SESSION,
    base_usd: float = 600.0,
    equity_usd: float = 2000.0,
) -> None:
    """Store exposures of holdings of `base_usd` each, told by (symbol, factor, beta), and sums."""
    parts = pd.DataFrame(betas, columns=["symbol", "factor", "beta"]).assign(
        session_date=day, portfolio_id=portfolio_id, asset_class="stock", base_usd=base_usd,
        risk_share=None, quality="full_history",
    )  # fmt: skip
    parts["moves_with"], parts["exposure_usd"] = parts["symbol"], base_usd * parts["beta"]
    wholes = parts.groupby("factor", as_index=False)["exposure_usd"].sum()
    wholes = wholes.assign(
        session_date=day, portfolio_id=portfolio_id, beta=wholes["exposure_usd"] / equity_usd,
        risk_share=0.25, covered_pct=87.5, quality="full_history",
    )  # fmt: skip
    warehouse.merge("position_factor_exposures", parts)
    warehouse.merge("portfolio_factor_exposures", wholes)


def store_risk(
    warehouse: Warehouse, portfolio_id: str = "p", day: date = SESSION, **changes: object
) -> None:
    """Store a row of `portfolio_risk`; what is not given is zero, or missing where that is told."""
    row: dict[str, object] = dict.fromkeys(RISK_COLUMNS, 0.0) | {
        "session_date": day, "portfolio_id": portfolio_id, "sector_weights": "{}",
        "options_without_greeks": 0, "scenario_days": 252, "historical_covered_pct": 100.0,
        "factor_covered_pct": 97.5, "uncovered_symbols": "",
    }  # fmt: skip
    warehouse.merge("portfolio_risk", pd.DataFrame([row | changes]))


def store_stress(
    warehouse: Warehouse,
    tests: Sequence[tuple[str, str, float, float]],
    portfolio_id: str = "p",
    day: date = SESSION,
) -> None:
    """Store stress tests as (scenario, factor, shock in percent, P&L)."""
    frame = pd.DataFrame(tests, columns=["scenario", "factor", "shock_pct", "pnl_usd"])
    frame = frame.assign(session_date=day, portfolio_id=portfolio_id, covered_pct=100.0)
    warehouse.merge("portfolio_stress", frame)


def store_sectors(
    warehouse: Warehouse, sectors: Mapping[str, str | None], day: date = SESSION
) -> None:
    """Store daily metrics that say no more than each symbol's sector."""
    frame = pd.DataFrame(sectors.items(), columns=["symbol", "sector"], dtype=object)
    frame = frame.assign(session_date=day, price_usd=1.0, observations=1, quality_score=1.0)
    columns = [column.name for column in symbol_daily_metrics.columns]
    warehouse.merge("symbol_daily_metrics", frame.reindex(columns=columns))


def store_headlines(
    warehouse: Warehouse, items: Sequence[tuple[datetime, str, str]], **changes: object
) -> None:
    """Store headlines as (published at, comma-joined symbols, text)."""
    rows = []
    for number, (at, symbols, text) in enumerate(items):
        day = at.astimezone(UTC).date()
        row: dict[str, object] = {
            "published_date": day, "headline_hash": f"{number:032d}", "headline": text,
            "normalized_headline": "x", "publisher": "Wire", "url": "https://example.com/1",
            "symbols": symbols, "published_at": pd.Timestamp(at),
            "first_seen_at": pd.Timestamp(AT), "session_date": day, "source": "finviz_export",
            "source_count": 1, "ingested_at": pd.Timestamp(AT), "market_session": "regular",
            "description": "", "category": "Stock", "sector": None, "industry": None,
            "is_failover": False, "sentiment_score": 0.0, "sentiment_confidence": 0.9,
            "sentiment_label": "neutral", "sentiment_model": "by-hand",
        }  # fmt: skip
        rows.append(row | changes)
    warehouse.merge("headlines", pd.DataFrame(rows))


def store_finding(warehouse: Warehouse, symbol: str, detail: str, day: date = SESSION) -> None:
    """Store a quarantine finding of `market_data_cache`."""
    asset, rule = "market_data_cache", "high_below_low"
    row = (asset, day, symbol, rule, "rejected", "high=1", detail, "yahoo")
    frame = pd.DataFrame([row], columns=list(FINDING_COLUMNS))
    warehouse.replace_quarantine("market_data_cache", day, day, frame, AT)


def store_notes(warehouse: Warehouse, notes: Sequence[tuple[str, str]]) -> None:
    """Store notes of `factor_exposures` as (subject, reason)."""
    asset = "factor_exposures"
    rows = [ComputeNote(asset, SESSION, subject, "skipped", reason) for subject, reason in notes]
    warehouse.replace_notes(asset, SESSION, SESSION, rows)


def store_hostile(warehouse: Warehouse) -> None:
    """Store a portfolio in which every text of others tries something."""
    store_book(warehouse, name=f"{SCRIPT} {BREAKOUT} {ESCAPES} {RICH_MARKUP}")
    store_snapshot(warehouse, equity="1000.50", position_count=3, stale_count=1, unpriced_count=1)
    store_positions(
        warehouse,
        [
            position(1, "AAPL", "900", source=BREAKOUT),
            position(2, BREAKOUT, "100.50", asset_class="private", status="manual", source="book"),
            position(3, "MSFT", "10", status="stale", price_date=date(2026, 11, 18)),
            position(4, "GONE", None, status="unpriced", price_date=None, source=None),
        ],
    )
    store_risk(warehouse, uncovered_symbols=BREAKOUT)
    store_exposures(warehouse, [("AAPL", "market", 1.2), (BREAKOUT, SCRIPT, -0.4)])
    store_stress(warehouse, [(f"down_2_sigma:{SCRIPT}", SCRIPT, -3.0, -12.0)])
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    store_headlines(
        warehouse,
        [(noon, "AAPL,EVIL", f"{SCRIPT} {BREAKOUT} {ESCAPES} {RICH_MARKUP}")],
        publisher=BREAKOUT, url="javascript:alert(1)", source=SCRIPT,
    )  # fmt: skip
    store_headlines(
        warehouse,
        [(datetime(2026, 11, 19, 17, 0, tzinfo=UTC), "MSFT", "A link that breaks out")],
        url='https://example.com/?q="onmouseover="alert(1)',
    )
    store_finding(warehouse, "AAPL", f"{SCRIPT} {ESCAPES}")
    store_notes(warehouse, [("AAPL:market", f"{BREAKOUT} {RICH_MARKUP}")])
