"""Risk of portfolios against plain calculations, and the laws it keeps."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.portfolio_risk import (
    PORTFOLIO_EXPOSURE_COLUMNS,
    POSITION_EXPOSURE_COLUMNS,
    RISK_COLUMNS,
    STRESS_COLUMNS,
)
from market_pipeline.warehouse import risk_tables
from market_pipeline_tests.domain.risk_world import (
    CALENDAR,
    DAY,
    FACTORS,
    STOCKS,
    betas_of,
    cache_of,
    factors_of,
    holdings_of,
    market,
    risk_of,
    snapshots_of,
)

BOOK = {"AAPL": 6000.0, "KO": -2500.0, "MSFT": 4000.0}
DOLLARS = st.dictionaries(
    st.sampled_from(STOCKS), st.floats(-1e5, 1e5).filter(lambda x: abs(x) > 1), min_size=1
)


def test_columns_are_those_of_the_tables() -> None:
    """In their order."""
    for table, columns in (
        (risk_tables.portfolio_risk, RISK_COLUMNS),
        (risk_tables.position_factor_exposures, POSITION_EXPOSURE_COLUMNS),
        (risk_tables.portfolio_factor_exposures, PORTFOLIO_EXPOSURE_COLUMNS),
        (risk_tables.portfolio_stress, STRESS_COLUMNS),
    ):
        assert sorted(table.columns.keys()) == sorted(columns)


def test_factor_risk_is_what_one_fit_on_all_factors_explains() -> None:
    """Systematic and own risk against least squares of the book's own profit on the factors."""
    returns = market()
    row = risk_of({"p": BOOK}, returns).portfolios.iloc[0]
    design = np.column_stack([np.ones(len(returns)), factors_of(returns)])
    stocks = returns[list(BOOK)].to_numpy()
    slopes, *_ = np.linalg.lstsq(design, stocks, rcond=None)
    dollars = np.array(list(BOOK.values()))
    explained = (design @ slopes @ dollars).std(ddof=1)
    own = (stocks - design @ slopes).var(axis=0, ddof=1) @ dollars**2
    assert row["factor_volatility_usd"] == pytest.approx(explained, rel=1e-9)
    assert row["specific_volatility_usd"] == pytest.approx(np.sqrt(own), rel=1e-9)
    spread = np.sqrt(explained**2 + own)
    assert row["factor_var_95_usd"] == pytest.approx(1.6448536269514722 * spread, rel=1e-9)
    assert row["factor_es_99_usd"] == pytest.approx(2.6652142203458 * spread, rel=1e-9)


def test_historical_loss_is_that_of_todays_holdings_in_each_session() -> None:
    """Against numpy's quantile of the book's profits, and the mean of those beyond it."""
    returns = market()
    row = risk_of({"p": BOOK}, returns).portfolios.iloc[0]
    pnl = (returns[list(BOOK)] * pd.Series(BOOK)).sum(axis=1)
    quantile = pnl.quantile(0.05)
    assert row["scenario_days"] == 252
    assert row["historical_var_95_usd"] == pytest.approx(-quantile, rel=1e-12)
    assert row["historical_es_95_usd"] == pytest.approx(-pnl[pnl <= quantile].mean(), rel=1e-12)


@given(st.sampled_from(STOCKS), st.floats(1.0, 1e6))
@settings(max_examples=20, deadline=None)
def test_the_loss_of_one_stock_is_a_quantile_of_its_returns(symbol: str, dollars: float) -> None:
    """Its dollars times the quantile, whatever they are."""
    returns = market()
    row = risk_of({"p": {symbol: dollars}}).portfolios.iloc[0]
    for level in (95, 99):
        expected = -dollars * float(np.quantile(returns[symbol], 1 - level / 100))
        assert row[f"historical_var_{level}_usd"] == pytest.approx(expected, rel=1e-9)


