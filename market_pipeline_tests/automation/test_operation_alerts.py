"""The sensor `operation_alerts`: each rule opens once and closes once, at a real webhook."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from market_pipeline.automation.operation_alerts import operation_alerts
from market_pipeline.automation.run_history import keep_runs
from market_pipeline.checks.framework import Verdict, check
from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.errors import Throttled
from market_pipeline.domain.run_history import RunOutcome
from market_pipeline.domain.verdicts import Judged
from market_pipeline.notifications import relay
from market_pipeline.notifications.webhook import Webhook
from market_pipeline.resources import coordination_of, plain
from market_pipeline.resources.clients import breaker_rule
from market_pipeline.settings import Settings, current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.fakes import CALENDAR
from market_pipeline_tests.operations import rows
from market_pipeline_tests.receiver import Receiver, receiving

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RUN = RunOutcome(
    "run", "session_job", "2026-11-20", "2026-11-20", "schedule:daily_graph", None, "success",
    True, START, START, START + MINUTE, 100, 0, 0, 10, 0, None, START + MINUTE,
)  # fmt: skip


MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
Judging = Callable[[date], None]


@dg.asset(partitions_def=dg.DailyPartitionsDefinition("2026-11-01"))
def bars() -> None: ...


BARS_HOLD = (dg.AssetCheckKey(bars.key, "bars_hold"),)


@dataclass
class Place:
    """The sensor over kept runs, and a receiver of what it opens and closes."""

    warehouse: Warehouse
    receiver: Receiver
    settings: Settings
    instance: dg.DagsterInstance
    now: datetime = START + 2 * MINUTE

    def tick(self, checks: Sequence[dg.AssetCheckKey] = BARS_HOLD) -> str:
        """Evaluate the sensor, and deliver what it had to say."""
        resources = {
            "warehouse": self.warehouse, "settings": self.settings, "clock": lambda: self.now,
            "coordination": coordination_of(self.settings), "calendar": CALENDAR,
        }  # fmt: skip
        sensor = operation_alerts(checks, dg.DefaultSensorStatus.STOPPED)
        found = sensor(dg.build_sensor_context(instance=self.instance, resources=resources))
        assert isinstance(found, dg.SkipReason)
        relay(self.warehouse.notices, [Webhook(self.receiver.url)], lambda: self.now)
        return str(found.skip_message)

    def told(self) -> list[tuple[str, str]]:
        """Give topic and key of every alert that arrived."""
        return [(p.json["topic"], p.json["alert_key"]) for p in self.receiver.posted]


@pytest.fixture
def place(
    state_dir: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """Give the sensor over an empty warehouse; only Polygon has a daily quota."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_REQUESTS_PER_DAY", "20")
    forget_settings()
    with receiving() as receiver, dg.DagsterInstance.ephemeral() as instance:
        yield Place(warehouse, receiver, current_settings(), instance)


FAILED = replace(RUN, status="failure", error="prices: ValueError: no prices")


@pytest.mark.parametrize(
    ("rule", "wrong", "right"),
    [
        ("run-failed", FAILED, replace(RUN, run_id="later", created_at=START + MINUTE)),
        (
            "run-slow",
            replace(RUN, status="started", is_final=False, started_at=START - 29 * MINUTE),
            RUN,
        ),
        (
            "symbols-failed",
            replace(RUN, symbols_done=94, symbols_failed=6),
            replace(RUN, run_id="later", created_at=START + MINUTE, symbols_failed=5),
        ),
        (
            "symbols-failed",
            replace(RUN, symbols_done=8, symbols_failed=1),
            replace(RUN, run_id="later", created_at=START + MINUTE, symbols_failed=0),
        ),
    ],
)
def test_a_rule_over_runs_opens_once_and_closes_once(
    place: Place, rule: str, wrong: RunOutcome, right: RunOutcome
) -> None:
    """Judged again and again, it is told when it begins and when it is over, with all one needs."""
    place.warehouse.runs.keep([wrong])
    for _ in range(3):
        place.tick()
    key = f"{rule}:session_job"
    assert place.told() == [("alert.opened", key)]
    opened = place.receiver.posted[0].json
    assert opened["runbook"] == f"docs/runbook.md#{rule}"
    assert "2026-11-20" in opened["subject"]
    assert opened["command"].startswith("market-pipeline ")
    assert opened["meaning"]
    place.warehouse.runs.keep([right])
    for _ in range(3):
        place.tick()
    assert place.told() == [("alert.opened", key), ("alert.closed", key)]


