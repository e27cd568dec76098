"""The hourly bars of a symbol for a person: a session of them, and the hours that are not there.

Belongs here: finding them and the words for their absence. Does not: collecting. Never writes.
"""

from dataclasses import dataclass
from datetime import date

import pandas as pd

from market_pipeline.domain.adjustments import SPLIT
from market_pipeline.domain.errors import NothingStored
from market_pipeline.domain.intraday import hours_over, on_present_basis
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.operations.show import canonical_symbol
from market_pipeline.warehouse import Warehouse

TABLE = "intraday_bars"
HOUR_COLUMNS = (
    "new_york_time", "open", "high", "low", "close", "volume", "flags", "source", "fetched_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HourlyHistory:
    """A session's hours of one symbol, oldest first, and the starts of those not stored."""

    title: str
    frame: pd.DataFrame
    missing: tuple[str, ...]
    data_kind: str | None
    for_people: tuple[str, ...] = HOUR_COLUMNS


def hourly_history(
    warehouse: Warehouse, calendar: TradingCalendar, clock: Clock, text: str, day: date | None
) -> HourlyHistory:
    """Give the hours of a symbol in the session `day` (None: the latest that has any).

    Prices stand on the split basis of now. Raises InputError for no symbol, NotASession for a
    day without trading, and NothingStored, saying how bars come, where there are none.
    """
    symbol = canonical_symbol(text)
    if day is not None:
        calendar.require_session(day)
    bars = warehouse.read(TABLE, first=day, last=day, symbols=[symbol])
    if bars.empty:
        raise NothingStored(_why_nothing(symbol, day))
    session = bars["session_date"].max().date()
    bars = bars[bars["session_date"] == pd.Timestamp(session)].reset_index(drop=True)
    splits = warehouse.read("corporate_actions", symbols=[symbol], where={"kind": SPLIT})
    times = [f"{at:%H:%M}" for at in bars["starts_at"].dt.tz_convert(NEW_YORK)]
    frame = on_present_basis(bars, splits).assign(new_york_time=times)
    missing = tuple(
        f"{hour.starts_at.astimezone(NEW_YORK):%H:%M}"
        for hour in hours_over(calendar, session, clock())
        if hour.starts_at not in set(bars["starts_at"])
    )
    title = f"hours of {symbol} on {session:%Y-%m-%d, %A}"
    return HourlyHistory(title, frame, missing, warehouse.meta_get("data_kind"))


def _why_nothing(symbol: str, day: date | None) -> str:
    when = f" on {day}" if day else ""
    return (
        f"there are no hourly bars of {symbol}{when}: MARKET_PIPELINE_INTRADAY_SYMBOLS chooses the "
        "symbols that have them, in the universe as well, and `market-pipeline backfill --from "
        "DATE --to DATE --select intraday_bars` collects those of past sessions"
    )
