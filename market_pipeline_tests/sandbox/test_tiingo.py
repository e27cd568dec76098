"""Tiingo's wire in the sandbox, held against the recorded one."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline_tests.sandbox.conftest import NOW

NEWS = "/tiingo/tiingo/news"
TOKEN = {"Authorization": "Token any"}


def news(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    answer = client.get(NEWS, params=query, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()
    return rows


def test_articles_have_the_recorded_fields(client: httpx.Client, vendor_payloads: Path) -> None:
    """All of them and no other, of the recorded kinds."""
    recorded = json.loads((vendor_payloads / "tiingo" / "news_AAPL_MSFT_20240625.json").read_text())
    ours = news(client, tickers="aapl,msft", limit=200)
    for row in ours:
        assert list(row) == list(recorded[0])
        assert re.fullmatch(r"\d{4}(-\d\d){2}T(\d\d:){2}\d\d(\.\d{6})?Z", row["publishedDate"])
        assert all(ticker == ticker.lower() for ticker in row["tickers"])
    assert {type(row["description"]) for row in ours} == {str, type(None)}
    assert {"." in row["publishedDate"] for row in ours} == {True, False}
    assert any("ne-ws" in row["tickers"] for row in ours)


def test_articles_are_the_markets_headlines(client: httpx.Client, market: GeneratedMarket) -> None:
    """Newest first, a hundred unless said otherwise, a thousand at most."""
    headlines = list(market.headlines("BRK.B", NOW, 2000) or ())
    rows = news(client, tickers="brk-b")
    assert [row["title"] for row in rows] == [h.title for h in headlines[:100]]
    stamps = [datetime.fromisoformat(row["publishedDate"]).replace(microsecond=0) for row in rows]
    assert stamps == [h.published_at.astimezone(UTC) for h in headlines[:100]]
    assert len(news(client, limit=5000)) == 1000


def test_pages_join_without_gap(client: httpx.Client) -> None:
    """By offset, a short page last."""
    whole = news(client, tickers="aapl", limit=50)
    pages = [news(client, tickers="aapl", limit=20, offset=at) for at in (0, 20, 40)]
    assert [*pages[0], *pages[1], *pages[2][:10]] == whole
    assert news(client, tickers="aapl", offset=100_000) == []


def test_days_bound_the_news(client: httpx.Client) -> None:
    """Both are days in UTC and included."""
    rows = news(client, tickers="aapl", startDate="2026-11-17", endDate="2026-11-18", limit=1000)
    assert {row["publishedDate"][:10] for row in rows} <= {"2026-11-17", "2026-11-18"}
    assert rows


def test_unknown_tickers_have_no_news(client: httpx.Client) -> None:
    """An empty array, as for one without news."""
    assert news(client, tickers="zztop") == []


def test_what_is_wrong_is_told_in_detail(client: httpx.Client) -> None:
    """No token is 403, an unreadable day 400."""
    answer = client.get(NEWS, headers={"Authorization": ""})
    assert (answer.status_code, list(answer.json())) == (403, ["detail"])
    answer = client.get(NEWS, params={"startDate": "soon"}, headers=TOKEN)
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert client.get("/tiingo/other", headers=TOKEN).status_code == 404
