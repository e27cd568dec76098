"""The splits that holdings have met since they were counted, and the universe in their light."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from market_pipeline.assets.ledgers import held_books, splits_after
from market_pipeline.domain.books import Book
from market_pipeline.domain.option_splits import Splits, in_present_series
from market_pipeline.warehouse import Warehouse


def splits_since(books: Sequence[Book], warehouse: Warehouse) -> Splits:
    """Read the splits after the books were written: prices are in shares of after, books not."""
    return splits_after(warehouse, min((book.as_of_date for book in books), default=date.max))


def present_universe(warehouse: Warehouse, universe: pd.DataFrame) -> pd.DataFrame:
    """Name each held option of `universe` as it is called in its session, after splits."""
    if universe["underlying"].isna().all():
        return universe
    books = held_books(warehouse)
    return in_present_series(universe, books, splits_since(books, warehouse))
