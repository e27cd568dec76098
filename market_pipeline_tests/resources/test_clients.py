"""Settings become clients: address, name, rate, breaker; and the sandbox never sees a real key."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from market_pipeline.coordination import FailoverCoordination, LocalCoordination
from market_pipeline.domain.errors import NotEntitled, VendorError
from market_pipeline.domain.news import NewsQuery
from market_pipeline.domain.ports import BreakerRule, BreakerStatus, Quota
from market_pipeline.resources import clients, coordination_of, utc_now
from market_pipeline.settings import Settings
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

KEYS = {
    "polygon_api_key": "canary-of-polygon-77",
    "finviz_elite_key": "canary-of-finviz-77",
    "tiingo_api_key": "canary-of-tiingo-77",
    "finnhub_api_key": "canary-of-finnhub-77",
}
NEWS = ("finviz_export", "finviz_page", "tiingo", "finnhub")
QUERY = NewsQuery(("AAPL",), datetime(2026, 11, 19, tzinfo=UTC), "growth")
DAY = date(2026, 11, 20)


class Open:
    """A bucket and a breaker that let everything through."""

    def acquire(self, timeout_s: float) -> None:
        assert timeout_s >= 0

    def guard(self) -> AbstractContextManager[None]:
        return nullcontext()

    def status(self) -> BreakerStatus:
        return BreakerStatus("open", "closed", 0, None)


class NotedCoordination(LocalCoordination):
    """Coordination that keeps what was asked of it, and lets every call through."""

    def __init__(self) -> None:
        super().__init__(Path("unused"), utc_now)
        self.rates: dict[str, tuple[int, float]] = {}
        self.breakers: dict[str, BreakerRule] = {}
        self.quotas: dict[str, int] = {}

    def rate_bucket(self, name: str, limit: int, per_s: float) -> Open:
        self.rates[name] = (limit, per_s)
        return Open()

    def quota(self, name: str, per_day: int, time_zone: str = "UTC") -> Quota:
        self.quotas[name] = per_day
        return super().quota(name, per_day, time_zone)

    def breaker(self, name: str, rule: BreakerRule) -> Open:
        self.breakers[name] = rule
        return Open()


@pytest.fixture
def settings_with(state_dir: Path) -> Callable[..., Settings]:
    """Give a function that makes settings over a state folder of the test's own."""

    def make(**values: object) -> Settings:
        return Settings(state_dir=state_dir, **values)  # type: ignore[arg-type]  # a bag of valid settings

    return make


def build_all(settings: Settings, coordination: NotedCoordination) -> dict[str, Any]:
    """Build every client."""
    return {
        "yahoo": clients.yahoo(settings, coordination),
        "polygon": clients.polygon(settings, coordination),
        "finviz": clients.finviz(settings, coordination, utc_now),
        "finviz_export": clients.finviz_export(settings, coordination),
        "finviz_page": clients.finviz_page(settings, coordination, utc_now),
        "wire": clients.wire(settings, coordination, utc_now),
        "tiingo": clients.tiingo(settings, coordination),
        "finnhub": clients.finnhub(settings, coordination, utc_now),
    }


def close_all(built: dict[str, Any]) -> None:
    """Close the connections of clients."""
    for client in built.values():
        client.close()


ASKS: dict[str, Callable[[Any], object]] = {
    "yahoo": lambda client: client.daily_bars("AAPL", DAY, DAY),
    "polygon": lambda client: client.chain("AAPL", DAY),
    **dict.fromkeys(NEWS, lambda client: client.headlines(QUERY)),
}
ADDRESSES = {
    "polygon": "POLYGON_URL",
    "finviz_export": "FINVIZ_EXPORT_URL",
    "finviz_page": "FINVIZ_PAGE_URL",
    "tiingo": "TIINGO_URL",
    "finnhub": "FINNHUB_URL",
}


@pytest.fixture
def refusing() -> Iterator[Loopback]:
    """Give a server that refuses everything, once and for all."""
    with serving(Answer(b'{"status": "ERROR", "error": "Unknown API Key"}', status=401)) as server:
        yield server


# -- live ----------------------------------------------------------------------------------


def test_live_clients_bear_the_vendors_names(settings_with: Callable[..., Settings]) -> None:
    """Without a sandbox every source is the vendor itself, under its own rate and breaker."""
    noted = NotedCoordination()
    built = build_all(
        settings_with(
            yahoo_requests_per_minute=61, polygon_requests_per_minute=7,
            finviz_requests_per_minute=21, tiingo_requests_per_hour=51,
            finnhub_requests_per_minute=59,
        ),
        noted,
    )  # fmt: skip
    assert {name: client.name for name, client in built.items()} == {name: name for name in built}
    assert noted.rates == {
        "yahoo": (61, 60.0), "polygon": (7, 60.0),
        "finviz_export": (21, 60.0), "finviz_page": (21, 60.0),
        "tiingo": (51, 3600.0), "finnhub": (59, 60.0),
    }  # fmt: skip
    assert set(noted.breakers) == set(noted.rates)