def test_a_run_that_will_be_tried_again_is_no_alert(place: Place) -> None:
    """Only what failed for good is told."""
    place.warehouse.runs.keep([replace(FAILED, is_final=False)])
    assert place.tick() == "no alert opened or closed"
    assert place.told() == []


def test_a_storm_of_a_thousand_failures_is_a_handful_of_messages(place: Place) -> None:
    """One message a job, and one when it is over; the alert says how many and names some."""
    jobs = ("session_job", "news_job")
    days = [f"{(START + i * timedelta(days=1)).date()}" for i in range(500)]
    storm = [
        replace(FAILED, run_id=f"{job}{i}", job=job, first_partition=day, last_partition=day,
                created_at=START + i * timedelta(seconds=0.1))
        for job in jobs for i, day in enumerate(days)
    ]  # fmt: skip
    for at in range(0, len(storm), 100):
        place.warehouse.runs.keep(storm[at : at + 100])
        place.tick()
    assert len(place.told()) == 2
    over = [
        replace(run, run_id=f"{run.run_id}again", status="success", created_at=START + MINUTE)
        for run in storm
    ]
    place.warehouse.runs.keep(over)
    place.tick()
    assert len(place.told()) == 4
    assert place.warehouse.notices.open_alerts().empty


def test_news_of_the_next_day_make_up_for_the_last_of_the_day_before(place: Place) -> None:
    """Its range has the day that failed; a run of another day has not."""
    of_news = replace(FAILED, job="news_job")
    late = replace(of_news, first_partition="2026-11-19", last_partition="2026-11-20")
    other = replace(RUN, run_id="other", job="news_job", first_partition="2026-11-18",
                    last_partition="2026-11-19", created_at=START + MINUTE)  # fmt: skip
    place.warehouse.runs.keep([late, other])
    assert "opened" in place.tick()
    following = replace(other, run_id="next", first_partition="2026-11-20",
                        last_partition="2026-11-21")  # fmt: skip
    place.warehouse.runs.keep([following])
    assert place.tick() == "alert run-failed:news_job closed"


def test_a_range_of_sessions_is_made_up_for_by_each_of_them(place: Place) -> None:
    """Thursday to Monday: Monday's success is a part of it, and the weekend is none."""
    place.warehouse.runs.keep(
        [replace(FAILED, first_partition="2026-11-19", last_partition="2026-11-23")]
    )
    assert "opened" in place.tick()
    for number, day in enumerate(("2026-11-23", "2026-11-19", "2026-11-20")):
        assert place.tick() == "no alert opened or closed", day
        again = replace(RUN, run_id=day, first_partition=day, last_partition=day,
                        created_at=START + (number + 1) * MINUTE)  # fmt: skip
        place.warehouse.runs.keep([again])
    assert place.tick() == "alert run-failed:session_job closed"


def judging(place: Place, holds: dict[date, bool], severity: dg.AssetCheckSeverity) -> Judging:
    """Give a function that makes a date of `bars` and has a check say of it what `holds`."""
    claim = check(
        "bars", "bars_hold", lambda scope: Verdict(holds[scope.first], "AAPL is negative"),
        severity=severity, description="Bars hold.",
    )  # fmt: skip
    resources = {
        "warehouse": place.warehouse, "calendar": CALENDAR, "settings": place.settings,
        "clock": lambda: place.now,
    }  # fmt: skip
    job = dg.Definitions(
        [bars], asset_checks=[claim],
        resources={name: plain(value) for name, value in resources.items()},
    ).resolve_implicit_global_asset_job_def()  # fmt: skip

    def make(day: date) -> None:
        ran = job.execute_in_process(instance=place.instance, partition_key=str(day))
        assert ran.success

    return make