@given(DOLLARS)
@settings(max_examples=30, deadline=None)
def test_contributions_sum_to_the_whole(book: dict[str, float]) -> None:
    """Exposures of positions to their portfolio's, shares of risk to one; sectors have no share."""
    risk = risk_of({"p": book})
    sums = risk.positions.groupby("factor")[["exposure_usd", "risk_share"]].sum(min_count=1)
    whole = risk.factors.set_index("factor")[["exposure_usd", "risk_share"]]
    pd.testing.assert_frame_equal(sums, whole, check_like=True, rtol=1e-9, atol=1e-6)
    assert whole["risk_share"].dropna().sum() == pytest.approx(1.0, rel=1e-9)
    assert set(whole.index[whole["risk_share"].notna()]) == set(FACTORS)


@given(DOLLARS, DOLLARS, st.floats(-3.0, 3.0))
@settings(max_examples=30, deadline=None)
def test_exposures_and_stress_are_linear_in_positions(
    one: dict[str, float], two: dict[str, float], times: float
) -> None:
    """The book of one and so many times the other has just these exposures and stress results."""
    both = {name: one.get(name, 0.0) + times * two.get(name, 0.0) for name in {*one, *two}}
    risk = risk_of({"both": both, "one": one, "two": two})
    for frame, key, value in (
        (risk.factors, "factor", "exposure_usd"),
        (risk.stress, "scenario", "pnl_usd"),
    ):
        told = frame.pivot(index=key, columns="portfolio_id", values=value)
        assert len(told) > 3
        np.testing.assert_allclose(told["both"], told["one"] + times * told["two"], atol=1e-5)


def test_stress_is_exposure_times_the_move() -> None:
    """The market ten percent lower, rates a point higher, and two deviations of a month down."""
    returns = market()
    risk = risk_of({"p": BOOK}, returns)
    exposure = risk.factors.set_index("factor")["exposure_usd"]
    pnl = risk.stress.set_index("scenario")["pnl_usd"]
    assert pnl["market_down_10_pct"] == pytest.approx(-0.1 * exposure["market"])
    assert pnl["rates_up_100_bp"] == pytest.approx(-0.16 * exposure["interest_rate"])
    sigma = (returns["IWM"] - returns["SPY"]).std() * np.sqrt(21)
    assert pnl["down_2_sigma:small_over_market"] == pytest.approx(
        -2 * sigma * exposure["small_over_market"]
    )
    assert len(pnl) == 2 + 4


def test_what_a_young_stock_lacks_is_what_its_factors_made() -> None:
    """Of 100 own returns all 252 days are told; of 59 none, and it is named as left out."""
    returns = market()
    returns.loc[returns.index[:152], "KO"] = np.nan
    row = risk_of({"p": BOOK}, returns).portfolios.iloc[0]
    assert (row["scenario_days"], row["historical_covered_pct"]) == (252, 100.0)
    known = returns[["AAPL", "MSFT"]] * pd.Series({"AAPL": 6000.0, "MSFT": 4000.0})
    slopes = betas_of(returns).query("symbol == 'KO' and factor in @FACTORS")["beta"].to_numpy()
    x = factors_of(returns).to_numpy()
    covariance = np.cov(x, rowvar=False)
    joint = np.linalg.solve(covariance, np.diag(covariance) * slopes)
    ko = returns["KO"].fillna(pd.Series(x @ joint, returns.index))
    pnl = known.sum(axis=1) - 2500.0 * ko
    assert row["historical_var_99_usd"] == pytest.approx(-pnl.quantile(0.01), rel=1e-9)
    returns.loc[returns.index[: 252 - 59], "KO"] = np.nan
    row = risk_of({"p": BOOK}, returns).portfolios.iloc[0]
    assert row["historical_covered_pct"] == pytest.approx(80.0)
    assert row["uncovered_symbols"] == "KO"


