"""Which stored sessions are no longer what their inputs would make of them: pure functions.

Belongs here: how far a changed bar reaches, and what was made before the change. Does not: what
changed, when it was made (`automation`), or when it is made anew (`domain.catch_up`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from market_pipeline.domain import metrics, option_values, portfolio_risk, price_rules, snapshots
from market_pipeline.domain.frames import session_index
from market_pipeline.domain.impact import REACH

Made = Mapping[str, Mapping[date, float]]
"""When each asset's sessions were last made, in seconds of the epoch."""

Found = dict[date, set[str]]

EXPOSURES, IMPACT, SNAPSHOTS = "factor_exposures", "headline_impact", "portfolio_snapshots"
_SAME_GROWTH, _SAME_USD = 1e-9, 0.005


@dataclass(frozen=True, slots=True)
class Reach:
    """How many sessions after its own a bar is still read, and of which symbols.

    `reason`: only of symbols that are in a session's universe for it; empty: of all that are.
    """

    sessions: int
    reason: str = ""


def reaches(longest_window: int) -> dict[str, Reach]:
    """Give what each asset reads of earlier bars, by itself or through what it is made from."""
    return {
        # Dividends of a year; fewer sessions than days, which leaves some to spare.
        "option_values": Reach(option_values.YIELD_DAYS, "underlying"),
        "market_data_cache": Reach(price_rules.SESSIONS_BEFORE),
        EXPOSURES: Reach(longest_window),
        "symbol_daily_metrics": Reach(max(metrics.SESSIONS_BEFORE, longest_window)),
        SNAPSHOTS: Reach(snapshots.SESSIONS_BEFORE, "held"),
        "portfolio_risk": Reach(max(portfolio_risk.SESSIONS_BEFORE, longest_window)),
        IMPACT: Reach(0),
    }


def after_changed_bars(
    changes: pd.DataFrame,
    universe: pd.DataFrame,
    made: Made,
    reach: Mapping[str, Reach],
    sessions: Sequence[date],
) -> Found:
    """Name the assets by session that were made before a bar changed which they read.

    `changes`: session_date, symbol, changed_at (an instant); `universe`: session_date, symbol,
    reasons. `sessions` rise without a gap from the first change on.
    """
    index = session_index(sessions)
    changed = _seconds_by_symbol(changes, index)
    found: Found = {}
    for name, each in reach.items():
        is_in = _membership(universe, each.reason, index, changed.columns)
        latest = changed.rolling(each.sessions + 1, min_periods=1).max().where(is_in).max(axis=1)
        for day in index[(latest > _made_at(made.get(name, {}), index)).to_numpy()]:
            found.setdefault(day.date(), set()).add(name)
    return found


def is_open(changes: pd.DataFrame, made: Made, sessions: Sequence[date]) -> "pd.Series[bool]":
    """Mark the changes before which anything of their session or a later one was made.

    After the first collection of a symbol, or on an ordinary evening, that is none.
    """
    index = session_index(sessions)
    oldest = pd.DataFrame({name: _made_at(days, index) for name, days in made.items()}).min(axis=1)
    since = oldest.fillna(np.inf)[::-1].cummin()[::-1]
    return _seconds(changes["changed_at"]) > changes["session_date"].map(since).fillna(np.inf)


CHAINED = (
    "session_date", "portfolio_id", "growth", "daily_return_pct", "equity_usd", "daily_pnl_usd",
    "flows_usd", "gap_usd",
)  # fmt: skip


