"""The chart body in Yahoo's form, written quickly from cells encoded once.

Belongs here: how bars become that JSON. Does not: which rows were asked for, HTTP.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache

import numpy as np

from market_pipeline.domain.symbols import to_dashed
from market_pipeline.sandbox.market import Bars, Floats, Listing, Seconds

WINTER_OFFSET = -18000
"""Yahoo states the offset of the moment of the call, not of the bars: here always winter's."""

VALID_RANGES = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"]
QUOTE_FIELDS = ("close", "low", "volume", "open", "high")
_EXCHANGES = {
    "XNAS": ("NMS", "NasdaqGS"),
    "XNYS": ("NYQ", "NYSE"),
    "ARCX": ("PCX", "NYSEArca"),
}
_PRICE_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """What the body repeats of the request: the named range, and which events to give."""

    span: str
    events: frozenset[str]


class ChartWriter:
    """Writes chart bodies; each symbol's numbers become text only once."""

    def __init__(self) -> None:
        self._encoded = lru_cache(maxsize=2000)(_Encoded)

    def body(self, bars: Bars, rows: slice, listing: Listing, request: ChartRequest) -> str:
        """Write the answer for some rows of a symbol's bars."""
        encoded = self._encoded(_ByIdentity(bars))
        return encoded.body(_meta(bars, rows, listing, request.span), rows, request.events)


class _ByIdentity:
    """Bars as a cache key: the very same object, not equal contents."""

    def __init__(self, bars: Bars) -> None:
        self.bars = bars

    def __hash__(self) -> int:
        return id(self.bars)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.bars is self.bars


class _Encoded:
    """One symbol's columns as JSON text, cell by cell, so that an answer is slices joined."""

    def __init__(self, wrapped: _ByIdentity) -> None:
        bars = wrapped.bars
        self._bars = bars
        self._stamps = [str(second) for second in bars.opened_at.tolist()]
        self._cells = {
            "open": _cells(bars.open),
            "high": _cells(bars.high),
            "low": _cells(bars.low),
            "close": _cells(bars.close),
            "volume": _whole_cells(bars.volume),
        }
        self._adjusted = _cells(bars.adj_close)

    def body(self, meta: dict[str, object], rows: slice, events: frozenset[str]) -> str:
        """Write the answer for these rows; without any, as Yahoo does: no timestamps at all."""
        parts = [f'"meta":{json.dumps(meta, separators=(",", ":"))}']
        quote, adjusted = "{}", "{}"
        if rows.stop > rows.start:
            parts.append(f'"timestamp":[{",".join(self._stamps[rows])}]')
            actions = self._actions(rows, events)
            if actions:
                parts.append(f'"events":{json.dumps(actions, separators=(",", ":"))}')
            columns = (f'"{n}":[{",".join(self._cells[n][rows])}]' for n in QUOTE_FIELDS)
            quote = "{" + ",".join(columns) + "}"
            adjusted = f'{{"adjclose":[{",".join(self._adjusted[rows])}]}}'
        parts.append(f'"indicators":{{"quote":[{quote}],"adjclose":[{adjusted}]}}')
        return f'{{"chart":{{"result":[{{{",".join(parts)}}}],"error":null}}}}'

    def _actions(self, rows: slice, events: frozenset[str]) -> dict[str, object]:
        actions: dict[str, object] = {}
        stamps = self._bars.opened_at[rows]
        if "div" in events:
            paid = _nonzero(stamps, self._bars.dividends[rows])
            dividends = {str(at): {"amount": amount, "date": at} for at, amount in paid}
            actions |= {"dividends": dividends} if dividends else {}
        if events & {"split", "splits"}:
            split = _nonzero(stamps, self._bars.splits[rows])
            splits = {str(at): _split(at, ratio) for at, ratio in split}
            actions |= {"splits": splits} if splits else {}
        return actions


def _split(at: int, ratio: float) -> dict[str, object]:
    exact = Fraction(ratio).limit_denominator(1000)
    new, old = exact.numerator, exact.denominator
    return {"date": at, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}


def _nonzero(stamps: Seconds, values: Floats) -> Iterable[tuple[int, float]]:
    hits = np.flatnonzero(np.nan_to_num(values))
    return [(int(stamps[i]), float(values[i])) for i in hits]


def _cells(values: Floats) -> list[str]:
    return ["null" if v != v else repr(v) for v in values.tolist()]  # noqa: PLR0124  # NaN alone differs from itself


def _whole_cells(values: Floats) -> list[str]:
    return ["null" if v != v else str(round(v)) for v in values.tolist()]  # noqa: PLR0124  # NaN alone differs from itself


def _meta(bars: Bars, rows: slice, listing: Listing, span: str) -> dict[str, object]:
    meta = listing_meta(listing) | {
        "firstTradeDate": int(bars.opened_at[0]) if len(bars) else None,
    }
    if rows.stop > rows.start:
        meta |= _last_bar(bars, rows)
    return meta | {"dataGranularity": "1d", "range": span, "validRanges": VALID_RANGES}


def listing_meta(listing: Listing) -> dict[str, object]:
    """Write what the meta of every chart says of a symbol, whatever its bars."""
    short, full = _EXCHANGES.get(listing.exchange, _EXCHANGES["XNYS"])
    return {
        "currency": "USD",
        "symbol": to_dashed(listing.symbol),
        "exchangeName": short,
        "fullExchangeName": full,
        "instrumentType": "ETF" if listing.kind == "ETF" else "EQUITY",
        "hasPrePostMarketData": True,
        "gmtoffset": WINTER_OFFSET,
        "timezone": "EST",
        "exchangeTimezoneName": "America/New_York",
        "longName": listing.name,
        "shortName": listing.name,
        "priceHint": 2,
    }


def _last_bar(bars: Bars, rows: slice) -> dict[str, object]:
    at = rows.stop - 1
    opened = int(bars.opened_at[at])
    before = bars.close[rows.start - 1] if rows.start else bars.open[rows.start]
    closed = int((datetime.fromtimestamp(opened, UTC) + timedelta(hours=6.5)).timestamp())
    periods = {"pre": (opened - 19_800, opened), "regular": (opened, closed),
               "post": (closed, closed + 14_400)}  # fmt: skip
    return {
        "regularMarketTime": closed,
        "regularMarketPrice": _number(bars.close[at]),
        "regularMarketDayHigh": _number(bars.high[at]),
        "regularMarketDayLow": _number(bars.low[at]),
        "regularMarketVolume": None if np.isnan(bars.volume[at]) else int(bars.volume[at]),
        "chartPreviousClose": _number(before),
        "currentTradingPeriod": {
            name: {"timezone": "EST", "start": start, "end": end, "gmtoffset": WINTER_OFFSET}
            for name, (start, end) in periods.items()
        },
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _PRICE_DECIMALS)
