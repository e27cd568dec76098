"""Three portfolios to look at: one empty, one of 300 positions, one gone stale without its risk."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from math import sin

from market_pipeline.domain.factor_definitions import DEFAULTS
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import (
    BREAKOUT,
    CALENDAR,
    SCRIPT,
    SESSION,
    position,
    snapshot,
    store_book,
    store_exposures,
    store_finding,
    store_headlines,
    store_notes,
    store_positions,
    store_risk,
    store_sectors,
    store_snapshot,
    store_snapshots,
    store_stress,
    store_transactions,
)

SECTORS = ("Technology", "Health care", "Energy", "Financial services", "Consumer defensive")
OLD = date(2026, 11, 17)


def store_showcase(warehouse: Warehouse) -> None:
    """Store the portfolios `empty`, `large` and `stale`, with all that a report can show."""
    store_book(warehouse, "empty", "An empty book", lots=0)
    store_snapshot(warehouse, "0", portfolio_id="empty", invested_usd=Decimal(0))
    store_risk(
        warehouse, "empty", scenario_days=0, beta_market=None, historical_covered_pct=None,
        factor_covered_pct=None,
    )  # fmt: skip
    _store_large(warehouse)
    _store_stale(warehouse)
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    store_headlines(
        warehouse,
        [(noon, "SY001", f"{SCRIPT} {'Averyveryverylongwordwithoutanyblank' * 4} {BREAKOUT}"),
         (noon, "SY002,SY003", "Rates fall, and shares of all kinds rise more than anybody hoped")],
        sentiment_score=0.82, sentiment_confidence=0.41, sentiment_label="positive",
    )  # fmt: skip


def _store_large(warehouse: Warehouse) -> None:
    store_book(warehouse, "large", "Long and short of 300 names")
    store_transactions(warehouse, "large")
    days = CALENDAR.sessions(date(2026, 3, 2), SESSION)
    store_snapshots(warehouse, [_large_snapshot(at, day) for at, day in enumerate(days)])
    names = [f"SY{n:03d}" for n in range(1, 301)]
    amounts = [Decimal(round(90_000 * sin(n / 7))) for n in range(1, 301)]
    store_positions(
        warehouse,
        [
            position(
                n, name, str(60_000 - 260 * n), portfolio_id="large", daily_pnl_usd=pnl / 40,
                unrealised_pnl_usd=pnl, realised_pnl_usd=Decimal(n), dividends_usd=Decimal(0),
                fees_usd=Decimal(0),
            )
            for n, (name, pnl) in enumerate(zip(names, amounts, strict=True), 1)
        ],
    )  # fmt: skip
    store_sectors(warehouse, {name: SECTORS[n % 5] for n, name in enumerate(names[:-9])})
    _store_large_risk(warehouse, names[:40])


def _store_large_risk(warehouse: Warehouse, names: Sequence[str]) -> None:
    """Store the risk of the large portfolio, in every factor that is shipped."""
    factors = [factor for each in DEFAULTS for factor in each.factors]
    store_exposures(
        warehouse,
        [
            (name, factor, sin(n + at) / 2 + 0.4)
            for at, factor in enumerate(factors)
            for n, name in enumerate(names)
        ],
        "large", base_usd=41_250.0, equity_usd=12_000_000.0,
    )  # fmt: skip
    store_stress(
        warehouse,
        [
            ("market_down_10_pct", "market", -10.0, -1_204_300.0),
            ("rates_up_100_bp", "interest_rate", -16.0, -213_750.5),
            *((f"down_2_sigma:{factor}", factor, -6.1, 90_000 * sin(at) - 40_000)
              for at, factor in enumerate(factors)),
        ],
        "large",
    )  # fmt: skip
    store_risk(
        warehouse, "large", beta_market=1.0036, factor_volatility_usd=121_300.0,
        specific_volatility_usd=40_110.0, delta_usd=12_000_000.0,
        historical_var_95_usd=201_400.0, historical_es_95_usd=263_111.0,
        historical_var_99_usd=301_222.0, historical_es_99_usd=388_010.0,
        factor_var_95_usd=210_143.0, factor_es_95_usd=263_528.0, factor_var_99_usd=297_212.0,
        factor_es_99_usd=340_502.0, uncovered_symbols="SY291,SY292,SY293,SY294,SY295,SY296,SY297",
    )  # fmt: skip


def _large_snapshot(at: int, day: date) -> dict[str, object]:
    change = 9.5 * sin(at / 23) + at / 30
    pnl = Decimal(round(change * 100_000))
    return snapshot(
        str(12_000_000 + pnl + (500_000 if at > 120 else 0)), day, "large",
        daily_pnl_usd=Decimal("-48211.37"), daily_return_pct=-0.38, twr_pct=change,
        flows_usd=Decimal(500_000 if at == 121 else 0), cumulative_pnl_usd=pnl,
        invested_usd=Decimal(12_000_000), realised_pnl_usd=pnl / 4,
        unrealised_pnl_usd=pnl - pnl / 4, dividends_usd=Decimal("1250.5"),
        interest_usd=Decimal("31.07"), fees_usd=Decimal(12), mwr_pct=7.25,
        volatility_21d_pct=14.2, volatility_63d_pct=16.9, herfindahl=0.0041,
        effective_positions=243.9, top_3_weight_pct=2.9, top_10_weight_pct=9.1,
        completeness_pct=100.0, long_usd=Decimal(15_000_000), short_usd=Decimal(3_000_000),
        gross_usd=Decimal(18_000_000), net_usd=Decimal(12_000_000), position_count=300,
    )  # fmt: skip


def _store_stale(warehouse: Warehouse) -> None:
    store_transactions(warehouse, "stale")
    store_snapshot(
        warehouse, "81234.56", portfolio_id="stale", daily_pnl_usd=Decimal("-120.5"),
        daily_return_pct=-0.15, invested_usd=Decimal(80_000), completeness_pct=12.5,
        position_count=16, stale_count=12, unpriced_count=2,
    )  # fmt: skip
    rows = [
        position(n, f"OLD{n}", str(1000 * n), portfolio_id="stale", status="stale", price_date=OLD,
                 daily_pnl_usd=Decimal(0))
        for n in range(1, 13)
    ]  # fmt: skip
    rows += [
        position(13, "GONE", None, portfolio_id="stale", status="unpriced", price_date=None,
                 source=None),
        position(14, BREAKOUT, None, portfolio_id="stale", status="unpriced",
                 price_date=None, source=None, asset_class="private"),
        position(15, "AAPL280121C00300000", "2500", portfolio_id="stale", asset_class="option",
                 multiplier=100, daily_pnl_usd=Decimal("-120.5")),
        position(16, "CASH", "734.56", portfolio_id="stale", asset_class="cash", status="manual",
                 source="book", price_date=None),
    ]  # fmt: skip
    store_positions(warehouse, rows)
    store_finding(warehouse, "OLD1", "the high 1.25 is below the low 2.5")
    store_notes(warehouse, [(f"OLD{n}:market", f"{n} returns, of 30") for n in range(1, 13)])
