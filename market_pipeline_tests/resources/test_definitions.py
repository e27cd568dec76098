"""The warehouse as the graph opens it, and the front door put together from the settings."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from market_pipeline.definitions import build_defs
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.news import NewsCollector
from market_pipeline.domain.ports import Coordination, OptionSource, PriceSource
from market_pipeline.io_managers import WarehouseIOManager
from market_pipeline.resources import open_warehouse, plain, resources_of, utc_now, warehouse_io
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of

NAMES = {
    "warehouse", "warehouse_io", "coordination", "prices", "second_prices", "polygon", "companies",
    "finviz", "wire", "hours", "tone", "notifier", "calendar", "clock", "settings",
}  # fmt: skip


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Give the settings with nothing set but the state folder."""
    return Settings(state_dir=state_dir)


def over(settings: Settings, **values: object) -> Settings:
    """Give `settings` with some values set."""
    return settings.model_copy(update=values)


# -- the warehouse -------------------------------------------------------------------------


def test_the_embedded_warehouse_makes_and_upgrades_itself(settings: Settings) -> None:
    """Folder, file and tables are there after opening; what is in it stays when opened again."""
    assert not settings.state_dir.exists()
    warehouse = open_warehouse(settings)
    assert warehouse.is_current()
    warehouse.watch(["AAPL"], utc_now())
    warehouse.dispose()
    assert (settings.state_dir / "warehouse.db").is_file()
    again = open_warehouse(settings)
    assert again.watchlist() == ["AAPL"]
    again.dispose()


def test_an_embedded_warehouse_without_tables_is_upgraded(settings: Settings) -> None:
    """A file another tool made is brought up to date."""
    settings.state_dir.mkdir(parents=True)
    (settings.state_dir / "warehouse.db").touch()
    warehouse = open_warehouse(settings)
    assert warehouse.is_current()
    warehouse.dispose()


def test_postgres_is_not_upgraded_behind_an_operators_back(
    settings: Settings, new_postgres_database: Callable[[], str]
) -> None:
    """An empty database is refused with the command that upgrades it, and stays empty."""
    url = new_postgres_database()
    named = over(settings, database_url=SecretStr(url))
    with pytest.raises(ConfigurationError, match="run `market-pipeline db upgrade` first"):
        open_warehouse(named)
    database = Warehouse.open(url)
    assert database.current_revision() is None
    database.upgrade()
    assert open_warehouse(named).dialect == "postgresql"
    assert database.meta_get("data_kind") == "live"
    database.dispose()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_sandbox_and_live_rows_are_never_mixed(
    settings: Settings, dialect: str, request: pytest.FixtureRequest
) -> None:
    """Whoever comes first dedicates the warehouse; the other is refused and told what to do."""
    if dialect == "postgresql":
        url: str = request.getfixturevalue("new_postgres_database")()
        opened = Warehouse.open(url)
        opened.upgrade()
        opened.dispose()
        settings = over(settings, database_url=SecretStr(url))
    sandbox = over(settings, sandbox_url="http://127.0.0.1:9")
    open_warehouse(sandbox).dispose()
    with pytest.raises(ConfigurationError, match="holds sandbox data, and live data is never"):
        open_warehouse(settings)
    warehouse = open_warehouse(sandbox)
    assert warehouse.meta_get("data_kind") == "sandbox"
    warehouse.dispose()


def test_a_refusal_shows_no_password(
    settings: Settings, new_postgres_database: Callable[[], str]
) -> None:
    """The message names the database, never the secret in its URL."""
    url = make_url(new_postgres_database()).set(password="hunter2-canary")
    with_secret = url.render_as_string(hide_password=False)
    with pytest.raises((ConfigurationError, OperationalError)) as caught:
        open_warehouse(over(settings, database_url=SecretStr(with_secret)))
    assert "hunter2-canary" in with_secret
    assert "hunter2-canary" not in f"{caught.value!r} {caught.value}"


# -- resources -----------------------------------------------------------------------------


