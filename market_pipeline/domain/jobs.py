"""How the collection of one subject stands: its job, and the words for its status."""

from dataclasses import dataclass
from datetime import datetime

PENDING, IN_PROGRESS, RETRY = "pending", "in_progress", "retry"
COMPLETED, FAILED, DEFERRED = "completed", "failed", "deferred"


@dataclass(frozen=True, slots=True)
class Job:
    """How the collection of one subject stands, kept in `collection_jobs` while it runs.

    `attempts` counts the tries of this run, `due_at` says from when on a deferred one is tried.
    """

    asset: str
    subject: str
    status: str
    attempts: int = 0
    last_error: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    due_at: datetime | None = None
    run_id: str | None = None
