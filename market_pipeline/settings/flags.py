"""Settings that operators may override while everything runs; see `domain.flags`.

Belongs here: the values that hold without an override. Does not: overrides (`warehouse`).
"""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings

from market_pipeline.domain.errors import InputError
from market_pipeline.domain.flags import FLAGS, HOUR_MINUTES, TICK_MINUTES, interval


def _multiple_of(tick: int) -> BeforeValidator:
    def checked(value: object) -> int:
        try:
            return interval(str(value), tick)
        except InputError as error:
            raise ValueError(str(error)) from None

    # Before pydantic's own word on what is no number: this one says what may be written.
    return BeforeValidator(checked)


Minutes = Annotated[int, _multiple_of(TICK_MINUTES)]
Hours = Annotated[int, _multiple_of(HOUR_MINUTES)]


class FlagSettings(BaseSettings):
    """What `Settings` says of flags; `market-pipeline flags` overrides it."""

    ingestion_v2_enabled: bool = Field(
        True, description="Whether headlines are collected; off skips every tick, saying so."
    )
    batch_v2_enabled: bool = Field(
        True,
        description=(
            "Whether the graph of symbols and portfolios runs by itself; off skips every tick, "
            "saying so."
        ),
    )
    scheduler_control_api: bool = Field(
        True, description="Whether `market-pipeline scheduler pause` and `resume` are allowed."
    )
    scheduler_paused: bool = Field(
        False, description="Whether everything that starts by itself rests."
    )
    headline_minutes_open: Minutes = Field(
        5,
        description=(
            "Minutes between collections of headlines in market hours: a multiple of 5 that "
            "divides a day."
        ),
    )
    headline_minutes_closed: Minutes = Field(60, description="The same outside of market hours.")
    intraday_minutes: Hours = Field(
        60,
        description=(
            "Minutes between collections of hourly bars in a session, the last of which always "
            "follows its close: a multiple of 60 that divides a day."
        ),
    )
    cleanup_minutes: Hours = Field(60, description="Minutes between cleanups, as above.")
    vendor_yahoo_enabled: bool = Field(True, description="Whether Yahoo is asked.")
    vendor_polygon_enabled: bool = Field(True, description="Whether Polygon is asked.")
    vendor_alpha_vantage_enabled: bool = Field(True, description="Whether Alpha Vantage is asked.")
    vendor_finviz_export_enabled: bool = Field(
        True, description="Whether Finviz's Elite export is asked."
    )
    vendor_finviz_page_enabled: bool = Field(
        True, description="Whether Finviz's public page is asked."
    )
    vendor_tiingo_enabled: bool = Field(True, description="Whether Tiingo is asked.")
    vendor_finnhub_enabled: bool = Field(True, description="Whether Finnhub is asked.")

    def configured_flags(self) -> dict[str, str]:
        """Give the value each flag has without an override, as text."""
        values = {name: getattr(self, flag.setting) for name, flag in FLAGS.items()}
        switch = {True: "on", False: "off"}
        return {
            name: switch[value] if isinstance(value, bool) else str(value)
            for name, value in values.items()
        }
