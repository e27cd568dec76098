"""A range in blocks of sessions, by the positions that stored snapshots say were held in each.

Belongs here: reading the counts. Does not: the cutting itself (`domain/date_blocks.py`).
"""

from datetime import date

import pandas as pd

from market_pipeline.domain.date_blocks import date_blocks
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse import Warehouse


def position_blocks(
    warehouse: Warehouse, calendar: TradingCalendar, first: date, last: date, most: int
) -> list[tuple[date, date]]:
    """Part a range into blocks of sessions with `most` stored positions each, or one session."""
    stored = warehouse.read(
        "portfolio_snapshots", first=first, last=last, columns=["session_date", "position_count"]
    )
    held = stored.groupby("session_date")["position_count"].sum()
    counts = [(day, int(held.get(pd.Timestamp(day), 0))) for day in calendar.sessions(first, last)]
    return date_blocks(first, last, counts, most)