def test_a_check_that_fails_in_a_green_run_is_told_until_its_date_passes(place: Place) -> None:
    """Once, with its words; what passes of the next day does not mend the day before."""
    holds = {MONDAY: False, TUESDAY: True}
    make = judging(place, holds, dg.AssetCheckSeverity.ERROR)
    make(MONDAY)
    for _ in range(2):
        place.tick()
    key = "check-failed:bars.bars_hold"
    assert place.told() == [("alert.opened", key)]
    opened = place.receiver.posted[0].json
    assert (opened["title"], opened["happened"]) == ("bars: bars_hold failed", "AAPL is negative")
    assert opened["subject"] == "asset bars; 2026-11-23"
    assert opened["severity"] == "error"
    make(TUESDAY)
    assert place.tick() == "no alert opened or closed"
    holds[MONDAY] = True
    make(MONDAY)
    place.tick()
    assert place.told()[1:] == [("alert.closed", key)]
    assert keep_runs(place.instance, place.warehouse) == 3


def test_what_is_of_the_present_is_told_once_it_lasts(place: Place) -> None:
    """A warning stands until the next verdict; what fails and passes in turn is told to nobody."""
    holds = {MONDAY: False, TUESDAY: True}
    make = judging(place, holds, dg.AssetCheckSeverity.WARN)
    key = "check-failed:bars.bars_hold"
    for _ in range(4):
        for day in (MONDAY, TUESDAY):
            make(day)
            place.tick()
            place.now += 5 * MINUTE
    assert place.told() == []
    make(MONDAY)
    place.now += 10 * MINUTE
    place.tick()
    assert place.told() == [("alert.opened", key)]
    assert place.receiver.posted[0].json["severity"] == "warning"
    make(TUESDAY)
    place.tick()
    assert place.told()[1:] == [("alert.closed", key)]


def failed_on(place: Place, day: date, *, check: str = "bars_hold") -> Judged:
    return Judged("bars", check, (day, day), False, "ERROR", "no", place.now, "run")


def test_a_failure_that_was_told_and_left_alone_hides_no_new_one(place: Place) -> None:
    """After ten days its alert closes and says where it still stands; new dates are told anew."""
    place.warehouse.verdicts.keep([failed_on(place, MONDAY), failed_on(place, MONDAY, check="old")])
    place.tick()
    place.now += timedelta(days=10, seconds=1)
    place.tick()
    key = "check-failed:bars.bars_hold"
    assert place.told() == [("alert.opened", key), ("alert.closed", key)]
    closed = place.receiver.posted[-1].json
    assert closed["happened"] == "it fails for over 10 days: market-pipeline show checks"
    both = replace(failed_on(place, MONDAY), span=(MONDAY, TUESDAY))
    place.warehouse.verdicts.keep([both])
    place.tick()
    assert place.told()[2:] == [("alert.opened", key)]
    assert place.receiver.posted[-1].json["subject"] == "asset bars; 2026-11-24"


def test_each_check_of_an_asset_is_told(place: Place) -> None:
    """One that fails while another is open has an alert of its own."""
    checks = [dg.AssetCheckKey(bars.key, name) for name in ("bars_hold", "keys")]
    for name in ("bars_hold", "keys"):
        place.warehouse.verdicts.keep([failed_on(place, MONDAY, check=name)])
        place.tick(checks)
    assert [key for _, key in place.told()] == [
        "check-failed:bars.bars_hold", "check-failed:bars.keys",
    ]  # fmt: skip


def test_an_alert_on_what_is_heard_of_no_more_closes(place: Place) -> None:
    """A job that does not run, and a check that the graph has not any longer."""
    place.warehouse.runs.keep([FAILED])
    place.warehouse.verdicts.keep([failed_on(place, MONDAY, check="gone")])
    place.tick([dg.AssetCheckKey(bars.key, "gone")])
    assert len(place.told()) == 2
    place.now += timedelta(days=10, hours=1)
    place.tick()
    assert sorted(place.told()[2:]) == [
        ("alert.closed", "check-failed:bars.gone"), ("alert.closed", "run-failed:session_job"),
    ]  # fmt: skip


def test_another_job_makes_up_for_what_it_makes_as_well(place: Place) -> None:
    """Assets count, not names of jobs: half of them is not enough."""
    failed = replace(FAILED, job="price_job", assets="bars,universe")
    place.warehouse.runs.keep([failed, replace(RUN, run_id="a", assets="bars",
                               created_at=START + MINUTE)])  # fmt: skip
    assert "opened" in place.tick()
    place.warehouse.runs.keep([replace(RUN, run_id="b", assets="snapshots,universe",
                               created_at=START + 2 * MINUTE)])  # fmt: skip
    assert place.tick() == "alert run-failed:price_job closed"


