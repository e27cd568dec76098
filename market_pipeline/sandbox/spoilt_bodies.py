"""What wrong answers look like inside: error pages, renamed fields, impossible numbers, doubles.

Belongs here: pure functions from a body to a body. Does not: when that happens, sending.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

NOTICE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body><p>This page is HTML where data was expected.</p></body></html>"
)
_TOO_MANY = {
    "yahoo": ("Too Many Requests\r\n", "text/html"),
    "polygon": (
        '{"status":"ERROR","request_id":"sandbox","error":"You\'ve exceeded the maximum requests '
        'per minute, please wait or upgrade your subscription to continue."}',
        "application/json",
    ),
    "tiingo": (
        '{"detail":"Error: You have run over your hourly request allocation. Please upgrade to '
        'have your limits increased."}',
        "application/json",
    ),
    "finnhub": (
        '{"error":"API limit reached. Please try again later. Remaining Limit: 0"}',
        "application/json",
    ),
}
_RENAMED = {
    "yahoo": {"close": "closing"},
    "polygon": {"c": "closing", "details": "about"},
    "finviz_elite": {"Title": "Headline"},
    "finviz": {"news-table": "news-list"},
    "tiingo": {"title": "heading"},
    "finnhub": {"headline": "heading"},
}
_PRICES = ("close", "c", "bid", "price", "datetime")
"""Where no field is named: prices, and the stamp of Finnhub's news."""
_DELAYED_PLAN_LACKS = ("last_quote", "last_trade", "break_even_price", "fmv")
"""What option snapshots lack on Polygon's plan without quotes and trades, as recorded."""
_TABLE_ROW = re.compile(rb"    <tr class=\"cursor-pointer.*?</tr>\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DataFault:
    """What to do to a body: `kind`, to how many rows (the last ones), to which fields.

    `columns` maps old names to new ones (renamed) or lists the prices to spoil; None: usual ones.
    """

    kind: str
    vendor: str
    rows: int
    columns: Mapping[str, str] | Collection[str] | None


def too_many_requests(vendor: str) -> tuple[str, str]:
    """Give the vendor's words for status 429 and their content type."""
    return _TOO_MANY.get(vendor, ("Too many requests.", "text/html"))


def error_page(status: int) -> str:
    """Give the page a vendor's front server shows when the one behind fails."""
    return f"<html><head><title>{status}</title></head><body><h1>Error {status}</h1></body></html>"


def spoil(fault: DataFault, body: bytes) -> bytes:
    """Spoil JSON, CSV or HTML; a body without the rows or fields concerned comes back as it was."""
    if body[:1] in (b"{", b"["):
        return json.dumps(_spoil_json(fault, json.loads(body))).encode()
    if fault.kind == "renamed":
        # A page is renamed throughout, a CSV in its header line alone.
        head, line_end, rest = (body, b"", b"") if body[:1] == b"<" else body.partition(b"\n")
        for old, new in _new_names(fault).items():
            head = head.replace(old.encode(), new.encode())
        return head + line_end + rest
    if fault.kind == "duplicates":
        return _double_text(body, fault.rows)
    return _without_rows(body) if fault.kind == "empty_list" else body


def _spoil_json(fault: DataFault, document: Any) -> Any:
    if fault.kind == "renamed":
        return _rename(document, _new_names(fault))
    # Polygon wraps its rows, news vendors send them bare.
    listed = document if isinstance(document, list) else document.get("results")
    results = _chart_results(document)
    if fault.kind == "empty_list":
        if isinstance(listed, list):
            listed.clear()
        return document
    if fault.kind == "delayed_plan":
        _make_delayed(listed, frozenset(fault.columns or ()))
        return document
    if fault.kind == "duplicates":
        for result in results:
            _double_chart_rows(result, fault.rows)
        if isinstance(listed, list):
            listed += listed[-fault.rows :]
        return document
    worse: Callable[[float], float] = (
        (lambda _value: float("nan")) if fault.kind == "nan" else (lambda value: -abs(value))
    )
    names = frozenset(fault.columns or _PRICES)
    for item in [*results, *(listed[-fault.rows :] if isinstance(listed, list) else [listed])]:
        _spoil_numbers(item, names, worse, fault.rows)
    return document


def _make_delayed(listed: Any, further: Collection[str]) -> None:
    """Leave out of option snapshots what a plan without quotes does, and `further` fields."""
    for item in listed if isinstance(listed, list) else [listed]:
        if isinstance(item, dict) and "details" in item:
            for name in (*_DELAYED_PLAN_LACKS, *further):
                item.pop(name, None)
            item["underlying_asset"] = {"ticker": item["underlying_asset"]["ticker"]}


def _spoil_numbers(
    item: Any, names: Collection[str], worse: Callable[[float], float], rows: int
) -> None:
    """Replace the numbers called by these names: single ones, and the last ones of arrays."""
    if isinstance(item, list):
        for part in item:
            _spoil_numbers(part, names, worse, rows)
    if not isinstance(item, dict):
        return
    for name, value in item.items():
        if name not in names:
            _spoil_numbers(value, names, worse, rows)
        elif isinstance(value, int | float):
            item[name] = worse(value)
        elif isinstance(value, list):
            tail = [worse(v) if isinstance(v, int | float) else v for v in value[-rows:]]
            item[name] = value[: len(value) - len(tail)] + tail


def _chart_results(document: Any) -> list[dict[str, Any]]:
    chart = document.get("chart") if isinstance(document, dict) else None
    return (chart.get("result") or []) if isinstance(chart, dict) else []


def _double_chart_rows(result: dict[str, Any], rows: int) -> None:
    groups = (group for groups in result["indicators"].values() for group in groups)
    arrays = [values for group in groups for values in group.values()]
    for values in [result.get("timestamp", []), *arrays]:
        values.extend(values[-rows:])


def _rename(item: Any, names: Mapping[str, str]) -> Any:
    if isinstance(item, list):
        return [_rename(part, names) for part in item]
    if isinstance(item, dict):
        return {names.get(name, name): _rename(value, names) for name, value in item.items()}
    return item


def _new_names(fault: DataFault) -> Mapping[str, str]:
    if isinstance(fault.columns, Mapping):
        return fault.columns
    if fault.columns:
        return {name: f"{name}_renamed" for name in fault.columns}
    return _RENAMED.get(fault.vendor, {})


def _without_rows(body: bytes) -> bytes:
    """Leave a CSV its header line, and a page its empty news table."""
    return _TABLE_ROW.sub(b"", body) if body[:1] == b"<" else body.partition(b"\n")[0] + b"\n"


def _double_text(body: bytes, rows: int) -> bytes:
    """Repeat the last rows of a CSV, or of the page's news table."""
    found = _TABLE_ROW.findall(body)
    if found:
        doubled = b"".join(found[-rows:])
        return body.replace(found[-1], found[-1] + doubled, 1)
    lines = body.splitlines(keepends=True)
    return b"".join([*lines, *lines[1:][-rows:]])