def test_live_clients_speak_to_the_vendors_hosts(settings_with: Callable[..., Settings]) -> None:
    """The addresses a key may travel to."""
    built = build_all(settings_with(**KEYS), NotedCoordination())
    hosts = {
        name: f"{built[name]._http.base.scheme}://{built[name]._http.base.host}"
        for name in ADDRESSES
    }
    assert hosts == {
        "polygon": "https://api.massive.com",
        "finviz_export": "https://elite.finviz.com",
        "finviz_page": "https://finviz.com",
        "tiingo": "https://api.tiingo.com",
        "finnhub": "https://finnhub.io",
    }
    assert built["yahoo"]._base_url is None


def test_a_missing_key_is_a_clear_refusal_and_no_request(
    settings_with: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch, refusing: Loopback
) -> None:
    """Without a key the vendor is not asked, and the message names the setting."""
    for address in ADDRESSES.values():
        monkeypatch.setattr(clients, address, refusing.url)
    built = build_all(settings_with(), NotedCoordination())
    for name in ("polygon", "finviz_export", "tiingo", "finnhub"):
        with pytest.raises(NotEntitled, match="MARKET_PIPELINE_"):
            ASKS[name](built[name])
        assert refusing.asked == [], name
    close_all(built)


def test_timeout_and_concurrency_are_the_settings(settings_with: Callable[..., Settings]) -> None:
    """One request at a time, three seconds each for prices, two for news."""
    settings = settings_with(vendor_timeout_s=3.0, vendor_concurrency=1, news_timeout_s=2.0)
    built = build_all(settings, NotedCoordination())
    policies = [built["yahoo"]._guard.policy, built["polygon"]._http._guard.policy]
    assert {(policy.timeout_s, policy.concurrency) for policy in policies} == {(3.0, 1)}
    news = [built[name]._http._guard.policy for name in NEWS]
    assert {(policy.timeout_s, policy.deadline_s) for policy in news} == {(2.0, 2.0)}
    assert {policy.concurrency for policy in news} == {1}


def test_five_requests_are_in_flight_at_most_unless_set(
    settings_with: Callable[..., Settings],
) -> None:
    """The settings and the policy say the same."""
    built = build_all(settings_with(), NotedCoordination())
    assert built["yahoo"]._guard.policy.concurrency == CallPolicy().concurrency == 5


@pytest.mark.parametrize(
    ("values", "told_by", "others"),
    [
        ({"price_sources_by_symbol": {"KO": ("polygon",)}}, "polygon", {"yahoo"}),
        ({}, "yahoo", {"polygon"}),
        ({"price_sources": ("yahoo",)}, "yahoo", None),
        (
            {"price_sources": ("yahoo",), "price_sources_by_class": {"etf": ("polygon",)}},
            "yahoo", {"polygon"},
        ),
    ],
)  # fmt: skip
def test_the_second_source_is_any_of_the_orders_but_the_one_that_told(
    settings_with: Callable[..., Settings],
    values: dict[str, Any],
    told_by: str,
    others: set[str] | None,
) -> None:
    """Polygon first for a symbol leaves Yahoo to judge it; one source alone cannot."""
    settings = settings_with(polygon_api_key=SecretStr("canary"), **values)
    chain = clients.second_prices(settings, NotedCoordination(), utc_now)
    left = None if chain is None else chain.besides(told_by)
    assert (None if left is None else {m.source.name for m in left._members.values()}) == others
    if chain is not None:
        chain.close()


def test_a_source_of_news_waits_no_longer_than_the_next_one_can(
    settings_with: Callable[..., Settings],
) -> None:
    """Tries, waits and the queue before them are short where few requests are made."""
    built = build_all(settings_with(), NotedCoordination())
    policies = {name: built[name]._http._guard.policy for name in NEWS}
    assert {policy.attempts for policy in policies.values()} == {2}
    assert all(policy.longest_wait_s <= 1.0 for policy in policies.values())
    assert policies["finviz_export"].queue_s == policies["tiingo"].queue_s == 10.0
    # One request a symbol: under the rate the last of them waits its turn for minutes.
    assert policies["finviz_page"].queue_s == policies["finnhub"].queue_s == 600.0


