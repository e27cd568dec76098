"""Vendor clients as the settings describe them: address, key, rate, breaker, name.

With a sandbox configured every client speaks to it, and every source name says so.
"""

from pydantic import SecretStr

from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.settings import Settings
from market_pipeline.vendors.finviz import EXPORT_URL as FINVIZ_EXPORT_URL
from market_pipeline.vendors.finviz import PAGE_URL as FINVIZ_PAGE_URL
from market_pipeline.vendors.finviz import (
    FinvizExportClient,
    FinvizHeadlines,
    FinvizPageClient,
)
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import BASE_URL as POLYGON_URL
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.yahoo import YahooClient

SANDBOX_SUFFIX = ":sandbox"
_SANDBOX_KEY = SecretStr("sandbox-needs-no-real-key")

_BREAKER_FAILURES = 8
_BREAKER_RESET_S = 60.0
_MINUTE_S = 60.0


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


def finviz(settings: Settings, coordination: Coordination, clock: Clock) -> FinvizHeadlines:
    """Build the export client and the page client behind one source."""
    return FinvizHeadlines(
        finviz_export(settings, coordination),
        finviz_page(settings, coordination, clock),
        name=_named(settings, "finviz"),
    )


def finviz_export(settings: Settings, coordination: Coordination) -> FinvizExportClient:
    """Build the client of the Elite export; without a token its calls raise `NotEntitled`."""
    return FinvizExportClient(
        _sandboxed(settings, "finviz_elite") or FINVIZ_EXPORT_URL,
        _key(settings, settings.finviz_elite_key),
        name=_named(settings, "finviz_export"),
        policy=_policy(
            settings, coordination, "finviz_export", settings.finviz_requests_per_minute
        ),
    )


def finviz_page(settings: Settings, coordination: Coordination, clock: Clock) -> FinvizPageClient:
    """Build the client of the public quote page."""
    return FinvizPageClient(
        _sandboxed(settings, "finviz") or FINVIZ_PAGE_URL,
        clock=clock,
        name=_named(settings, "finviz_page"),
        policy=_policy(settings, coordination, "finviz_page", settings.finviz_requests_per_minute),
    )


def _sandboxed(settings: Settings, path: str) -> str | None:
    return f"{settings.sandbox_url}/{path}" if settings.sandbox_url else None


def _named(settings: Settings, vendor: str) -> str:
    return f"{vendor}{SANDBOX_SUFFIX}" if settings.sandbox_url else vendor


def _key(settings: Settings, key: SecretStr | None) -> SecretStr | None:
    """Give the vendor's key; the sandbox never sees a real one."""
    return _SANDBOX_KEY if settings.sandbox_url else key


def _policy(
    settings: Settings, coordination: Coordination, vendor: str, per_minute: int
) -> CallPolicy:
    name = _named(settings, vendor)
    rate = settings.sandbox_requests_per_minute if settings.sandbox_url else per_minute
    return CallPolicy(
        timeout_s=settings.vendor_timeout_s,
        concurrency=settings.vendor_concurrency,
        bucket=coordination.rate_bucket(name, rate, _MINUTE_S),
        breaker=coordination.breaker(name, _BREAKER_FAILURES, _BREAKER_RESET_S),
    )
