"""What Polygon's option bodies mean: the envelope, aggregates, chain snapshots. Pure functions.

Parsers take what a reply of status 200 holds and give a frame with its rejected rows, or raise a
typed error; other statuses are judged in `replies`, reference data read in `polygon_reference`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from market_pipeline.domain.books import OPTION_MULTIPLIER
from market_pipeline.domain.errors import BadPayload, LayoutChanged, NotEntitled
from market_pipeline.domain.option_quotes import is_of_session
from market_pipeline.domain.ports import OPTION_COLUMNS, FetchedFrame, Rejected
from market_pipeline.domain.symbols import OptionContract, parse_occ
from market_pipeline.vendors.bodies import clean_text, parse_json
from market_pipeline.vendors.rows import (
    DATE,
    INSTANT,
    TEXT,
    Field,
    Unreadable,
    count,
    from_ms,
    from_ns,
    new_york_day,
    not_negative,
    number,
    read_rows,
    results_of,
)

VENDOR = "polygon"
_TEXT_COLUMNS = ("symbol", "underlying", "option_type", "quote_kind")
_GREEKS = ("delta", "gamma", "theta", "vega")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results: its rows as sent, and the vendor's address of the next page."""

    rows: list[Any]
    next_url: str | None


def parse_page(body: bytes, endpoint: str) -> Page:
    """Open the envelope of any list endpoint.

    Raises `NotEntitled` or `BadPayload` for an error told with status 200, `LayoutChanged` where
    `results` is missing though the answer does not count zero of them.
    """
    document = parse_json(body, VENDOR, endpoint)
    if not isinstance(document, dict):
        raise LayoutChanged(VENDOR, endpoint, "the answer is no object")
    refuse_told_error(document, endpoint)
    rows = results_of(document)
    if rows is None:
        counts = {document.get("resultsCount"), document.get("queryCount"), document.get("count")}
        if 0 not in counts:
            raise LayoutChanged(VENDOR, endpoint, "the field results is missing")
        rows = []
    next_url = document.get("next_url")
    return Page(rows, next_url if isinstance(next_url, str) and next_url else None)


def refuse_told_error(document: Mapping[str, Any], endpoint: str) -> None:
    """Raise the typed error for an error told inside an answer of status 200."""
    status = document.get("status", "OK")
    if status in ("OK", "DELAYED"):
        return
    said = clean_text(f"{status}: {document.get('error') or document.get('message')}", 160)
    raise (NotEntitled if status == "NOT_AUTHORIZED" else BadPayload)(VENDOR, endpoint, said)


def contract_of(value: Any) -> OptionContract:
    """Read a Polygon option ticker as a row's field."""
    contract = parse_occ(value) if isinstance(value, str) else None
    if contract is None:
        raise Unreadable("is no option symbol")
    return contract


# -- aggregates ----------------------------------------------------------------------------

_BAR_FIELDS = (
    Field("started_at", ("t",), from_ms, INSTANT, is_required=True),
    Field("session_date", ("t",), new_york_day, DATE, is_required=True),
    Field("open", ("o",), not_negative, is_required=True),
    Field("high", ("h",), not_negative, is_required=True),
    Field("low", ("l",), not_negative, is_required=True),
    Field("close", ("c",), not_negative, is_required=True),
    Field("volume", ("v",), not_negative, is_required=True),
    Field("vwap", ("vw",), not_negative),
    Field("trades", ("n",), not_negative),
)


def parse_aggregates(rows: Sequence[Any], subject: str, endpoint: str = "aggs") -> FetchedFrame:
    """Read aggregate bars in the vendor's order: `started_at` UTC, `session_date` New York."""
    return read_rows(rows, _BAR_FIELDS, vendor=VENDOR, endpoint=endpoint, subject=subject)


def option_bars(
    rows: Sequence[Any], contract: OptionContract, first: date, last: date
) -> FetchedFrame:
    """Shape daily aggregates of one contract as `OPTION_COLUMNS` (`daily_bar`).

    The multiplier is the standard 100 until it is looked up, for aggregates do not say. A bar
    outside `first`..`last` and a second bar of one session are rejected.
    """
    bars = parse_aggregates(rows, contract.occ)
    inside = bars.frame["session_date"].between(pd.Timestamp(first), pd.Timestamp(last))
    doubled = bars.frame["session_date"].duplicated()
    rejected = [
        *bars.rejected,
        *_rejected_bars(bars.frame[~inside], contract.occ, "outside_range"),
        *_rejected_bars(bars.frame[inside & doubled], contract.occ, "duplicate_row"),
    ]
    kept = bars.frame[inside & ~doubled].sort_values("session_date", ignore_index=True)
    frame = pd.DataFrame(index=kept.index).assign(
        session_date=kept["session_date"],
        symbol=contract.occ,
        underlying=contract.stock,
        expiration_date=pd.Timestamp(contract.expiration_date),
        option_type=contract.option_type,
        strike_usd=float(contract.strike_usd),
        multiplier=OPTION_MULTIPLIER,
        last=kept["close"],
        volume=kept["volume"],
        quote_kind="daily_bar",
        is_stale=False,
    )
    return FetchedFrame(as_option_columns(frame), tuple(rejected))


