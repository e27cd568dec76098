"""Exposures: windows, gaps, caps, notes, and the check values of recorded history."""

import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from market_pipeline.domain.factor_definitions import (
    DEFAULTS,
    INTEREST_RATE,
    MARKET,
    FactorDefinition,
)
from market_pipeline.domain.factors import (
    EXPOSURE_COLUMNS,
    Exposures,
    exposures,
    returns_for_regression,
)
from market_pipeline.domain.frames import DATE_DTYPE, session_index
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse import factor_tables
from market_pipeline_tests.domain.recorded_bars import read_bars

SESSIONS = TradingCalendar.xnys().sessions(date(2025, 1, 2), date(2025, 12, 31))
SMALL = FactorDefinition("market", ("SPY",), window=20, min_observations=10)


def made_returns(count: int = 60, symbols: int = 4) -> pd.DataFrame:
    """Random returns of SPY, TLT and symbols that follow SPY with betas 0, 1, 2, ..."""
    random = np.random.default_rng(7)
    spy = random.normal(0.0005, 0.01, count)
    columns = {"SPY": spy, "TLT": random.normal(0, 0.008, count)}
    for n in range(symbols):
        columns[f"S{n}"] = n * spy + random.normal(0, 0.01, count)
    return pd.DataFrame(columns, index=session_index(SESSIONS[:count])).sort_index(axis=1)


def row_of(result: Exposures, symbol: str, day: date, factor: str = "market") -> pd.Series:
    frame = result.frame
    hit = (
        (frame["symbol"] == symbol)
        & (frame["session_date"] == pd.Timestamp(day))
        & (frame["factor"] == factor)
    )
    assert hit.sum() == 1
    return frame[hit].iloc[0]


def test_columns_are_those_of_the_table() -> None:
    """The frame can be written as it is, also when there is no exposure."""
    assert tuple(factor_tables.symbol_factor_exposures.columns.keys()) == EXPOSURE_COLUMNS
    day = SESSIONS[59]
    assert tuple(exposures(made_returns(), [SMALL], day, day).frame.columns) == EXPOSURE_COLUMNS
    nothing = exposures(made_returns(5), [SMALL], SESSIONS[4], SESSIONS[4])
    assert tuple(nothing.frame.columns) == EXPOSURE_COLUMNS


def test_an_exposure_is_the_fit_of_the_last_window_of_sessions() -> None:
    """It ends with the session itself, included, and names its first session."""
    returns = made_returns()
    row = row_of(exposures(returns, [SMALL], SESSIONS[40], SESSIONS[59]), "S2", SESSIONS[50])
    window = returns.iloc[31:51]
    ols = sm.OLS(window["S2"], sm.add_constant(window["SPY"])).fit()
    assert row["beta"] == pytest.approx(ols.params["SPY"], rel=1e-12)
    assert row["std_error"] == pytest.approx(ols.bse["SPY"], rel=1e-12)
    assert row["window_first_date"] == pd.Timestamp(SESSIONS[31])
    assert (row["observations"], row["quality"], row["method"]) == (20, "full_history", "ols")


def test_one_date_and_a_range_agree_to_the_last_bit() -> None:
    """Whatever else is computed at the same time, block cuts included."""
    returns = made_returns(200, 120)
    returns = returns.mask(np.random.default_rng(3).random(returns.shape) < 0.1)
    whole = exposures(returns, DEFAULTS[:2], SESSIONS[89], SESSIONS[199])
    for at in (89, 140, 199):
        day = SESSIONS[at]
        alone = exposures(returns.iloc[at - 89 : at + 1], DEFAULTS[:2], day, day)
        same = whole.frame[whole.frame["session_date"] == pd.Timestamp(day)]
        pd.testing.assert_frame_equal(alone.frame, same.reset_index(drop=True), check_exact=True)
        assert set(alone.notes) == {note for note in whole.notes if note.session_date == day}


def test_gaps_are_left_out_in_pairs_and_show_as_limited_history() -> None:
    """A session counts only where symbol and proxy both have a return."""
    returns = made_returns()
    returns.loc[returns.index[45:48], "S1"] = np.nan
    returns.loc[returns.index[47:50], "SPY"] = np.nan
    row = row_of(exposures(returns, [SMALL], SESSIONS[55], SESSIONS[55]), "S1", SESSIONS[55])
    pairs = returns.iloc[36:56][["S1", "SPY"]].dropna()
    ols = sm.OLS(pairs["S1"], sm.add_constant(pairs["SPY"])).fit()
    assert (row["observations"], row["quality"]) == (15, "limited_history")
    assert row["beta"] == pytest.approx(ols.params["SPY"], rel=1e-12)


