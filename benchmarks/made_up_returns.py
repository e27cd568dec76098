"""Made-up returns of symbols that follow proxies, and others' ways of fitting them."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WINDOW, _LEAST, _MISSING = 252, 60, 0.1


class Returns:
    """A tenth of the symbols' returns is missing; the proxies have all of theirs."""

    def __init__(self, symbols: int, dates: int, factors: int) -> None:
        random = np.random.default_rng(7)
        self.x: Floats = random.normal(0.0003, 0.01, (dates, factors))
        betas = random.normal(0.5, 0.5, (factors, symbols))
        self.y: Floats = self.x @ betas + random.normal(0, 0.01, (dates, symbols))
        self.y[random.random(self.y.shape) < _MISSING] = np.nan
        self.name = f"{symbols}x{dates}x{factors}"
        self.windows = symbols * dates

    def statsmodels(self, symbols: int) -> None:
        """Fit the first symbols by statsmodels' RollingOLS, with their standard errors."""
        import statsmodels.api as sm
        from statsmodels.regression.rolling import RollingOLS

        design = sm.add_constant(self.x)
        for y in self.y.T[:symbols]:
            fit = RollingOLS(y, design, window=_WINDOW, min_nobs=_LEAST, expanding=True).fit()
            if not np.isfinite(fit.bse[-1]).all():
                raise RuntimeError("statsmodels left the last window without an answer")

    def loop(self, symbols: int, rows: range | None = None) -> None:
        """Fit the first symbols by numpy's lstsq, window by window: betas alone."""
        design = np.column_stack([np.ones(len(self.x)), self.x])
        for y in self.y.T[:symbols]:
            is_there = np.isfinite(y)
            for row in rows or range(len(y)):
                window = slice(max(row - _WINDOW + 1, 0), row + 1)
                use = is_there[window]
                if use.sum() >= _LEAST:
                    np.linalg.lstsq(design[window][use], y[window][use], rcond=None)


def polars_ols(returns: Returns, *, is_rolling: bool = True) -> Callable[[], None] | None:
    """Give polars-ols' fit of the same windows, betas alone; None where it is not installed."""
    if find_spec("polars_ols") is None:
        return None
    import polars as pl
    import polars_ols  # noqa: F401  # its import adds `least_squares` to expressions

    dates, symbols = returns.y.shape
    names = [f"x{at}" for at in range(returns.x.shape[1])]
    columns = {name: np.tile(returns.x[:, at], symbols) for at, name in enumerate(names)}
    frame = pl.DataFrame(
        {"symbol": np.repeat(np.arange(symbols), dates), "y": returns.y.T.ravel(), **columns}
    ).with_columns(pl.col("y").fill_nan(None))
    fitted = pl.col("y").least_squares
    if is_rolling:
        fit = fitted.rolling_ols(
            *map(pl.col, names), mode="coefficients", add_intercept=True,
            window_size=_WINDOW, min_periods=_LEAST, null_policy="drop_window",
        ).over("symbol")  # fmt: skip
        return lambda: frame.select(fit.alias("betas"))
    fit = fitted.ols(
        *map(pl.col, names), mode="coefficients", add_intercept=True, null_policy="drop"
    )
    return lambda: frame.group_by("symbol").agg(fit.alias("betas"))
