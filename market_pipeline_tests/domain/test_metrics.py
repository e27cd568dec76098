"""Daily metrics: each number against its definition, computed the plain way."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.factors import EXPOSURE_COLUMNS
from market_pipeline.domain.frames import DATE_DTYPE, empty_frame
from market_pipeline.domain.metrics import METRIC_COLUMNS, SESSIONS_BEFORE, daily_metrics
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse import tables

SESSIONS = TradingCalendar.xnys().sessions(date(2024, 6, 3), date(2025, 12, 31))
LAST = SESSIONS[-1]


def prices_of(symbol: str = "KO", seed: int = 1, **rest: Any) -> pd.DataFrame:
    """A random walk over all sessions, as market_data_cache rows."""
    random = np.random.default_rng(seed)
    price = 100 * np.cumprod(1 + random.normal(0, 0.02, len(SESSIONS)))
    frame = pd.DataFrame(
        {
            "session_date": np.array(SESSIONS, dtype=DATE_DTYPE),
            "symbol": symbol,
            "asset_class": "stock",
            "price_usd": price,
            "return_1d": pd.Series(price).pct_change(),
            "volume": random.integers(1000, 9000, len(SESSIONS)).astype(float),
            "flags": None,
        }
    )
    return frame.assign(**rest)


def exposures_of(symbol: str = "KO") -> pd.DataFrame:
    rows = [
        {"session_date": LAST, "symbol": symbol, "factor": name, "beta": beta}
        for name, beta in (("market", 0.6), ("interest_rate", -0.1), ("value", 9.0))
    ]
    frame = pd.DataFrame(rows, columns=list(EXPOSURE_COLUMNS))
    return frame.astype({"session_date": DATE_DTYPE})


def last_row(frame: pd.DataFrame, exposures: pd.DataFrame | None = None) -> pd.Series:
    empty = empty_frame(EXPOSURE_COLUMNS)
    metrics = daily_metrics(frame, empty if exposures is None else exposures, SESSIONS, LAST, LAST)
    assert len(metrics) == 1
    return metrics.iloc[0]


def test_columns_are_those_of_the_table() -> None:
    """The frame can be written as it is, also when no stock has a price."""
    assert tuple(tables.symbol_daily_metrics.columns.keys()) == METRIC_COLUMNS
    for frame in (prices_of(), prices_of(asset_class="option")):
        found = daily_metrics(frame, exposures_of(), SESSIONS, LAST, LAST)
        assert tuple(found.columns) == METRIC_COLUMNS


def test_every_number_follows_its_definition() -> None:
    """Returns over 1, 5, 21, 63 sessions and from last year's close; percent, annualised."""
    frame = prices_of()
    row = last_row(frame, exposures_of())
    price = frame["price_usd"].to_numpy()
    returns = frame["return_1d"].to_numpy()
    year_start = price[SESSIONS.index(date(2024, 12, 31))]
    assert row["price_usd"] == price[-1]
    assert row["return_1d_pct"] == pytest.approx(100 * (price[-1] / price[-2] - 1))
    assert row["return_1w_pct"] == pytest.approx(100 * (price[-1] / price[-6] - 1))
    assert row["return_1m_pct"] == pytest.approx(100 * (price[-1] / price[-22] - 1))
    assert row["return_3m_pct"] == pytest.approx(100 * (price[-1] / price[-64] - 1))
    assert row["return_ytd_pct"] == pytest.approx(100 * (price[-1] / year_start - 1))
    for span in (21, 63):
        volatility = np.std(returns[-span:], ddof=1) * np.sqrt(252) * 100
        assert row[f"volatility_{span}d_pct"] == pytest.approx(volatility, rel=1e-12)
    assert row["drawdown_63d_pct"] == pytest.approx(100 * (price[-1] / price[-63:].max() - 1))
    assert row["average_volume_21d"] == pytest.approx(frame["volume"][-21:].mean())
    assert (row["beta_market"], row["beta_interest_rate"]) == (0.6, -0.1)
    assert (row["observations"], row["quality_score"]) == (64, 1.0)