def test_too_few_observations_are_noted_with_their_number() -> None:
    """A late start is no beta, and says how far it got; one more observation and it is one."""
    returns = made_returns()
    returns.loc[returns.index[:50], "S1"] = np.nan
    result = exposures(returns, [SMALL], SESSIONS[58], SESSIONS[59])
    assert row_of(result, "S1", SESSIONS[59])["observations"] == 10
    (note,) = result.notes
    assert (note.asset, note.session_date) == ("factor_exposures", SESSIONS[58])
    assert (note.subject, note.outcome) == ("S1:market", "insufficient_history")
    assert note.reason == "9 returns shared with SPY in the last 20 sessions, 10 are needed"


def test_a_proxy_without_prices_skips_its_factor_and_no_other() -> None:
    """One note a session says so, not one a symbol."""
    result = exposures(made_returns().drop(columns="TLT"), [
        SMALL, FactorDefinition("interest_rate", ("TLT",), window=20, min_observations=10)
    ], SESSIONS[58], SESSIONS[59])  # fmt: skip
    assert set(result.frame["factor"]) == {"market"}
    assert [(note.subject, note.outcome, note.reason) for note in result.notes] == [
        ("interest_rate", "skipped", "proxy TLT has no prices in the last 20 sessions")
    ] * 2


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        (0.001, "proxy SPY did not move in the last 20 sessions"),
        ("short", "proxy SPY has 4 returns in the last 20 sessions, 10 are needed"),
    ],
)
def test_a_proxy_that_cannot_explain_is_a_note(proxy: float | str, reason: str) -> None:
    """No variance or too little history skips the factor with that reason."""
    returns = made_returns()
    if isinstance(proxy, float):
        returns["SPY"] = proxy
    else:
        returns.loc[returns.index[:-4], "SPY"] = np.nan
    result = exposures(returns, [SMALL], SESSIONS[59], SESSIONS[59])
    assert result.frame.empty
    assert [note.reason for note in result.notes] == [reason]


def test_a_proxy_still_while_the_symbol_traded_is_a_note() -> None:
    """The proxy moved in the window, but never in a session both had a return."""
    returns = made_returns()
    returns.loc[returns.index[-12:], "SPY"] = 0.0
    returns.loc[returns.index[:-12], "S1"] = np.nan
    result = exposures(returns, [SMALL], SESSIONS[59], SESSIONS[59])
    assert [(note.subject, note.outcome) for note in result.notes] == [("S1:market", "skipped")]
    assert "S1" not in set(result.frame["symbol"])


def test_collinear_proxies_leave_a_row_without_numbers_and_a_note() -> None:
    """Each factor of the joint definition has its row, flagged; the market's beta is unharmed."""
    returns = made_returns()
    returns["TWIN"] = returns["SPY"] * (1 + 1e-9)
    joint = FactorDefinition("joint", ("SPY", "TWIN"), window=20, min_observations=10)
    result = exposures(returns, [SMALL, joint], SESSIONS[59], SESSIONS[59])
    rows = result.frame[result.frame["definition"] == "joint"]
    assert set(rows["factor"]) == {"joint_SPY", "joint_TWIN"}
    assert set(rows["quality"]) == {"collinear"}
    numbers = ["beta", "std_error", "t_stat", "r_squared", "residual_volatility"]
    assert rows[numbers].isna().all(axis=None)
    assert set(rows["observations"]) == {20}
    assert {note.outcome for note in result.notes} == {"collinear"}
    assert np.isfinite(row_of(result, "S2", SESSIONS[59])["beta"])


def test_a_result_names_its_definition_and_the_version_of_it() -> None:
    """So that results of a definition that has changed since can be told apart."""
    day = SESSIONS[59]
    found = exposures(made_returns(), [replace(SMALL, version=3)], day, day).frame
    assert set(zip(found["definition"], found["definition_version"], strict=True)) == {
        ("market", 3)
    }


