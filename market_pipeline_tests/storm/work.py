"""What a storm's runs do: stretches of sessions, one after the other, and the news of a month.

Belongs here: what is asked for, in what order, and whether it is all made. Does not: who is killed.
"""

import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from market_pipeline.automation.jobs import range_tags
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import date_key
from market_pipeline_tests.end_to_end.sandboxed import LAST
from market_pipeline_tests.storm.location import STEPS_JOB

LOCATION = "market_pipeline"
NEWS = LAST - timedelta(days=30), LAST
"""The days of which news is collected."""

AT_ONCE = 3
"""Runs asked for that are not over: more than one works, and one waits."""

_AT_THE_END = 40
"""A run is in the queue once each of its dates is announced, for which Dagster leaves a minute."""

_EVERY_STEPS, _EVERY_BACKFILL, _EVERY_NEWS = 4, 5, 7
_OPEN = [
    status
    for status in dg.DagsterRunStatus
    if status not in {
        dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED
    }
]  # fmt: skip


@dataclass
class Work:
    """The work of a storm, asked for as a person or a backfill does, through the daemon's queue."""

    instance: dg.DagsterInstance
    definitions: dg.Definitions
    sessions: Sequence[date]
    port: int
    dice: random.Random
    asked: int = 0
    backfills: list[str] = field(default_factory=list)
    _next: int = 0

    @property
    def is_all_asked(self) -> bool:
        """Whether every session was asked for once."""
        return self._next >= len(self.sessions)

    def feed(self) -> None:
        """Ask for more where too little is under way; an error of the database passes."""
        if len(self.instance.get_runs(dg.RunsFilter(statuses=_OPEN), limit=20)) >= AT_ONCE:
            return
        self.asked += 1
        if self.asked % _EVERY_NEWS == 1 or self._waits_for_news():
            self.ask("news_job", *NEWS)
            return
        first, last = self._stretch()
        if self.asked % _EVERY_BACKFILL == 0:
            self._backfill(first, last)
        elif self.asked % _EVERY_STEPS == 0:
            self.ask(STEPS_JOB, first, last)
        else:
            self.ask("session_job", first, last)

    def ask_for_the_rest(self) -> None:
        """Ask for sessions that nobody asked for yet, a run at a time, once their news is there."""
        if self.open_runs() or self.is_all_asked:
            return
        if self._waits_for_news(_AT_THE_END):
            self.ask("news_job", *NEWS)
            return
        chosen = self.sessions[self._next : self._next + _AT_THE_END]
        self.ask("session_job", chosen[0], chosen[-1])
        self._next += len(chosen)

    def ask(self, job: str, first: date, last: date) -> str:
        """Put a run over a range of dates into the queue; give its id."""
        run = self.instance.create_run_for_job(
            job_def=self.definitions.resolve_job_def(job),
            run_id=str(uuid.uuid4()),
            tags=range_tags(date_key(first), date_key(last)),
            status=dg.DagsterRunStatus.NOT_STARTED,
            remote_job_origin=self._origin(job),
        )
        # Queued, not launched: no workspace is needed for that.
        event = dg.DagsterEvent.job_enqueue(run)
        self.instance.report_dagster_event(event, run_id=run.run_id)
        return run.run_id

    def missing(self) -> dict[str, int]:
        """Count, for each asset, the sessions of which there is no record that it was made."""
        job = self.definitions.resolve_job_def("session_job")
        keys = {date_key(day) for day in self.sessions}
        lacks = {
            key.to_user_string(): len(keys - self.instance.get_materialized_partitions(key))
            for key in job.asset_layer.executable_asset_keys
        }
        return {name: count for name, count in lacks.items() if count}

    def is_settled(self) -> bool:
        """Whether the catch-up, at its last look, had nothing to make or to make anew."""
        for state in self.instance.all_instigator_state():
            if state.instigator_name == "missed_sessions":
                ticks = self.instance.get_ticks(
                    state.instigator_origin_id, state.selector_id, limit=1
                )
                told = (ticks[0].skip_reason or "") if ticks else ""
                return "every session from" in told or "is due yet" in told
        return False

    def open_runs(self) -> int:
        """Count runs and backfills that are not over."""
        backfills = [self.instance.get_backfill(each) for each in self.backfills]
        waiting = {BulkActionStatus.REQUESTED, BulkActionStatus.FAILING, BulkActionStatus.CANCELING}
        return len(self.instance.get_runs(dg.RunsFilter(statuses=_OPEN))) + sum(
            each is not None and each.status in waiting for each in backfills
        )

    def _waits_for_news(self, count: int = 7) -> bool:
        """Say whether the next sessions need news not collected yet: their impact is made once."""
        upcoming = self.sessions[self._next : self._next + count]
        if not upcoming or upcoming[-1] < NEWS[0] - timedelta(days=10):
            return False
        done = dg.RunsFilter(job_name="news_job", statuses=[dg.DagsterRunStatus.SUCCESS])
        return not self.instance.get_runs(done, limit=1)

    def _stretch(self) -> tuple[date, date]:
        """Take the next few sessions; once there are none, any that were made before."""
        count = self.dice.randint(3, 7)
        at = self._next
        if self.is_all_asked:
            at = self.dice.randrange(len(self.sessions))
        else:
            self._next += count
        chosen = self.sessions[at : at + count]
        return chosen[0], chosen[-1]

    def _backfill(self, first: date, last: date) -> None:
        graph = self.definitions.resolve_asset_graph()
        job = self.definitions.resolve_job_def("session_job")
        names = [date_key(day) for day in self.sessions if first <= day <= last]
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id=uuid.uuid4().hex[:8],
            asset_graph=graph,
            partition_names=names,
            asset_selection=[
                key
                for key in job.asset_layer.executable_asset_keys
                if graph.get(key).is_partitioned
            ],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=self.instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        self.instance.add_backfill(backfill)
        self.backfills.append(backfill.backfill_id)

    def _origin(self, job: str) -> RemoteJobOrigin:
        server = GrpcServerCodeLocationOrigin(
            host="127.0.0.1", port=self.port, location_name=LOCATION
        )
        return RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), job)


def sessions_of(count: int) -> Sequence[date]:
    """Give the last `count` sessions up to the sandbox's present."""
    calendar = TradingCalendar.xnys()
    return calendar.sessions(LAST - timedelta(days=2 * count + 10), LAST)[-count:]
