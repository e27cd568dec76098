"""Flags: what a value may be, what holds, and what is said of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain import flags
from market_pipeline.domain.errors import InputError
from market_pipeline.domain.flags import (
    FLAGS,
    HOUR_MINUTES,
    TICK_MINUTES,
    FlagValues,
    Override,
    flag_named,
    interval,
)

AT = datetime(2026, 11, 24, 15, 0, 7, 900, tzinfo=UTC)


def values(**overrides: str | None) -> FlagValues:
    """Give flags that are all on, 5 and 60 minutes, with overrides by Ana."""
    configured = {name: "5" if flag.is_interval else "on" for name, flag in FLAGS.items()}
    configured |= {flags.PAUSED: "off", flags.MINUTES_CLOSED: "60"}
    changed = {k: Override(k, v, AT, "ana", "vendor down") for k, v in overrides.items()}
    return FlagValues(configured, changed)


def test_an_override_holds_until_it_is_taken_back() -> None:
    """What a person said beats the settings; nothing said is the settings again."""
    assert values().is_on(flags.BATCH)
    assert not values(BATCH_V2_ENABLED="off").is_on(flags.BATCH)
    assert values(BATCH_V2_ENABLED=None).is_on(flags.BATCH)
    assert values(HEADLINE_MINUTES_OPEN="15").minutes(flags.MINUTES_OPEN) == 15


def test_why_names_who_when_and_the_reason() -> None:
    """The reason of a skipped tick says who to ask; without a person it names the setting."""
    off = values(BATCH_V2_ENABLED="off")
    told = "BATCH_V2_ENABLED is off, set by ana at 2026-11-24T15:00:07Z: vendor down"
    assert off.why_off(flags.BATCH) == told
    assert values().why_off(flags.BATCH) is None
    assert values().why(flags.BATCH) == "MARKET_PIPELINE_BATCH_V2_ENABLED is on"


def test_a_pause_rests_everything_whatever_the_switch() -> None:
    """And says that it is a pause."""
    paused = values(SCHEDULER_PAUSED="on").why_resting(flags.INGESTION)
    assert paused is not None
    assert paused.startswith("paused: SCHEDULER_PAUSED is on, set by ana")
    assert values().why_resting(flags.INGESTION) is None


@pytest.mark.parametrize("text", ["maybe", "", "onn", "2"])
def test_a_switch_is_on_or_off(text: str) -> None:
    """Anything else is refused, naming the flag."""
    with pytest.raises(InputError, match="BATCH_V2_ENABLED is on or off"):
        FLAGS[flags.BATCH].parsed(text)


@given(st.integers(-10, 3000), st.sampled_from([TICK_MINUTES, HOUR_MINUTES]))
def test_an_interval_is_a_tick_of_the_clock_that_divides_a_day(minutes: int, tick: int) -> None:
    """So that a day's collections begin at the same minutes every day."""
    if minutes > 0 and minutes % tick == 0 and 1440 % minutes == 0:
        assert interval(minutes, tick) == minutes
    else:
        with pytest.raises(InputError, match=f"a multiple of {tick}"):
            interval(minutes, tick)


def test_every_flag_has_a_clock_of_its_own() -> None:
    """Headlines move in steps of five minutes, hourly bars and the cleanup in hours."""
    assert FLAGS[flags.MINUTES_OPEN].parsed("15") == "15"
    for name in (flags.MINUTES_INTRADAY, flags.MINUTES_CLEANUP):
        assert FLAGS[name].parsed("120") == "120"
        with pytest.raises(InputError, match="a multiple of 60"):
            FLAGS[name].parsed("15")


def test_a_flag_is_found_by_its_setting_too() -> None:
    """In any case; what is none is refused with the list."""
    assert flag_named("market_pipeline_vendor_yahoo_enabled").name == "VENDOR_YAHOO_ENABLED"
    with pytest.raises(InputError, match="INGESTION_V2_ENABLED, BATCH_V2_ENABLED"):
        flag_named("VENDOR_BLOOMBERG_ENABLED")
