"""Vendor clients as the settings describe them: address, key, rate, breaker, name.

With a sandbox configured every client speaks to it, and every source name says so.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog
from pydantic import SecretStr

from market_pipeline.domain.companies import CompanySource
from market_pipeline.domain.flags import vendor_flag
from market_pipeline.domain.intraday import IntradaySource
from market_pipeline.domain.news import NewsSource
from market_pipeline.domain.ports import (
    BreakerRule,
    Clock,
    Coordination,
    PriceSource,
    Quota,
)
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.resources.flags import why_off
from market_pipeline.settings import Settings
from market_pipeline.vendors.alpha_vantage import BASE_URL as ALPHA_VANTAGE_URL
from market_pipeline.vendors.alpha_vantage import KEY_SETTING as ALPHA_VANTAGE_KEY_SETTING
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.company_chain import CompanyChain
from market_pipeline.vendors.finnhub import BASE_URL as FINNHUB_URL
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finviz import EXPORT_URL as FINVIZ_EXPORT_URL
from market_pipeline.vendors.finviz import PAGE_URL as FINVIZ_PAGE_URL
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.hour_chain import HourChain
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.vendors.policy import CallPolicy, EveryBucket
from market_pipeline.vendors.polygon import BASE_URL as POLYGON_URL
from market_pipeline.vendors.polygon import KEY_SETTING as POLYGON_KEY_SETTING
from market_pipeline.vendors.polygon import PolygonClient, PolygonStocks
from market_pipeline.vendors.polygon_company import PolygonCompanyClient
from market_pipeline.vendors.polygon_hours import PolygonHours
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline.vendors.tiingo import BASE_URL as TIINGO_URL
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline.vendors.yahoo_company import YahooCompanyClient

log = structlog.get_logger()
_Maker = Callable[[], NewsSource]

SANDBOX_SUFFIX = ":sandbox"
_SANDBOX_KEY = SecretStr("sandbox-needs-no-real-key")
_SANDBOX_PREMIUM = SecretStr("sandbox-premium-needs-no-real-key")

_MINUTE_S, _HOUR_S = 60.0, 3600.0
_LONG_QUEUE_S = 600.0
"""For clients that ask once a symbol: under their rate the last of many waits minutes."""


def yahoo(settings: Settings, coordination: Coordination) -> YahooClient:
    """Build the client of Yahoo."""
    rate = settings.yahoo_requests_per_minute
    return YahooClient(
        _sandboxed(settings, "yahoo"),
        name=named(settings, "yahoo"),
        policy=_policy(settings, coordination, "yahoo", rate),
    )


def prices(
    settings: Settings,
    coordination: Coordination,
    clock: Clock,
    name: str = "prices",
    *,
    with_actions: bool = True,
) -> PriceChain:
    """Build the sources of daily bars in the orders set; those without a key are left out.

    `with_actions` False is for those who look at closes only: Polygon then costs one request.

    Which were left out, and which setting would bring them in, is logged and told by the error of
    a symbol that has no source at all.
    """
    keys = {
        "polygon": (settings.polygon_api_key, POLYGON_KEY_SETTING),
        "alpha_vantage": (settings.alpha_vantage_api_key, ALPHA_VANTAGE_KEY_SETTING),
    }
    makers: dict[str, Callable[[], PriceSource]] = {
        "yahoo": lambda: yahoo(settings, coordination),
        "polygon": lambda: PolygonStocks(
            polygon(settings, coordination), clock if with_actions else None
        ),
        "alpha_vantage": lambda: alpha_vantage(settings, coordination, clock),
    }
    orders = price_orders(settings)
    members: dict[str, Member] = {}
    left_out: dict[str, str] = {}
    for vendor in orders.named():
        key, setting = keys.get(vendor, (None, None))
        if setting is not None and not _can_ask(settings, key):
            left_out[vendor] = f"{vendor} is left out: set {setting} to use it"
            log.info("price_source_left_out", vendor=vendor, setting=setting)
            continue
        members[vendor] = Member(makers[vendor](), _quota(settings, coordination, vendor))
    return PriceChain(named(settings, name), members, orders, left_out=left_out)


def hours(settings: Settings, coordination: Coordination, clock: Clock) -> HourChain:
    """Build the sources of hourly bars in the order set; Polygon only where there is a key."""
    calendar = TradingCalendar.xnys(settings.extra_closures)
    delay = timedelta(minutes=settings.polygon_delay_minutes)
    sources: dict[str, Callable[[], IntradaySource]] = {
        "yahoo": lambda: yahoo(settings, coordination),
        "polygon": lambda: PolygonHours(polygon(settings, coordination), calendar, clock, delay),
    }
    left_out: list[str] = []
    if not _can_ask(settings, settings.polygon_api_key):
        del sources["polygon"]
        left_out.append(f"polygon is left out: set {POLYGON_KEY_SETTING} to use it")
    vendors = [vendor for vendor in settings.intraday_sources if vendor in sources]
    quotas = {named(settings, v): _quota(settings, coordination, v) for v in vendors}
    return HourChain(
        named(settings, "hours"),
        [sources[vendor]() for vendor in vendors],
        quotas={name: quota for name, quota in quotas.items() if quota is not None},
        left_out=left_out,
    )


def second_prices(
    settings: Settings, coordination: Coordination, clock: Clock
) -> PriceChain | None:
    """Build every price source of the orders set, None where fewer than two can ask.

    Whoever told the suspect bar is left out when it is known (`PriceChain.besides`): that need not
    be the first of the usual order.
    """
    update = {
        "price_sources": price_orders(settings).named(),
        "price_sources_by_class": {}, "price_sources_by_symbol": {},
    }  # fmt: skip
    chain = prices(
        settings.model_copy(update=update), coordination, clock, "second_prices", with_actions=False
    )
    return chain if chain.has_several else None


def price_orders(settings: Settings) -> Orders:
    """Give the orders of price sources: the usual one, those by class and by symbol."""
    return Orders(
        settings.price_sources, settings.price_sources_by_class, settings.price_sources_by_symbol
    )


def alpha_vantage(
    settings: Settings, coordination: Coordination, clock: Clock
) -> AlphaVantageClient:
    """Build the client of Alpha Vantage; without a key its calls raise `NotEntitled`.

    Its rates are kept with the sandbox too, for there it throttles as the vendor does.
    """
    name = named(settings, "alpha_vantage")
    rate = settings.alpha_vantage_requests_per_minute
    policy = _policy(settings, coordination, "alpha_vantage", rate)
    bucket = EveryBucket(
        coordination.rate_bucket(f"{name}:minute", rate, _MINUTE_S),
        coordination.rate_bucket(
            f"{name}:batch",
            settings.alpha_vantage_batch_size,
            settings.alpha_vantage_batch_interval_s,
        ),
        coordination.rate_bucket(f"{name}:spacing", 1, settings.alpha_vantage_spacing_s),
    )
    return AlphaVantageClient(
        _sandboxed(settings, "alpha_vantage") or ALPHA_VANTAGE_URL,
        _key(settings, settings.alpha_vantage_api_key),
        clock=clock,
        name=name,
        policy=replace(policy, bucket=bucket, queue_s=_LONG_QUEUE_S),
        premium=settings.alpha_vantage_premium,
    )


def polygon(settings: Settings, coordination: Coordination) -> PolygonClient:
    """Build the client of Polygon; without a key its calls raise `NotEntitled`."""
    rate = settings.polygon_requests_per_minute
    return PolygonClient(
        _sandboxed(settings, "polygon") or POLYGON_URL,
        _key(settings, settings.polygon_api_key),
        name=named(settings, "polygon"),
        policy=_policy(settings, coordination, "polygon", rate),
    )


def companies(settings: Settings, coordination: Coordination) -> CompanyChain:
    """Build the sources on companies, in the order set; Polygon only where there is a key."""
    yahoo_rate, polygon_rate = (
        settings.yahoo_requests_per_minute,
        settings.polygon_requests_per_minute,
    )
    sources: dict[str, Callable[[], CompanySource]] = {
        # A policy with the vendor's name: rate and breaker are those its prices are under.
        "yahoo": lambda: YahooCompanyClient(
            _sandboxed(settings, "yahoo"),
            name=named(settings, "yahoo"),
            policy=_policy(settings, coordination, "yahoo", yahoo_rate),
        ),
    }
    if _can_ask(settings, settings.polygon_api_key):
        sources["polygon"] = lambda: PolygonCompanyClient(
            _sandboxed(settings, "polygon") or POLYGON_URL,
            _key(settings, settings.polygon_api_key),
            name=named(settings, "polygon"),
            policy=_policy(settings, coordination, "polygon", polygon_rate),
        )
    made = [sources[name]() for name in settings.profile_sources if name in sources]
    return CompanyChain(named(settings, "companies"), made)


def finviz(settings: Settings, coordination: Coordination, clock: Clock) -> NewsChain:
    """Build Finviz's ways in, in the order set; the export only where there is a token for it."""
    sources: dict[str, _Maker] = {
        "finviz_page": lambda: finviz_page(settings, coordination, clock),
    }
    if _can_ask(settings, settings.finviz_elite_key):
        sources["finviz_export"] = lambda: finviz_export(settings, coordination)
    made = [sources[name]() for name in settings.finviz_sources if name in sources]
    return NewsChain(named(settings, "finviz"), made, clock)


