"""The tables of factors: what they are, how symbols move with them, and what was said before.

Declared like the tables of `tables`. Results of a definition that was replaced move to
`superseded_factor_exposures` when those of the next version take their place.
"""

from typing import Any

import sqlalchemy as sa

from market_pipeline.warehouse.columns import (
    Instant,
    by_session,
    key,
    metadata,
    optional,
    required,
)

factor_definitions = sa.Table(
    "factor_definitions",
    metadata,
    key("name", sa.String(24)),
    key("version", sa.Integer),  # 1, 2, ...: a change makes a new one
    required("kind", sa.String(10)),  # market, macro, style, spread, sector
    required("method", sa.String(10)),  # ols, ridge, ewls
    required("proxies", sa.String(400)),  # comma-joined, in the order fitted
    required("window", sa.Integer),  # sessions
    required("min_observations", sa.Integer),
    required("cap", sa.Float(53)),
    required("penalty", sa.Float(53)),
    *optional("half_life", kind=sa.Float(53)),
    required("is_active", sa.Boolean),  # at most one version of a name is
    required("created_at", Instant),
    *optional("ended_at", kind=Instant),  # when it was replaced or switched off
)


def _results(*also: sa.Column[Any]) -> list[sa.Column[Any]]:
    return [
        key("symbol", sa.String(32)),
        key("factor", sa.String(40)),
        *optional(
            "beta", "std_error", "t_stat", "r_squared", "residual_volatility", kind=sa.Float(53)
        ),  # no beta: collinear
        required("observations", sa.Integer),
        required("window_first_date", sa.Date),
        required("quality", sa.String(20)),  # full_history, limited_history, capped, collinear
        required("method", sa.String(40)),  # that of the definition, delta, or proxy:SYMBOL
        required("definition", sa.String(24)),
        *also,
    ]


symbol_factor_exposures = by_session(
    "symbol_factor_exposures", *_results(required("definition_version", sa.Integer))
)

superseded_factor_exposures = by_session(
    "superseded_factor_exposures", *_results(key("definition_version", sa.Integer))
)
