"""The graph without Dagster: the same bodies, IO and checks, called in order by a loop.

Whatever it leaves out is what orchestration costs: events, steps, retries, partitions, the UI's
record. It knows no asset by name; what is added to the definitions is driven here as well.
"""

import inspect
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pandas as pd

from market_pipeline.automation.jobs import NEWS_GROUPS, SESSION_GROUPS, range_tags
from market_pipeline.definitions import defs
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.io_managers import Derived, WarehouseIOManager
from market_pipeline.notifications import Notifications
from market_pipeline.partitions import calendar_days, date_key, trading_sessions
from market_pipeline.resources import (
    ShippedTone,
    clients,
    coordination_of,
    open_warehouse,
    utc_now,
)
from market_pipeline.settings import Settings

_silent = logging.getLogger(__name__)
_silent.setLevel(logging.CRITICAL)


@dataclass
class _Run:
    tags: Mapping[str, str]
    run_id: str = "plain"
    parent_run_id: str | None = None
    root_run_id: str | None = None


@dataclass
class _Upstream:
    definition_metadata: Mapping[str, object]


@dataclass
class _Context:
    """What bodies, IO manager and checks ask of Dagster, answered from memory."""

    asset_key: dg.AssetKey
    partition_keys: Sequence[str]
    run: _Run
    definition_metadata: Mapping[str, object] = field(default_factory=dict)
    upstream_output: _Upstream | None = None
    run_id: str = "plain"
    retry_number: int = 0
    resources: object = None
    selected_asset_check_keys: frozenset[dg.AssetCheckKey] = frozenset()
    log: logging.Logger = _silent

    @property
    def asset_partition_keys(self) -> Sequence[str]:
        return self.partition_keys

    def add_asset_metadata(self, _metadata: object, **_where: object) -> None:
        """Take what Dagster would record."""

    def add_output_metadata(self, _metadata: object) -> None:
        """Take what Dagster would record."""


class PlainGraph:
    """The graph's functions over one warehouse and the real clients, as `settings` say."""

    def __init__(self, settings: Settings, **resources: object) -> None:
        self._calendar = TradingCalendar.xnys(settings.extra_closures)
        self._settings = settings
        self._run_id = str(uuid.uuid4())
        coordination = coordination_of(settings)
        self.warehouse = open_warehouse(settings)
        self._resources = {
            "warehouse": self.warehouse,
            "calendar": self._calendar,
            "clock": utc_now,
            "settings": settings,
            "prices": clients.prices(settings, coordination, utc_now),
            "second_prices": clients.second_prices(settings, coordination, utc_now),
            "polygon": clients.polygon(settings, coordination),
            "companies": clients.companies(settings, coordination),
            "finviz": clients.finviz(settings, coordination, utc_now),
            "wire": clients.wire(settings, coordination, utc_now),
            "coordination": coordination,
            "tone": ShippedTone(),
            "notifier": Notifications(settings, utc_now),
            **resources,
        }
        self._io = WarehouseIOManager(self.warehouse, self._calendar, utc_now)

    def run(self, first: date, last: date) -> None:
        """Make every asset, and judge every check, from `first` to `last`, news until today."""
        sessions = trading_sessions(self._settings.first_session, self._settings.extra_closures)
        self._run_groups(SESSION_GROUPS, sessions, first, last)
        today = utc_now().astimezone(NEW_YORK).date()
        days = calendar_days(self._settings.first_session)
        self._run_groups(NEWS_GROUPS, days, first, today)

    def make(self, asset: str, keys: Sequence[str], **inputs: pd.DataFrame) -> None:
        """Make one asset for its partition keys; `inputs` replace what would be read."""
        definition = assets()[asset]
        key = definition.key
        metadata = definition.metadata_by_key[key]
        plugged = SimpleNamespace(**self._resources)
        context = _Context(key, keys, _Run({}), metadata, run_id=self._run_id, resources=plugged)
        # Below the fence, which asks Dagster of the run.
        body = inspect.unwrap(function_of(definition))
        for name, upstream in definition.keys_by_input_name.items():
            if name in inspect.signature(body).parameters and name not in inputs:
                inputs[name] = self._read(definition, name, upstream, keys)
        made = self._call(body, context, inputs)
        if isinstance(made, Derived):
            self._io.handle_output(cast(dg.OutputContext, context), made)

    def _read(
        self, asset: dg.AssetsDefinition, name: str, upstream: dg.AssetKey, keys: Sequence[str]
    ) -> pd.DataFrame:
        metadata = asset.op.ins[name].metadata or {}
        above = _Upstream(assets()[upstream.to_user_string()].metadata_by_key[upstream])
        context = _Context(upstream, keys, _Run({}), metadata, above)
        return self._io.load_input(cast(dg.InputContext, context))

    def _run_groups(
        self,
        groups: Iterable[str],
        partitions: dg.TimeWindowPartitionsDefinition,
        first: date,
        last: date,
    ) -> None:
        span = dg.PartitionKeyRange(date_key(first), date_key(last))
        keys = list(partitions.get_partition_keys_in_range(span))
        tags = range_tags(span.start, span.end)
        for name, definition in assets().items():
            if definition.group_names_by_key[definition.key] in groups:
                self.make(name, keys)
                for check in checks_of(definition.key):
                    self._judge(name, definition.key, check, keys, tags)

    def _judge(
        self,
        name: str,
        key: dg.AssetKey,
        check: dg.AssetChecksDefinition,
        keys: Sequence[str],
        tags: Mapping[str, str],
    ) -> None:
        context = _Context(
            key, keys, _Run(tags, self._run_id), run_id=self._run_id,
            selected_asset_check_keys=frozenset(check.check_keys),
        )  # fmt: skip
        for verdict in self._call(function_of(check), context, {}):
            if not verdict.passed and verdict.severity == dg.AssetCheckSeverity.ERROR:
                raise RuntimeError(f"{name}: {verdict.description}")

    def _call(
        self, body: Callable[..., Any], context: _Context, inputs: Mapping[str, object]
    ) -> Any:
        parameters = inspect.signature(body).parameters
        names = [name for name in parameters if name != "context"]
        # Configured by nobody, an asset runs with its defaults.
        config = {"config": parameters["config"].annotation()} if "config" in names else {}
        given = {**self._resources, **config, **inputs}
        return body(context, **{name: given[name] for name in names})


@cache
def assets() -> dict[str, dg.AssetsDefinition]:
    """Give the assets that are made, by name, each after what it is made from."""
    by_key = {each.key: each for each in defs.assets or () if isinstance(each, dg.AssetsDefinition)}
    ordered = defs.resolve_asset_graph().toposorted_asset_keys
    return {key.to_user_string(): by_key[key] for key in ordered if key in by_key}


@cache
def checks_of(key: dg.AssetKey) -> list[dg.AssetChecksDefinition]:
    """Give an asset's checks, some of which judge several claims."""
    return [
        check
        for check in defs.asset_checks or ()
        if isinstance(check, dg.AssetChecksDefinition)
        and key in {known.asset_key for known in check.check_keys}
    ]


def function_of(definition: dg.AssetsDefinition) -> Callable[..., Any]:
    """Give the plain function below an asset or a check."""
    compute: Any = definition.op.compute_fn
    return cast(Callable[..., Any], compute.decorated_fn)
