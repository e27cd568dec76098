"""The real graph over fakes: built once, run over ranges, on a storage in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg

from market_pipeline.automation.jobs import range_tags
from market_pipeline.definitions import build_defs
from market_pipeline.domain.notices import Notifier
from market_pipeline.partitions import date_key
from market_pipeline.resources import plain
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.fakes import (
    FakeClock,
    FakeCompanies,
    FakeHours,
    FakeOptions,
    FakePrices,
)
from market_pipeline_tests.news_making import FakeCollector, FixedTone


@dataclass
class Graph:
    """The session and news jobs over one warehouse and fake vendors."""

    warehouse: Warehouse
    prices: FakePrices
    options: FakeOptions = field(default_factory=FakeOptions)
    companies: FakeCompanies = field(default_factory=FakeCompanies)
    news: FakeCollector = field(default_factory=FakeCollector)
    wire: FakeCollector = field(default_factory=lambda: FakeCollector(is_configured=False))
    tone: FixedTone = field(default_factory=FixedTone)
    clock: FakeClock = field(default_factory=FakeClock)
    hours: FakeHours | None = None
    notifier: Notifier | None = None
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def definitions(self) -> dg.Definitions:
        """Build the definitions with the fakes in place."""
        notifier = {"notifier": plain(self.notifier)} if self.notifier else {}
        self.hours = self.hours or FakeHours(self.clock)
        return build_defs(
            current_settings(),
            resources={
                **notifier,
                "warehouse": plain(self.warehouse),
                "prices": plain(self.prices),
                "hours": plain(self.hours),
                "polygon": plain(self.options),
                "companies": plain(self.companies),
                "finviz": plain(self.news),
                "wire": plain(self.wire),
                "tone": plain(self.tone),
                "clock": plain(self.clock),
            },
        )

    def run(
        self,
        first: date,
        last: date | None = None,
        *,
        job: str = "session_job",
        only: Sequence[str] = (),
    ) -> dg.ExecuteInProcessResult:
        """Run a job over a range of dates; failures are in the result, not raised."""
        return (
            self.definitions()
            .resolve_job_def(job)
            .execute_in_process(
                instance=self.instance,
                tags=range_tags(date_key(first), date_key(last or first)),
                asset_selection=[dg.AssetKey(name) for name in only] or None,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=False,
            )
        )


def failed_steps(result: dg.ExecuteInProcessResult) -> list[str]:
    """Name the steps that failed."""
    return [event.step_key or "" for event in result.all_events if event.is_step_failure]


def examples() -> Path:
    """Give the folder of example portfolios."""
    return Path(__file__).resolve().parents[2] / "examples" / "portfolios"
