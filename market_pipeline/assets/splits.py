"""The splits that holdings have met since they were counted, and the universe in their light."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from market_pipeline.domain.books import Book
from market_pipeline.domain.option_splits import in_present_series, splits_by_symbol
from market_pipeline.warehouse import Warehouse


def splits_since(books: Sequence[Book], warehouse: Warehouse) -> pd.DataFrame:
    """Read the splits after the books were written: prices are in shares of after, books not."""
    return warehouse.read(
        "equity_bars",
        first=min((book.as_of_date for book in books), default=date.max),
        columns=["session_date", "symbol", "split_ratio"],
    )


def present_universe(warehouse: Warehouse, universe: pd.DataFrame) -> pd.DataFrame:
    """Name each held option of `universe` as it is called in its session, after splits."""
    if universe["underlying"].isna().all():
        return universe
    books = warehouse.books()
    return in_present_series(universe, books, splits_by_symbol(splits_since(books, warehouse)))
