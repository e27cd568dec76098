"""The news job over a real sandbox, with real clients and a clock that a test can move."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pandas as pd

from market_pipeline.automation.jobs import range_tags
from market_pipeline.coordination import open_coordination
from market_pipeline.definitions import build_defs
from market_pipeline.domain.ports import Coordination
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.tellings import ToneModel
from market_pipeline.notifications import Notifications
from market_pipeline.operations.backfill import dagster_instance
from market_pipeline.operations.dead_runs import PROCESS_TAG, bury_dead_runs, process_mark
from market_pipeline.partitions import date_key
from market_pipeline.resources import ShippedTone, clients, open_warehouse, plain
from market_pipeline.sandbox import SandboxServer
from market_pipeline.settings import Settings, settings_in_force
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import book_of, stock
from market_pipeline_tests.end_to_end.sandboxed import settings_for

Clock = Callable[[], datetime]
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
HELD = {"growth": ("AAPL", "MSFT", "NVDA")}


def news_settings(state: Path, url: str, **changed: object) -> Settings:
    """Give the settings of a pipeline over a sandbox whose list of days is short."""
    short = {"first_session": date(2026, 1, 2)}
    return settings_for(state, url).model_copy(update=short | changed)


def hold(warehouse: Warehouse, held: Mapping[str, tuple[str, ...]], at: datetime) -> None:
    """Import a book of stocks under each name."""
    for name, symbols in held.items():
        lots = [stock(number, symbol) for number, symbol in enumerate(symbols, 1)]
        warehouse.import_book(book_of(*lots, portfolio_id=name), at)


def spoil(server: SandboxServer, *faults: dict[str, Any]) -> None:
    """Make the sandbox misbehave in these ways and no others."""
    address = f"{server.url}/_sandbox/faults"
    httpx.delete(address, trust_env=False).raise_for_status()
    if faults:
        httpx.post(address, content=json.dumps(faults), trust_env=False).raise_for_status()


@dataclass
class Newsroom:
    """A pipeline's news: its job, its sensor, and the warehouse they share."""

    settings: Settings
    clock: Clock
    held: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: dict(HELD))
    coordinated_in: Path | None = None
    """Where processes meet that have no other folder in common."""
    tone: ToneModel = field(default_factory=ShippedTone)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, with the books in it."""
        opened = open_warehouse(self.settings)
        hold(opened, self.held, self.clock())
        return opened

    @cached_property
    def coordination(self) -> Coordination:
        """Locks, rates and breakers, on this clock."""
        shared = {"state_dir": self.coordinated_in or self.settings.state_dir}
        settings = self.settings.model_copy(update=shared)
        address = settings.redis_url.get_secret_value() if settings.redis_url else None
        return open_coordination(address, settings.state_dir, self.clock)

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The project's definitions, every clock in them this one's."""
        # As the resources build them, save for the clock.
        coordination = self.coordination
        return build_defs(
            self.settings,
            {
                "warehouse": plain(self.warehouse),
                "coordination": plain(coordination),
                "finviz": plain(clients.finviz(self.settings, coordination, self.clock)),
                "wire": plain(clients.wire(self.settings, coordination, self.clock)),
                "notifier": plain(Notifications(self.settings, self.clock)),
                "tone": plain(self.tone),
                "clock": plain(self.clock),
            },
        )

    def run(self, forgetful: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
        """Run the news job over yesterday and today, as its schedule asks for it.

        Recorded in Dagster's storage in the state folder, or in an instance that is given.
        """
        today = self.clock().astimezone(NEW_YORK).date()
        tags = range_tags(date_key(today - timedelta(days=1)), date_key(today))
        tags[PROCESS_TAG] = process_mark()
        recorded = nullcontext(forgetful) if forgetful else dagster_instance()
        with settings_in_force(self.settings), recorded as instance:
            bury_dead_runs(instance)
            job = self.definitions.resolve_job_def("news_job")
            return job.execute_in_process(
                instance=instance, tags=tags, run_config=QUIET, raise_on_error=False
            )

    def evaluate_notices(self) -> str:
        """Evaluate the sensor `notices` once; give what it says."""
        sensor = self.definitions.get_sensor_def("notices")
        resources = self.definitions.resources or {}
        needed = {
            name: resources[name].resource_fn(None)  # all are plain
            for name in ("warehouse", "notifier", "calendar", "settings", "clock")
        }
        skipped = sensor(dg.build_sensor_context(resources=needed))
        assert isinstance(skipped, dg.SkipReason)
        return str(skipped.skip_message)

    def events(self) -> pd.DataFrame:
        """Give the record of collecting, oldest first."""
        return self.warehouse.read("collection_events").sort_values("event_id")

    def digests(self, names: Sequence[str]) -> dict[str, str]:
        """Give a digest of the rows of some tables."""
        return {name: self.warehouse.table_digest(name) for name in names}


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Give what each check found in a run, by name."""
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    """Name the steps that failed."""
    return [event.step_key or "" for event in result.all_events if event.is_step_failure]