@pytest.mark.parametrize(
    ("values", "finviz", "wire"),
    [
        ({}, ("finviz_page",), ()),
        (KEYS, ("finviz_export", "finviz_page"), ("tiingo", "finnhub")),
        ({"finnhub_api_key": "f" * 20}, ("finviz_page",), ("finnhub",)),
        ({"tiingo_api_key": " "}, ("finviz_page",), ()),
        (
            KEYS | {"finviz_sources": "finviz_page,finviz_export", "wire_sources": "finnhub"},
            ("finviz_page", "finviz_export"),
            ("finnhub",),
        ),
        (KEYS | {"finviz_sources": (), "wire_sources": ()}, (), ()),
    ],
)
def test_sources_are_asked_in_the_order_set_and_with_a_key_alone(
    settings_with: Callable[..., Settings],
    values: dict[str, object],
    finviz: tuple[str, ...],
    wire: tuple[str, ...],
) -> None:
    """A source that lacks its key is left out: that it cannot be asked is no failover."""
    built = build_all(settings_with(**values), NotedCoordination())
    assert (built["finviz"].sources, built["wire"].sources) == (finviz, wire)


def test_a_portfolio_known_at_finviz_is_asked_for_by_its_id(
    settings_with: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `name=pid` pairs say."""
    with serving(Answer(b"", status=500)) as server:
        monkeypatch.setattr(clients, "FINVIZ_EXPORT_URL", server.url)
        settings = settings_with(**KEYS, finviz_portfolio_ids="growth=123,income=456")
        client = clients.finviz_export(settings, NotedCoordination())
        with pytest.raises(VendorError):
            client.headlines(QUERY)
        client.close()
    assert {asked.query["pid"][0] for asked in server.asked} == {"123"}


def test_the_wire_fails_over_within_its_patience(
    settings_with: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tiingo hangs; what Finnhub has is there within the time of one source and a little."""

    def script(asked: Asked) -> Answer:
        if "tiingo" in asked.path:
            return Answer(b"[]", hang_s=30)
        row = b'{"datetime":1795000000,"headline":"H","source":"S","url":"https://n.example/"}'
        return Answer(b"[" + row + b"]")

    with serving(script) as server:
        monkeypatch.setattr(clients, "TIINGO_URL", server.url)
        monkeypatch.setattr(clients, "FINNHUB_URL", server.url)
        settings = settings_with(**KEYS, news_timeout_s=2.0)
        chain = clients.wire(settings, NotedCoordination(), utc_now)
        started = perf_counter()
        collection = chain.collect(QUERY)
        took_s = perf_counter() - started
        chain.close()
    assert [(item.source, item.is_failover) for item in collection.news.items] == [
        ("finnhub", True)
    ]
    assert took_s < 4.5


# -- prices --------------------------------------------------------------------------------


def test_price_sources_without_a_key_are_left_out(settings_with: Callable[..., Settings]) -> None:
    """Said in the log with the setting that would bring them in; the others stay."""
    with capture_logs() as events:
        chain = clients.prices(settings_with(), NotedCoordination(), utc_now)
    assert list(chain._members) == ["yahoo"]
    assert {(event["vendor"], event["setting"]) for event in events} == {
        ("polygon", "MARKET_PIPELINE_POLYGON_API_KEY"),
        ("alpha_vantage", "MARKET_PIPELINE_ALPHA_VANTAGE_API_KEY"),
    }
    keyed = settings_with(polygon_api_key="a-key-of-polygon", alpha_vantage_api_key="another-key")
    whole = clients.prices(keyed, NotedCoordination(), utc_now)
    assert list(whole._members) == ["yahoo", "polygon", "alpha_vantage"]
    whole.close()
    chain.close()


def test_orders_of_price_sources_are_settings(settings_with: Callable[..., Settings]) -> None:
    """By class and by symbol, written as a person would; names nobody knows are refused."""
    settings = settings_with(
        price_sources="polygon,yahoo", price_sources_by_class="index=yahoo",
        price_sources_by_symbol="brk-b=alpha_vantage+yahoo",
    )  # fmt: skip
    orders = clients.price_orders(settings)
    assert orders.of("KO", "stock") == ("polygon", "yahoo")
    assert orders.of("^VIX", "index") == ("yahoo",)
    assert orders.of("BRK.B", "stock") == ("alpha_vantage", "yahoo")
    for wrong in ({"price_sources": "bloomberg"}, {"price_sources_by_class": "bond=yahoo"},
                  {"price_sources_by_symbol": "KO"}, {"price_sources": ""},
                  {"quota_time_zone": "Mars/Olympus"}):  # fmt: skip
        with pytest.raises(ValidationError):
            settings_with(**wrong)


def test_alpha_vantage_keeps_its_rates_and_its_quota(
    settings_with: Callable[..., Settings],
) -> None:
    """Per minute, per batch, between two, and per day; with the sandbox too, which throttles."""
    for sandbox, suffix in ((None, ""), ("http://127.0.0.1:9", ":sandbox")):
        noted = NotedCoordination()
        client = clients.alpha_vantage(settings_with(sandbox_url=sandbox), noted, utc_now)
        client.close()
        name = f"alpha_vantage{suffix}"
        assert client.name == name
        assert noted.rates[f"{name}:minute"] == (5, 60.0)
        assert noted.rates[f"{name}:batch"] == (5, 12.0)
        assert noted.rates[f"{name}:spacing"] == (1, 1.0)
        assert noted.quotas == {name: 25}
        assert noted.breakers == {name: BreakerRule(0.5, 20, 8, 60.0)}


# -- sandbox -------------------------------------------------------------------------------


def test_with_a_sandbox_every_name_says_so(settings_with: Callable[..., Settings]) -> None:
    """Rows, rates and breakers of the sandbox are never those of a live vendor."""
    noted = NotedCoordination()
    settings = settings_with(sandbox_url="http://127.0.0.1:9", sandbox_requests_per_minute=1234)
    built = build_all(settings, noted)
    assert {name: client.name for name, client in built.items()} == {
        name: f"{name}:sandbox" for name in built
    }
    assert built["finviz"].sources == ("finviz_export:sandbox", "finviz_page:sandbox")
    assert built["wire"].sources == ("tiingo:sandbox", "finnhub:sandbox")
    assert noted.rates == dict.fromkeys(
        (f"{name}:sandbox" for name in ("yahoo", "polygon", *NEWS)), (1234, 60.0)
    )
    assert set(noted.breakers) == set(noted.rates)


def test_the_sandbox_is_asked_under_the_vendors_path_and_sees_no_real_key(
    settings_with: Callable[..., Settings], refusing: Loopback
) -> None:
    """Each client goes to `{url}/{vendor}`; what would be secret elsewhere does not travel."""
    settings = settings_with(sandbox_url=f"{refusing.url}/", **KEYS)
    built = build_all(settings, NotedCoordination())
    for name, ask in ASKS.items():
        with pytest.raises(VendorError):
            ask(built[name])
    close_all(built)
    assert {asked.path.split("/")[1] for asked in refusing.asked} == {
        "yahoo", "polygon", "finviz_elite", "finviz", "tiingo", "finnhub",
    }  # fmt: skip
    for asked in refusing.asked:
        text = f"{asked.target} {dict(asked.headers)}"
        assert not any(key in text for key in KEYS.values()), asked.path
    sent = [asked for asked in refusing.asked if asked.path.startswith("/polygon")]
    assert sent[0].headers["authorization"] == "Bearer sandbox-needs-no-real-key"


def test_a_live_key_travels_to_its_own_vendor_only(
    settings_with: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in its header, Finviz's token in the query, to the vendor it is of: no more."""
    told: list[Asked] = []

    def refuse(asked: Asked) -> Answer:
        told.append(asked)
        return Answer(b"{}", status=401)

    with serving(refuse) as server:
        for name in ADDRESSES.values():
            monkeypatch.setattr(clients, name, f"{server.url}/{name.lower()}")
        built = build_all(settings_with(**KEYS), NotedCoordination())
        for name in ADDRESSES:
            with pytest.raises(VendorError):
                ASKS[name](built[name])
        close_all(built)
    carried = {
        asked.path.split("/")[1]: {
            name for name, key in KEYS.items() if key in f"{asked.target} {dict(asked.headers)}"
        }
        for asked in told
    }
    assert carried == {
        "polygon_url": {"polygon_api_key"},
        "finviz_export_url": {"finviz_elite_key"},
        "finviz_page_url": set(),
        "tiingo_url": {"tiingo_api_key"},
        "finnhub_url": {"finnhub_api_key"},
    }


def test_a_premium_plan_is_one_in_the_sandbox_too(
    settings_with: Callable[..., Settings], refusing: Loopback
) -> None:
    """The sandbox gives tones to keys that say so; a real one never travels there."""
    settings = settings_with(sandbox_url=refusing.url, finnhub_premium=True, **KEYS)
    client = clients.finnhub(settings, NotedCoordination(), utc_now)
    with pytest.raises(VendorError):
        client.news_sentiment("AAPL")
    client.close()
    assert "premium" in refusing.asked[0].headers["x-finnhub-token"]
    assert "canary" not in refusing.asked[0].headers["x-finnhub-token"]


# -- coordination --------------------------------------------------------------------------


def test_coordination_is_a_local_file_unless_redis_is_named(
    settings_with: Callable[..., Settings], state_dir: Path
) -> None:
    """Opening connects to nothing and creates nothing; Redis has the local file behind it."""
    local = coordination_of(settings_with())
    assert isinstance(local, LocalCoordination)
    shared = coordination_of(settings_with(redis_url=SecretStr("redis://127.0.0.1:1/0")))
    assert isinstance(shared, FailoverCoordination)
    assert shared.kind == "redis"
    assert not state_dir.exists()
