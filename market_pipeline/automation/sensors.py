"""The events: a portfolio file in the inbox, a book that changed, an input that moved."""

import hashlib
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import structlog
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.automation.onboarding import AHEAD, ask_again
from market_pipeline.domain.books import Book
from market_pipeline.domain.errors import PortfolioFileError
from market_pipeline.domain.flags import BATCH
from market_pipeline.domain.portfolio_csv import (
    parse_file,
    parse_portfolio,
    portfolio_id_from_file_name,
)
from market_pipeline.domain.ports import Clock, WriteCounts
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.transactions import TransactionFile
from market_pipeline.partitions import date_key, latest_session
from market_pipeline.resources.flags import why_resting
from market_pipeline.settings import Settings, current_settings
from market_pipeline.warehouse import Warehouse

log = structlog.get_logger()

INBOX_EVERY_S = 10
"""Somebody waits: the wait for a tick is the larger part of the time from drop to snapshot."""
CONDITIONS_EVERY_S = 30


def portfolio_inbox(
    job: UnresolvedAssetJobDefinition,
    calendar: TradingCalendar,
    status: dg.DefaultSensorStatus,
) -> dg.SensorDefinition:
    """Import portfolio files from the inbox, and run the graph when a book changed."""

    @dg.sensor(
        name="portfolio_inbox",
        job=job,
        minimum_interval_seconds=INBOX_EVERY_S,
        default_status=status,
        description=(
            "A new or changed CSV in the inbox is validated and imported; a changed book or "
            "watchlist, however it changed, starts the graph of the last session, and one that was "
            "interrupted starts again."
        ),
    )
    def sensor(
        context: dg.SensorEvaluationContext,
        warehouse: dg.ResourceParam[Warehouse],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> dg.SensorResult:
        rests = why_resting(settings, BATCH)
        if rests is not None:  # files wait where they are, and are taken once it goes on
            return dg.SensorResult(skip_reason=rests, cursor=context.cursor)
        seen: dict[str, Any] = json.loads(context.cursor or '{"files": {}, "books": ""}')
        said = take_inbox(settings.inbox, seen["files"], warehouse, clock())
        digest = books_digest(warehouse)
        key = date_key(latest_session(calendar, clock()))
        if digest == seen["books"]:
            again = ask_again(context.instance, warehouse, job.name, key, clock())
            if again is not None:
                return dg.SensorResult(run_requests=[again], cursor=json.dumps(seen))
            reason = "; ".join(said) or f"nothing new in {settings.inbox.name}"
            return dg.SensorResult(skip_reason=reason, cursor=json.dumps(seen))
        seen["books"] = digest
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(run_key=f"books:{digest}:{key}", partition_key=key, tags=AHEAD)
            ],
            asset_events=[
                dg.AssetMaterialization(BOOKS_KEY, metadata={"changed": "; ".join(said)})
            ],
            cursor=json.dumps(seen),
        )

    return sensor


class GatedConditions(dg.AutomationConditionSensorDefinition):
    """Automation conditions that rest while `BATCH_V2_ENABLED` is off, or all is paused.

    The cursor stays where it was: what moved meanwhile is seen once they are evaluated again.
    """

    def evaluate_tick(self, context: dg.SensorEvaluationContext) -> SensorExecutionData:
        """Skip with the reason where they rest; evaluate otherwise."""
        rests = why_resting(current_settings(), BATCH)
        if rests is None:
            return super().evaluate_tick(context)
        return SensorExecutionData(skip_message=rests, cursor=context.cursor)


def automation_conditions(status: dg.DefaultSensorStatus) -> dg.AutomationConditionSensorDefinition:
    """Evaluate the derived assets' automation conditions."""
    return GatedConditions(
        "derived_assets_follow",
        target=dg.AssetSelection.all(),
        default_status=status,
        minimum_interval_seconds=CONDITIONS_EVERY_S,
        # In our own process, where a flag can be asked before anything is.
        use_user_code_server=True,
        description="Derived assets follow their inputs: late data, restatements, reruns.",
    )


def take_inbox(inbox: Path, seen: dict[str, str], warehouse: Warehouse, now: datetime) -> list[str]:
    """Import each file of the inbox that is new or changed since `seen`; say what was done.

    `seen` maps file names to the hash of their bytes and is brought up to date. A refused file
    leaves its problems beside it, in `<name>.problems.txt`, until it is corrected.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    said = []
    for path in sorted(inbox.glob("*.csv")):
        stamp = f"{path.stat().st_size}:{path.stat().st_mtime_ns}"
        if seen.get(path.name) != stamp:
            said.append(_take(path, warehouse, now))
            seen[path.name] = stamp
    return said


def _take(path: Path, warehouse: Warehouse, now: datetime) -> str:
    problems = path.with_suffix(".problems.txt")
    today = now.astimezone(NEW_YORK).date()
    try:
        rows, counts = _import(path, today, warehouse, now)
    except PortfolioFileError as error:
        problems.write_text(f"{error}\n", encoding="utf-8")
        log.warning("portfolio_refused", file=path.name, problems=len(error.problems))
        return f"{path.name} refused: {len(error.problems)} problem(s), see {problems.name}"
    problems.unlink(missing_ok=True)
    log.info("portfolio_imported", file=path.name, rows=rows, changed=counts.changed)
    return f"{path.name} {'imported' if counts.changed else 'unchanged'}: {rows}"


def _import(
    path: Path, as_of: date, warehouse: Warehouse, now: datetime
) -> tuple[str, WriteCounts]:
    """Import a file of either kind; give what it holds, in words, and what changed."""
    with path.open("rb") as stream:
        found = parse_file(
            stream,
            file_name=path.name,
            portfolio_id=portfolio_id_from_file_name(path.name),
            as_of=as_of,
        )
    if isinstance(found, TransactionFile):
        counts = warehouse.transactions.import_file(found, now)
        return f"{len(found.transactions)} transactions", counts
    return f"{len(found.positions)} positions", warehouse.import_book(found, now)


def read_book(path: Path, as_of: date) -> Book:
    """Read a file of positions; its name names the portfolio. Raises PortfolioFileError."""
    with path.open("rb") as stream:
        return parse_portfolio(
            stream,
            file_name=path.name,
            portfolio_id=portfolio_id_from_file_name(path.name),
            as_of=as_of,
        )


def books_digest(warehouse: Warehouse) -> str:
    """Give a hash of the content of every book, file of transactions and the watchlist."""
    stored = warehouse.read("portfolios", columns=["portfolio_id", "content_hash"])
    content = sorted(zip(stored["portfolio_id"], stored["content_hash"], strict=True))
    told = [content, warehouse.watchlist()]
    # Without transactions it is what it was before there were any: no needless run.
    text = json.dumps([*told, done] if (done := warehouse.transactions.hashes()) else told)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
