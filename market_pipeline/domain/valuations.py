"""What metrics carry of what others say: size and ratios as then known, sector, every beta.

Causal: a session sees fundamentals told by its own close, never later ones. Pure: frames in and
out. Does not: compute anything from prices (`metrics`).
"""

import json
from datetime import timedelta

import numpy as np
import pandas as pd

from market_pipeline.domain.frames import DATE_DTYPE

KNOWN_FOR = timedelta(days=120)
"""How long fundamentals count: they are asked for once a quarter, and may be late by a month."""

RATIOS = ("trailing_pe", "price_to_sales", "price_to_book")
_KEY = ["session_date", "symbol"]


def with_valuations(frame: pd.DataFrame, fundamentals: pd.DataFrame | None) -> pd.DataFrame:
    """Add `market_cap_usd`, `RATIOS` and `fundamentals_date` to rows of sessions and symbols.

    The newest row of the symbol told as of the session or before, at most `KNOWN_FOR` old; a size
    in another currency than the dollar is left out.
    """
    added = ["market_cap_usd", *RATIOS]
    if fundamentals is None or fundamentals.empty:
        unknown = pd.Series(pd.NaT, frame.index, dtype=DATE_DTYPE)
        return frame.assign(**dict.fromkeys(added, np.nan), fundamentals_date=unknown)
    told = fundamentals.rename(columns={"market_cap": "market_cap_usd"})
    told = told.astype(dict.fromkeys(added, np.float64) | {"as_of_date": DATE_DTYPE})
    told["market_cap_usd"] = told["market_cap_usd"].where(told["currency"] == "USD")
    told = told.assign(fundamentals_date=told["as_of_date"], symbol=told["symbol"].astype(object))
    told = told[["as_of_date", "symbol", "fundamentals_date", *added]].sort_values("as_of_date")
    asked = frame.assign(symbol=frame["symbol"].astype(object)).sort_values("session_date")
    return pd.merge_asof(
        asked.astype({"session_date": DATE_DTYPE}), told,
        left_on="session_date", right_on="as_of_date", by="symbol",
        tolerance=pd.Timedelta(KNOWN_FOR),
    ).drop(columns="as_of_date")  # fmt: skip


def with_sectors(frame: pd.DataFrame, universe: pd.DataFrame | None) -> pd.DataFrame:
    """Add the `sector` that the universe of the session names, missing where it names none."""
    if universe is None or universe.empty:
        return frame.assign(sector=pd.Series(None, frame.index, dtype=object))
    sectors = universe[[*_KEY, "sector"]].drop_duplicates(_KEY)
    sectors = sectors.astype({"session_date": DATE_DTYPE, "sector": object})
    return frame.merge(sectors, how="left", on=_KEY)


def all_betas(exposures: pd.DataFrame) -> pd.DataFrame:
    """Write the betas of each session and symbol as JSON by factor, six significant digits.

    `null` where a factor is collinear. Gives session_date, symbol and `betas`.
    """
    rows = exposures[[*_KEY, "factor", "beta"]].sort_values([*_KEY, "factor"])
    found: dict[tuple[pd.Timestamp, str], dict[str, float | None]] = {}
    columns = (rows[name] for name in (*_KEY, "factor", "beta"))
    for day, symbol, factor, beta in zip(*columns, strict=True):
        known = found.setdefault((day, symbol), {})
        known[factor] = None if pd.isna(beta) else float(f"{beta:.6g}")
    texts = [(*key, json.dumps(betas)) for key, betas in found.items()]
    frame = pd.DataFrame(texts, columns=[*_KEY, "betas"])
    return frame.astype({"session_date": DATE_DTYPE, "symbol": object})
