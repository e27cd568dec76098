"""How many dollars of each holding move with whose returns, and what its options add to that.

One row a session, portfolio, symbol and asset class, cash left out. Belongs here: delta, gamma,
theta and vega in dollars. Does not: betas and returns (`factor_risk`).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, PRIVATE
from market_pipeline.domain.lots import CLOSED
from market_pipeline.domain.symbols import stock_delivered

KEY = ["session_date", "portfolio_id", "symbol", "asset_class"]
_DAY = ["session_date", "symbol"]
_GREEKS = ("gamma", "theta", "vega")
_POINTS = 100.0


def moving_dollars(
    positions: pd.DataFrame,
    market_data: pd.DataFrame,
    option_values: pd.DataFrame,
    stand_ins: Mapping[str, str],
) -> pd.DataFrame:
    """Add lots up to holdings: `KEY`, moves_with, gross_usd, base_usd, gamma_usd, vega_usd, ...

    Takes rows of `portfolio_positions`, `market_data_cache` and `option_values` of the same
    sessions. `base_usd` (signed) moves one for one with the returns of `moves_with`: the value of a
    stock, delta x underlying price x multiplier x quantity of an option, the value of a private
    holding with a stand-in. NaN where there is none: no price, no delta, another deliverable,
    nothing that stands in. `gross_usd` is the absolute of the net value, `gamma_usd` what
    `base_usd` changes by when the underlying moves 1 %, `vega_usd` a volatility point, `theta_usd`
    a calendar day; NaN where an option's quote has none.
    """
    is_held = (positions["asset_class"] != CASH) & (positions["status"] != CLOSED)
    lots = positions.loc[is_held, [*KEY, "multiplier"]].copy()
    for name in ("quantity", "market_value_usd"):
        lots[name] = positions.loc[is_held, name].astype(np.float64)
    lots["units"] = lots["quantity"] * lots["multiplier"]
    totals = lots.groupby(KEY, sort=True)
    held = totals[["units"]].sum()
    held["value"] = totals["market_value_usd"].sum(min_count=1)
    held["multiplier"] = totals["multiplier"].first()
    held = held.reset_index()
    held["moves_with"] = _movers(held, stand_ins)
    return _with_greeks(_with_base(held, market_data), option_values)


def _movers(held: pd.DataFrame, stand_ins: Mapping[str, str]) -> "pd.Series[str]":
    """Name the symbol whose returns move each holding, None where none does."""
    known: dict[tuple[str, str, int], str | None] = {}
    for each in zip(held["symbol"], held["asset_class"], held["multiplier"], strict=True):
        if each not in known:
            known[each] = _mover(*each, stand_ins)
    named = [known[each] for each in zip(
        held["symbol"], held["asset_class"], held["multiplier"], strict=True
    )]  # fmt: skip
    return pd.Series(named, held.index, dtype=object)


def _mover(
    symbol: str, asset_class: str, multiplier: int, stand_ins: Mapping[str, str]
) -> str | None:
    if asset_class == PRIVATE:
        return stand_ins.get(symbol)
    return stock_delivered(symbol, multiplier) if asset_class == OPTION else symbol


def _with_base(held: pd.DataFrame, market_data: pd.DataFrame) -> pd.DataFrame:
    """Add gross and base dollars, and the price of what an option delivers."""
    quotes = market_data[[*_DAY, "price_usd", "delta"]].astype(
        {"price_usd": np.float64, "delta": np.float64}
    )
    held = held.merge(quotes[[*_DAY, "delta"]], how="left", on=_DAY)
    of_mover = quotes.rename(columns={"symbol": "moves_with", "price_usd": "mover_price"})
    held = held.merge(
        of_mover[["session_date", "moves_with", "mover_price"]],
        how="left",
        on=["session_date", "moves_with"],
    )
    is_option = held["asset_class"] == OPTION
    by_delta = held["units"] * held["delta"] * held["mover_price"]
    base = held["value"].where(~is_option, by_delta).where(held["moves_with"].notna())
    # An option that has no value of its own has no delta to be believed either.
    return held.assign(
        gross_usd=held["value"].abs().fillna(0.0), base_usd=base.where(held["value"].notna())
    )


def _with_greeks(held: pd.DataFrame, option_values: pd.DataFrame) -> pd.DataFrame:
    """Add gamma, vega and theta in dollars: nothing of what is no option."""
    greeks = option_values[[*_DAY, *_GREEKS]].astype(dict.fromkeys(_GREEKS, np.float64))
    held = held.merge(greeks, how="left", on=_DAY)
    is_option = held["asset_class"] == OPTION
    for name in _GREEKS:
        dollars = held[name] * held["units"]
        if name == "gamma":
            dollars = dollars * held["mover_price"] ** 2 / _POINTS
        held[f"{name}_usd"] = dollars.where(is_option, 0.0)
    columns = ["moves_with", "gross_usd", "base_usd", "gamma_usd", "vega_usd", "theta_usd"]
    return held[[*KEY, *columns]]
