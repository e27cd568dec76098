"""Misbehaviour: every kind of fault is seen by a client, and rules count, match and clear."""

import json
from math import isnan
from time import perf_counter
from typing import Any

import httpx
import pytest

CHART = "/yahoo/v8/finance/chart/KO?range=1mo"
CHAIN = "/polygon/v3/snapshot/options/KO?limit=250"
EXPORT = "/finviz_elite/news_export.ashx?v=3&t=AAPL&auth=x"
PAGE = "/finviz/quote?t=AAPL"
WIRE = "/tiingo/tiingo/news?tickers=aapl&token=x"
SECOND = "/finnhub/api/v1/company-news?symbol=AAPL&from=2026-11-01&to=2026-11-20&token=x"


def spoil(client: httpx.Client, **rule: Any) -> list[int]:
    answer = client.post("/_sandbox/faults", json=rule)
    assert answer.status_code == 201, answer.text
    ids: list[int] = answer.json()["ids"]
    return ids


def chart(client: httpx.Client) -> Any:
    return json.loads(client.get(CHART).text)["chart"]["result"][0]


@pytest.mark.parametrize("retry_after", [None, 3])
def test_rate_limit_with_and_without_retry_after(
    client: httpx.Client, retry_after: int | None
) -> None:
    """429 carries Retry-After only when told to, and speaks in the vendor's words."""
    spoil(client, kind="rate_limited", params={"retry_after_s": retry_after})
    yahoo, polygon = client.get(CHART), client.get(CHAIN)
    assert (yahoo.status_code, polygon.status_code) == (429, 429)
    assert "Too Many Requests" in yahoo.text
    assert polygon.json()["status"] == "ERROR"
    assert "allocation" in client.get(WIRE).json()["detail"]
    assert "API limit" in client.get(SECOND).json()["error"]
    sent = None if retry_after is None else str(retry_after)
    assert yahoo.headers.get("retry-after") == polygon.headers.get("retry-after") == sent


def test_a_burst_ends_after_its_count(client: httpx.Client) -> None:
    """Two 502s, then the true answer."""
    spoil(client, kind="server_error", count=2, params={"status": 502})
    assert [client.get(CHART).status_code for _ in range(3)] == [502, 502, 200]


def test_a_hang_outlasts_the_clients_patience(client: httpx.Client) -> None:
    """A hang shorter than the client's patience ends in 504, a longer one in its time-out."""
    spoil(client, kind="timeout", count=1, params={"seconds": 0.1})
    assert client.get(CHART).status_code == 504
    spoil(client, kind="timeout", count=1, params={"seconds": 60})
    with pytest.raises(httpx.ReadTimeout):
        client.get(CHART, timeout=0.3)


def test_a_slow_body_arrives_whole_but_late(client: httpx.Client) -> None:
    """The body is complete and takes about the time asked for, though no read waits long."""
    whole = client.get(CHART).content
    spoil(client, kind="slow_body", params={"seconds": 0.8})
    started = perf_counter()
    answer = client.get(CHART, timeout=0.5)
    assert answer.content == whole
    assert perf_counter() - started > 0.7


def test_a_reset_breaks_off_mid_body(client: httpx.Client) -> None:
    """The connection ends before the announced length."""
    spoil(client, kind="reset")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(CHART)


def test_truncated_json_is_no_json(client: httpx.Client) -> None:
    """The answer is complete to HTTP and cut to JSON."""
    spoil(client, kind="truncated")
    answer = client.get(CHART)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


@pytest.mark.parametrize(("kind", "word"), [("html", "HTML"), ("login_page", "Login")])
def test_pages_come_instead_of_data(client: httpx.Client, kind: str, word: str) -> None:
    """HTML with status 200 stands where JSON or CSV was expected."""
    spoil(client, kind=kind)
    for path in (CHART, CHAIN, EXPORT, WIRE, SECOND):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html"
        assert answer.text.startswith("<!DOCTYPE html>")
        assert word in answer.text


