"""How Dagster's outputs and inputs become rows and frames, by range of partitions.

Belongs here: the meeting of partition keys and warehouse tables. Does not: SQL (`warehouse`) or
what a frame means (`domain`, `assets`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.domain.ports import Clock, ComputeNote, WriteCounts
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import covers
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.fences import Fence

TABLE = "market_pipeline/table"
"""Asset metadata: the warehouse table that holds its rows."""

SESSIONS_BEFORE = "market_pipeline/sessions_before"
"""Input metadata: how many sessions before its first partition an asset reads as well."""

COLUMNS = "market_pipeline/columns"
"""Input metadata: the columns an asset needs of many rows, which then come in no order."""

ROWS = "market_pipeline/rows"
"""Input metadata: what a column must hold, by name, where an asset reads some rows only."""


@dataclass(frozen=True)
class Derived:
    """What a derived asset computed for its partition range.

    `frame`: the asset's rows, which replace what the range held. `history`: rows dated before
    the range that later windows need, merged. `alongside`: rows of further tables, replacing the
    same range. `notes`, `quarantine`: why something has no answer, or a doubtful one.
    """

    frame: pd.DataFrame
    history: pd.DataFrame | None = None
    alongside: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[ComputeNote, ...] | None = None
    quarantine: pd.DataFrame | None = None
    quarantine_first: date | None = None
    """First date the findings speak of, where that is before the range."""
    history_first: date | None = None
    """Where given, `history` is whole from this session on and replaces what stood before the
    range, instead of being merged: a row that is not in it any more goes."""
    versions: Mapping[str, int] | None = None
    """Of exposures: the definitions the frame answers, by version; rows of others stay."""
    notes_about: Sequence[str] | None = None
    """Where given, only notes on these names are replaced."""
    first: date | None = None
    """Where given, `frame` and `alongside` are of the range from here on: the asset has stored what
    is before, because all of it does not fit into memory at once."""
    stored: WriteCounts = field(default_factory=WriteCounts)
    """What storing that has changed."""


class WarehouseIOManager(dg.IOManager):
    """Keeps frames in the warehouse: an output replaces exactly its partition range.

    A rerun on equal inputs touches no row: only differences are written.
    """

    def __init__(self, warehouse: Warehouse, calendar: TradingCalendar, clock: Clock) -> None:
        self._warehouse = warehouse
        self._calendar = calendar
        self._clock = clock

    def handle_output(self, context: dg.OutputContext, obj: Derived) -> None:
        """Write what an asset derived, and report what changed."""
        first, last = covers(context.asset_partition_keys)
        asset = context.asset_key.path[-1]
        table = table_of(context.definition_metadata, context.asset_key)
        # The fence that its step has taken: an orphan of a run that is over writes nothing.
        warehouse = self._warehouse.behind(Fence(asset, first, last, context.run_id))
        counts = obj.stored
        if obj.history is not None and obj.history_first is not None:
            before = self._calendar.previous(first)
            counts += warehouse.replace_range(table, obj.history, obj.history_first, before)
        elif obj.history is not None and not obj.history.empty:
            counts += warehouse.merge(table, obj.history)
        if obj.notes is not None:
            warehouse.replace_notes(asset, first, last, obj.notes, self._clock(), obj.notes_about)
        if obj.quarantine is not None:
            warehouse.replace_quarantine(
                asset, obj.quarantine_first or first, last, obj.quarantine, self._clock()
            )
        frames = dict(obj.alongside)
        if obj.versions is None:
            frames[table] = obj.frame
        else:
            counts += warehouse.factors.replace_exposures(obj.frame, first, last, obj.versions)
        counts += warehouse.replace_ranges(frames, obj.first or first, last)
        context.add_output_metadata(
            {
                "rows_inserted": counts.inserted,
                "rows_updated": counts.updated,
                "rows_deleted": counts.deleted,
                "rows_unchanged": counts.unchanged,
            }
        )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the upstream rows of the partition range, and of the sessions before it."""
        first, last = covers(context.asset_partition_keys)
        upstream = context.upstream_output
        if upstream is None:
            raise ValueError("an input of the warehouse comes from an asset")
        asked = context.definition_metadata or {}
        before = int(_number(asked.get(SESSIONS_BEFORE, 0)))
        return self._warehouse.read(
            table_of(upstream.definition_metadata, context.asset_key),
            first=self.window_start(first, before),
            last=last,
            columns=_names(asked.get(COLUMNS)),
            where=_wanted(asked.get(ROWS)),
            is_ordered=COLUMNS not in asked,
        )

    def window_start(self, first: date, sessions_before: int) -> date:
        """Give the date `sessions_before` sessions before `first`."""
        return self._calendar.shift(first, -sessions_before) if sessions_before else first


def table_of(metadata: Mapping[str, object] | None, asset_key: dg.AssetKey) -> str:
    """Give the table that keeps an asset's rows: named in its metadata, else its own name."""
    named = (metadata or {}).get(TABLE)
    if isinstance(named, dg.TextMetadataValue):
        return str(named.text)
    return named if isinstance(named, str) else asset_key.path[-1]


def _number(value: object) -> int:
    if isinstance(value, dg.IntMetadataValue):
        return int(value.value or 0)
    return int(value) if isinstance(value, int) else 0


def _names(value: object) -> list[str] | None:
    named = value.data if isinstance(value, dg.JsonMetadataValue) else value
    return [str(name) for name in named] if isinstance(named, list | tuple) else None


def _wanted(value: object) -> dict[str, object] | None:
    told = value.data if isinstance(value, dg.JsonMetadataValue) else value
    return dict(told) if isinstance(told, Mapping) else None
