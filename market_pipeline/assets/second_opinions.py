"""A second source is asked where the first is suspect: what it says of a jump nothing explains.

Never the one that told the suspect bar: it would confirm itself.
What it says is kept in `second_opinions`; the rules read it (`domain.price_rules`), so that a
jump it confirms is no doubt. A source that fails leaves the doubt as it was, for the next run.
"""

from datetime import date

import pandas as pd

from market_pipeline.assets.framework import Work
from market_pipeline.domain.errors import UnknownSymbol, VendorError
from market_pipeline.domain.ports import Clock, PriceSource, SeveralPriceSources
from market_pipeline.domain.price_rules import SESSIONS_BEFORE, UNEXPLAINED_JUMP
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import UNIVERSE_COLUMNS
from market_pipeline.warehouse import Warehouse

OPINIONS = "second_opinions"
_KEY = ["session_date", "symbol"]


def ask_second(
    work: Work,
    warehouse: Warehouse,
    calendar: TradingCalendar,
    source: PriceSource,
    clock: Clock,
    jump_threshold: float,
) -> int:
    """Ask `source` of each unexplained jump of the range that it was not asked of yet.

    The vendor that told the bar is left out.
    Gives how many answers came. An answer without both closes, or of an unknown symbol, is kept
    too: it is not asked for again.
    """
    suspects = _suspects(work, warehouse, calendar, jump_threshold)
    known = warehouse.read(
        OPINIONS, first=work.first, last=work.last, where={"source": source.name}
    )
    is_known = pd.MultiIndex.from_frame(suspects[_KEY]).isin(pd.MultiIndex.from_frame(known[_KEY]))
    answers = 0
    for row in suspects[~is_known].to_dict("records"):
        day, symbol = row["session_date"].date(), row["symbol"]
        other = _besides(source, row["source"])
        if other is None:
            continue
        try:
            told = _told(other, symbol, calendar.previous(day), day)
        except VendorError as error:
            work.log.warning("second_source_failed", symbol=symbol, kind=error.kind)
            continue
        opinion = {"session_date": day, "symbol": symbol, "source": source.name, "return_1d": told}
        frame = pd.DataFrame([opinion]).assign(fetched_at=pd.Timestamp(clock()))
        warehouse.merge(OPINIONS, frame.astype({"return_1d": "float64"}))
        answers += 1
    return answers


def _suspects(
    work: Work, warehouse: Warehouse, calendar: TradingCalendar, threshold: float
) -> pd.DataFrame:
    before = calendar.shift(work.first, -SESSIONS_BEFORE)
    judged = derive_market_data(
        warehouse.read("equity_bars", first=before, last=work.last),
        pd.DataFrame(),
        pd.DataFrame(columns=list(UNIVERSE_COLUMNS)),
        sessions=calendar.sessions(before, work.last),
        first=work.first,
        last=work.last,
        jump_threshold=threshold,
    ).quarantine
    suspects = judged[judged["rule"] == UNEXPLAINED_JUMP]
    return suspects.rename(columns={"row_date": "session_date"})[[*_KEY, "source"]]


def _besides(source: PriceSource, vendor: str) -> PriceSource | None:
    if isinstance(source, SeveralPriceSources):
        return source.besides(vendor)
    return None if source.name == vendor else source


def _told(source: PriceSource, symbol: str, before: date, day: date) -> float | None:
    """Give the return of a session as the source tells it; None where it does not tell."""
    try:
        bars = source.daily_bars(symbol, before, day).frame.set_index("session_date")
    except UnknownSymbol:
        return None
    closes = bars["close"].reindex([pd.Timestamp(before), pd.Timestamp(day)]).tolist()
    return float(closes[1] / closes[0] - 1) if min(closes) > 0 else None