def test_longer_returns_and_volatility_in_context_follow_plain_pandas() -> None:
    """Month, half a year, a year; the trend of volatility and where it stands in its year."""
    frame = prices_of(seed=3)
    row = last_row(frame)
    days = pd.DatetimeIndex(frame["session_date"])
    price, returns = frame["price_usd"], frame["return_1d"]
    month_end = price[(days.month == 11) & (days.year == 2025)].iloc[-1]
    assert row["return_mtd_pct"] == pytest.approx(100 * (price.iloc[-1] / month_end - 1))
    assert row["return_6m_pct"] == pytest.approx(100 * price.pct_change(126).iloc[-1])
    assert row["return_1y_pct"] == pytest.approx(100 * price.pct_change(252).iloc[-1])
    drawdown = 100 * (price / price.rolling(252).max() - 1).iloc[-1]
    assert row["drawdown_1y_pct"] == pytest.approx(drawdown)
    month, quarter = (returns.rolling(span).std() for span in (21, 63))
    trend = 100 * (month.iloc[-1] / quarter.iloc[-1] - 1)
    assert row["volatility_trend_pct"] == pytest.approx(trend)
    for span, volatility in ((21, month), (63, quarter)):
        rank = volatility.rolling(252).rank(method="max", pct=True).iloc[-1]
        assert row[f"volatility_{span}d_percentile"] == pytest.approx(100 * rank)


def test_a_percentile_needs_two_thirds_of_a_year_of_volatilities() -> None:
    """168 windows of 252, and a volatility today."""
    for sessions, is_there in ((168 + 14 - 1, True), (168 + 14 - 2, False)):
        young = prices_of()[-sessions:].assign(return_1d=lambda f: 0.01 * (f.index % 7))
        assert np.isfinite(last_row(young)["volatility_21d_percentile"]) == is_there


def test_what_never_moved_has_no_trend() -> None:
    """A volatility of zero has nothing above it; it is as high as it ever was."""
    row = last_row(prices_of().assign(price_usd=10.0, return_1d=0.0))
    assert row["volatility_21d_pct"] == 0
    assert np.isnan(row["volatility_trend_pct"])
    assert row["volatility_21d_percentile"] == 100


def told(as_of: date, **figures: object) -> dict[str, object]:
    """Make a row of `fundamentals` told of KO."""
    known = {"market_cap": 3e11, "trailing_pe": 25.0, "price_to_sales": 6.0, "price_to_book": 11.0}
    return {
        "as_of_date": pd.Timestamp(as_of),
        "symbol": "KO",
        "currency": "USD",
        **known,
        **figures,
    }


def described(sectors: str | None, *rows: dict[str, object]) -> pd.Series:
    """Give the last session's metrics with a universe and fundamentals."""
    universe = pd.DataFrame(
        {"session_date": np.array([LAST], dtype=DATE_DTYPE), "symbol": "KO", "sector": [sectors]}
    )
    fundamentals = pd.DataFrame(list(rows), columns=list(told(LAST))) if rows else None
    found = daily_metrics(prices_of(), exposures_of(), SESSIONS, LAST, LAST, universe, fundamentals)
    return found.iloc[0]


def test_size_and_ratios_are_as_known_on_the_session() -> None:
    """The newest told by then: a later one says nothing, and one too old is forgotten."""
    before = LAST - timedelta(days=30)
    row = described(
        "Staples", told(before, market_cap=2e11), told(LAST + timedelta(days=1), market_cap=9e11)
    )
    assert (row["market_cap_usd"], row["trailing_pe"]) == (2e11, 25.0)
    assert (row["price_to_sales"], row["price_to_book"]) == (6.0, 11.0)
    assert row["fundamentals_date"] == pd.Timestamp(before)
    assert row["sector"] == "Staples"
    assert described(None, told(LAST))["market_cap_usd"] == 3e11
    for days, is_known in ((120, True), (121, False)):
        old = described(None, told(LAST - timedelta(days=days)))
        assert np.isfinite(old["market_cap_usd"]) == is_known


def test_a_size_in_another_currency_is_no_size_in_dollars() -> None:
    """Its ratios have no currency, and stand."""
    row = described(None, told(LAST, currency="EUR"))
    assert np.isnan(row["market_cap_usd"])
    assert row["trailing_pe"] == 25.0


