"""What changed when a vendor was asked again: a new basis of its prices, or another past.

A split divides every earlier price, a dividend every earlier adjusted close: both are recognised
as the actions they are, and stored bars are computed anew. What no action explains is a
restatement, kept with its old and new value. Frames of one symbol's bars, sessions rising.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pandas as pd

from market_pipeline.domain.collection import RESTATEMENT_TOLERANCE
from market_pipeline.domain.frames import DATE_DTYPE, INSTANT_DTYPE, Floats
from market_pipeline.domain.ports import Rejected
from market_pipeline.domain.price_rules import BAR_REJECTIONS
from market_pipeline.domain.quarantine import broken, finding_frame, findings

PRICES = ("open", "high", "low", "close")
FIELDS = (*PRICES, "volume", "dividend_usd", "split_ratio")
"""What is compared. The vendor's adjusted close is not: every dividend changes all of it."""

SPLIT_BASIS = "split_basis"
"""Field of a change that is none of values: all before its session was divided by `new_value`."""

CHANGE_COLUMNS = (
    "session_date", "symbol", "field", "seen_at", "old_value", "new_value", "old_source",
    "source", "old_fetched_at",
)  # fmt: skip
"""`tables.bar_restatements` less `run_id`; a missing new value is a bar the vendor withdrew."""

VOLUME_TOLERANCE = 0.05
"""Relative difference of volumes beyond which they are restated: late trades settle for days."""

_UNIFORM_ROWS, _UNIFORM_SHARE = 20, 0.95

_IMPOSSIBLE = tuple(
    rule
    for rule in BAR_REJECTIONS
    if rule.name in ("bad_price", "high_below_low", "negative_volume")
)


