"""Vendor clients as the settings describe them: address, key, rate, breaker, name.

With a sandbox configured every client speaks to it, and every source name says so.
"""

from collections.abc import Callable
from dataclasses import replace

from pydantic import SecretStr

from market_pipeline.domain.news import NewsSource
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.settings import Settings
from market_pipeline.vendors.finnhub import BASE_URL as FINNHUB_URL
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finviz import EXPORT_URL as FINVIZ_EXPORT_URL
from market_pipeline.vendors.finviz import PAGE_URL as FINVIZ_PAGE_URL
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import BASE_URL as POLYGON_URL
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.tiingo import BASE_URL as TIINGO_URL
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline.vendors.yahoo import YahooClient

_Maker = Callable[[], NewsSource]

SANDBOX_SUFFIX = ":sandbox"
_SANDBOX_KEY = SecretStr("sandbox-needs-no-real-key")
_SANDBOX_PREMIUM = SecretStr("sandbox-premium-needs-no-real-key")

_BREAKER_FAILURES = 8
_BREAKER_RESET_S = 60.0
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_LONG_QUEUE_S = 600.0
"""For clients that ask once a symbol: under their rate the last of many waits minutes."""


def yahoo(settings: Settings, coordination: Coordination) -> YahooClient:
    """Build the client of Yahoo."""
    rate = settings.yahoo_requests_per_minute
    return YahooClient(
        _sandboxed(settings, "yahoo"),
        name=_named(settings, "yahoo"),
        policy=_policy(settings, coordination, "yahoo", rate),
    )


def polygon(settings: Settings, coordination: Coordination) -> PolygonClient:
    """Build the client of Polygon; without a key its calls raise `NotEntitled`."""
    rate = settings.polygon_requests_per_minute
    return PolygonClient(
        _sandboxed(settings, "polygon") or POLYGON_URL,
        _key(settings, settings.polygon_api_key),
        name=_named(settings, "polygon"),
        policy=_policy(settings, coordination, "polygon", rate),
    )


def finviz(settings: Settings, coordination: Coordination, clock: Clock) -> NewsChain:
    """Build Finviz's ways in, in the order set; the export only where there is a token for it."""
    sources: dict[str, _Maker] = {
        "finviz_page": lambda: finviz_page(settings, coordination, clock),
    }
    if _can_ask(settings, settings.finviz_elite_key):
        sources["finviz_export"] = lambda: finviz_export(settings, coordination)
    made = [sources[name]() for name in settings.finviz_sources if name in sources]
    return NewsChain(_named(settings, "finviz"), made, clock)


def wire(settings: Settings, coordination: Coordination, clock: Clock) -> NewsChain:
    """Build the wire's sources, in the order set; those without a key are left out."""
    sources: dict[str, _Maker] = {}
    if _can_ask(settings, settings.tiingo_api_key):
        sources["tiingo"] = lambda: tiingo(settings, coordination)
    if _can_ask(settings, settings.finnhub_api_key):
        sources["finnhub"] = lambda: finnhub(settings, coordination, clock)
    made = [sources[name]() for name in settings.wire_sources if name in sources]
    return NewsChain(_named(settings, "wire"), made, clock)


def finviz_export(settings: Settings, coordination: Coordination) -> FinvizExportClient:
    """Build the client of the Elite export; without a token its calls raise `NotEntitled`."""
    rate = settings.finviz_requests_per_minute
    return FinvizExportClient(
        _sandboxed(settings, "finviz_elite") or FINVIZ_EXPORT_URL,
        _key(settings, settings.finviz_elite_key),
        name=_named(settings, "finviz_export"),
        policy=_news_policy(settings, coordination, "finviz_export", rate),
        portfolio_ids=settings.finviz_portfolio_ids,
        describes_companies=True,
    )


def finviz_page(settings: Settings, coordination: Coordination, clock: Clock) -> FinvizPageClient:
    """Build the client of the public quote page."""
    rate = settings.finviz_requests_per_minute
    policy = _news_policy(settings, coordination, "finviz_page", rate)
    return FinvizPageClient(
        _sandboxed(settings, "finviz") or FINVIZ_PAGE_URL,
        clock=clock,
        name=_named(settings, "finviz_page"),
        policy=replace(policy, queue_s=_LONG_QUEUE_S),
    )


def tiingo(settings: Settings, coordination: Coordination) -> TiingoClient:
    """Build the client of Tiingo's news; without a key its calls raise `NotEntitled`."""
    rate = settings.tiingo_requests_per_hour
    return TiingoClient(
        _sandboxed(settings, "tiingo") or TIINGO_URL,
        _key(settings, settings.tiingo_api_key),
        name=_named(settings, "tiingo"),
        policy=_news_policy(settings, coordination, "tiingo", rate, _HOUR_S),
    )


def finnhub(settings: Settings, coordination: Coordination, clock: Clock) -> FinnhubClient:
    """Build the client of Finnhub; without a key its calls raise `NotEntitled`."""
    rate = settings.finnhub_requests_per_minute
    policy = _news_policy(settings, coordination, "finnhub", rate)
    is_premium = settings.finnhub_premium
    return FinnhubClient(
        _sandboxed(settings, "finnhub") or FINNHUB_URL,
        _key(settings, settings.finnhub_api_key, _SANDBOX_PREMIUM if is_premium else _SANDBOX_KEY),
        clock=clock,
        name=_named(settings, "finnhub"),
        policy=replace(policy, queue_s=_LONG_QUEUE_S),
        premium=is_premium,
    )


def _sandboxed(settings: Settings, path: str) -> str | None:
    return f"{settings.sandbox_url}/{path}" if settings.sandbox_url else None


def _named(settings: Settings, vendor: str) -> str:
    return f"{vendor}{SANDBOX_SUFFIX}" if settings.sandbox_url else vendor


def _key(
    settings: Settings, key: SecretStr | None, sandbox_key: SecretStr = _SANDBOX_KEY
) -> SecretStr | None:
    """Give the vendor's key; the sandbox never sees a real one."""
    return sandbox_key if settings.sandbox_url else key


def _can_ask(settings: Settings, key: SecretStr | None) -> bool:
    """Whether a source that takes a key has one; the sandbox takes any."""
    return bool(settings.sandbox_url) or bool(key is not None and key.get_secret_value().strip())


def _policy(
    settings: Settings, coordination: Coordination, vendor: str, rate: int, per_s: float = _MINUTE_S
) -> CallPolicy:
    name = _named(settings, vendor)
    if settings.sandbox_url:
        rate, per_s = settings.sandbox_requests_per_minute, _MINUTE_S
    return CallPolicy(
        timeout_s=settings.vendor_timeout_s,
        concurrency=settings.vendor_concurrency,
        bucket=coordination.rate_bucket(name, rate, per_s),
        breaker=coordination.breaker(name, _BREAKER_FAILURES, _BREAKER_RESET_S),
    )


def _news_policy(
    settings: Settings, coordination: Coordination, vendor: str, rate: int, per_s: float = _MINUTE_S
) -> CallPolicy:
    """Give a policy under which the next source is asked in time.

    A request, its second try and the wait between them end within `news_timeout_s`; so does the
    wait for a turn before it.
    """
    patience_s = settings.news_timeout_s
    return replace(
        _policy(settings, coordination, vendor, rate, per_s),
        timeout_s=patience_s,
        deadline_s=patience_s,
        queue_s=patience_s,
        attempts=2,
        first_wait_s=0.25,
        longest_wait_s=1.0,
    )
