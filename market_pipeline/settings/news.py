"""Settings of the news: sources, keys, rates, how long it is kept, and who is told of it.

Belongs here: that part of `Settings`. Does not: any other, or where settings are read from.
"""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from market_pipeline.settings.news_sources import Order
from market_pipeline.settings.portfolio_ids import PortfolioIds


class NewsSettings(BaseSettings):
    """What `Settings` says of news and notices."""

    tiingo_api_key: SecretStr | None = Field(
        None, description="Tiingo key with the News add-on: the wire's first source."
    )
    finnhub_api_key: SecretStr | None = Field(
        None, description="Finnhub key (a free one will do): the wire's second source."
    )
    finnhub_premium: bool = Field(
        False, description="Whether the Finnhub key's plan includes /news-sentiment."
    )
    tiingo_requests_per_hour: int = Field(
        50, ge=1, description="Rate kept with Tiingo (its plans count by the hour)."
    )
    finnhub_requests_per_minute: int = Field(
        60, ge=1, description="Rate kept with Finnhub (its free plan allows 60)."
    )
    finviz_sources: Order = Field(
        ("finviz_export", "finviz_page"),
        description=(
            "Finviz's ways in, first choice first, comma-separated; none: Finviz is not asked. "
            "Must not be left empty."
        ),
    )
    wire_sources: Order = Field(
        ("tiingo", "finnhub"),
        description=(
            "The wire's vendors, first choice first; none: the wire is not asked. "
            "Must not be left empty."
        ),
    )
    finviz_portfolio_ids: PortfolioIds = Field(
        {},
        description=(
            "Portfolios that also stand at Finviz Elite, as name=pid pairs: growth=123,income=456. "
            "Their news is asked for by that id."
        ),
    )
    news_timeout_s: float = Field(
        10.0,
        gt=0,
        le=60,
        description="Seconds one source of news may take before the next is asked.",
    )
    news_portfolio_concurrency: int = Field(
        3, ge=1, le=16, description="Portfolios whose news is collected at once."
    )
    news_look_back_days: int = Field(
        3,
        ge=1,
        le=30,
        description="Days of news asked for in each collection; more after an outage.",
    )
    story_window_days: int = Field(
        3, ge=1, le=14, description="Days within which similar headlines are one story."
    )
    headline_retention_days: int = Field(90, ge=7, description="Days a headline is kept.")
    collection_event_retention_days: int = Field(
        30, ge=1, description="Days the record of a collection is kept."
    )
    headline_freshness_minutes: int = Field(
        15, ge=1, description="Age beyond which headlines are stale in market hours."
    )
    webhook_urls: SecretStr | None = Field(
        None,
        description="Addresses, separated by blanks, to which notices are posted as JSON.",
    )
    apprise_urls: SecretStr | None = Field(
        None,
        description=(
            "Addresses, separated by blanks, in Apprise's form (slack://, pagerduty://, sns://, "
            "mailto://, ...) to which notices and alerts go."
        ),
    )
