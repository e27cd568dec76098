"""Finnhub's wire in the sandbox, held against the recorded one."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline_tests.sandbox.conftest import NOW

NEWS, TONE = "/finnhub/api/v1/company-news", "/finnhub/api/v1/news-sentiment"
DAYS = {"from": "2026-11-10", "to": "2026-11-20"}


def get(client: httpx.Client, path: str, token: str = "any", **query: str) -> httpx.Response:
    return client.get(path, params=query, headers={"X-Finnhub-Token": token})


def test_articles_have_the_recorded_fields(client: httpx.Client, vendor_payloads: Path) -> None:
    """All of them and no other, of the recorded kinds; and a rate is told in the headers."""
    name = "company_news_AAPL_20260521_23.json"
    recorded = json.loads((vendor_payloads / "finnhub" / name).read_text())
    answer = get(client, NEWS, symbol="AAPL", **DAYS)
    kinds = {field: type(value) for field, value in recorded[0].items()}
    for row in answer.json():
        assert {field: type(value) for field, value in row.items()} == kinds
    assert answer.headers["x-ratelimit-limit"] == "60"


def test_articles_are_the_markets_headlines_in_no_order(
    client: httpx.Client, market: GeneratedMarket
) -> None:
    """Each within the days asked for, which are included."""
    rows: list[dict[str, Any]] = get(client, NEWS, symbol="BRK.B", **DAYS).json()
    stamps = [row["datetime"] for row in rows]
    assert stamps != sorted(stamps, reverse=True)
    expected = [
        h
        for h in market.headlines("BRK.B", NOW, 500) or ()
        if h.published_at.astimezone(UTC).date() >= date(2026, 11, 10)
    ]
    assert sorted(row["headline"] for row in rows) == sorted(h.title for h in expected)
    assert sorted(stamps) == sorted(int(h.published_at.timestamp()) for h in expected)
    assert {row["related"] for row in rows} == {"BRK.B"}
    one_day = get(client, NEWS, symbol="BRK.B", **{"from": "2026-11-17", "to": "2026-11-17"})
    days = {datetime.fromtimestamp(row["datetime"], UTC).date() for row in one_day.json()}
    assert days <= {date(2026, 11, 17)}


def test_unknown_symbols_have_neither_news_nor_tone(client: httpx.Client) -> None:
    """Status 200 with an empty array, and with nulls."""
    assert get(client, NEWS, symbol="ZZTOP", **DAYS).json() == []
    assert get(client, TONE, "premium", symbol="ZZTOP").json()["sentiment"] is None
    assert get(client, NEWS, symbol="=x", **DAYS).json() == []


def test_tone_is_for_premium_keys(client: httpx.Client) -> None:
    """Shares that add up to one; any other key gets the recorded refusal."""
    shares = get(client, TONE, "my-premium-key", symbol="AAPL").json()["sentiment"]
    assert shares["bullishPercent"] + shares["bearishPercent"] == pytest.approx(1)
    refused = get(client, TONE, symbol="AAPL")
    assert (refused.status_code, list(refused.json())) == (403, ["error"])


def test_what_is_wrong_is_told_in_error(client: httpx.Client) -> None:
    """No token is 401, an unreadable day 422."""
    for path in (NEWS, TONE):
        answer = get(client, path, "", symbol="AAPL", **DAYS)
        assert (answer.status_code, list(answer.json())) == (401, ["error"])
    assert get(client, NEWS, symbol="AAPL").status_code == 422
    assert get(client, "/finnhub/api/v1/other").status_code == 404
