"""Polygon's wire: shapes as recorded, keys, pages, and the numbers of the market."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from market_pipeline.sandbox.generator import GeneratedMarket

CHAIN = "/polygon/v3/snapshot/options/AAPL"
CONTRACT = "O:AAPL261218C00250000"


def ok(client: httpx.Client, path: str, **query: Any) -> Any:
    # Empty params would erase the query that the path already has.
    answer = client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(client: httpx.Client, path: str, **query: Any) -> list[Any]:
    """Follow next_url the way a careful client does: path and query only."""
    body = ok(client, path, **query)
    rows = list(body["results"])
    while "next_url" in body:
        parts = urlsplit(body["next_url"])
        assert (parts.scheme, parts.hostname) == ("https", "api.massive.com")
        body = ok(client, f"/polygon{parts.path}?{parts.query}")
        rows += body["results"]
    return rows


def recorded(vendor_payloads: Path, name: str) -> Any:
    return json.loads((vendor_payloads / "polygon" / name).read_bytes())


def key_tree(value: Any) -> Any:
    """Give nested keys without values; a list counts as its first item."""
    if isinstance(value, dict):
        return {name: key_tree(part) for name, part in value.items()}
    if isinstance(value, list) and value:
        return [key_tree(value[0])]
    return None


def test_a_snapshot_has_the_recorded_keys(client: httpx.Client, vendor_payloads: Path) -> None:
    """A contract that traded has every key of the recorded full snapshot, nested ones too."""
    theirs = recorded(vendor_payloads, "snapshot_options_AAPL.json")["results"][0]
    rows = pages(client, CHAIN, limit=250)
    traded = next(row for row in rows if row["day"])
    assert key_tree(traded) == key_tree(theirs)
    untraded = next(row for row in rows if not row["day"])
    assert untraded["last_trade"] == {}


def test_a_single_contract_is_an_object(client: httpx.Client, vendor_payloads: Path) -> None:
    """The contract endpoint answers an object of the recorded keys, envelope included."""
    theirs = recorded(vendor_payloads, "snapshot_option_contract.json")
    traded = next(row for row in pages(client, CHAIN, limit=250) if row["day"])
    body = ok(client, f"{CHAIN}/{traded['details']['ticker']}")
    assert key_tree(body) == key_tree(theirs)
    assert body["results"] == traded


def test_a_delayed_plan_has_the_recorded_keys(client: httpx.Client, vendor_payloads: Path) -> None:
    """As recorded: no quote, no trade, of the underlying the ticker only; the rest as it was."""
    theirs = recorded(vendor_payloads, "snapshot_option_contract_delayed_plan.json")["results"]
    fault = {"vendor": "polygon", "kind": "delayed_plan"}
    assert client.post("/_sandbox/faults", json=fault).status_code == 201
    rows = pages(client, CHAIN, limit=250)
    assert key_tree(next(row for row in rows if row["day"])) == key_tree(theirs)
    client.delete("/_sandbox/faults")
    fault["params"] = {"columns": ["greeks", "implied_volatility"]}  # type: ignore[assignment]  # JSON
    client.post("/_sandbox/faults", json=fault)
    assert "greeks" not in pages(client, CHAIN, limit=250)[0]


def test_pages_bring_the_whole_chain_once(client: httpx.Client, market: GeneratedMarket) -> None:
    """Following next_url gives every contract of the market exactly once."""
    tickers = [row["details"]["ticker"] for row in pages(client, CHAIN, limit=250)]
    assert tickers == [f"O:{quote.contract.occ}" for quote in market.option_chain("AAPL")]


def test_filters_survive_the_cursor(client: httpx.Client) -> None:
    """Filters of the first page hold on the later ones."""
    query = {"contract_type": "put", "strike_price.gte": 240, "strike_price.lte": 260, "limit": 5}
    rows = pages(client, CHAIN, **query)
    assert len(rows) > 5
    assert all(row["details"]["contract_type"] == "put" for row in rows)
    assert all(240 <= row["details"]["strike_price"] <= 260 for row in rows)


@pytest.mark.parametrize("expired", ["false", "true"])
def test_contracts_have_the_recorded_shape(
    client: httpx.Client, vendor_payloads: Path, expired: str
) -> None:
    """Contracts carry the recorded keys; `expired` chooses which side of today they lie."""
    theirs = recorded(vendor_payloads, "options_contracts_page1.json")
    path = "/polygon/v3/reference/options/contracts"
    body = ok(client, path, underlying_ticker="KO", expired=expired, limit=3)
    assert body.keys() == theirs.keys()
    assert body["results"][0].keys() == theirs["results"][0].keys()
    rows = pages(client, path, underlying_ticker="KO", expired=expired, limit=1000)
    assert {row["expiration_date"] < "2026-11-20" for row in rows} == {expired == "true"}


def test_tickers_have_the_recorded_shape(
    client: httpx.Client, vendor_payloads: Path, market: GeneratedMarket
) -> None:
    """Tickers carry the recorded keys (company numbers aside) and list the whole cast."""
    theirs = recorded(vendor_payloads, "tickers_page1.json")
    body = ok(client, "/polygon/v3/reference/tickers", limit=2)
    assert body.keys() == theirs.keys()
    numbers = {"cik", "composite_figi", "share_class_figi"}
    assert body["results"][0].keys() == theirs["results"][0].keys() - numbers
    rows = pages(client, "/polygon/v3/reference/tickers", limit=30)
    assert [row["ticker"] for row in rows] == [one.symbol for one in market.listings()]


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_aggregates_are_the_markets_bars(
    client: httpx.Client, vendor_payloads: Path, market: GeneratedMarket, sort: str
) -> None:
    """Stock aggregates have the recorded keys, 00:00 New York stamps, and the market's closes."""
    theirs = recorded(vendor_payloads, "aggs_GME_day_desc.json")
    path = "/polygon/v2/aggs/ticker/AAPL/range/1/day/2026-03-05/2026-03-10"
    body = ok(client, path, sort=sort)
    assert body.keys() == theirs.keys()
    rows = body["results"] if sort == "asc" else body["results"][::-1]
    assert rows[0].keys() == theirs["results"][0].keys()
    bars = market.bars("AAPL")
    assert bars is not None
    expected = bars.between(datetime(2026, 3, 5).date(), datetime(2026, 3, 10).date())  # noqa: DTZ001  # dates only
    assert [row["c"] for row in rows] == expected.close.tolist()
    stamps = [datetime.fromtimestamp(row["t"] / 1000, UTC) for row in rows]
    assert [stamp.hour for stamp in stamps] == [5, 5, 4, 4]  # summer time began on the 8th