def test_fields_are_renamed(client: httpx.Client) -> None:
    """Without names given each vendor loses a field it needs; given ones are taken."""
    spoil(client, kind="renamed")
    assert "close" not in chart(client)["indicators"]["quote"][0]
    assert "details" not in client.get(CHAIN).json()["results"][0]
    assert client.get(EXPORT).text.startswith('"Headline","Source"')
    assert 'id="news-table"' not in client.get(PAGE).text
    assert "title" not in client.get(WIRE).json()[0]
    assert "headline" not in client.get(SECOND).json()[0]
    client.delete("/_sandbox/faults")
    spoil(client, kind="renamed", vendor="yahoo", params={"columns": {"volume": "vol"}})
    assert "vol" in chart(client)["indicators"]["quote"][0]


def test_a_body_may_be_empty(client: httpx.Client) -> None:
    """Not a byte, with status 200, from any vendor."""
    spoil(client, kind="empty_body")
    for path in (CHART, CHAIN, EXPORT, PAGE, WIRE, SECOND):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_lists_may_be_empty(client: httpx.Client) -> None:
    """The form stays: an array, an envelope, a header line, a table, with nothing in it."""
    spoil(client, kind="empty_list")
    assert client.get(WIRE).json() == client.get(SECOND).json() == []
    assert client.get(CHAIN).json()["results"] == []
    assert client.get(EXPORT).text == '"Title","Source","Date","Url","Category","Ticker"\n'
    page = client.get(PAGE).text
    assert 'id="news-table"' in page
    assert "<tr class" not in page


def test_numbers_become_nan(client: httpx.Client) -> None:
    """The last closes of a chart are NaN, the ones before are true."""
    true = chart(client)["indicators"]["quote"][0]["close"]
    spoil(client, kind="nan", params={"rows": 2})
    spoilt = chart(client)["indicators"]["quote"][0]["close"]
    assert spoilt[:-2] == true[:-2]
    assert all(isnan(value) for value in spoilt[-2:])
    assert "NaN" in client.get(CHAIN).text


def test_prices_become_negative(client: httpx.Client) -> None:
    """The last prices turn negative, those of the fields named or of the usual ones."""
    spoil(client, kind="negative", vendor="yahoo", params={"columns": ["low"]})
    quote = chart(client)["indicators"]["quote"][0]
    assert quote["low"][-1] < 0 < min(quote["low"][:-1])
    assert min(quote["close"]) > 0
    spoil(client, kind="negative", vendor="polygon")
    rows = client.get(CHAIN).json()["results"]
    assert rows[-1]["last_quote"]["bid"] < 0 < rows[-1]["last_quote"]["ask"]


def test_rows_are_doubled(client: httpx.Client) -> None:
    """The last rows come twice in a chart, a chain, a CSV and a page."""
    before = {path: client.get(path).text for path in (CHART, CHAIN, EXPORT, PAGE, WIRE, SECOND)}
    count = len(json.loads(before[CHART])["chart"]["result"][0]["timestamp"])
    contracts = len(json.loads(before[CHAIN])["results"])
    spoil(client, kind="duplicates", params={"rows": 2})
    result = chart(client)
    assert len(result["timestamp"]) == count + 2
    assert result["timestamp"][-2:] == result["timestamp"][-4:-2]
    assert len(result["indicators"]["adjclose"][0]["adjclose"]) == count + 2
    assert len(client.get(CHAIN).json()["results"]) == contracts + 2
    lines = client.get(EXPORT).text.splitlines()
    assert lines[-2:] == lines[-4:-2] == before[EXPORT].splitlines()[-2:]
    for path in (WIRE, SECOND):
        articles = client.get(path).json()
        assert articles[-2:] == articles[-4:-2] == json.loads(before[path])[-2:]
    assert client.get(PAGE).text.count("<tr class") == before[PAGE].count("<tr class") + 2


