"""How a run went, as it is kept: who started it, of what, when, with which result."""

from dataclasses import dataclass
from datetime import datetime

FAILURE, STARTED, SUCCESS = "failure", "started", "success"


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """One run. Counts are None where they are not known yet, or mean nothing.

    `is_final`: it is over, and nothing tries it again by itself. A symbol counts as failed where no
    attempt of the run brought it, as retried where there was more than one.
    """

    run_id: str
    job: str
    first_partition: str | None
    last_partition: str | None
    started_by: str
    parent_run_id: str | None
    status: str
    is_final: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    symbols_done: int | None
    symbols_failed: int | None
    symbols_retried: int | None
    rows_inserted: int | None
    rows_updated: int | None
    error: str | None
    updated_at: datetime
    assets: str | None = None
    """What it was to make, with commas; None: nothing, or it is not known."""

    @property
    def asset_names(self) -> frozenset[str]:
        """The assets it was to make."""
        return frozenset(self.assets.split(",")) if self.assets else frozenset()

    @property
    def partitions(self) -> str:
        """Its partition or range, in words."""
        if self.first_partition is None:
            return "no partition"
        if self.last_partition in (None, self.first_partition):
            return self.first_partition
        return f"{self.first_partition} to {self.last_partition}"
