"""Is everything there that a day's work needs? Looks at vendors and at what runs here.

Says what is configured, reachable and up to date, and never a key. Changes nothing; a thing is
`broken` only where it is needed as configured: a key that is merely missing is a `note`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import pandas as pd

from market_pipeline.domain.ports import Clock
from market_pipeline.logs import Redaction
from market_pipeline.operations import doctor_here, doctor_vendors
from market_pipeline.operations.findings import BROKEN, Finding
from market_pipeline.settings import Settings

VENDOR_COLUMNS = ("item", "state", "key", "reachable", "breaker", "used_for", "detail")
HERE_COLUMNS = ("item", "state", "detail")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything found, vendors first."""

    findings: tuple[Finding, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(finding.state != BROKEN for finding in self.findings)

    def frame(self) -> pd.DataFrame:
        """Give the findings as rows."""
        return pd.DataFrame([asdict(finding) for finding in self.findings])


def examine(settings: Settings, clock: Clock, *, offline: bool = False) -> Diagnosis:
    """Look at everything; ask vendors only where not `offline`. Takes seconds, never minutes."""
    coordination, redis = doctor_here.coordinated(settings)
    known = doctor_vendors.vendors(settings, coordination, clock)
    findings = [
        *doctor_vendors.findings(known, settings, coordination, offline=offline),
        *doctor_here.findings(settings, coordination, clock, redis),
    ]
    return Diagnosis(_redacted(findings, Redaction(settings.secrets())))


def _redacted(findings: Sequence[Finding], redaction: Redaction) -> tuple[Finding, ...]:
    return tuple(replace(found, detail=redaction.text(found.detail)) for found in findings)