def wire(settings: Settings, coordination: Coordination, clock: Clock) -> NewsChain:
    """Build the wire's sources, in the order set; those without a key are left out."""
    sources: dict[str, _Maker] = {}
    if _can_ask(settings, settings.tiingo_api_key):
        sources["tiingo"] = lambda: tiingo(settings, coordination)
    if _can_ask(settings, settings.finnhub_api_key):
        sources["finnhub"] = lambda: finnhub(settings, coordination, clock)
    made = [sources[name]() for name in settings.wire_sources if name in sources]
    return NewsChain(named(settings, "wire"), made, clock)


def finviz_export(settings: Settings, coordination: Coordination) -> FinvizExportClient:
    """Build the client of the Elite export; without a token its calls raise `NotEntitled`."""
    rate = settings.finviz_requests_per_minute
    return FinvizExportClient(
        _sandboxed(settings, "finviz_elite") or FINVIZ_EXPORT_URL,
        _key(settings, settings.finviz_elite_key),
        name=named(settings, "finviz_export"),
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
        name=named(settings, "finviz_page"),
        policy=replace(policy, queue_s=_LONG_QUEUE_S),
    )


def tiingo(settings: Settings, coordination: Coordination) -> TiingoClient:
    """Build the client of Tiingo's news; without a key its calls raise `NotEntitled`."""
    rate = settings.tiingo_requests_per_hour
    return TiingoClient(
        _sandboxed(settings, "tiingo") or TIINGO_URL,
        _key(settings, settings.tiingo_api_key),
        name=named(settings, "tiingo"),
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
        name=named(settings, "finnhub"),
        policy=replace(policy, queue_s=_LONG_QUEUE_S),
        premium=is_premium,
    )


