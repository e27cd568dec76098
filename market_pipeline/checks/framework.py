"""What every check shares: the range it judges and the shape of its verdict.

A check judges the partitions of the run it stands in, one day or a range; asked for alone, the
last sessions its table holds. Belongs here: no check of its own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import dagster as dg
import pandas as pd

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.verdicts import Judged
from market_pipeline.partitions import key_date, keys_asked
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

SEVERITY = "market_pipeline/severity"
"""Check metadata: how grave it is when the claim does not hold."""

_SHOWN = 20
_FEW = 3


@dataclass(frozen=True)
class Scope:
    """What a check may look at: the rows of [first, last], the policies in force, the present
    instant, and what its own run did."""

    warehouse: Warehouse
    calendar: TradingCalendar
    settings: Settings
    first: date
    last: date
    now: datetime
    run_id: str

    def rows(self, table: str, *columns: str, **where: object) -> pd.DataFrame:
        """Read the rows of the judged range."""
        return self.warehouse.read(
            table, first=self.first, last=self.last, columns=list(columns) or None,
            where=where or None,
        )  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """Whether the claim holds, in words, with the evidence."""

    passed: bool
    description: str
    evidence: Mapping[str, str | int | float] = field(default_factory=dict)


Judge = Callable[[Scope], Verdict]


@dataclass(frozen=True)
class Claim:
    """What is claimed of an asset's rows, and how grave it is when it does not hold."""

    name: str
    description: str
    judge: Judge
    blocking: bool = False
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR
    is_dated: bool = True
    """Whether it is about the rows of the judged dates; else of the present, whatever is made."""

    def spec(self, asset: str) -> dg.AssetCheckSpec:
        """Give the claim as Dagster knows it."""
        return dg.AssetCheckSpec(
            self.name, asset=asset, blocking=self.blocking, description=self.description,
            metadata={SEVERITY: self.severity.value},
        )  # fmt: skip

    def judged(
        self, asset: str, verdict: Verdict, scope: Scope | None, now: datetime, run_id: str
    ) -> Judged:
        """Give the verdict as it is remembered: an error for its dates, a warning as last judged.

        A date that was odd once stays so, and would warn for ever.
        """
        is_of_dates = self.is_dated and self.severity is dg.AssetCheckSeverity.ERROR
        span = (scope.first, scope.last) if scope is not None and is_of_dates else None
        return Judged(
            asset, self.name, span, verdict.passed, self.severity.value, verdict.description, now,
            run_id,
        )  # fmt: skip

    def result(self, asset: str, verdict: Verdict, scope: Scope | None) -> dg.AssetCheckResult:
        """Give the verdict as Dagster records it."""
        days = {} if scope is None else {
            "first": scope.first.isoformat(), "last": scope.last.isoformat()
        }  # fmt: skip
        return dg.AssetCheckResult(
            asset_key=asset,
            check_name=self.name,
            passed=verdict.passed,
            severity=self.severity,
            description=verdict.description,
            metadata={**days, **verdict.evidence},
        )


def check(
    asset: str,
    name: str,
    judge: Judge,
    *,
    table: str | None = None,
    blocking: bool = False,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    is_dated: bool = True,
    description: str,
) -> dg.AssetChecksDefinition:
    """Make a check that claims `name` of `asset`, judged by `judge`.

    `blocking` stops what lies downstream in the same run: for claims without which everything
    below would be wrong. `is_dated`: as in `Claim`.
    """
    claim = Claim(name, description, judge, blocking, severity, is_dated)
    return claims(asset, [claim], table=table, step=f"{asset}_{name}")


def claims(
    asset: str, stated: Sequence[Claim], *, table: str | None = None, step: str
) -> dg.AssetChecksDefinition:
    """Make the checks of several claims, which one step judges; each may be asked for alone."""
    judged = table or asset

    @dg.multi_asset_check(name=step, specs=[each.spec(asset) for each in stated], can_subset=True)
    def _checks(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[dg.AssetCheckResult]:
        asked = {key.name for key in context.selected_asset_check_keys}
        span = _judged_range(context.run.tags, warehouse, judged)
        now, run_id = clock(), context.run.run_id
        scope = None if span is None else Scope(warehouse, calendar, settings, *span, now, run_id)
        found = [(each, _judge(each, scope, judged)) for each in stated if each.name in asked]
        warehouse.verdicts.keep(
            [claim.judged(asset, verdict, scope, now, run_id) for claim, verdict in found]
        )
        for claim, verdict in found:
            yield claim.result(asset, verdict, scope)

    return _checks


def _judge(claim: Claim, scope: Scope | None, table: str) -> Verdict:
    return Verdict(False, f"{table} holds no row at all") if scope is None else claim.judge(scope)


def _judged_range(
    tags: Mapping[str, str], warehouse: Warehouse, table: str
) -> tuple[date, date] | None:
    asked = keys_asked(tags)
    if asked is not None:
        return key_date(asked[0]), key_date(asked[1])
    bounds = warehouse.bounds(table)
    return None if bounds is None else (bounds[1], bounds[1])


def shown(items: "pd.Series[str] | list[str]", most: int = _SHOWN) -> str:
    """Join names for a person, cut where there are more than `most`."""
    names = sorted(str(item) for item in items)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def first_of(items: "pd.Series[str] | list[str]") -> str:
    """Name the first few different ones in brackets, behind a count in a sentence."""
    names = sorted({str(item) for item in items})
    return f" ({shown(names, _FEW)})" if names else ""