def test_a_holding_without_a_beta_is_named_and_the_exposure_is_partial() -> None:
    """It still counts in past losses; without any covered holding there is no number at all."""
    told = betas_of(market())
    without = told[~((told["symbol"] == "KO") & (told["factor"] == "market"))]
    risk = risk_of({"p": BOOK, "q": {"KO": 100.0}}, betas=without)
    market_row = risk.factors.query("portfolio_id == 'p' and factor == 'market'").iloc[0]
    assert (market_row["quality"], market_row["covered_pct"]) == ("partial", pytest.approx(80.0))
    p, q = (risk.portfolios.set_index("portfolio_id").loc[name] for name in "pq")
    assert (p["uncovered_symbols"], p["factor_covered_pct"]) == ("KO", pytest.approx(80.0))
    assert p["historical_covered_pct"] == 100.0
    assert np.isnan(q["factor_var_95_usd"])
    assert np.isnan(q["beta_market"])
    assert q["historical_var_95_usd"] > 0


def test_cash_alone_has_nothing_to_lose() -> None:
    """A portfolio without holdings has a row of zeros, and no exposures."""
    risk = risk_of({"p": {}, "q": BOOK})
    row = risk.portfolios.set_index("portfolio_id").loc["p"]
    assert (row["delta_usd"], row["factor_var_99_usd"], row["historical_es_99_usd"]) == (0, 0, 0)
    assert row["sector_weights"] == "{}"
    assert set(risk.factors["portfolio_id"]) == {"q"}


def test_beta_and_sectors_are_shares_of_equity_and_of_all_dollars() -> None:
    """10,000 long technology and 2,500 short staples: 80 and -20 percent."""
    risk = risk_of({"p": BOOK}, equity=5000.0)
    row = risk.portfolios.iloc[0]
    assert json.loads(row["sector_weights"]) == {"Technology": 80.0, "Staples": -20.0}
    exposure = risk.factors.set_index("factor").loc["market"]
    assert row["beta_market"] == exposure["beta"] == exposure["exposure_usd"] / 5000.0
    assert np.isnan(risk_of({"p": BOOK}, equity=-1.0).portfolios.iloc[0]["beta_market"])


def test_no_portfolio_is_no_row() -> None:
    """Four empty frames with their columns."""
    risk = risk_of({})
    assert risk.portfolios.empty
    assert tuple(risk.stress.columns) == STRESS_COLUMNS
    assert tuple(risk.positions.columns) == POSITION_EXPOSURE_COLUMNS


def test_a_later_session_changes_nothing_of_an_earlier_one() -> None:
    """Also where its price came back from a spike: that was not known before."""
    later = CALENDAR.next(DAY)
    returns = market(last=later)
    rows = cache_of(returns)
    comes_back = (rows["symbol"] == "AAPL") & (rows["session_date"] == pd.Timestamp(later))
    assert comes_back.sum() == 1
    rows.loc[comes_back, "flags"] = "reverted_jump"
    before = returns.iloc[:-1]
    betas = betas_of(before)
    both = pd.concat([betas, betas.assign(session_date=pd.Timestamp(later))])
    held = pd.concat([holdings_of({"p": BOOK}), holdings_of({"p": BOOK}, later)])
    told = pd.concat([snapshots_of(["p"], 1e4), snapshots_of(["p"], 1e4, later)])
    one = risk_of({"p": BOOK}, before, betas=betas)
    two = risk_of({"p": BOOK}, returns, market_data=rows, holdings=held, snapshots=told, betas=both)
    for alone, ranged in zip(
        (one.portfolios, one.positions, one.factors, one.stress),
        (two.portfolios, two.positions, two.factors, two.stress),
        strict=True,
    ):
        of_day = ranged[ranged["session_date"] == pd.Timestamp(DAY)].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_day, alone, check_exact=True)
        assert len(ranged) == 2 * len(alone)
    spike = two.portfolios.iloc[1]
    assert spike["scenario_days"] == 252
