"""Rolling regressions: equal to statsmodels and scikit-learn, whatever is missing."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from market_pipeline.domain.regression import Fit, Model, Quality, fit_all, rolling

Matrix = npt.NDArray[np.float64]
ROWS, SYMBOLS = 150, 9
ARRAYS = (
    "beta", "std_error", "t_stat", "quality", "r_squared", "residual_deviation", "observations",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Returns of symbols and proxies as they come: with gaps, late, still, drifting, alike."""

    y: Matrix = field(repr=False)
    x: Matrix = field(repr=False)
    model: Model


@st.composite
def cases(draw: st.DrawFn, *, penalties: tuple[float, ...] = (0.0,)) -> Case:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    factors = draw(st.integers(1, 6))
    scale = draw(st.sampled_from([1e-4, 1e-2, 0.3]))
    drift = scale * draw(st.sampled_from([0.0, 0.1, 3.0, 100.0]))
    x = random.normal(drift, scale, (ROWS, factors))
    alike = draw(st.sampled_from([1.0, 0.3, 1e-2]))
    x[:, -1] = x[:, 0] + alike * (x[:, -1] - x[:, 0]) if factors > 1 else x[:, 0]
    noise = scale * draw(st.sampled_from([1e-4, 0.1, 1.0, 10.0]))
    y = x @ random.normal(0, 2, (factors, SYMBOLS)) + random.normal(drift, noise, (ROWS, SYMBOLS))
    y[random.random(y.shape) < draw(st.sampled_from([0.0, 0.1, 0.5]))] = np.nan
    x[random.random(ROWS) < draw(st.sampled_from([0.0, 0.05])), 0] = np.nan
    y[: draw(st.integers(0, ROWS)), 0] = np.nan  # listed late
    y[draw(st.integers(0, ROWS)) :, 1] = np.nan  # gone
    y[:, 2] = 0.01 * draw(st.sampled_from([0, 1]))  # does not move
    y[:, 3] = x[:, 0]  # is a proxy itself
    window = draw(st.integers(12, 170))
    model = Model(
        window,
        draw(st.integers(3, 12)),
        penalty=draw(st.sampled_from(penalties)),
        half_life=draw(st.sampled_from([None, None, 10.0, 63.0])),
    )
    return Case(y, x, model)


def window_of(case: Case, row: int, symbol: int) -> tuple[Matrix, Matrix, Matrix]:
    """Give the complete rows of a window: x, y and their weights."""
    first = max(row - case.model.window + 1, 0)
    x, y = case.x[first : row + 1], case.y[first : row + 1, symbol]
    ages = np.arange(len(y))[::-1]
    use = np.isfinite(y) & np.isfinite(x).all(axis=1)
    life = case.model.half_life
    weights = np.ones(len(y)) if life is None else 0.5 ** (ages / life)
    return x[use], y[use], weights[use]


def same(ours: Matrix, theirs: Matrix, size: Matrix | float) -> None:
    """Agree to 1e-9 of the number, or of what it could have been where it is near zero."""
    np.testing.assert_array_less(np.abs(ours - theirs), 1e-9 * np.abs(theirs) + 1e-12 * size)


def compare(case: Case, fit: Fit, row: int, symbol: int) -> None:
    """Hold one window against statsmodels."""
    x, y, weights = window_of(case, row, symbol)
    row -= fit.rows.start
    assert fit.observations[row, symbol] == len(y)
    quality = fit.quality[:, row, symbol]
    beta, error = fit.beta[:, row, symbol], fit.std_error[:, row, symbol]
    if len(y) < case.model.fewest(x.shape[1]):
        assert (quality == Quality.TOO_FEW).all()
        assert np.isnan(beta).all()
        return
    if (quality == Quality.COLLINEAR).all():
        assert most_inflated(x, weights) > 0.99e5
        assert np.isnan(beta).all()
        return
    assert (quality == (Quality.FULL if len(y) == case.model.window else Quality.LIMITED)).all()
    if y.min() == y.max():
        assert np.abs(beta).max() == 0
        assert np.isnan(fit.r_squared[row, symbol])
        return
    ols = sm.WLS(y, sm.add_constant(x, has_constant="add"), weights / weights.mean()).fit()
    possible = y.std() / x.std(axis=0)
    if fit.r_squared[row, symbol] == 1:
        # What statsmodels has left is rounding, which proxies that are alike multiply.
        assert ols.ssr < 1e-20 * ols.centered_tss
        np.testing.assert_allclose(beta, ols.params[1:], rtol=1e-9, atol=1e-9)
        return
    same(beta, ols.params[1:], np.maximum(possible, 1e3 * ols.bse[1:]))
    np.testing.assert_allclose(error, ols.bse[1:], rtol=1e-9)
    same(fit.t_stat[:, row, symbol], ols.tvalues[1:], np.maximum(possible / error, 1e3))
    same(fit.r_squared[row, symbol], ols.rsquared, 1)
    assert fit.residual_deviation[row, symbol] == pytest.approx(ols.mse_resid**0.5, rel=1e-9)


