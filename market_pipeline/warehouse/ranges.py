"""A frame that is to stand for a range of dates of its table, ready to be written."""

from datetime import date

import pandas as pd
import sqlalchemy as sa

from market_pipeline.warehouse import queries
from market_pipeline.warehouse.frames import Row, to_rows


def range_of(
    table_name: str, frame: pd.DataFrame, dates: tuple[date, date], dialect: str
) -> tuple[sa.Table, list[Row], sa.ColumnElement[bool]]:
    """Give the table, the frame's rows, and which stored rows they replace.

    Raises ValueError for rows outside the range of `dates`, and for what `to_rows` refuses.
    """
    table = queries.table_named(table_name)
    partition = queries.partition_of(table)
    rows = to_rows(table, frame, dialect)
    first, last = dates
    stamps = pd.to_datetime(frame[partition.name])
    if not stamps.between(pd.Timestamp(first), pd.Timestamp(last)).all():
        raise ValueError(f"{table_name}: the frame has rows outside {first} to {last}")
    return table, rows, partition.between(first, last)
