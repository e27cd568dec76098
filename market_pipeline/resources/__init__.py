"""How the outside is plugged in: settings become clients behind the domain's ports.

The one place that knows which class stands behind a port. Assets get plain objects, so a test
hands them any object that fits. Secrets are read here from the settings and never become Dagster
configuration, which the UI shows.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from market_pipeline.coordination import open_coordination
from market_pipeline.domain.companies import CompanySource
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.intraday import IntradaySource
from market_pipeline.domain.news import NewsCollector
from market_pipeline.domain.notices import Notifier
from market_pipeline.domain.ports import Coordination, OptionSource, PriceSource
from market_pipeline.domain.sentiment import Sentiment
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.io_managers import WarehouseIOManager
from market_pipeline.logs import configure_logs
from market_pipeline.notifications import Notifications
from market_pipeline.resources import clients
from market_pipeline.settings import Settings, current_settings
from market_pipeline.warehouse import Warehouse


def utc_now() -> datetime:
    """Give the present instant: the clock of everything that runs for real."""
    return datetime.now(UTC)


def open_warehouse(settings: Settings) -> Warehouse:
    """Open the warehouse ready for rows: tables there, and dedicated to this kind of data.

    The embedded SQLite file is brought up to date by itself. PostgreSQL is not: that is an
    operator's decision, and `ConfigurationError` names the command.
    """
    warehouse = Warehouse.open(settings.warehouse_url)
    if warehouse.dialect == "sqlite":
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        if not warehouse.is_current():
            warehouse.upgrade()
    elif not warehouse.is_current():
        raise ConfigurationError(
            f"{warehouse.display_url} is at revision {warehouse.current_revision() or 'none'}: "
            "run `market-pipeline db upgrade` first"
        )
    warehouse.claim_data_kind(settings.data_kind)
    return warehouse


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The warehouse of the settings: SQLite in the state folder, or PostgreSQL."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:
        """Open it for a run and close its connections afterwards."""
        configure_logs(current_settings())
        warehouse = open_warehouse(current_settings())
        try:
            yield warehouse
        finally:
            warehouse.dispose()


class RedisResource(dg.ConfigurableResource[Coordination]):
    """Coordination between processes: Redis where configured, a local file otherwise."""

    def create_resource(self, context: dg.InitResourceContext) -> Coordination:
        """Open it; nothing is connected before the first use."""
        return coordination_of(current_settings())


class PricesResource(dg.ConfigurableResource[PriceSource]):
    """Daily bars from Yahoo, Polygon and Alpha Vantage in the order set, or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> PriceSource:
        """Build the chain, each client under a rate, a quota and a breaker of its own."""
        return clients.prices(current_settings(), self.coordination, utc_now)


class HoursResource(dg.ConfigurableResource[IntradaySource]):
    """Hourly bars from Yahoo and Polygon in the order set, or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> IntradaySource:
        """Build the chain, each client under the rate, quota and breaker of its daily bars."""
        return clients.hours(current_settings(), self.coordination, utc_now)


class SecondPricesResource(dg.ConfigurableResource[PriceSource | None]):
    """Who is asked where the price of the first source is suspect; None where there is nobody."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> PriceSource | None:
        """Build the chain of the sources after the first, under the same rates and quotas."""
        return clients.second_prices(current_settings(), self.coordination, utc_now)


class PolygonResource(dg.ConfigurableResource[OptionSource]):
    """Option quotes from Polygon (Massive), or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> OptionSource:
        """Build the client under its rate and breaker."""
        return clients.polygon(current_settings(), self.coordination)


class CompanyResource(dg.ConfigurableResource[CompanySource]):
    """Profiles and fundamentals from Yahoo and Polygon in the order set, or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> CompanySource:
        """Build the chain, each client under its vendor's rate and breaker."""
        return clients.companies(current_settings(), self.coordination)


class FinvizResource(dg.ConfigurableResource[NewsCollector]):
    """Headlines from Finviz, export and page in the order set, or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> NewsCollector:
        """Build the chain, each client under a rate and a breaker of its own."""
        return clients.finviz(current_settings(), self.coordination, utc_now)


class WireResource(dg.ConfigurableResource[NewsCollector]):
    """Headlines from the wire, Tiingo and Finnhub in the order set, or from the sandbox."""

    coordination: dg.ResourceDependency[Coordination]

    def create_resource(self, context: dg.InitResourceContext) -> NewsCollector:
        """Build the chain of those with a key, each under a rate and a breaker of its own."""
        return clients.wire(current_settings(), self.coordination, utc_now)


class NotifierResource(dg.ConfigurableResource[Notifier]):
    """Delivers the outbox to the channels of the settings."""

    def create_resource(self, context: dg.InitResourceContext) -> Notifier:
        """Give the relay; addresses are read, and errors in them raised, at its first use."""
        return Notifications(current_settings(), utc_now)


class ShippedTone:
    """The tone model that comes with the package; its weights are read at the first text."""

    @property
    def version(self) -> str:
        """Name of the model and its weights."""
        from market_pipeline.sentiment import MODEL_VERSION

        return MODEL_VERSION

    def score(self, texts: Sequence[str]) -> list[Sentiment]:
        """Judge each text, in the order given."""
        from market_pipeline.sentiment import score_texts

        return score_texts(texts)


def coordination_of(settings: Settings) -> Coordination:
    """Open coordination as the settings ask for."""
    return open_coordination(settings.redis_address, settings.state_dir, utc_now)


@dg.io_manager(required_resource_keys={"warehouse", "calendar", "clock"})
def warehouse_io(context: dg.InitResourceContext) -> WarehouseIOManager:
    """Keep frames in the warehouse, by partition range."""
    plugged = context.resources
    return WarehouseIOManager(plugged.warehouse, plugged.calendar, plugged.clock)


def resources_of(settings: Settings) -> dict[str, object]:
    """Give every resource of the graph, by the name assets ask for."""
    coordination = RedisResource()
    return {
        "warehouse": WarehouseResource(),
        "warehouse_io": warehouse_io,
        "coordination": coordination,
        "prices": PricesResource(coordination=coordination),
        "hours": HoursResource(coordination=coordination),
        "second_prices": SecondPricesResource(coordination=coordination),
        "polygon": PolygonResource(coordination=coordination),
        "companies": CompanyResource(coordination=coordination),
        "finviz": FinvizResource(coordination=coordination),
        "wire": WireResource(coordination=coordination),
        "notifier": NotifierResource(),
        "tone": plain(ShippedTone()),
        "calendar": plain(TradingCalendar.xnys(settings.extra_closures)),
        "clock": plain(utc_now),
        "settings": plain(settings),
    }


def plain(value: object) -> dg.ResourceDefinition:
    """Hand an object to assets as it is: a value, a function, a fake."""
    return dg.ResourceDefinition.hardcoded_resource(value)