def most_inflated(x: Matrix, weights: Matrix) -> float:
    """Give the largest variance inflation factor."""
    root = np.sqrt(weights)[:, None]
    z = root * (x - np.average(x, axis=0, weights=weights))
    inverse = np.linalg.pinv(z / np.sqrt((z * z).sum(axis=0)))
    return float((inverse * inverse).sum(axis=1).max())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(cases(), st.data())
def test_every_number_equals_statsmodels_to_1e_9(case: Case, data: st.DataObject) -> None:
    """OLS and exponentially weighted, over whatever rows a symbol shares with all proxies."""
    first = data.draw(st.integers(0, ROWS - 1))
    rows = range(first, min(first + 12, ROWS))
    fit = fit_all(case.y, case.x, case.model, rows)
    for symbol in range(SYMBOLS):
        compare(case, fit, data.draw(st.integers(rows.start, rows.stop - 1)), symbol)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(cases(penalties=(1e-3, 1.0, 50.0)), st.data())
def test_ridge_equals_scikit_learn_on_standardised_returns(case: Case, data: st.DataObject) -> None:
    """Betas and R squared; the error is the sandwich, in plain matrices."""
    case = Case(case.y, case.x, Model(case.model.window, 12, penalty=case.model.penalty))
    fit = fit_all(case.y, case.x, case.model, range(ROWS))
    for symbol in range(SYMBOLS):
        row = data.draw(st.integers(0, ROWS - 1))
        x, y, _ = window_of(case, row, symbol)
        if len(y) < case.model.fewest(x.shape[1]) or y.min() == y.max():
            continue
        scaler = StandardScaler().fit(x)
        z = scaler.transform(x)
        ridge = Ridge(alpha=case.model.penalty, solver="svd").fit(z, y)
        possible = y.std() / x.std(axis=0)
        same(fit.beta[:, row, symbol], ridge.coef_ / scaler.scale_, possible)
        same(fit.r_squared[row, symbol], ridge.score(z, y), 1)
        gram = z.T @ z
        inner = np.linalg.inv(gram + case.model.penalty * np.eye(x.shape[1]))
        hat = float(np.trace(inner @ gram))
        residuals = y - ridge.predict(z)
        variance = residuals @ residuals / (len(y) - 1 - hat)
        errors = np.sqrt(np.diag(inner @ gram @ inner) * variance) / scaler.scale_
        np.testing.assert_allclose(fit.std_error[:, row, symbol], errors, rtol=1e-9)


def made(rows: int = 300, symbols: int = 40, factors: int = 3, gaps: float = 0.1) -> Case:
    random = np.random.default_rng(5)
    x = random.normal(0.0003, 0.01, (rows, factors))
    y = x @ random.normal(0, 1, (factors, symbols)) + random.normal(0, 0.01, (rows, symbols))
    y[random.random(y.shape) < gaps] = np.nan
    return Case(y, x, Model(90, 30))


@pytest.mark.parametrize("window", [12, 16, 90, 130, 200])
@pytest.mark.parametrize("half_life", [None, 30.0])
def test_one_row_and_some_symbols_give_the_same_bits(window: int, half_life: float | None) -> None:
    """The window's rows alone, any company, any order; ordinals may leave holidays out."""
    case = made(rows=420, symbols=530)
    model = Model(window, 8, half_life=half_life)
    ordinals = np.arange(1000, 1430)[np.arange(430) % 43 != 7]
    whole = fit_all(case.y, case.x, model, range(420), ordinals=ordinals)
    order = np.random.default_rng(1).permutation(530)[:77]
    for row in (200, 222, 255, 256, 267, 300, 399, 419):
        first = row - window + 1
        alone = fit_all(
            case.y[first : row + 1, order], case.x[first : row + 1], model,
            range(window - 1, window), ordinals=ordinals[first : row + 1],
        )  # fmt: skip
        for name in ARRAYS:
            np.testing.assert_array_equal(
                getattr(alone, name)[..., 0, :], getattr(whole, name)[..., row, order], name
            )