def test_large_volumes_are_written_with_an_exponent(client: httpx.Client) -> None:
    """A volume of millions stands in exponent form, as the vendor was recorded to write it."""
    path = "/polygon/v2/aggs/ticker/SPY/range/1/day/2026-03-05/2026-03-05"
    assert "e+0" in client.get(path).text.partition('"vw"')[0]


def test_aggregates_come_in_pages(client: httpx.Client) -> None:
    """Beyond `limit` bars, next_url leads to the rest."""
    path = "/polygon/v2/aggs/ticker/SPY/range/1/day/2026-01-01/2026-03-31"
    assert pages(client, path, limit=10) == pages(client, path)


def test_option_aggregates_are_the_markets_bars(
    client: httpx.Client, market: GeneratedMarket
) -> None:
    """Aggregates of an O: contract are its bars, as far as it traded."""
    body = ok(client, f"/polygon/v2/aggs/ticker/{CONTRACT}/range/1/day/2026-10-01/2026-11-20")
    chain = {f"O:{quote.contract.occ}": quote.contract for quote in market.option_chain("AAPL")}
    bars = market.option_bars(chain[CONTRACT])
    assert bars is not None
    since = bars.days >= np.datetime64("2026-10-01")
    assert [row["c"] for row in body["results"]] == bars.close[since].tolist()
    assert body["resultsCount"] == int(since.sum()) > 20


def test_open_close_has_the_recorded_keys(
    client: httpx.Client, vendor_payloads: Path, market: GeneratedMarket
) -> None:
    """Fields stand at the top level and are those of the bar; a weekend answers 404."""
    body = ok(client, "/polygon/v1/open-close/AAPL/2026-11-20")
    assert body.keys() == recorded(vendor_payloads, "open_close_AAPL.json").keys()
    bars = market.bars("AAPL")
    assert bars is not None
    assert body["close"] == bars.close[-1]
    assert client.get("/polygon/v1/open-close/AAPL/2026-11-21").status_code == 404


def test_without_a_key_nothing_is_answered(client: httpx.Client, vendor_payloads: Path) -> None:
    """No bearer token: status 401 and an error body of the recorded keys."""
    for value in ("", "Bearer", "Basic abc"):
        answer = client.get(CHAIN, headers={"Authorization": value})
        assert answer.status_code == 401
        theirs = recorded(vendor_payloads, "error_401_unknown_key.json")
        assert answer.json().keys() == theirs.keys()
        assert answer.json()["error"] == theirs["error"]


@pytest.mark.parametrize(
    "path",
    ["/v3/snapshot/options/ZZTOP", "/v3/reference/options/contracts?underlying_ticker=ZZTOP",
     "/v2/aggs/ticker/ZZTOP/range/1/day/2026-01-01/2026-02-01",
     "/v2/aggs/ticker/O:ZZTOP261218C00250000/range/1/day/2026-01-01/2026-02-01"],
)  # fmt: skip
def test_unknown_tickers_answer_empty_results(client: httpx.Client, path: str) -> None:
    """An unknown ticker is status 200 and no results."""
    assert ok(client, f"/polygon{path}")["results"] == []


@pytest.mark.parametrize(
    "path",
    ["/v3/snapshot/options/AAPL?limit=251", "/v3/snapshot/options/AAPL?limit=x",
     "/v3/snapshot/options/AAPL?cursor=%21", "/v2/aggs/ticker/AAPL/range/1/day/x/2026-02-01",
     "/v2/aggs/ticker/AAPL/range/5/minute/2026-01-01/2026-02-01"],
)  # fmt: skip
def test_unreadable_requests_are_refused(client: httpx.Client, path: str) -> None:
    """What cannot be read, or is not served, answers 400 and an error in Polygon's envelope."""
    answer = client.get(f"/polygon{path}")
    assert answer.status_code == 400
    assert answer.json()["status"] == "ERROR"