def test_without_fundamentals_and_sector_the_rest_is_there() -> None:
    """What nobody told is missing, not zero."""
    row = described(None)
    assert np.isnan(row["market_cap_usd"])
    assert pd.isna(row["fundamentals_date"])
    assert row["sector"] is None
    assert np.isfinite(row["volatility_63d_pct"])


def test_every_beta_stands_in_one_text() -> None:
    """By factor, sorted, six digits; null where it is collinear."""
    betas = exposures_of()
    betas.loc[betas["factor"] == "market", "beta"] = 0.123456789
    betas.loc[betas["factor"] == "value", "beta"] = np.nan
    row = last_row(prices_of(), betas)
    assert row["betas"] == '{"interest_rate": -0.1, "market": 0.123457, "value": null}'
    assert pd.isna(last_row(prices_of())["betas"])


def test_without_exposures_betas_are_missing() -> None:
    """A symbol too young for a beta still has its other numbers."""
    row = last_row(prices_of())
    assert np.isnan(row["beta_market"])
    assert np.isfinite(row["volatility_63d_pct"])


def test_a_missing_end_is_no_return_and_a_short_window_no_volatility() -> None:
    """Nothing is filled in: under two thirds of a window there is no number."""
    frame = prices_of().drop(index=len(SESSIONS) - 6)
    assert np.isnan(last_row(frame)["return_1w_pct"])
    assert np.isfinite(last_row(frame)["return_1m_pct"])
    for count, is_there in ((14, True), (13, False)):
        young = prices_of()[-count:]
        row = last_row(young.assign(return_1d=0.01))
        assert np.isfinite(row["volatility_21d_pct"]) == is_there
        assert np.isfinite(row["average_volume_21d"]) == is_there
        assert np.isnan(row["volatility_63d_pct"])
        assert row["observations"] == count


def test_flags_lower_the_quality_and_jumps_stay_out_of_the_volatility() -> None:
    """The score is the share of the last 64 sessions with an unflagged price."""
    frame = prices_of()
    calm = last_row(frame)
    frame.loc[frame.index[-10], "return_1d"] = -0.9
    frame.loc[frame.index[-10], "flags"] = "unexplained_jump"
    frame.loc[frame.index[-12:-10], "flags"] = "zero_volume"
    jumpy = last_row(frame)
    assert jumpy["quality_score"] == pytest.approx(61 / 64)
    assert jumpy["observations"] == 64
    assert jumpy["volatility_21d_pct"] == pytest.approx(calm["volatility_21d_pct"], rel=0.3)


def test_only_stocks_with_a_price_in_the_session_have_a_row() -> None:
    """An option and a symbol that did not trade are left out."""
    frame = pd.concat(
        [prices_of("KO"), prices_of("OLD")[:-1], prices_of("KOX", asset_class="option")]
    )
    found = daily_metrics(frame, exposures_of(), SESSIONS, LAST, LAST)
    assert list(found["symbol"]) == ["KO"]


def test_one_date_and_a_range_agree_to_the_last_bit() -> None:
    """Also with no more history than a single date asks for."""
    frame = pd.concat([prices_of(f"S{n:02}", seed=n) for n in range(40)], ignore_index=True)
    frame = frame[np.random.default_rng(5).random(len(frame)) > 0.05]
    first = SESSIONS[SESSIONS_BEFORE]
    whole = daily_metrics(frame, exposures_of("S01"), SESSIONS, first, LAST)
    for day in (first, SESSIONS[350], LAST):
        at = SESSIONS.index(day)
        near = SESSIONS[at - SESSIONS_BEFORE : at + 1]
        rows = frame[frame["session_date"].between(pd.Timestamp(near[0]), pd.Timestamp(day))]
        alone = daily_metrics(rows, exposures_of("S01"), near, day, day)
        same = whole[whole["session_date"] == pd.Timestamp(day)].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, same, check_exact=True)


def test_the_history_asked_for_reaches_every_year_start() -> None:
    """No year of the calendar has more sessions than are read back."""
    calendar = TradingCalendar.xnys()
    longest = max(
        len(calendar.sessions(date(year, 1, 1), date(year, 12, 31))) for year in range(2005, 2032)
    )
    assert longest <= SESSIONS_BEFORE