def test_resources_are_what_the_ports_ask_for(settings: Settings) -> None:
    """Assets get plain objects: clients under their names, a calendar, a clock, the settings."""
    seen: dict[str, object] = {}

    @dg.asset
    def looks(
        warehouse: dg.ResourceParam[Warehouse],
        coordination: dg.ResourceParam[Coordination],
        prices: dg.ResourceParam[PriceSource],
        polygon: dg.ResourceParam[OptionSource],
        finviz: dg.ResourceParam[NewsCollector],
        wire: dg.ResourceParam[NewsCollector],
    ) -> None:
        seen.update(warehouse=warehouse, coordination=coordination)
        seen.update(names=[prices.name, polygon.name, finviz.name, wire.name])
        assert warehouse.is_current()

    sandboxed = over(settings, sandbox_url="http://127.0.0.1:9")
    try:
        with settings_in_force(sandboxed):
            result = dg.materialize([looks], resources=resources_of(sandboxed))
    finally:
        structlog.reset_defaults()  # the warehouse resource configures the logs of a run
    assert result.success
    assert seen["names"] == ["prices:sandbox", "polygon:sandbox", "finviz:sandbox", "wire:sandbox"]
    assert isinstance(seen["warehouse"], Warehouse)
    assert str(seen["warehouse"]) == f"Warehouse({seen['warehouse'].display_url})"


def test_the_io_manager_is_made_of_the_same_warehouse(settings: Settings) -> None:
    """What is plugged in as warehouse, calendar and clock is what rows are kept with."""
    plugged = {"warehouse": plain("w"), "calendar": plain("c"), "clock": plain("t")}
    with dg.build_resources({**plugged, "io": warehouse_io}) as made:
        io = made.io
    assert isinstance(io, WarehouseIOManager)
    kept: tuple[object, ...] = (io._warehouse, io._calendar, io._clock)
    assert kept == ("w", "c", "t")


def test_the_clock_is_aware_and_in_utc() -> None:
    """No naive instant enters the graph."""
    assert utc_now().utcoffset() == date.resolution * 0


# -- the front door ------------------------------------------------------------------------


def test_resources_given_replace_those_of_the_settings(settings: Settings) -> None:
    """One vendor is a fake, the rest stays as configured."""
    fake = plain(bars_of("AAPL"))
    defs = build_defs(settings, resources={"prices": fake})
    assert defs.resources is not None
    assert set(defs.resources) == NAMES
    assert defs.resources["prices"] is fake
    assert type(defs.resources["polygon"]).__name__ == "PolygonResource"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"sandbox_url": "http://127.0.0.1:9"},
        {"database_url": SecretStr("postgresql+psycopg://nobody@127.0.0.1:1/nothing")},
        {"redis_url": SecretStr("redis://127.0.0.1:1/0")},
        {"extra_closures": (date(2026, 11, 20),), "first_session": date(2026, 6, 1)},
    ],
    ids=["nothing", "sandbox", "postgres", "redis", "dates"],
)
def test_definitions_load_whatever_is_set_and_touch_nothing(
    settings: Settings, values: dict[str, object]
) -> None:
    """Loading the code location opens no connection and writes no file, so the UI always comes."""
    configured = over(settings, **values)
    with settings_in_force(configured):
        dg.Definitions.validate_loadable(build_defs(configured))
    assert not settings.state_dir.exists()


def test_an_extra_closure_is_no_partition(settings: Settings) -> None:
    """A day the exchange closed unforeseen disappears from sessions, and not from news days."""
    closed = date(2026, 11, 20)
    defs = build_defs(over(settings, extra_closures=(closed,), first_session=date(2026, 11, 2)))
    graph = defs.resolve_asset_graph()
    for name, is_there in (("equity_bars", False), ("headlines", True)):
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        assert partitions is not None
        now = utc_now().replace(year=2026, month=12, day=1)
        with dg.partition_loading_context(effective_dt=now):
            assert partitions.has_partition_key("2026-11-20") is is_there, name
            assert partitions.has_partition_key("2026-11-19"), name


def test_automation_is_on_or_off_as_set(settings: Settings) -> None:
    """Off means off: no schedule and no sensor starts by itself."""
    for mode, expected in (("on", {"RUNNING"}), ("off", {"STOPPED"})):
        repository = build_defs(over(settings, automation=mode)).get_repository_def()
        found = {s.default_status.value for s in repository.schedule_defs}
        found |= {s.default_status.value for s in repository.sensor_defs}
        assert found == expected
