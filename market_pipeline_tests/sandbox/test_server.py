"""The server's life: it answers when entered, is gone when left, and stands concurrency."""

import threading
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import httpx
import pytest

from market_pipeline.sandbox import SandboxServer, create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline_tests.sandbox.conftest import fixed_clock


def get(url: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.get(url)


def test_the_server_answers_inside_its_block_only(market: GeneratedMarket) -> None:
    """Inside the block health answers; after it the port refuses and the thread is gone."""
    with SandboxServer(create_app(market, fixed_clock)) as server:
        url = server.url
        assert get(f"{url}/_sandbox/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        get(f"{url}/_sandbox/health")
    assert "sandbox-server" not in {
        thread.name for thread in threading.enumerate() if not thread.daemon
    }


def test_two_servers_do_not_share_rules(market: GeneratedMarket) -> None:
    """Each application has its own faults and counts."""
    with (
        SandboxServer(create_app(market, fixed_clock)) as one,
        SandboxServer(create_app(market, fixed_clock)) as other,
    ):
        assert one.url != other.url
        httpx.post(f"{one.url}/_sandbox/faults", json={"kind": "server_error"}, trust_env=False)
        assert get(f"{one.url}/yahoo/v1/test/getcrumb").status_code == 503
        assert get(f"{other.url}/yahoo/v1/test/getcrumb").status_code == 200


def test_a_taken_port_is_an_error(market: GeneratedMarket, server: SandboxServer) -> None:
    """A second server on the same port says so instead of waiting."""
    port = int(server.url.rpartition(":")[2])
    with (
        pytest.raises(OSError, match="in use"),
        SandboxServer(create_app(market, fixed_clock), port),
    ):
        pass


def test_a_hanging_request_does_not_hold_the_server(market: GeneratedMarket) -> None:
    """Leaving the block while a client still waits takes seconds, not the hang's length."""
    outcome: list[str] = []

    def wait(url: str) -> None:
        try:
            outcome.append(str(get(f"{url}/yahoo/v1/test/getcrumb").status_code))
        except httpx.HTTPError as error:
            outcome.append(type(error).__name__)

    with SandboxServer(create_app(market, fixed_clock)) as server:
        rule = {"kind": "timeout", "params": {"seconds": 60}}
        httpx.post(f"{server.url}/_sandbox/faults", json=rule, trust_env=False)
        waiting = threading.Thread(target=wait, args=(server.url,))
        waiting.start()
        while get(f"{server.url}/_sandbox/requests").json()["total"] == 0:
            pass
        started = perf_counter()
    assert perf_counter() - started < 6
    waiting.join(10)
    assert len(outcome) == 1
    assert outcome != ["200"]


def test_many_clients_get_whole_answers(server: SandboxServer) -> None:
    """Sixteen clients asking at once for different symbols each get their own, whole."""
    symbols = [f"PAR{letter}" for letter in "ABCDEFGHIJKLMNOP"]

    def ask(symbol: str) -> str:
        body = get(f"{server.url}/yahoo/v8/finance/chart/{symbol}?range=10y").json()
        return str(body["chart"]["result"][0]["meta"]["symbol"])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, symbols)) == symbols