def test_a_quota_that_is_nearly_gone_is_told_until_the_next_day(place: Place) -> None:
    """With a tenth left; nineteen of twenty are nearly all."""
    quota = coordination_of(place.settings).quota("polygon", 20, place.settings.quota_time_zone)
    for _ in range(17):
        quota.take()
    assert place.tick() == "no alert opened or closed"
    quota.take()
    place.tick()
    assert place.told() == [("alert.opened", "quota-low:polygon")]
    more = place.settings.model_copy(update={"polygon_requests_per_day": 2000})
    place.settings = more
    place.tick()
    assert place.told()[1:] == [("alert.closed", "quota-low:polygon")]


def test_a_session_that_is_late_is_told_until_it_is_there(place: Place) -> None:
    """Friday's snapshots on Tuesday noon: Monday is late. On Tuesday morning it was not yet."""
    place.warehouse.merge("portfolio_snapshots", snapshot(place, date(2026, 11, 20)))
    place.now = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
    assert place.tick() == "no alert opened or closed"
    place.now = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    place.tick()
    assert place.told() == [("alert.opened", "partition-late:portfolio_snapshots")]
    assert place.receiver.posted[0].json["subject"].endswith("2026-11-23")
    place.warehouse.merge("portfolio_snapshots", snapshot(place, date(2026, 11, 23)))
    place.tick()
    assert place.told()[1:] == [("alert.closed", "partition-late:portfolio_snapshots")]


def test_a_vendor_that_is_not_asked_for_long_is_told_until_it_answers(place: Place) -> None:
    """Ten minutes after its breaker opened, however often a trial call opened it anew."""
    coordination = coordination_of(place.settings)
    assert isinstance(coordination, LocalCoordination)
    fields = coordination.breaker_fields("yahoo")
    breaker = coordination.breaker("yahoo", breaker_rule(place.settings))
    for _ in range(breaker_rule(place.settings).minimum_calls):
        with suppress(Throttled), breaker.guard():
            raise Throttled("yahoo", "chart", "429")
    assert breaker.status().state == "open"
    key, began = "breaker-open:yahoo", place.now
    for minutes in (0, 5, 10):
        place.now = began + minutes * MINUTE
        fields.set_opened_at(place.now)  # as a trial call that failed does
        place.tick()
    assert place.told() == []
    place.now += timedelta(seconds=1)
    place.tick()
    place.tick()
    assert place.told() == [("alert.opened", key)]
    assert "8 of its last 8 calls failed" in place.receiver.posted[0].json["happened"]
    fields.set_state("closed")
    place.tick()
    place.tick()
    assert place.told() == [("alert.opened", key), ("alert.closed", key)]
    fields.set_state("open")
    fields.set_opened_at(place.now)
    place.now += 9 * MINUTE
    assert place.tick() == "no alert opened or closed"


def snapshot(place: Place, day: date) -> pd.DataFrame:
    """Make the snapshot of one portfolio, and leave nothing else that is judged."""
    rows.fill(place.warehouse)
    stored = place.warehouse.read("portfolio_snapshots").head(1).copy()
    for table in ("portfolio_snapshots", "symbol_daily_metrics"):
        none = place.warehouse.read(table).head(0)
        place.warehouse.replace_range(table, none, date(2000, 1, 1), date(2030, 1, 1))
    stored["session_date"] = pd.Timestamp(day)
    return stored


def test_a_low_quality_of_prices_is_told_until_it_is_better(place: Place) -> None:
    """By the mean of the newest session's symbols."""
    rows.fill(place.warehouse)
    metrics = place.warehouse.read("symbol_daily_metrics")
    none = place.warehouse.read("portfolio_snapshots").head(0)
    place.warehouse.replace_range("portfolio_snapshots", none, date(2000, 1, 1), date(2030, 1, 1))
    key = "quality-low:symbol_daily_metrics"
    for scores in (0.84, 0.85):
        metrics["quality_score"] = scores
        place.warehouse.merge("symbol_daily_metrics", metrics)
        place.tick()
        place.tick()
    assert place.told() == [("alert.opened", key), ("alert.closed", key)]
