"""What prices did when a story met them: that session and the next five, the market taken out.

Frames of stories, prices and betas in, `headline_impact` out. Nothing is fitted here and nothing
looks ahead: the beta is that of the session before. Definitions stand in docs/impact.md; what the
rows say of the scores is `impact_report`'s.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from market_pipeline.domain.factor_definitions import MARKET
from market_pipeline.domain.factors import returns_for_regression
from market_pipeline.domain.frames import Floats, empty_frame, session_index, wide

NEXT_SESSIONS = 5
"""Sessions after the one in which a story meets prices that are looked at as well."""

ALL_SESSIONS = NEXT_SESSIONS + 1

REACH = ALL_SESSIONS
"""Sessions after a story's own whose prices its row reads: the last one tells whether the price
before it was a spike, which is left out."""

RETURN_COLUMNS = ("return_pct", *(f"return_next_{n}_pct" for n in range(1, ALL_SESSIONS)))
ADJUSTED_COLUMNS = (
    "adjusted_return_pct",
    *(f"adjusted_next_{n}_pct" for n in range(1, ALL_SESSIONS)),
)
KEY_COLUMNS = ("session_date", "headline_hash", "symbol")
STORY_COLUMNS = (
    *KEY_COLUMNS, "published_at", "relevance", "sentiment_score", "sentiment_confidence",
    "sentiment_label", "sentiment_model",
)  # fmt: skip
IMPACT_COLUMNS = (
    *STORY_COLUMNS, "beta", RETURN_COLUMNS[0], ADJUSTED_COLUMNS[0], *RETURN_COLUMNS[1:],
    *ADJUSTED_COLUMNS[1:], "sessions_known",
)  # fmt: skip


def stories_of(headlines: pd.DataFrame, headline_symbols: pd.DataFrame) -> pd.DataFrame:
    """Join each story (`headlines`) with the symbols it names: `STORY_COLUMNS`, one row a pair."""
    story = [
        "published_date", "headline_hash", "session_date", "sentiment_score",
        "sentiment_confidence", "sentiment_label", "sentiment_model",
    ]  # fmt: skip
    names = ["published_date", "headline_hash", "symbol", "published_at", "relevance"]
    pairs = headline_symbols[names].merge(headlines[story], on=["published_date", "headline_hash"])
    return pairs[list(STORY_COLUMNS)]


def impact_of(
    stories: pd.DataFrame,
    prices: pd.DataFrame,
    betas: pd.DataFrame,
    sessions: Sequence[date],
    proxy: str = MARKET.proxy,
) -> pd.DataFrame:
    """Say of each story and symbol what its session and the next five returned: `IMPACT_COLUMNS`.

    `stories` has `STORY_COLUMNS`; `prices` are `market_data_cache` rows of the stories' symbols
    and the market's `proxy`; `betas` are `symbol_factor_exposures` rows. `sessions` rise without a
    gap, from one before the stories' first session (the beta's) to `REACH` after their last, or to
    where the calendar is known. A return is NaN where its session is not there, has no price of
    the symbol, or is flagged as no move of the market, as in the regressions; an adjusted one also
    without a beta or a return of the proxy. Raises ValueError for a story of no such session.
    """
    if stories.empty:
        return empty_frame(IMPACT_COLUMNS)
    at = session_index(sessions).get_indexer(pd.DatetimeIndex(stories["session_date"]))
    if (at < 0).any():
        strangers = stories.loc[at < 0, "session_date"].min()
        raise ValueError(f"a story meets prices on {strangers:%Y-%m-%d}, no session given")
    windows = at[:, None] + np.arange(ALL_SESSIONS)
    returns, symbol_at = _padded(returns_for_regression(prices, sessions))
    named = symbol_at.get_indexer(pd.Index(stories["symbol"]))
    proxy_at = symbol_at.get_indexer(pd.Index([proxy]))[0]
    own, market = returns[named[:, None], windows], returns[proxy_at][windows]
    beta = _betas_before(stories, at, betas, sessions)
    frame = stories[list(STORY_COLUMNS)].reset_index(drop=True)
    frame["beta"] = beta
    frame[list(RETURN_COLUMNS)] = 100 * own
    frame[list(ADJUSTED_COLUMNS)] = 100 * own - beta[:, None] * (100 * market)
    frame["sessions_known"] = _known(prices, sessions)[windows].sum(axis=1)
    return frame.sort_values(list(KEY_COLUMNS), ignore_index=True)[list(IMPACT_COLUMNS)]


def _padded(returns: pd.DataFrame) -> tuple[Floats, pd.Index]:
    """Give symbols x sessions with a last row for unknown symbols and columns for days to come."""
    values = np.full((returns.shape[1] + 1, len(returns) + NEXT_SESSIONS), np.nan)
    values[:-1, : len(returns)] = returns.to_numpy(dtype=np.float64).T
    return values, returns.columns


def _betas_before(
    stories: pd.DataFrame, at: npt.NDArray[np.intp], betas: pd.DataFrame, sessions: Sequence[date]
) -> Floats:
    """Give each row the market beta of the session before its own, NaN where there is none."""
    spread = wide(betas[betas["factor"] == MARKET.name], "beta", sessions)
    named = spread.columns.get_indexer(pd.Index(stories["symbol"]))
    is_there = (named >= 0) & (at > 0)
    found = np.full(len(stories), np.nan)
    found[is_there] = spread.to_numpy()[at[is_there] - 1, named[is_there]]
    return found


def _known(prices: pd.DataFrame, sessions: Sequence[date]) -> npt.NDArray[np.bool_]:
    """Mark the sessions of which any price is stored; none of those beyond the last is."""
    known = np.zeros(len(sessions) + NEXT_SESSIONS, dtype=bool)
    known[: len(sessions)] = session_index(sessions).isin(prices["session_date"])
    return known
