"""Schedules, sensors and conditions over the real graph, by a clock that a test moves.

Dagster's own clock stands where the fake one does, so that its records are dated alike. Runs are
made in process, one after the other, as the daemon would start them.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import dagster as dg
from dagster._core.execution.build_resources import wrap_resources_for_execution
from dagster._core.storage.tags import SENSOR_NAME_TAG
from dagster._core.test_utils import freeze_time

from market_pipeline.partitions import covers
from market_pipeline.resources import coordination_of
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import CALENDAR

QUIETLY = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
DERIVED = (
    "portfolio_snapshots", "portfolio_positions", "market_data_cache", "symbol_factor_exposures",
    "symbol_daily_metrics", "price_quality", "portfolio_risk", "position_factor_exposures",
    "portfolio_factor_exposures", "portfolio_stress", "headline_impact", "equity_bars",
    "symbol_universe", "headlines",
)  # fmt: skip
VARYING = {
    "fetched_at", "ingested_at", "run_id", "computed_at", "seen_at", "updated_at", "first_seen_at",
}  # fmt: skip
"""Columns that tell when and by which run a row was made: a late one differs there, rightly."""


class _Tick(dg.ScheduleEvaluationContext):
    """A tick with an instance that lives in memory, which Dagster's own can only open by name."""

    held: dg.DagsterInstance

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.held


def clock_context(
    instance: dg.DagsterInstance, defs: dg.Definitions, at: datetime, resources: dict[str, object]
) -> dg.ScheduleEvaluationContext:
    """Give the context of a schedule's tick as of an instant."""
    context = _Tick(
        None, at, resources=wrap_resources_for_execution(resources),
        repository_def=defs.get_repository_def(),
    )  # fmt: skip
    context.held = instance
    return context


@dataclass(frozen=True, slots=True)
class Started:
    """A run: who asked for it, of what, and what its steps failed of."""

    by: str
    first: str
    last: str
    assets: frozenset[str]
    is_success: bool
    failed_of: tuple[str, ...] = ()


@dataclass
class Simulation:
    """A graph with its automation; `started` are the runs so far, oldest first."""

    graph: Graph
    started: list[Started] = field(default_factory=list)
    cursors: dict[str, str | None] = field(default_factory=dict)
    conditions: object = None

    @cached_property
    def definitions(self) -> dg.Definitions:
        """Give the definitions, over the graph's fakes."""
        return self.graph.definitions()

    @property
    def warehouse(self) -> Warehouse:
        """Give the warehouse of the graph."""
        return self.graph.warehouse

    def at(self, now: datetime) -> AbstractContextManager[None]:
        """Move both clocks to an instant."""
        self.graph.clock.now = now
        moved: AbstractContextManager[None] = freeze_time(now)
        return moved

    def schedule(self, name: str, now: datetime, *, ran_at: datetime | None = None) -> str | None:
        """Tick a schedule as of `now`, and run what it asks for; give the reason of a skip.

        A tick that was missed runs later, at `ran_at`.
        """
        with self.at(ran_at or now):
            schedule = self.definitions.resolve_schedule_def(name)
            found = schedule(
                clock_context(self.graph.instance, self.definitions, now, self._resources())
            )
            if isinstance(found, dg.SkipReason):
                return str(found.skip_message)
            assert isinstance(found, dg.RunRequest)
            self.run(name, schedule.job_name, found)
        return None

    def sensor(self, name: str, now: datetime) -> str | None:
        """Evaluate a sensor, and run what it asks for; give the reason of a skip."""
        with self.at(now):
            sensor = self.definitions.resolve_sensor_def(name)
            with dg.build_sensor_context(
                instance=self.graph.instance, cursor=self.cursors.get(name),
                resources=self._resources(), definitions=self.definitions,
            ) as context:  # fmt: skip
                found = sensor(context)
            assert isinstance(found, dg.SensorResult)
            self.cursors[name] = found.cursor
            for request in found.run_requests or []:
                tagged = request.with_replaced_attrs(tags={**request.tags, SENSOR_NAME_TAG: name})
                self.run(name, str(sensor.job_name), tagged)
            return str(found.skip_reason.skip_message) if found.skip_reason else None

    def follow(self, now: datetime) -> None:
        """Evaluate the automation conditions, and run what they ask for, a run a partition."""
        with self.at(now):
            result = dg.evaluate_automation_conditions(
                defs=self.definitions, instance=self.graph.instance,
                cursor=self.conditions, evaluation_time=now,  # type: ignore[arg-type]  # opaque
            )  # fmt: skip
            self.conditions = result.cursor
            asked: dict[str, list[dg.AssetKey]] = {}
            for key in self.definitions.resolve_asset_graph().materializable_asset_keys:
                for partition in sorted(filter(None, result.get_requested_partitions(key))):
                    asked.setdefault(partition, []).append(key)
            for partition, keys in sorted(asked.items()):
                job = "news_job" if keys == [dg.AssetKey("headlines")] else "session_job"
                request = dg.RunRequest(partition_key=partition, asset_selection=keys)
                self.run("conditions", job, request)

    def run(self, by: str, job: str, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Make a run as it was asked for."""
        tags = dict(request.tags)
        if request.partition_key:
            tags["dagster/partition"] = request.partition_key
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.graph.instance, tags=tags, run_config=QUIETLY, raise_on_error=False,
            asset_selection=list(request.asset_selection or []) or None,
        )  # fmt: skip
        one = tags.get("dagster/partition", "")
        first = tags.get("dagster/asset_partition_range_start", one)
        last = tags.get("dagster/asset_partition_range_end", one)
        assets = frozenset(key.to_user_string() for key in request.asset_selection or ())
        failed_of = tuple(
            f"{event.step_key}: {event.step_failure_data.error}"
            for event in result.all_events if event.is_step_failure
        )  # fmt: skip
        self.started.append(Started(by, first, last, assets, result.success, failed_of))
        return result

    def made(self, assets: Sequence[str]) -> Counter[tuple[str, str]]:
        """Count how often each partition of some assets was made."""
        counts: Counter[tuple[str, str]] = Counter()
        for name in assets:
            found = self.graph.instance.fetch_materializations(dg.AssetKey(name), limit=5_000)
            counts.update((name, r.partition_key) for r in found.records if r.partition_key)
        return counts

    def said(self, asset: str, check: str) -> dict[str, object]:
        """Give the evidence of a check's last verdict, which was that its claim does not hold."""
        storage = self.graph.instance.event_log_storage
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        last = storage.get_asset_check_execution_history(key, limit=1)[0].event
        assert last is not None
        assert last.dagster_event is not None
        verdict = last.dagster_event.asset_check_evaluation_data
        assert not verdict.passed
        told = {name: value.value for name, value in verdict.metadata.items()}
        return {name: told[name] for name in told if name not in ("first", "last")}

    def rows(self, *keys: str) -> dict[str, str]:
        """Give a digest of each table in a range of dates, of what its rows say."""
        first, last = covers(keys)
        digests = {}
        for table in DERIVED:
            frame = self.warehouse.read(table, first=first, last=last)
            told = frame.drop(columns=[c for c in frame.columns if c in VARYING])
            digests[table] = told.to_csv(index=False)
        return digests

    def _resources(self) -> dict[str, object]:
        return {
            "warehouse": self.warehouse, "settings": current_settings(),
            "clock": self.graph.clock, "calendar": CALENDAR,
            "coordination": coordination_of(current_settings()),
        }  # fmt: skip
