"""What Polygon's reference bodies mean: contracts, tickers, splits, dividends, holidays.

Pure functions, as in `polygon_payloads`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from market_pipeline.domain.errors import LayoutChanged
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.ports import CONTRACT_COLUMNS, FetchedFrame, Rejected
from market_pipeline.domain.symbols import OptionContract, from_polygon, recognised_kind
from market_pipeline.vendors.bodies import parse_json
from market_pipeline.vendors.polygon_payloads import VENDOR, contract_of, refuse_told_error
from market_pipeline.vendors.rows import (
    DATE,
    TEXT,
    Field,
    Unreadable,
    count,
    day,
    flag,
    not_negative,
    read_rows,
    text,
)


def _symbol(value: Any) -> str:
    if not isinstance(value, str):
        raise Unreadable("is no ticker")
    return from_polygon(value)


def _is_any(value: Any) -> bool:
    if not isinstance(value, list):
        raise Unreadable("is no list")
    return bool(value)


def _day_of(field: str) -> Field:
    return Field(field, (field,), day, DATE)


_CONTRACT_FIELDS = (
    Field("contract", ("ticker",), contract_of, TEXT, is_required=True),
    Field("multiplier", ("shares_per_contract",), count, is_required=True),
    Field("underlying", ("underlying_ticker",), _symbol, TEXT),
    Field("exercise_style", ("exercise_style",), text, TEXT),
    Field("primary_exchange", ("primary_exchange",), text, TEXT),
    Field("others", ("additional_underlyings",), _is_any, TEXT),
)
_TICKER_FIELDS = (
    Field("symbol", ("ticker",), _symbol, TEXT, is_required=True),
    Field("name", ("name",), text, TEXT, is_required=True),
    Field("kind", ("type",), text, TEXT),
    Field("exchange", ("primary_exchange",), text, TEXT),
    Field("currency", ("currency_name",), text, TEXT),
    Field("is_active", ("active",), flag, TEXT),
    Field("market_cap_usd", ("market_cap",), not_negative),
    Field("list_date", ("list_date",), day, DATE),
)
_SPLIT_FIELDS = (
    Field("symbol", ("ticker",), _symbol, TEXT, is_required=True),
    Field("execution_date", ("execution_date",), day, DATE, is_required=True),
    Field("shares_after", ("split_to",), not_negative, is_required=True),
    Field("shares_before", ("split_from",), not_negative, is_required=True),
)
_DIVIDEND_FIELDS = (
    Field("symbol", ("ticker",), _symbol, TEXT, is_required=True),
    Field("ex_date", ("ex_dividend_date",), day, DATE, is_required=True),
    Field("dividend_usd", ("cash_amount",), not_negative, is_required=True),
    Field("currency", ("currency",), text, TEXT),
    _day_of("declaration_date"),
    _day_of("record_date"),
    _day_of("pay_date"),
    Field("payments_a_year", ("frequency",), not_negative),
)
_HOLIDAY_FIELDS = (
    Field("holiday_date", ("date",), day, DATE, is_required=True),
    Field("exchange", ("exchange",), text, TEXT, is_required=True),
    Field("name", ("name",), text, TEXT, is_required=True),
    Field("status", ("status",), text, TEXT, is_required=True),
)
_OPEN_CLOSE_FIELDS = (
    Field("symbol", ("symbol",), _symbol, TEXT, is_required=True),
    Field("session_date", ("from",), day, DATE, is_required=True),
    Field("open", ("open",), not_negative, is_required=True),
    Field("high", ("high",), not_negative, is_required=True),
    Field("low", ("low",), not_negative, is_required=True),
    Field("close", ("close",), not_negative, is_required=True),
    Field("volume", ("volume",), not_negative, is_required=True),
    Field("pre_market", ("preMarket",), not_negative),
    Field("after_hours", ("afterHours",), not_negative),
)


def parse_contracts(rows: Sequence[Any]) -> FetchedFrame:
    """Read listed contracts as `CONTRACT_COLUMNS`; one told a second time is rejected."""
    read = read_rows(rows, _CONTRACT_FIELDS, vendor=VENDOR, endpoint="contracts")
    raw = read.frame
    symbols = raw["contract"].map(lambda contract: contract.occ)
    doubled = symbols.duplicated()
    rejected = [
        Rejected(symbol, None, "duplicate_row", symbol, "the contract came before")
        for symbol in symbols[doubled]
    ]
    rows_kept = [_contract_row(row) for row in raw[~doubled].to_dict("records")]
    frame = typed_frame(rows_kept, CONTRACT_COLUMNS)
    return FetchedFrame(frame, (*read.rejected, *rejected))


def _contract_row(row: Mapping[Any, Any]) -> dict[str, object]:
    contract: OptionContract = row["contract"]
    multiplier = int(row["multiplier"])
    kind, how = recognised_kind(contract.occ, multiplier, delivers_more=row["others"] is True)
    return {
        "symbol": contract.occ,
        # The root of an adjusted contract is no ticker; the vendor names the stock beside it.
        "underlying": row["underlying"] or contract.stock,
        "option_type": contract.option_type,
        "strike_usd": float(contract.strike_usd),
        "expiration_date": contract.expiration_date,
        "exercise_style": row["exercise_style"] or None,
        "multiplier": multiplier,
        "contract_kind": kind,
        "recognised_by": how,
        "primary_exchange": row["primary_exchange"] or None,
    }


def parse_tickers(rows: Sequence[Any]) -> FetchedFrame:
    """Read reference tickers (a page of them, or the details of one)."""
    return read_rows(rows, _TICKER_FIELDS, vendor=VENDOR, endpoint="tickers")


def parse_splits(rows: Sequence[Any]) -> FetchedFrame:
    """Read splits; `split_ratio` is new shares for each old one."""
    read = read_rows(rows, _SPLIT_FIELDS, vendor=VENDOR, endpoint="splits")
    ratio = read.frame["shares_after"] / read.frame["shares_before"]
    return FetchedFrame(read.frame.assign(split_ratio=ratio), read.rejected)


def parse_dividends(rows: Sequence[Any]) -> FetchedFrame:
    """Read cash dividends a share as paid, in `currency` (USD where none is told)."""
    return read_rows(rows, _DIVIDEND_FIELDS, vendor=VENDOR, endpoint="dividends")


def parse_holidays(body: bytes) -> FetchedFrame:
    """Read upcoming closures and early closes: a bare array, one row an exchange."""
    document = parse_json(body, VENDOR, "marketstatus")
    if not isinstance(document, list):
        raise LayoutChanged(VENDOR, "marketstatus", "the answer is no array")
    return read_rows(document, _HOLIDAY_FIELDS, vendor=VENDOR, endpoint="marketstatus")


def parse_open_close(body: bytes) -> FetchedFrame:
    """Read one session's open-close answer (no envelope) as a frame of one row."""
    document = parse_json(body, VENDOR, "open-close")
    if not isinstance(document, dict):
        raise LayoutChanged(VENDOR, "open-close", "the answer is no object")
    refuse_told_error(document, "open-close")
    return read_rows([document], _OPEN_CLOSE_FIELDS, vendor=VENDOR, endpoint="open-close")
