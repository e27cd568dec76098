"""Waiting for a place in a pool: asleep, and never past the place's release.

Dagster's in-process executor means to sleep until a step may ask for its place again, but takes
the least of that time and 0: it spins. So the storage, which is asked for the place, does the
waiting. Belongs here: that wait. Does not: who holds what, which is Dagster's.
"""

import time
from typing import TYPE_CHECKING

from dagster._core.storage.event_log import SqlEventLogStorage

if TYPE_CHECKING:
    from dagster._utils.concurrency import ConcurrencyClaimStatus

WAIT_S = 1.0
"""How long one asking waits: the longest a place that became free stays unused."""


class PatientEventLogStorage(SqlEventLogStorage):
    """Mixed in before a SQL event log: who finds its pool full is held for a second at each asking.

    A run with other steps to do tries them after that second, as before.
    """

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> "ConcurrencyClaimStatus":
        """Claim a place, waiting once where there is none; may be asked again at once."""
        found = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        if found.is_claimed:
            return found
        time.sleep(WAIT_S)
        # Dagster looks for a place and joins the queue in two steps. Who held the place may have
        # left in between and found nobody to give it to.
        if not found.is_assigned and self.has_unassigned_slots(concurrency_key):
            self.assign_pending_steps([concurrency_key])
        found = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        return found if found.is_claimed else found.with_sleep_interval(0.0)
