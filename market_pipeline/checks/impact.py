"""Is the impact of the news what prices and betas say, and free of what came later?"""

import dagster as dg
import numpy as np
import pandas as pd

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound
from market_pipeline.domain.factor_definitions import MARKET
from market_pipeline.domain.factors import usable_returns
from market_pipeline.domain.impact import (
    ADJUSTED_COLUMNS,
    ALL_SESSIONS,
    NEXT_SESSIONS,
    REACH,
    RETURN_COLUMNS,
)

TABLE = "headline_impact"
_KEY = ("session_date", "headline_hash", "symbol")
_SAMPLE = 200
_EXACT = 1e-9


def _adjusted_add_up(scope: Scope) -> Verdict:
    """Recompute a sample row by row, from prices as stored: another way than it was made."""
    rows = scope.rows(TABLE, *_KEY, "beta", *RETURN_COLUMNS, *ADJUSTED_COLUMNS)
    sample = rows.iloc[:: max(1, len(rows) // _SAMPLE)]
    returns = _returns(scope, sample)
    wrong, tested, proxy = [], 0, scope.settings.market.proxy
    for row in sample.to_dict("records"):
        first = row["session_date"].date()
        days = scope.calendar.sessions(first, scope.calendar.shift(first, NEXT_SESSIONS))
        for day, own_name, adjusted_name in zip(
            days, RETURN_COLUMNS, ADJUSTED_COLUMNS, strict=True
        ):
            own = returns.get((day, row["symbol"]), np.nan)
            adjusted = own - row["beta"] * returns.get((day, proxy), np.nan)
            tested += 1
            if not (_same(row[own_name], own) and _same(row[adjusted_name], adjusted)):
                wrong.append(f"{row['session_date']:%Y-%m-%d} {row['symbol']} {adjusted_name}")
    said = f"{tested} returns of {len(sample)} rows recomputed, {len(wrong)} differ"
    return Verdict(not wrong, said, {"wrong": shown(wrong)})


def _returns(scope: Scope, rows: pd.DataFrame) -> dict[tuple[object, str], float]:
    """Give the usable returns, in percent, by session and symbol."""
    stored = scope.warehouse.read(
        "market_data_cache", first=scope.first,
        last=scope.calendar.shift(scope.last, REACH),
        symbols=sorted({*rows["symbol"], scope.settings.market.proxy}),
        where={"asset_class": "stock"},
    )  # fmt: skip
    days = [day.date() for day in stored["session_date"]]
    values = 100 * usable_returns(stored)
    return dict(zip(zip(days, stored["symbol"], strict=True), values, strict=True))


def _same(stored: float, computed: float) -> bool:
    return bool(np.isclose(stored, computed, rtol=0, atol=_EXACT, equal_nan=True))


def _no_look_ahead(scope: Scope) -> Verdict:
    """Hold every beta against the one stored for the session before."""
    rows = scope.rows(TABLE, *_KEY, "beta")
    betas = scope.warehouse.read(
        "symbol_factor_exposures", first=scope.calendar.previous(scope.first), last=scope.last,
        columns=["session_date", "symbol", "beta"], where={"factor": MARKET.name},
    )  # fmt: skip
    days = rows["session_date"].drop_duplicates()
    before = [pd.Timestamp(scope.calendar.previous(day.date())) for day in days]
    rows["before"] = rows["session_date"].map(dict(zip(days, before, strict=True)))
    betas = betas.rename(columns={"session_date": "before", "beta": "due"})
    joined = rows.astype({"before": "datetime64[s]"}).merge(
        betas, how="left", on=["before", "symbol"]
    )
    is_wrong = ~np.isclose(joined["beta"], joined["due"], rtol=0, atol=_EXACT, equal_nan=True)
    wrong = joined.loc[is_wrong]
    names = [f"{row.session_date:%Y-%m-%d} {row.symbol}" for row in wrong.itertuples()]
    said = f"{len(rows)} rows, {len(wrong)} with another beta than that of the session before"
    return Verdict(wrong.empty, said, {"wrong": shown(sorted(set(names)))})


def _are_all_there(scope: Scope) -> Verdict:
    """Compare the stories of each session with those that have an impact."""
    sessions = scope.calendar.sessions(scope.first, scope.last)
    stories = scope.warehouse.read(
        "headlines", columns=["session_date", "headline_hash"], where={"session_date": sessions}
    )
    found = set(scope.rows(TABLE, "headline_hash")["headline_hash"])
    lacking = stories[~stories["headline_hash"].isin(found)]
    days = sorted({f"{day:%Y-%m-%d}" for day in lacking["session_date"]})
    said = f"{len(stories)} stories met prices, {len(lacking)} have no impact yet"
    return Verdict(lacking.empty, said, {"days": shown(days)})


def _old_are_complete(scope: Scope) -> Verdict:
    """Rows whose five next sessions have prices by now know all six."""
    bounds = scope.warehouse.bounds("market_data_cache")
    rows = scope.rows(TABLE, "session_date", "sessions_known", "return_pct")
    if bounds is None or rows.empty:
        return Verdict(rows.empty, f"{len(rows)} rows, and no price at all")
    complete_until = pd.Timestamp(scope.calendar.shift(bounds[1], -NEXT_SESSIONS))
    old = rows[rows["session_date"] <= complete_until]
    lacking = old[old["sessions_known"] < ALL_SESSIONS]
    days = sorted({f"{day:%Y-%m-%d}" for day in lacking["session_date"]})
    said = f"{len(old)} rows of sessions that are over, {len(lacking)} lack a later one"
    unpriced = int(old["return_pct"].isna().sum())
    return Verdict(lacking.empty, said, {"days": shown(days), "without_return": unpriced})


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the impact. A session without news has none."""
    return [
        check(
            TABLE, "stories_have_their_impact", _are_all_there, severity=dg.AssetCheckSeverity.WARN,
            description="Every story that met prices in a session has a row; a late one is due.",
        ),
        sound(TABLE, TABLE, *_KEY, is_news=True),
        check(
            TABLE, "adjusted_returns_add_up", _adjusted_add_up,
            description="In a sample: adjusted return = return - beta x return of SPY.",
        ),
        check(
            TABLE, "no_beta_looks_ahead", _no_look_ahead,
            description="Every beta is the one stored for the session before the story's.",
        ),
        check(
            TABLE, "old_sessions_are_complete", _old_are_complete,
            severity=dg.AssetCheckSeverity.WARN,
            description="Rows five sessions old or older know all of their six sessions.",
        ),
    ]  # fmt: skip