def after_broken_chain(kept: pd.DataFrame, made: Made, sessions: Sequence[date]) -> Found:
    """Name the snapshots that go on from one which was made anew and came out otherwise.

    `kept` has `CHAINED`. All from such a session on that were made before the snapshot it goes on
    from.
    """
    index = session_index(sessions)
    of_days = made.get(SNAPSHOTS, {})

    def spread(name: str) -> pd.DataFrame:
        values = kept.assign(value=pd.to_numeric(kept[name], errors="coerce"))
        wide = values.pivot(index="session_date", columns="portfolio_id", values="value")
        return wide.reindex(index).astype("float64")

    growth, returns, equity = spread("growth"), spread("daily_return_pct"), spread("equity_usd")
    expected = growth.shift(1) * (1 + returns.fillna(0.0) / 100)
    of_growth = (growth - expected).abs() > _SAME_GROWTH * growth.abs()
    rolled = equity.shift(1) + spread("daily_pnl_usd") + spread("flows_usd") + spread("gap_usd")
    of_equity = (equity - rolled).abs() > _SAME_USD
    is_broken = (of_growth | of_equity).any(axis=1)
    at = _made_at(of_days, index)
    is_before = at < at.shift(1)
    found: Found = {}
    for place in np.flatnonzero((is_broken & is_before).to_numpy()):
        later = index[place:][(at.iloc[place:] < at.iloc[place - 1]).to_numpy()]
        found |= {day.date(): {SNAPSHOTS} for day in later}
    return found


def before_their_betas(made: Made, sessions: Sequence[date]) -> list[date]:
    """List the sessions of `headline_impact` made before the exposures of the session before."""
    exposures = made.get(EXPOSURES, {})
    return [
        day
        for place, day in enumerate(sessions)
        if place and exposures.get(sessions[place - 1], -np.inf) > _impact_at(made, sessions, place)
    ]


def after_moved_betas(
    kept: pd.DataFrame, betas: pd.DataFrame, days: Sequence[date], sessions: Sequence[date]
) -> Found:
    """Name those `days` of `headline_impact` with a beta that is no longer the one stored for it.

    `kept` and `betas`: session_date, symbol, beta, of the impact and of the exposures before it.
    """
    follows = dict(pairwise(session_index(sessions)))
    present = betas.assign(session_date=betas["session_date"].map(follows))
    both = kept.merge(present, on=["session_date", "symbol"], how="left", suffixes=("", "_now"))
    is_same = (both["beta"] == both["beta_now"]) | (both["beta"].isna() & both["beta_now"].isna())
    moved = {day.date() for day in both.loc[~is_same, "session_date"]}
    return {day: {IMPACT} for day in days if day in moved}


def after_late_stories(told: Mapping[date, float], made: Made, sessions: Sequence[date]) -> Found:
    """Name the sessions of `headline_impact` without a story that came after they were made.

    `told`: when the last story that met each session came. While sessions are to come that a run
    makes together with one, nothing is asked for.
    """
    return {
        day: {IMPACT}
        for place, day in enumerate(sessions[: len(sessions) - REACH])
        if told.get(day, -np.inf) > _impact_at(made, sessions, place)
    }


def _impact_at(made: Made, sessions: Sequence[date], place: int) -> float:
    """Give when the impact of a session was made, by its own run or that of one of the next.

    Never, which is after all there is, where its own was not.
    """
    days, window = made.get(IMPACT, {}), sessions[place : place + REACH + 1]
    return max(days[day] for day in window if day in days) if sessions[place] in days else np.inf


def _seconds(instants: pd.Series) -> "pd.Series[float]":
    return (instants - pd.Timestamp(0, tz="UTC")).dt.total_seconds()


def _seconds_by_symbol(changes: pd.DataFrame, index: pd.DatetimeIndex) -> pd.DataFrame:
    at = changes.assign(changed_at=_seconds(changes["changed_at"]))
    wide = at.pivot_table(
        index="session_date", columns="symbol", values="changed_at", aggfunc="max"
    )
    return wide.reindex(index)


def _membership(
    universe: pd.DataFrame, reason: str, index: pd.DatetimeIndex, symbols: pd.Index
) -> pd.DataFrame:
    """Say by session and symbol whether it is in the universe, for `reason` where given."""
    rows = universe
    if reason:
        rows = rows[[reason in text.split(",") for text in rows["reasons"]]]
    wide = rows.assign(is_in=True).pivot(index="session_date", columns="symbol", values="is_in")
    return wide.reindex(index=index, columns=symbols).notna()


def _made_at(days: Mapping[date, float], index: pd.DatetimeIndex) -> "pd.Series[float]":
    return pd.Series([days.get(day.date(), np.nan) for day in index], index=index, dtype="float64")
