"""Exposures that no regression measures: options through their delta, private holdings by proxy.

Rows of measured exposures in, rows of the same columns out. Formulas stand in docs/factors.md.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market_pipeline.domain.books import OPTION, PRIVATE, STOCK
from market_pipeline.domain.factors import ASSET, EXPOSURE_COLUMNS, SKIPPED, Exposures
from market_pipeline.domain.frames import DATE_DTYPE, empty_frame
from market_pipeline.domain.ports import ComputeNote
from market_pipeline.domain.symbols import stock_delivered

DELTA, PROXY = "delta", "proxy:"
"""Methods: through the underlying; that of the named symbol, which stands in."""

_KEY = ["session_date", "symbol"]


def option_exposures(measured: pd.DataFrame, market_data: pd.DataFrame) -> Exposures:
    """Give the exposures of the options in `market_data` through what is `measured` of stocks.

    `market_data` are `market_data_cache` rows of options and stocks. An option's elasticity, delta
    x underlying price / option price, times what is measured of the underlying (F. Black and
    M. Scholes, "The Pricing of Options and Corporate Liabilities", 1973). Notes say which options
    have no elasticity, and why.
    """
    options = _with_elasticity(market_data)
    is_known = options["fault"] == ""
    notes = tuple(
        ComputeNote(ASSET, row["session_date"].date(), row["symbol"], SKIPPED, row["fault"])
        for row in options[~is_known].to_dict("records")
    )
    known = options.loc[is_known, ["session_date", "symbol", "underlying", "elasticity"]]
    of_underlying = measured.rename(columns={"symbol": "underlying"})
    rows = known.merge(of_underlying, on=["session_date", "underlying"])
    times = rows["elasticity"].astype(np.float64)
    for name in ("beta", "t_stat"):
        scale = times if name == "beta" else np.sign(times)
        rows[name] = rows[name].astype(np.float64) * scale
    for name in ("std_error", "residual_volatility"):
        rows[name] = rows[name].astype(np.float64) * times.abs()
    # How much of an option's own returns the factor explains is not measured.
    return Exposures(_as_exposures(rows.assign(r_squared=np.nan, method=DELTA)), notes)


def private_exposures(
    measured: pd.DataFrame, universe: pd.DataFrame, proxies: Mapping[str, str]
) -> pd.DataFrame:
    """Give private holdings the `measured` exposures of the symbols that stand in for them.

    `proxies` maps a holding's symbol to the listed one; a holding without one has no exposure.
    """
    held = universe.loc[universe["asset_class"] == PRIVATE, _KEY]
    held = held.assign(proxy=held["symbol"].map(dict(proxies)).astype(object))
    held = held.dropna(subset=["proxy"])
    rows = held.merge(measured.rename(columns={"symbol": "proxy"}), on=["session_date", "proxy"])
    return _as_exposures(rows.assign(method=PROXY + rows["proxy"].astype(str)))


def _with_elasticity(market_data: pd.DataFrame) -> pd.DataFrame:
    """Give the options with underlying, elasticity, and what is wrong where there is none."""
    is_option = market_data["asset_class"] == OPTION
    columns = [*_KEY, "price_usd", "delta", "multiplier"]
    options = market_data.loc[is_option, columns].reset_index(drop=True)
    options["underlying"] = pd.Series(
        map(stock_delivered, options["symbol"], options["multiplier"]), options.index, dtype=object
    )
    stocks = market_data.loc[market_data["asset_class"] == STOCK, [*_KEY, "price_usd"]]
    stocks = stocks.rename(columns={"symbol": "underlying", "price_usd": "underlying_price"})
    options = options.merge(stocks, how="left", on=["session_date", "underlying"])
    prices = options[["price_usd", "underlying_price", "delta"]].astype(np.float64)
    options["elasticity"] = prices["delta"] * prices["underlying_price"] / prices["price_usd"]
    faults = (
        (options["underlying"].isna(), "its contract delivers something else than the shares"),
        (prices["delta"].isna(), "its quote has no delta"),
        (prices["underlying_price"].isna(), "its underlying has no price in the session"),
        (~(prices["price_usd"] > 0), "it has no price above zero"),
    )
    options["fault"] = np.select([is_so for is_so, _ in faults], [said for _, said in faults], "")
    return options


def _as_exposures(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty:
        return empty_frame(EXPOSURE_COLUMNS)
    frame = rows[list(EXPOSURE_COLUMNS)].astype({"session_date": DATE_DTYPE})
    return frame.sort_values(["session_date", "symbol", "factor"], ignore_index=True)
