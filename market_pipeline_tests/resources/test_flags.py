"""A vendor that is switched off: asked nothing, and skipped by every chain with that reason."""

from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from market_pipeline.domain.errors import SwitchedOff
from market_pipeline.domain.flags import Override, vendor_flag
from market_pipeline.domain.news import NewsQuery
from market_pipeline.resources import clients, coordination_of, flags, utc_now
from market_pipeline.settings import Settings, current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.vendors.loopback import Answer, Loopback, serving

DAY = date(2026, 11, 20)
QUERY = NewsQuery(("AAPL",), datetime(2026, 11, 19, tzinfo=UTC), "growth")


def switch(settings: Settings, vendor: str, value: str | None) -> None:
    warehouse = Warehouse.open(settings.warehouse_url)
    warehouse.upgrade()
    warehouse.flags.change(Override(vendor_flag(vendor), value, utc_now(), "ana", "licence ended"))
    warehouse.dispose()
    flags.forget_flags()


@pytest.fixture
def sandboxed(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings whose vendors are a server that refuses everything it is asked."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_PRICE_SOURCES", "yahoo,polygon")
    forget_settings()
    return current_settings()


def refusing() -> AbstractContextManager[Loopback]:
    return serving(lambda asked: Answer(status=404))


def test_a_switched_off_vendor_is_asked_nothing(sandboxed: Settings) -> None:
    """Whoever calls it is told who switched it off and why; its breaker does not learn of it."""
    with refusing() as server:
        settings = sandboxed.model_copy(update={"sandbox_url": server.url})
        switch(settings, "polygon", "off")
        coordination = coordination_of(settings)
        client = clients.polygon(settings, coordination)
        with pytest.raises(SwitchedOff, match="VENDOR_POLYGON_ENABLED is off, set by ana"):
            client.chain("AAPL", DAY)
        assert server.asked == []
        breaker = coordination.breaker("polygon:sandbox", clients.breaker_rule(settings))
        assert breaker.status().call_count == 0


def test_a_chain_of_news_goes_on_to_the_next_and_records_why(sandboxed: Settings) -> None:
    """The attempt at the first source is on record as switched off; the second was asked."""
    with refusing() as server:
        settings = sandboxed.model_copy(update={"sandbox_url": server.url})
        switch(settings, "tiingo", "off")
        chain = clients.wire(settings, coordination_of(settings), utc_now)
        found = chain.collect(QUERY)
    kinds = [(attempt.source, attempt.error_kind) for attempt in found.attempts]
    assert kinds[0] == ("tiingo:sandbox", "switched_off")
    assert "licence ended" in (found.attempts[0].error_message or "")
    assert kinds[1][0] == "finnhub:sandbox"
    assert {asked.path.split("/")[1] for asked in server.asked} == {"finnhub"}


def test_a_switch_that_cannot_be_read_is_as_it_was(
    sandboxed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vendor that is off stays off while the warehouse is away."""
    switch(sandboxed, "yahoo", "off")
    assert flags.why_off(sandboxed, vendor_flag("yahoo")) is not None
    monkeypatch.setattr(flags, "READ_AGAIN_S", 0.0)
    Path(sandboxed.warehouse_url.removeprefix("sqlite:///")).write_bytes(b"no database at all" * 99)
    assert flags.why_off(sandboxed, vendor_flag("yahoo")) is not None