def test_a_spread_is_the_difference_of_its_proxies_returns() -> None:
    """One factor, as statsmodels fits it on the difference."""
    spread = FactorDefinition("gap", ("S3", "SPY"), 40, 20, kind="spread")
    returns = made_returns()
    row = row_of(
        exposures(returns, [spread], SESSIONS[59], SESSIONS[59]), "S1", SESSIONS[59], "gap"
    )
    window = returns.iloc[20:60]
    ols = sm.OLS(window["S1"], sm.add_constant((window["S3"] - window["SPY"]).rename("x"))).fit()
    assert row["beta"] == pytest.approx(ols.params["x"], rel=1e-9)
    assert row["std_error"] == pytest.approx(ols.bse["x"], rel=1e-9)


def test_the_shipped_style_is_scikit_learns_ridge_on_standardised_returns() -> None:
    """Six proxies jointly, over 252 sessions, with the penalty the documents state."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    style = next(definition for definition in DEFAULTS if definition.name == "style")
    sessions = TradingCalendar.xnys().sessions(date(2024, 1, 2), date(2025, 12, 31))[:300]
    random = np.random.default_rng(11)
    x = random.normal(0, 0.01, (300, 6)) + random.normal(0, 0.008, (300, 1))
    y = x @ [0.5, -0.3, 0.2, 0.0, 0.4, 0.1] + random.normal(0, 0.01, 300)
    returns = pd.DataFrame(x, index=session_index(sessions), columns=list(style.proxies))
    returns["KO"] = y
    found = exposures(returns, [style], sessions[-1], sessions[-1]).frame
    scaler = StandardScaler().fit(x[-252:])
    ridge = Ridge(alpha=25.0).fit(scaler.transform(x[-252:]), y[-252:])
    betas = found[found["symbol"] == "KO"].set_index("factor")["beta"]
    for proxy, expected in zip(style.proxies, ridge.coef_ / scaler.scale_, strict=True):
        assert betas[f"style_{proxy}"] == pytest.approx(expected, rel=1e-9)


def test_a_beta_beyond_the_cap_is_cut_and_marked() -> None:
    """Error and R2 stay those of the uncut fit."""
    returns = made_returns()
    returns["S3"] = -9 * returns["SPY"] + returns["S0"] / 100
    row = row_of(exposures(returns, [SMALL], SESSIONS[59], SESSIONS[59]), "S3", SESSIONS[59])
    assert (row["beta"], row["quality"]) == (-5.0, "capped")
    assert row["t_stat"] < -100
    assert row["r_squared"] > 0.99


def test_a_universe_limits_what_is_answered_and_noted() -> None:
    """A symbol outside the session's universe gets neither a row nor a complaint."""
    returns = made_returns()
    returns["S1"] = np.nan
    wanted = pd.DataFrame(
        {
            "session_date": session_index([SESSIONS[58], SESSIONS[59], SESSIONS[59]]),
            "symbol": ["S2", "S3", "KO260116C00070000"],
            "asset_class": ["stock", "stock", "option"],
        }
    )
    result = exposures(returns, [SMALL], SESSIONS[58], SESSIONS[59], universe=wanted)
    assert list(result.frame["symbol"]) == ["S2", "S3"]
    assert result.notes == ()


def test_a_stock_of_the_universe_without_any_price_is_noted() -> None:
    """It has no column of returns, and its missing beta is explained all the same."""
    wanted = pd.DataFrame(
        {"session_date": session_index([SESSIONS[59]]), "symbol": ["NEW"], "asset_class": "stock"}
    )
    result = exposures(made_returns(), [SMALL], SESSIONS[59], SESSIONS[59], universe=wanted)
    assert result.frame.empty
    assert [(note.subject, note.outcome) for note in result.notes] == [
        ("NEW:market", "insufficient_history")
    ]


def test_history_shorter_than_the_window_is_limited_not_an_error() -> None:
    """The window starts where the data does."""
    row = row_of(
        exposures(made_returns(15), [SMALL], SESSIONS[14], SESSIONS[14]), "S1", SESSIONS[14]
    )
    assert (row["observations"], row["quality"]) == (15, "limited_history")
    assert row["window_first_date"] == pd.Timestamp(SESSIONS[0])