def test_several_workers_give_the_same_bits() -> None:
    """Tiles side by side are the tiles one after another."""
    case = made(rows=300, symbols=1100)
    whole = fit_all(case.y, case.x, case.model, range(300))
    beside = fit_all(case.y, case.x, case.model, range(300), workers=3)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(beside, name), getattr(whole, name), name)


def test_symbols_that_miss_the_same_rows_get_what_they_get_alone() -> None:
    """A shared factorisation is a matter of speed only."""
    case = made(symbols=64, gaps=0.0)
    case.y[100:120, 32:] = np.nan
    shared = fit_all(case.y, case.x, case.model, range(300))
    for symbol in (0, 31, 32, 63):
        alone = fit_all(case.y[:, [symbol]], case.x, case.model, range(300))
        for name in ARRAYS:
            np.testing.assert_array_equal(
                getattr(alone, name)[..., 0], getattr(shared, name)[..., symbol], name
            )


def test_tiles_cover_every_window_once() -> None:
    """Tiles stream: each is a block of rows and of symbols, none is missing, none comes twice."""
    case = made(rows=200, symbols=700)
    seen = np.zeros((200, 700), dtype=int)
    for fit in rolling(case.y, case.x, case.model, range(150, 200), workers=2):
        assert fit.beta.shape == (3, len(fit.rows), len(fit.symbols))
        assert fit.beta.size < 3 * 128 * 513
        seen[fit.rows.start : fit.rows.stop, fit.symbols.start : fit.symbols.stop] += 1
    assert (seen[150:] == 1).all()
    assert not seen[:150].any()


@pytest.mark.parametrize("alike", [0.0, 1e-9, 1e-4])
def test_near_collinear_proxies_are_flagged_instead_of_a_number(alike: float) -> None:
    """Down to exact copies; one that shares all but a hundredth still has its slope."""
    case = made()
    copy = case.x[:, :1] + alike * case.x[:, 1:2]
    fit = fit_all(case.y, np.hstack([case.x[:, :1], copy]), case.model, range(89, 300))
    assert (fit.quality == Quality.COLLINEAR).all()
    assert np.isnan(fit.beta).all()
    apart = np.hstack([case.x[:, :1], case.x[:, :1] + 0.01 * case.x[:, 1:2]])
    assert (fit_all(case.y, apart, case.model, range(89, 300)).quality >= Quality.FULL).all()


def test_a_proxy_that_does_not_move_explains_nothing() -> None:
    """Every number is missing, and why is told."""
    case = made()
    case.x[:, 1] = 0.002
    fit = fit_all(case.y, case.x, case.model, range(200, 210))
    assert (fit.quality == Quality.STILL).all()
    assert np.isnan(fit.r_squared).all()


def test_a_beta_beyond_the_cap_is_cut_and_flagged() -> None:
    """Only that factor's; error and t stay those of the uncut fit."""
    case = made(gaps=0.0)
    case.y[:, 0] += 9 * case.x[:, 1]
    free = fit_all(case.y, case.x, case.model, range(200, 202))
    fit = fit_all(case.y, case.x, Model(90, 30, cap=5.0), range(200, 202))
    assert (fit.beta[1, :, 0] == 5).all()
    assert (fit.quality[:, :, 0] == [[Quality.FULL], [Quality.CAPPED], [Quality.FULL]]).all()
    np.testing.assert_array_equal(fit.t_stat, free.t_stat)


def test_a_drift_far_above_the_noise_costs_no_digits() -> None:
    """Where sums of squares lose digits, the window is factorised itself."""
    case = made(gaps=0.05)
    drifting = Case(case.y + 1e4, case.x + 1e3, case.model)
    fit = fit_all(drifting.y, drifting.x, case.model, range(300))
    for row, symbol in ((89, 0), (150, 7), (299, 39)):
        x, y, _ = window_of(drifting, row, symbol)
        ols = sm.OLS(y - y.mean(), sm.add_constant(x - x.mean(axis=0))).fit()
        np.testing.assert_allclose(fit.beta[:, row, symbol], ols.params[1:], rtol=1e-9)
        np.testing.assert_allclose(fit.std_error[:, row, symbol], ols.bse[1:], rtol=1e-9)


@pytest.mark.parametrize(
    ("window", "least", "more"),
    [(20, 2, {}), (20, 21, {}), (20, 10, {"penalty": -1}), (20, 10, {"cap": 0}),
     (20, 10, {"half_life": 0})],
)  # fmt: skip
def test_a_model_that_cannot_be_computed_is_refused(
    window: int, least: int, more: dict[str, float]
) -> None:
    """It fails where it is written."""
    with pytest.raises(ValueError, match=r"must be|needs"):
        Model(window, least, **more)