def _sandboxed(settings: Settings, path: str) -> str | None:
    return f"{settings.sandbox_url}/{path}" if settings.sandbox_url else None


def named(settings: Settings, vendor: str) -> str:
    """Give the name a vendor goes by in rows, rates, quotas and breakers."""
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
    name = named(settings, vendor)
    rate, per_s = _in_force(settings, rate, per_s)
    return CallPolicy(
        timeout_s=settings.vendor_timeout_s,
        concurrency=settings.vendor_concurrency,
        bucket=coordination.rate_bucket(name, rate, per_s),
        breaker=coordination.breaker(name, breaker_rule(settings)),
        quota=_quota(settings, coordination, vendor),
        switch=partial(why_off, settings, vendor_flag(vendor)),
    )


def _in_force(settings: Settings, rate: int, per_s: float) -> tuple[int, float]:
    """Give a rate and its seconds: with a sandbox those of the sandbox."""
    if settings.sandbox_url:
        return settings.sandbox_requests_per_minute, _MINUTE_S
    return rate, per_s


def rate_of(settings: Settings, vendor: str) -> tuple[int, float]:
    """Give how many requests a vendor is asked in how many seconds, as things stand now."""
    if vendor == "alpha_vantage":  # keeps its own rates with the sandbox too
        return settings.alpha_vantage_requests_per_minute, _MINUTE_S
    if vendor == "tiingo":
        return _in_force(settings, settings.tiingo_requests_per_hour, _HOUR_S)
    setting = "finviz" if vendor.startswith("finviz") else vendor
    return _in_force(settings, getattr(settings, f"{setting}_requests_per_minute"), _MINUTE_S)


def breaker_rule(settings: Settings) -> BreakerRule:
    """Give when the breakers of the settings open and try again."""
    return BreakerRule(
        failure_rate=settings.breaker_failure_rate,
        window_calls=max(settings.breaker_window_calls, settings.breaker_minimum_calls),
        minimum_calls=settings.breaker_minimum_calls,
        reset_s=settings.breaker_reset_s,
    )


def _quota(settings: Settings, coordination: Coordination, vendor: str) -> Quota | None:
    """Give the vendor's daily quota, None where the settings know of none."""
    per_day = settings.requests_per_day(vendor)
    if per_day is None:
        return None
    return coordination.quota(named(settings, vendor), per_day, settings.quota_time_zone)


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
        first_wait_s=0.5,
        longest_wait_s=1.0,
    )
