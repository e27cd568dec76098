"""Exposures of options through their delta and of private holdings by proxy."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.derived_exposures import option_exposures, private_exposures
from market_pipeline.domain.factors import EXPOSURE_COLUMNS
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.option_pricing import Contracts, greeks

DAY = date(2026, 11, 20)
CALL, PUT = "KO270115C00070000", "KO270115P00070000"


def measured(beta: float = 0.6, **changes: object) -> pd.DataFrame:
    """Give KO's exposure to the market."""
    row = {
        "session_date": pd.Timestamp(DAY), "symbol": "KO", "factor": "market", "beta": beta,
        "std_error": 0.1, "t_stat": beta / 0.1, "r_squared": 0.4, "residual_volatility": 0.2,
        "observations": 90, "window_first_date": pd.Timestamp(2026, 7, 15),
        "quality": "full_history", "method": "ols", "definition": "market",
        "definition_version": 2, **changes,
    }  # fmt: skip
    return pd.DataFrame([row], columns=list(EXPOSURE_COLUMNS)).astype({"session_date": DATE_DTYPE})


def market(*options: tuple[str, float, float | None], share: float | None = 70.0) -> pd.DataFrame:
    """Give prices of a session: options as (symbol, price, delta), and KO's."""
    rows = [(symbol, "option", price, delta) for symbol, price, delta in options]
    if share is not None:
        rows.append(("KO", "stock", share, None))
    frame = pd.DataFrame(rows, columns=["symbol", "asset_class", "price_usd", "delta"])
    frame = frame.assign(session_date=pd.Timestamp(DAY), multiplier=100)
    return frame.astype({"session_date": DATE_DTYPE, "delta": np.float64})


def test_an_option_moves_as_its_leverage_says() -> None:
    """Delta x share / price, times the share's numbers; a put turns the sign."""
    found = option_exposures(measured(), market((CALL, 3.5, 0.5), (PUT, 2.0, -0.4)))
    call, put = (found.frame.set_index("symbol").loc[symbol] for symbol in (CALL, PUT))
    assert call["beta"] == pytest.approx(0.5 * 70 / 3.5 * 0.6)
    assert put["beta"] == pytest.approx(-0.4 * 70 / 2.0 * 0.6)
    assert put["std_error"] == pytest.approx(0.4 * 70 / 2.0 * 0.1)
    assert put["residual_volatility"] == pytest.approx(14 * 0.2)
    assert put["t_stat"] == pytest.approx(-6.0)
    assert found.frame["r_squared"].isna().all()
    assert (call["method"], call["definition_version"], call["observations"]) == ("delta", 2, 90)
    assert found.notes == ()


@given(st.floats(0.2, 0.6), st.floats(40, 120), st.floats(-2, 2))
def test_the_dollars_of_an_option_are_its_delta_equivalents(
    volatility: float, share: float, beta: float
) -> None:
    """Price x its beta is delta x share x the share's beta, for any option that can be priced."""
    terms = Contracts(
        is_call=np.array([True]), spot=np.array([share]), strike=np.array([70.0]),
        years=np.array([0.5]), rate=np.array([0.03]), dividend_yield=np.array([0.0]),
        is_american=np.array([False]),
    )  # fmt: skip
    delta = float(greeks(terms, np.array([volatility])).delta[0])
    row = option_exposures(measured(beta), market((CALL, 4.0, delta), share=share)).frame.iloc[0]
    assert 4.0 * row["beta"] == pytest.approx(delta * share * beta, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (market((CALL, 3.5, None)), "its quote has no delta"),
        (market((CALL, 3.5, 0.5), share=None), "its underlying has no price in the session"),
        (market((CALL, 0.0, 0.5)), "it has no price above zero"),
        (
            market((CALL, 3.5, 0.5)).assign(multiplier=133),
            "its contract delivers something else than the shares",
        ),
    ],
)
def test_an_option_without_a_leverage_is_a_note(told: pd.DataFrame, reason: str) -> None:
    """One for all factors, named by the option."""
    found = option_exposures(measured(), told)
    assert found.frame.empty
    (note,) = found.notes
    assert (note.asset, note.session_date, note.subject) == ("factor_exposures", DAY, CALL)
    assert (note.outcome, note.reason) == ("skipped", reason)


def test_what_is_collinear_of_the_share_is_so_of_its_options() -> None:
    """The row is there, without a number."""
    rows = measured(np.nan, quality="collinear", t_stat=np.nan)
    found = option_exposures(rows, market((CALL, 3.5, 0.5))).frame.iloc[0]
    assert np.isnan(found["beta"])
    assert found["quality"] == "collinear"


def test_without_options_or_exposures_there_is_nothing() -> None:
    """Typed and empty, so that it can be stored."""
    for found in (
        option_exposures(measured(), market()),
        option_exposures(measured()[:0], market((CALL, 3.5, 0.5))),
    ):
        assert found.frame.empty
        assert tuple(found.frame.columns) == EXPOSURE_COLUMNS


def test_a_private_holding_has_what_stands_in_for_it_and_says_so() -> None:
    """Only where the owner named a proxy, and only what is held privately."""
    universe = pd.DataFrame(
        {
            "session_date": np.array([DAY] * 3, dtype=DATE_DTYPE),
            "symbol": ["FUNDCO", "OTHERCO", "KO"], "asset_class": ["private", "private", "stock"],
        }
    )  # fmt: skip
    found = private_exposures(measured(), universe, {"FUNDCO": "KO", "KO": "KO"})
    assert list(found["symbol"]) == ["FUNDCO"]
    assert found.iloc[0]["beta"] == 0.6
    assert found.iloc[0]["method"] == "proxy:KO"
    assert private_exposures(measured(), universe, {}).empty
    assert private_exposures(measured(), universe, {"FUNDCO": "GONE"}).empty
