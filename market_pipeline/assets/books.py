"""The books: what people own and watch. Observed, never made here: people import them."""

import dagster as dg

from market_pipeline.assets.framework import OWNER, column_schema

BOOKS_KEY = dg.AssetKey("portfolio_books")

portfolio_books = dg.AssetSpec(
    key=BOOKS_KEY,
    description=(
        "Positions and transactions people imported (CSV in the inbox, or `market-pipeline "
        "portfolio import`) and the watchlist. Grain: one row a position or transaction. Fresh: as "
        "of each file's import; an import reports itself here."
    ),
    group_name="books",
    kinds={"csv"},
    owners=[OWNER],
    tags={"market_pipeline/layer": "source"},
    metadata={"dagster/column_schema": column_schema("positions")},
)
