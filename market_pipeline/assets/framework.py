"""What every asset shares: its metadata, its policies, and the frame around its work.

Belongs here: how an asset presents itself in the UI and binds its logs. Does not: any asset.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial, wraps
from typing import Any, cast

import dagster as dg
import pandas as pd
import sqlalchemy as sa
import structlog

from market_pipeline.domain.errors import Superseded
from market_pipeline.io_managers import TABLE
from market_pipeline.logs import bound
from market_pipeline.partitions import covers, date_key
from market_pipeline.warehouse import tables
from market_pipeline.warehouse.fences import Fence

OWNER = "team:market-pipeline"
WAREHOUSE_IO = "warehouse_io"

COLLECTION_RETRIES = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
)
"""A collected asset picks up where it stopped, so trying again costs only what is missing."""

WHOLE_RANGE = dg.BackfillPolicy.single_run()
"""Five years are one run: every asset takes a range as it takes a day."""


def stored_asset(
    table: str | None,
    *,
    group: str,
    kinds: set[str],
    partitions: dg.TimeWindowPartitionsDefinition,
    version: str = "1",
    is_fenced: bool = True,
    **options: Any,
) -> Callable[[Callable[..., object]], dg.AssetsDefinition]:
    """Make an asset whose rows stand in `table`, shown with owner, kinds, version and columns.

    Without a `table` it makes files, and has no columns to show. `options` go to `dagster.asset` as
    they are. Without a `pool` the asset is one of its own: no two runs work on an asset at once,
    whoever starts them. Its step takes the fence of its dates first, and the `warehouse` it gets
    refuses to write once a later run has taken it; not so an asset without `is_fenced`, whose rows
    have fences of their own.
    """
    layer = "collected" if "api" in kinds else "derived"

    def define(body: Callable[..., object]) -> dg.AssetsDefinition:
        name = str(options.get("name", body.__name__))
        made: Any = decorator(pool=options.pop("pool", name), **options)(
            fenced(body) if is_fenced else body
        )
        return cast(dg.AssetsDefinition, made)

    decorator: Any = partial(
        dg.asset,
        partitions_def=partitions,
        group_name=group,
        kinds=kinds,
        owners=[OWNER],
        code_version=version,
        tags={"market_pipeline/layer": layer},
        metadata={TABLE: table, "dagster/column_schema": column_schema(table)} if table else {},
        io_manager_key=WAREHOUSE_IO,
        backfill_policy=WHOLE_RANGE,
    )
    return define


def fenced(body: Callable[..., object]) -> Callable[..., object]:
    """Let an asset's body begin by taking the fence of its dates, and write behind it.

    The body has the warehouse as an argument, or among its resources. A step that has lost its
    fence is not tried again: that would take it back from its successor.
    """

    @wraps(body)
    def begun(context: dg.AssetExecutionContext, *inputs: Any, **resources: Any) -> object:
        run = context.instance.get_run_by_id(context.run_id)
        if run is not None and run.is_finished:
            raise dg.Failure(f"run {run.run_id[:8]} is over: nothing is begun", allow_retries=False)
        plugged = resources.get("warehouse") or context.resources.warehouse
        behind = plugged.taking(fence_of(context))
        if "warehouse" in resources:
            resources["warehouse"] = behind
        try:
            return body(context, *inputs, **resources)
        except Superseded as late:
            raise dg.Failure(str(late), allow_retries=False) from late

    return begun


def fence_of(context: dg.AssetExecutionContext) -> Fence:
    """Name the right to write that this run has while no later run takes it."""
    first, last = covers(context.partition_keys)
    return Fence(context.asset_key.path[-1], first, last, context.run_id)


def column_schema(table: str) -> dg.TableSchema:
    """Show a warehouse table's columns the way Dagster's UI does."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                _type_name(column),
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=False),
            )
            for column in tables.metadata.tables[table].columns
        ]
    )


def _type_name(column: "sa.Column[Any]") -> str:
    if isinstance(column.type, tables.Exact):
        return "decimal"
    if isinstance(column.type, tables.Instant):
        return "timestamp (UTC)"
    return type(column.type).__name__.lower()


@dataclass(frozen=True)
class Work:
    """One execution of an asset: its range of dates, its run and its log."""

    context: dg.AssetExecutionContext
    first: date
    last: date
    log: structlog.typing.FilteringBoundLogger

    @property
    def run_id(self) -> str:
        """Id of the Dagster run."""
        return str(self.context.run_id)

    def tell(self, message: str) -> None:
        """Tell a waiting person how far the work is: in the log, in the run's events, in the UI."""
        self.log.info("progress", message=message)
        self.context.log.info(message)

    def report_rows(self, frame: pd.DataFrame, date_column: str = "session_date") -> None:
        """Report the row count of each partition key to Dagster."""
        per_day = frame[date_column].dt.strftime("%Y-%m-%d").value_counts()
        for key in self.context.partition_keys:
            self.context.add_asset_metadata(
                {"dagster/partition_row_count": int(per_day.get(key, 0))}, partition_key=key
            )

    def report(self, **metadata: Any) -> None:
        """Report figures of the whole execution to Dagster."""
        self.context.add_output_metadata(metadata)


@contextmanager
def working(context: dg.AssetExecutionContext) -> Iterator[Work]:
    """Bind run, asset and partition to every log line of an asset's body, and time it."""
    first, last = covers(context.partition_keys)
    asset = context.asset_key.to_user_string()
    span = date_key(first) if first == last else f"{date_key(first)}...{date_key(last)}"
    log = structlog.get_logger()
    began = time.monotonic()
    with bound(run=context.run_id, asset=asset, partition=span):
        log.info("asset_started")
        yield Work(context, first, last, log)
        log.info("asset_finished", seconds=round(time.monotonic() - began, 3))