@dataclass(frozen=True, slots=True)
class BasisStep:
    """Stored prices of sessions before `before` are to be divided by `ratio`."""

    before: date
    ratio: float


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What to store of a symbol, and what it changes.

    `frame` replaces the rows of its keys; `changes` as `CHANGE_COLUMNS`; `is_new_basis` says that
    stored rows outside of what was fetched are to move as well; `refused` are the bars that cannot
    be right and stood against stored ones that can.
    """

    frame: pd.DataFrame
    changes: pd.DataFrame
    is_new_basis: bool
    refused: tuple[Rejected, ...] = ()

    @property
    def restated(self) -> int:
        """Number of bars whose values the vendor changed."""
        values = self.changes[self.changes["field"] != SPLIT_BASIS]
        return int(values["session_date"].nunique())


def explains(stored: tuple[float, float], fresh: pd.DataFrame, overlap: date) -> bool:
    """Say whether the actions in `fresh` explain how the bar of `overlap` has changed.

    `stored` is its close and adjusted close as stored; a bar that did not come again is no
    evidence of a change. Where this is false the symbol's whole history is to be fetched.
    """
    row = fresh[fresh["session_date"] == pd.Timestamp(overlap)]
    if row.empty:
        return True
    later = fresh[fresh["session_date"] > pd.Timestamp(overlap)]
    split = _matched(_ratio(stored[0], row["close"].iloc[0]), _split_ratios(later)[::-1])
    paid = fresh["dividend_usd"].fillna(0.0) / fresh["close"].shift(1)
    kept = (1 - paid[later.index])[later["dividend_usd"] > 0]
    if split is None:
        return False
    adjusted = _ratio(stored[1], row["adj_close"].iloc[0]) / float(np.prod(split))
    return _matched(adjusted, [1 / share for share in kept[::-1]]) is not None


def impossible(bars: pd.DataFrame) -> "pd.Series[bool]":
    """Say which bars cannot be right: a value of theirs is no evidence against a stored one.

    A close or open outside of low to high is: vendors restate one value without the others.
    """
    return broken(bars, _IMPOSSIBLE).any(axis=1)


def basis_steps(stored: pd.DataFrame, fresh: pd.DataFrame) -> list[BasisStep]:
    """Find the splits on which `fresh` stands and `stored` does not yet, latest first.

    A split counts where the sessions before it changed by its ratio, taken together (median). A
    change of nearly every session by one ratio is a split after the last of them.
    """
    both = stored[["session_date", "close"]].merge(
        fresh[["session_date", "close"]], on="session_date", suffixes=("_old", "_new")
    )
    both = both[(both["close_old"] > 0) & (both["close_new"] > 0)]
    if both.empty:
        return []
    days, ratio = both["session_date"], (both["close_old"] / both["close_new"])
    is_split = ~fresh["split_ratio"].fillna(0.0).isin([0.0, 1.0])
    splits = fresh.loc[is_split, ["session_date", "split_ratio"]].to_numpy(dtype=object)
    steps: list[BasisStep] = []
    end: pd.Timestamp = days.max() + pd.Timedelta(days=1)
    pending: list[tuple[date, float]] = []
    for ex_date, split in [*splits[::-1], (pd.Timestamp.min, 1.0)]:
        segment = ratio[(days >= ex_date) & (days < end)] / _product(steps)
        if len(segment):
            matched = _matched(float(segment.median()), [r for _, r in pending])
            if matched is not None:
                steps += [BasisStep(day, r) for day, r in pending[: len(matched)]]
            elif _is_uniform(segment):
                steps.append(BasisStep(end.date(), float(segment.median())))
        pending = [] if len(segment) else pending
        pending.append((ex_date.date(), float(split)))
        end = ex_date
    return steps


def rebased(stored: pd.DataFrame, steps: Sequence[BasisStep]) -> pd.DataFrame:
    """Compute stored bars anew on the basis that `steps` lead to."""
    moved = stored.copy()
    for step in steps:
        ratio = np.where(moved["session_date"] < pd.Timestamp(step.before), step.ratio, 1.0)
        for name in (*PRICES, "adj_close", "dividend_usd"):
            moved[name] = moved[name] / ratio
        moved["volume"] = moved["volume"] * ratio
    return moved


def reconcile(stored: pd.DataFrame, fresh: pd.DataFrame, *, replace: bool) -> Reconciled:
    """Bring what is stored of a symbol and what was fetched of it now together.

    Both are rows of `equity_bars`. A value that differs within noise stays as first stored; a
    missing one is no evidence against a stored one. With `replace`, stored bars that did not
    come again are withdrawn. A bar that cannot be right tells nothing against one that can.
    """
    fresh, refused = _believed(stored, fresh)
    steps = basis_steps(stored, fresh)
    old = rebased(stored, steps).set_index("session_date")
    new = fresh.set_index("session_date")
    seen_at = fresh["fetched_at"].max()
    common = old.index.intersection(new.index)
    there, told = old.loc[common], new.loc[common]
    differs = pd.DataFrame({name: _differs(name, there[name], told[name]) for name in FIELDS})
    is_restated = differs.any(axis=1)
    settled = told.copy()
    for name in FIELDS:
        settled[name] = told[name].where(differs[name], there[name])
    same_adjusted = ~_differs("adj_close", there["adj_close"], told["adj_close"])
    settled["adj_close"] = told["adj_close"].where(~same_adjusted, there["adj_close"])
    for name in ("source", "fetched_at"):
        settled[name] = told[name].where(is_restated, there[name])
    elsewhere = old.loc[old.index.difference(new.index)]
    moved, is_moved = _moved_adjusted(elsewhere, there, told)
    is_new_basis = bool(steps) or is_moved
    parts = [new.loc[new.index.difference(common)], settled]
    parts += [moved] if is_new_basis and not replace else []
    changes = [*_value_changes(there, told, differs), *(_withdrawn(elsewhere) if replace else [])]
    symbol, source = fresh["symbol"].iloc[0], fresh["source"].iloc[0]
    changes += [_basis_change(step) for step in steps]
    frame = pd.concat([part for part in parts if len(part)]).sort_index().reset_index()
    made = pd.DataFrame(changes, columns=list(CHANGE_COLUMNS)).assign(
        symbol=symbol, source=source, seen_at=seen_at
    )
    return Reconciled(frame[list(fresh.columns)], _typed(made), is_new_basis, refused)


def known_on(bars: pd.DataFrame, changes: pd.DataFrame, instant: datetime) -> pd.DataFrame:
    """Undo what was learnt of one symbol's bars after `instant`.

    `bars` as stored now, `changes` all that is recorded of them. Returns session_date, symbol,
    `FIELDS`, source and fetched_at of the bars that were known then, with the values and on the
    split basis of then.
    """
    at = pd.Timestamp(instant)
    columns = ["session_date", "symbol", *FIELDS, "source", "fetched_at"]
    known = bars[columns].set_index("session_date")
    later = changes[changes["seen_at"] > at]
    # Of one moment the basis changed first and values after it, so values are undone first.
    later = later.assign(is_basis=later["field"] == SPLIT_BASIS)
    later = later.sort_values(["seen_at", "is_basis"], ascending=[False, True], kind="stable")
    for row in later.to_dict("records"):
        if row["is_basis"]:
            inverse = [BasisStep(row["session_date"].date(), 1 / row["new_value"])]
            spread = known.reset_index().assign(adj_close=np.nan)
            known = rebased(spread, inverse)[columns].set_index("session_date")
        else:
            undone = {
                "symbol": row["symbol"], row["field"]: row["old_value"],
                "source": row["old_source"], "fetched_at": row["old_fetched_at"],
            }  # fmt: skip
            for name, value in undone.items():
                known.loc[row["session_date"], name] = value
    found = known[known["fetched_at"] <= at].sort_index().reset_index()
    return found.astype({"session_date": DATE_DTYPE, "fetched_at": INSTANT_DTYPE})


def _believed(
    stored: pd.DataFrame, fresh: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[Rejected, ...]]:
    """Take away what impossible fresh bars say of sessions that a possible bar is stored of."""
    good = stored.loc[~impossible(stored), "session_date"]
    is_lie = impossible(fresh) & fresh["session_date"].isin(good)
    if not is_lie.any():
        return fresh, ()
    lies = fresh[is_lie]
    marks = finding_frame(findings("", lies, broken(lies, _IMPOSSIBLE), _IMPOSSIBLE))
    refused = tuple(
        Rejected(row["symbol"], row["row_date"].date(), row["rule"], row["value"], row["detail"])
        for row in marks.to_dict("records")
    )
    values = [*PRICES, "volume", "adj_close"]
    return fresh.assign(**{name: fresh[name].mask(is_lie) for name in values}), refused


def _ratio(before: float, now: float) -> float:
    """Divide, 1 where either side is missing: no evidence of a change."""
    is_evidence = np.isfinite(before) and np.isfinite(now) and now != 0
    return float(before / now) if is_evidence else 1.0


def _split_ratios(frame: pd.DataFrame) -> list[float]:
    ratios = frame["split_ratio"].fillna(0.0)
    return [float(ratio) for ratio in ratios[~ratios.isin([0.0, 1.0])]]


def _matched(ratio: float, candidates: Sequence[float]) -> list[float] | None:
    """Give the first candidates whose product is `ratio` within noise; None where none are."""
    for count in range(len(candidates) + 1):
        if abs(np.prod(candidates[:count]) / ratio - 1) <= RESTATEMENT_TOLERANCE:
            return list(candidates[:count])
    return None


def _product(steps: Sequence[BasisStep]) -> float:
    return float(np.prod([step.ratio for step in steps]))


def _is_uniform(ratio: "pd.Series[float]") -> bool:
    near = (ratio / ratio.median() - 1).abs() <= RESTATEMENT_TOLERANCE
    return len(ratio) >= _UNIFORM_ROWS and bool(near.mean() >= _UNIFORM_SHARE)


def _differs(name: str, before: "pd.Series[float]", now: "pd.Series[float]") -> "pd.Series[bool]":
    tolerance = VOLUME_TOLERANCE if name == "volume" else RESTATEMENT_TOLERANCE
    beyond = (now - before).abs() > tolerance * before.abs()
    return now.notna() & (before.isna() | beyond)


def _moved_adjusted(
    elsewhere: pd.DataFrame, there: pd.DataFrame, told: pd.DataFrame
) -> tuple[pd.DataFrame, bool]:
    """Scale adjusted closes beside the fetched ones as those at the edge were."""
    scale: Floats = (told["adj_close"] / there["adj_close"]).to_numpy(dtype=np.float64)
    scale = scale[np.isfinite(scale)]
    if not len(scale) or (elsewhere.empty and abs(scale[0] - 1) <= RESTATEMENT_TOLERANCE):
        return elsewhere, False
    is_before = elsewhere.index < told.index.min()
    factor = np.where(is_before, scale[0], scale[-1])
    is_moved = bool((np.abs(scale[[0, -1]] - 1) > RESTATEMENT_TOLERANCE).any())
    return elsewhere.assign(adj_close=elsewhere["adj_close"] * factor), is_moved


def _value_changes(
    there: pd.DataFrame, told: pd.DataFrame, differs: pd.DataFrame
) -> list[dict[str, object]]:
    return [
        {
            "session_date": day, "field": name,
            "old_value": there.at[day, name], "new_value": told.at[day, name],
            "old_source": there.at[day, "source"], "old_fetched_at": there.at[day, "fetched_at"],
        }
        for name in FIELDS
        for day in differs.index[differs[name]]
    ]  # fmt: skip


def _withdrawn(gone: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            "session_date": day, "field": name, "old_value": row[name], "new_value": np.nan,
            "old_source": row["source"], "old_fetched_at": row["fetched_at"],
        }
        for day, row in gone.iterrows()
        for name in FIELDS
    ]  # fmt: skip


def _basis_change(step: BasisStep) -> dict[str, object]:
    return {
        "session_date": pd.Timestamp(step.before), "field": SPLIT_BASIS,
        "old_value": 1.0, "new_value": step.ratio, "old_source": None, "old_fetched_at": pd.NaT,
    }  # fmt: skip


def _typed(changes: pd.DataFrame) -> pd.DataFrame:
    numbers = dict.fromkeys(("old_value", "new_value"), "float64")
    frame = changes.astype({"session_date": DATE_DTYPE, **numbers})
    for name in ("seen_at", "old_fetched_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype(INSTANT_DTYPE)
    return frame[list(CHANGE_COLUMNS)]