def _rejected_bars(bars: pd.DataFrame, symbol: str, rule: str) -> list[Rejected]:
    return [
        Rejected(
            symbol, row["session_date"].date(), rule, f"close {row['close']}",
            "the vendor sent a bar that was not asked for, or a second one of its session",
        )
        for row in bars.to_dict("records")
    ]  # fmt: skip


def as_option_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Order and type a frame as `OPTION_COLUMNS`; columns it lacks become NaN."""
    kinds = dict.fromkeys(OPTION_COLUMNS, "float64") | dict.fromkeys(_TEXT_COLUMNS, "str")
    kinds |= {"session_date": DATE, "expiration_date": DATE, "multiplier": "int64"}
    kinds |= {"quoted_at": INSTANT, "is_stale": "bool"}
    return frame.reindex(columns=list(OPTION_COLUMNS)).astype(kinds)


# -- chain snapshot ------------------------------------------------------------------------

_SNAPSHOT_FIELDS = (
    Field("contract", ("details", "ticker"), contract_of, TEXT, is_required=True),
    Field("multiplier", ("details", "shares_per_contract"), count),
    Field("bid", ("last_quote", "bid"), not_negative),
    Field("ask", ("last_quote", "ask"), not_negative),
    Field("quoted_at", ("last_quote", "last_updated"), from_ns, INSTANT),
    Field("trade_price", ("last_trade", "price"), not_negative),
    Field("traded_at", ("last_trade", "sip_timestamp"), from_ns, INSTANT),
    Field("day_close", ("day", "close"), not_negative),
    Field("day_at", ("day", "last_updated"), from_ns, INSTANT),
    Field("volume", ("day", "volume"), not_negative),
    Field("open_interest", ("open_interest",), not_negative),
    Field("implied_volatility", ("implied_volatility",), not_negative),
    *(Field(name, ("greeks", name), number) for name in _GREEKS),
    Field("underlying_price", ("underlying_asset", "price"), not_negative),
    Field("underlying_at", ("underlying_asset", "last_updated"), from_ns, INSTANT),
)


def parse_chain(rows: Sequence[Any], underlying: str, session: date) -> FetchedFrame:
    """Shape snapshot rows as `OPTION_COLUMNS` (`snapshot`), dated `session`.

    `last` is the last trade where it happened in `session`, else the day's close where the day is
    `session`, else NaN: an old trade is no price of the session, nor is a share's price of another
    day. Bid and ask are kept whatever their age, for illiquid contracts have no others: `is_stale`
    says that they, or `last`, are of another session, or came without a time. Plans without quotes
    or trades leave those columns NaN. A second row of a contract is rejected.
    """
    read = read_rows(rows, _SNAPSHOT_FIELDS, vendor=VENDOR, endpoint="chain", subject=underlying)
    raw = read.frame
    symbols = raw["contract"].map(lambda contract: contract.occ)
    doubled = symbols.duplicated()
    rejected = [
        *read.rejected,
        *(
            Rejected(symbol, session, "duplicate_row", symbol, "the contract came before")
            for symbol in symbols[doubled]
        ),
    ]
    raw, day = raw[~doubled].reset_index(drop=True), pd.Timestamp(session)
    contracts: list[OptionContract] = list(raw["contract"])
    frame = raw.drop(columns="contract").assign(
        session_date=day,
        symbol=[contract.occ for contract in contracts],
        underlying=underlying,
        expiration_date=[pd.Timestamp(contract.expiration_date) for contract in contracts],
        option_type=[contract.option_type for contract in contracts],
        strike_usd=[float(contract.strike_usd) for contract in contracts],
        multiplier=raw["multiplier"].fillna(OPTION_MULTIPLIER),
        underlying_price=raw["underlying_price"].where(_may_be_of(raw["underlying_at"], day)),
        quote_kind="snapshot",
        **_last_price(raw, day),
    )
    return FetchedFrame(as_option_columns(frame), tuple(rejected))


def _last_price(raw: pd.DataFrame, session: pd.Timestamp) -> dict[str, pd.Series]:
    """Give `last`, and `is_stale` of it and of bid and ask."""
    trade = raw["trade_price"].where(_may_be_of(raw["traded_at"], session))
    close = raw["day_close"].where(_may_be_of(raw["day_at"], session))
    # A price that came without a time is used, for cheaper plans send such, and marked.
    has_time = raw["traded_at"].where(trade.notna(), raw["day_at"]).notna()
    last = trade.fillna(close)
    is_quoted = raw["bid"].notna() | raw["ask"].notna()
    is_old = is_quoted & ~is_of_session(raw["quoted_at"], session)
    return {"last": last, "is_stale": is_old | (last.notna() & ~has_time)}


def _may_be_of(stamps: pd.Series, session: pd.Timestamp) -> pd.Series:
    may_be: pd.Series = stamps.isna() | is_of_session(stamps, session)
    return may_be