def test_rules_match_vendor_and_path(client: httpx.Client) -> None:
    """A rule befalls only requests of its vendor whose path or query it is found in."""
    spoil(client, kind="server_error", vendor="yahoo", path="chart/KO")
    spoil(client, kind="server_error", vendor="finviz_elite", path="t=AAPL")
    statuses = {path: client.get(path).status_code for path in (CHART, CHAIN, EXPORT, PAGE)}
    assert statuses == {CHART: 503, CHAIN: 200, EXPORT: 503, PAGE: 200}
    assert client.get(CHART.replace("KO", "PEP")).status_code == 200


def test_chance_repeats_with_its_seed(client: httpx.Client) -> None:
    """The same seed spoils the same requests of a run, and neither all nor none."""
    runs = []
    for _ in range(2):
        client.delete("/_sandbox/faults")
        spoil(client, kind="server_error", probability=0.5, seed=11)
        runs.append([client.get(CHART).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert 0 < runs[0].count(503) < 20


def test_rules_are_listed_and_cleared(client: httpx.Client) -> None:
    """A listing shows how often a rule fired; one rule, or all, can be taken back."""
    answer = client.post("/_sandbox/faults", json=[{"kind": "html"}, {"kind": "nan"}])
    first, second = answer.json()["ids"]
    client.get(CHART)
    listed = client.get("/_sandbox/faults").json()["faults"]
    assert [(rule["id"], rule["fired"]) for rule in listed] == [(first, 1), (second, 0)]
    assert client.delete(f"/_sandbox/faults/{first}").json() == {"removed": 1}
    assert client.delete(f"/_sandbox/faults/{first}").status_code == 404
    assert client.delete("/_sandbox/faults").json() == {"removed": 1}
    assert client.get(CHART).status_code == 200


@pytest.mark.parametrize(
    "rule",
    [{"kind": "earthquake"}, {"kind": "html", "path": "("}, {"kind": "html", "count": 0},
     {"kind": "timeout", "params": {"seconds": 1e9}}, {"kind": "html", "colour": "red"}, {}],
)  # fmt: skip
def test_unreadable_rules_are_refused(client: httpx.Client, rule: dict[str, Any]) -> None:
    """A rule that cannot be meant is answered 422 and is not put in force."""
    answer = client.post("/_sandbox/faults", json=rule)
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert client.get("/_sandbox/faults").json() == {"faults": []}


def test_requests_are_counted_by_vendor_and_kind(client: httpx.Client) -> None:
    """Counts name vendor and kind; asking the sandbox itself counts nothing."""
    tone = "/finnhub/api/v1/news-sentiment?symbol=AAPL"
    screener = EXPORT.replace("news_export", "export")
    crumb = "/yahoo/v1/test/getcrumb"
    for path in (CHART, CHART, crumb, CHAIN, EXPORT, screener, PAGE, WIRE, SECOND, tone):
        client.get(path)
    spoil(client, kind="html", count=1)
    client.get(CHAIN)
    shown = client.get("/_sandbox/requests").json()
    assert shown == {
        "total": 11,
        "spoilt": 1,
        "vendors": {
            "yahoo": {"chart": 2, "crumb": 1},
            "polygon": {"chain": 2},
            "alpha_vantage": {},
            "finviz": {"quote": 1},
            "finviz_elite": {"news_export": 1, "export": 1},
            "tiingo": {"news": 1},
            "finnhub": {"company_news": 1, "news_sentiment": 1},
        },
    }
    assert client.delete("/_sandbox/requests").json()["total"] == 0


def test_health_says_that_this_is_sandbox_data(client: httpx.Client) -> None:
    """Health names mode, seed, the session served, and says plainly what the data is."""
    health = client.get("/_sandbox/health").json()
    assert health["is_sandbox"] is True
    assert "SANDBOX" in health["notice"]
    assert (health["mode"], health["seed"], health["as_of"]) == ("generated", 7, "2026-11-20")
