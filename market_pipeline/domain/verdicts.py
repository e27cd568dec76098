"""Which dates of an asset still fail a check: a date is right again once it is judged again.

Belongs here: pure functions over verdicts. Does not: the claims (`checks`), where they are kept
(`warehouse`), or which deserve an alert (`operation_rules`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

ERROR = "ERROR"
"""The graver of the two severities; the other is WARN, both in the words of Dagster."""

Span = tuple[date, date]
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict on a claim: `severity` is ERROR or WARN, `told` its words.

    `span` are the first and last date it is about; None: it speaks of the present, and the next
    verdict takes its place whatever it is about.
    """

    asset: str
    check: str
    span: Span | None
    passed: bool
    severity: str
    told: str
    judged_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """Dates of an asset (None: the present) of which a claim does not hold, since `failed_at`."""

    asset: str
    check: str
    first: date | None
    last: date | None
    severity: str
    failed_at: datetime
    told: str
    run_id: str

    @property
    def dates(self) -> str:
        """Its date or range, in words."""
        if self.first is None or self.last is None:
            return "the present"
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


def still_failed(known: Sequence[FailedCheck], verdict: Judged) -> list[FailedCheck]:
    """Give what fails of one claim after a verdict on it, in the order of dates.

    `known` is what failed before. Dates that go on failing keep the instant at which they began:
    others of the same verdict are as new as it is.
    """
    dated = [each for each in known if each.first is not None]
    if verdict.span is None:
        # That there is no row at all says nothing of dates which were judged before.
        now = [each for each in known if each.first is None]
        return sorted(
            [*dated, *([] if verdict.passed else [_failed(verdict, None, now)])], key=_first
        )
    first, last = verdict.span
    found = [part for each in dated for part in _outside(each, first, last)]
    if not verdict.passed:
        fresh = [_failed(verdict, verdict.span)]
        for each in dated:
            fresh = [part for one in fresh for part in _outside(one, _first(each), _last(each))]
            begin, end = max(_first(each), first), min(_last(each), last)
            if begin <= end:
                found.append(_failed(verdict, (begin, end), [each]))
        found += fresh
    return sorted(found, key=_first)


def _failed(verdict: Judged, span: Span | None, before: Iterable[FailedCheck] = ()) -> FailedCheck:
    first, last = span or (None, None)
    since = min([verdict.judged_at, *(each.failed_at for each in before)])
    return FailedCheck(
        verdict.asset, verdict.check, first, last, verdict.severity, since, verdict.told,
        verdict.run_id,
    )  # fmt: skip


def _outside(failed: FailedCheck, first: date, last: date) -> list[FailedCheck]:
    """Give what of a failure lies before and after [first, last]."""
    begin, end = _first(failed), _last(failed)
    parts = [(begin, min(end, first - _DAY)), (max(begin, last + _DAY), end)]
    return [replace(failed, first=a, last=b) for a, b in parts if a <= b]


def _first(failed: FailedCheck) -> date:
    return failed.first or date.min


def _last(failed: FailedCheck) -> date:
    return failed.last or date.max
