"""Is the risk of every portfolio told, and do its parts make the whole?"""

from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound
from market_pipeline.checks.snapshots import books_due

ASSET, SNAPSHOTS = "portfolio_risk", "portfolio_snapshots"
POSITIONS, PORTFOLIOS = "position_factor_exposures", "portfolio_factor_exposures"
_KEY = ["session_date", "portfolio_id"]
_DIGITS = 1e-9
"""Sums of floats in another order differ by less, against the largest part."""


def _all_told(scope: Scope) -> Verdict:
    """Every snapshot of the range has its risk."""
    snapshots, told = (scope.rows(table, *_KEY) for table in (SNAPSHOTS, ASSET))
    index = [pd.MultiIndex.from_frame(rows) for rows in (snapshots, told)]
    lacking = [f"{day:%Y-%m-%d} {name}" for day, name in index[0].difference(index[1])]
    said = f"{len(snapshots)} snapshots, {len(lacking)} without their risk"
    return Verdict(not lacking, said, {"lacking": shown(lacking)})


def _add_up(scope: Scope) -> Verdict:
    """Test that positions sum to their portfolio, and shares of risk to one."""
    key = [*_KEY, "factor"]
    columns = ["exposure_usd", "risk_share"]
    parts = scope.rows(POSITIONS, *key, *columns)
    wholes = scope.rows(PORTFOLIOS, *key, *columns)
    wrong = {
        f"{day:%Y-%m-%d} {name}"
        for column in columns
        for day, name, _ in _unequal(parts.set_index(key)[column], wholes.set_index(key)[column])
    }
    shares = wholes.dropna(subset=["risk_share"]).groupby(_KEY, as_index=False)["risk_share"].sum()
    not_one = shares[(shares["risk_share"] - 1.0).abs() > _DIGITS]
    wrong |= {
        f"{day:%Y-%m-%d} {name}"
        for day, name in zip(not_one["session_date"], not_one["portfolio_id"], strict=True)
    }
    said = f"{len(wholes)} exposures of portfolios, {len(wrong)} portfolios do not add up"
    return Verdict(not wrong, said, {"wrong": shown(sorted(wrong))})


def _unequal(parts: "pd.Series[float]", wholes: "pd.Series[float]") -> list[Any]:
    """Give the keys whose parts do not sum to the whole, or of which either is missing."""
    levels = list(range(parts.index.nlevels))
    both = pd.DataFrame(
        {
            "told": wholes,
            "summed": parts.groupby(level=levels).sum(min_count=1),
            "scale": parts.abs().groupby(level=levels).sum(),
        }
    )
    is_off = (both["told"] - both["summed"]).abs() > _DIGITS * both["scale"].fillna(0.0)
    is_wrong = is_off | (both["told"].isna() != both["summed"].isna())
    return list(both.index[is_wrong])


def _losses_ordered(scope: Scope) -> Verdict:
    """Test that a rarer loss is no smaller, and that the mean beyond one is no smaller than it."""
    rows = scope.rows(ASSET)
    is_wrong = np.zeros(len(rows), dtype=bool)
    for kind in ("historical", "factor"):
        var, es = ([rows[f"{kind}_{name}_{at}_usd"] for at in (95, 99)] for name in ("var", "es"))
        slack = _DIGITS * (1.0 + es[1].abs())
        for smaller, larger in ((var[0], var[1]), (es[0], es[1]), (var[0], es[0]), (var[1], es[1])):
            is_wrong |= (smaller > larger + slack).to_numpy()
    wrong = [
        f"{day:%Y-%m-%d} {name}"
        for day, name in zip(
            rows["session_date"][is_wrong], rows["portfolio_id"][is_wrong], strict=True
        )
    ]
    return Verdict(
        not wrong, f"{len(rows)} portfolios, {len(wrong)} with losses out of order",
        {"wrong": shown(wrong)},
    )  # fmt: skip


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of risk."""
    return [
        sound(ASSET, ASSET, *_KEY, due=books_due),
        check(
            ASSET, "every_snapshot_has_its_risk", _all_told,
            description="Every snapshot of the range has a row of risk.",
        ),
        check(
            ASSET, "exposures_add_up", _add_up,
            description=(
                "Exposures and shares of risk of positions sum to those of their portfolio, and "
                "its shares to one."
            ),
        ),
        check(
            ASSET, "losses_are_in_order", _losses_ordered,
            description=(
                "Losses at 99 % are at least those at 95 %, expected shortfall at least the value "
                "at risk."
            ),
        ),
    ]  # fmt: skip
