"""Fixtures of the sandbox's tests: a fixed present, a generated market, a server over it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.sandbox.generator import GeneratedMarket

SEED = 7
NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
"""A Friday evening in New York, an hour and a half after the close."""


def fixed_clock() -> datetime:
    return NOW


@pytest.fixture(scope="package")
def market() -> GeneratedMarket:
    return generated(SEED, clock=fixed_clock)


@pytest.fixture(scope="package")
def server(market: GeneratedMarket) -> Iterator[SandboxServer]:
    with SandboxServer(create_app(market, fixed_clock)) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[httpx.Client]:
    """Give a client with a key; rules and counts are cleared before and after."""
    headers = {"Authorization": "Bearer anything"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=10, trust_env=False) as client:
        client.delete("/_sandbox/faults")
        client.delete("/_sandbox/requests")
        yield client
        client.delete("/_sandbox/faults")