@pytest.mark.parametrize(
    "wrong",
    [{"min_observations": 2}, {"window": 20, "min_observations": 21}, {"cap": 0}, {"method": "x"}],
)
def test_a_definition_that_cannot_be_computed_is_refused(wrong: dict[str, object]) -> None:
    """It fails where it is written, not in a run."""
    with pytest.raises(ValueError, match="f: "):
        FactorDefinition("f", ("SPY",), **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_flagged_returns_do_not_reach_a_regression() -> None:
    """A jump nobody can explain is left out, other doubts are not; options are no symbols here."""
    flags = [None, "unexplained_jump", "missing_open,unadjusted_split", "missing_open"]
    frame = pd.DataFrame(
        {
            "session_date": np.array(SESSIONS[:4], dtype=DATE_DTYPE), "symbol": "KO",
            "asset_class": "stock", "return_1d": [0.1, -0.5, 1.0, 0.2], "flags": flags,
        }
    )  # fmt: skip
    contract = frame.assign(symbol="KO260116C00070000", asset_class="option")
    wide = returns_for_regression(pd.concat([frame, contract]), SESSIONS[:5])
    assert list(wide.columns) == ["KO"]
    np.testing.assert_array_equal(wide["KO"], [0.1, np.nan, np.nan, 0.2, np.nan])


@pytest.mark.timeout(120)
def test_a_long_backfill_of_many_symbols_takes_seconds() -> None:
    """260 symbols, 600 sessions, two factors (a generous bound: the machine is shared)."""
    sessions = TradingCalendar.xnys().sessions(date(2022, 1, 3), date(2025, 12, 31))[:689]
    random = np.random.default_rng(0)
    names = ["SPY", "TLT", *(f"S{n:03}" for n in range(258))]
    returns = pd.DataFrame(
        random.normal(0, 0.01, (689, 260)), index=session_index(sessions), columns=names
    )
    start = time.perf_counter()
    result = exposures(returns, DEFAULTS[:2], sessions[89], sessions[-1])
    assert time.perf_counter() - start < 20
    assert len(result.frame) == 600 * 260 * 2


# -- recorded history ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded_returns(market_history: Path) -> pd.DataFrame:
    """Returns of nine symbols of the recording, jumps left out."""
    sessions = TradingCalendar.xnys().sessions(date(2013, 2, 8), date(2018, 2, 7))
    symbols = ["SPY", "AAPL", "JPM", "KO", "XOM", "NVDA", "NEE", "LNT", "BHGE"]
    data = derive_market_data(
        read_bars(market_history, symbols), pd.DataFrame(),
        pd.DataFrame(columns=["session_date", "symbol", "asset_class"]),
        sessions=sessions, first=sessions[0], last=sessions[-1],
    )  # fmt: skip
    return returns_for_regression(data.frame, sessions)


@pytest.mark.real_history
def test_betas_over_the_whole_recording_are_its_check_values(
    recorded_returns: pd.DataFrame,
) -> None:
    """The values stated with the recording, to the three digits given there."""
    last = recorded_returns.index[-1].date()
    whole = FactorDefinition("market", ("SPY",), window=1258, min_observations=1000)
    betas = exposures(recorded_returns, [whole], last, last).frame.set_index("symbol")["beta"]
    expected = {
        "AAPL": 0.978, "JPM": 1.258, "KO": 0.588, "XOM": 0.923, "NVDA": 1.247, "NEE": 0.522
    }  # fmt: skip
    assert {symbol: round(betas[symbol], 3) for symbol in expected} == expected


@pytest.mark.real_history
def test_every_recorded_exposure_equals_statsmodels(recorded_returns: pd.DataFrame) -> None:
    """Ninety sessions back from several days, gaps and late starts included, to 1e-9."""
    days = [day.date() for day in recorded_returns.index[[400, 900, 1150, 1258]]]
    for day in days:
        result = exposures(recorded_returns, [MARKET, INTEREST_RATE], day, day)
        window = recorded_returns.loc[: pd.Timestamp(day)].iloc[-90:]
        for row in result.frame.to_dict("records"):
            pairs = pd.DataFrame({"x": window["SPY"], "y": window[row["symbol"]]}).dropna()
            if row["symbol"] == "SPY":
                assert row["beta"] == 1
                continue
            ols = sm.OLS(pairs["y"], sm.add_constant(pairs["x"])).fit()
            assert row["beta"] == pytest.approx(ols.params["x"], rel=1e-9)
            assert row["std_error"] == pytest.approx(ols.bse["x"], rel=1e-9)
            assert row["t_stat"] == pytest.approx(ols.tvalues["x"], rel=1e-9)
            assert row["r_squared"] == pytest.approx(ols.rsquared, rel=1e-9)
            assert row["residual_volatility"] == pytest.approx(
                np.sqrt(ols.mse_resid * 252), rel=1e-9
            )
            assert row["observations"] == len(pairs)
        assert {note.subject for note in result.notes} >= {"interest_rate"}
