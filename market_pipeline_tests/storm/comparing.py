"""Whether the tables of a storm are those of an undisturbed run, and free of duplicates."""

from collections import Counter
from dataclasses import dataclass

from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.queries import DIGEST_EXCLUDES
from market_pipeline.warehouse.tables import metadata

LEFT_OUT = {
    "enrichment_fetch_log": "one row an asking: who was killed asks again",
    "collection_events": "one row an asking for headlines",
    "collection_fences": "counts the holders of a lock",
    "source_status": "when a source was last asked",
    "outbox": "what was told of runs that failed, which the undisturbed one has none of",
    "outbox_deliveries": "deliveries of that",
    "alerts": "alerts on that",
    "write_fences": "which run claimed which dates last",
    "batch_run_history": "one row a run",
    "onboarding": "which run took an import up",
    "failed_checks": "since when and in which run a check failed",
}
"""Tables that tell how often and how somebody was asked or told, which is each run's own."""

COLUMNS_LEFT_OUT = DIGEST_EXCLUDES
"""Ids of runs and requests, and when and how fast a row came: not what it says."""

_SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """What differs between two warehouses, and what stands twice in the first."""

    tables: int
    rows: int
    differing: dict[str, str]
    duplicates: dict[str, int]


def compare(disturbed: Warehouse, undisturbed: Warehouse) -> Verdict:
    """Compare every table that is no log, row for row; look for keys that stand twice in any."""
    compared = sorted(set(metadata.tables) - set(LEFT_OUT))
    differing = {}
    for name in compared:
        if disturbed.table_digest(name) != undisturbed.table_digest(name):
            differing[name] = _difference(disturbed, undisturbed, name)
    duplicates = {}
    for name, table in metadata.tables.items():
        keys = [column.name for column in table.primary_key]
        twice = int(disturbed.read(name, columns=keys).duplicated().sum())
        if twice:
            duplicates[name] = twice
    return Verdict(
        len(compared), sum(disturbed.count(name) for name in compared), differing, duplicates
    )


def _difference(disturbed: Warehouse, undisturbed: Warehouse, name: str) -> str:
    found, expected = _rows(disturbed, name), _rows(undisturbed, name)
    more, fewer = found - expected, expected - found
    shown = [
        *(f"+ {row}" for row in list(more)[:_SHOWN]),
        *(f"- {r}" for r in list(fewer)[:_SHOWN]),
    ]
    return "\n    ".join([f"{more.total()} rows more, {fewer.total()} fewer", *shown])


def _rows(warehouse: Warehouse, name: str) -> Counter[tuple[str, ...]]:
    columns = [c.name for c in metadata.tables[name].c if c.name not in COLUMNS_LEFT_OUT]
    frame = warehouse.read(name, columns=columns)
    return Counter(zip(*(frame[column].astype(str) for column in columns), strict=True))
