"""Settings of the sources of prices: keys, orders, rates, quotas, and when a vendor is not asked.

Belongs here: that part of `Settings`. Does not: any other, or where settings are read from.
"""

from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from market_pipeline.settings.names import Names, SourcesByName

PRICE_SOURCES = ("yahoo", "polygon", "alpha_vantage")
"""The sources of daily bars there are, in their usual order."""
HOUR_SOURCES = ("yahoo", "polygon")
"""The sources of hourly bars there are, in their usual order."""
ASSET_CLASSES = ("stock", "etf", "index")
"""The classes that have daily bars."""


class PriceSettings(BaseSettings):
    """What `Settings` says of prices and of how often vendors may be asked."""

    alpha_vantage_api_key: SecretStr | None = Field(
        None, description="Alpha Vantage key (a free one will do): a further source of prices."
    )
    alpha_vantage_premium: bool = Field(
        False, description="Whether the Alpha Vantage key's plan has TIME_SERIES_DAILY_ADJUSTED."
    )
    alpha_vantage_requests_per_minute: int = Field(
        5, ge=1, description="Rate kept with Alpha Vantage."
    )
    alpha_vantage_requests_per_day: int = Field(
        25, ge=1, description="Requests a day to Alpha Vantage (its free plan has 25; once 500)."
    )
    alpha_vantage_batch_size: int = Field(
        5, ge=1, description="Requests to Alpha Vantage in any alpha_vantage_batch_interval_s."
    )
    alpha_vantage_batch_interval_s: float = Field(
        12.0, ge=0.1, description="Seconds in which alpha_vantage_batch_size requests may be made."
    )
    alpha_vantage_spacing_s: float = Field(
        1.0, ge=0.01, description="Least seconds between two requests to Alpha Vantage."
    )
    yahoo_requests_per_day: int | None = Field(
        None, ge=1, description="Requests a day to Yahoo. Empty: no daily quota."
    )
    polygon_requests_per_day: int | None = Field(
        None, ge=1, description="Requests a day to Polygon. Empty: no daily quota."
    )
    tiingo_requests_per_day: int | None = Field(
        None, ge=1, description="Requests a day to Tiingo. Empty: no daily quota."
    )
    finnhub_requests_per_day: int | None = Field(
        None, ge=1, description="Requests a day to Finnhub. Empty: no daily quota."
    )
    quota_time_zone: str = Field(
        "UTC", description="Zone at whose midnight a quota's day ends, such as America/New_York."
    )
    price_sources: Names = Field(
        PRICE_SOURCES, description="Sources of daily bars, first choice first."
    )
    price_sources_by_class: SourcesByName = Field(
        {},
        description=(
            "Other orders for an asset class (stock, etf, index): index=yahoo,etf=yahoo+polygon."
        ),
    )
    price_sources_by_symbol: SourcesByName = Field(
        {}, description="Other orders for single symbols: BRK.B=polygon+yahoo."
    )
    intraday_sources: Names = Field(
        HOUR_SOURCES, description="Sources of hourly bars, first choice first."
    )
    polygon_delay_minutes: int = Field(
        15, ge=0,
        description="Minutes that the Polygon plan's data lags: hours are taken that late.",
    )  # fmt: skip
    breaker_failure_rate: float = Field(
        0.5, gt=0, le=1, description="Share of failed calls at which a vendor is not asked on."
    )
    breaker_window_calls: int = Field(
        20, ge=1, description="Last calls of a vendor among which that share is taken."
    )
    breaker_minimum_calls: int = Field(
        8, ge=1, description="Calls below which their failures prove nothing."
    )
    breaker_reset_s: float = Field(
        60.0, gt=0, description="Seconds until a vendor that failed is tried again."
    )

    @field_validator("price_sources")
    @classmethod
    def _are_price_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _order(value, PRICE_SOURCES)

    @field_validator("intraday_sources")
    @classmethod
    def _are_hour_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _order(value, HOUR_SOURCES)

    @field_validator("price_sources_by_class", "price_sources_by_symbol")
    @classmethod
    def _are_orders_of_price_sources(
        cls, value: dict[str, tuple[str, ...]], info: ValidationInfo
    ) -> dict[str, tuple[str, ...]]:
        by_class = info.field_name == "price_sources_by_class"
        unknown = [name for name in value if by_class and name not in ASSET_CLASSES]
        if unknown:
            raise ValueError(f"the classes are {', '.join(ASSET_CLASSES)}")
        return {
            name if by_class else name.upper().replace("-", "."): _order(order, PRICE_SOURCES)
            for name, order in value.items()
        }

    @field_validator("quota_time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("name a time zone, such as UTC or America/New_York")
        return value

    def requests_per_day(self, vendor: str) -> int | None:
        """Give the daily quota of a vendor, None where it has none."""
        quota: int | None = getattr(self, f"{vendor}_requests_per_day", None)
        return quota


def _order(names: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    """Check an order of sources: at least one, each known and named once."""
    if not names or len(set(names)) != len(names) or set(names) - set(known):
        raise ValueError(f"name at least one of {', '.join(known)}, each at most once")
    return names
