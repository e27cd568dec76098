"""Flags as they stand now: what the settings say, and what people changed since.

Belongs here: reading both together, seldom enough for a client to ask before each of its calls.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

import sqlalchemy as sa
import structlog

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.flags import FlagValues, Override
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import parse_url

log = structlog.get_logger()

READ_AGAIN_S = 5.0
"""How long a process goes on with what it read: a switch works within this time."""

_lock = threading.Lock()
_read: dict[str, tuple[float, Mapping[str, Override]]] = {}


def flags_of(settings: Settings, warehouse: Warehouse) -> FlagValues:
    """Give every flag as it stands this moment."""
    return FlagValues(settings.configured_flags(), warehouse.flags.overrides())


def why_off(settings: Settings, flag: str) -> str | None:
    """Say why a switch is off, None where it is on; as of the last few seconds."""
    return FlagValues(settings.configured_flags(), _overrides(settings.warehouse_url)).why_off(flag)


def why_resting(settings: Settings, flag: str) -> str | None:
    """Say why nothing starts by itself under a switch, None where it does; see `why_off`."""
    values = FlagValues(settings.configured_flags(), _overrides(settings.warehouse_url))
    return values.why_resting(flag)


def minutes_of(settings: Settings, flag: str) -> int:
    """Give an interval in minutes, as of the last few seconds."""
    return FlagValues(settings.configured_flags(), _overrides(settings.warehouse_url)).minutes(flag)


def forget_flags() -> None:
    """Read overrides anew at the next question."""
    with _lock:
        _read.clear()


def _overrides(url: str) -> Mapping[str, Override]:
    with _lock:
        read_at, known = _read.get(url, (-READ_AGAIN_S, {}))
        if monotonic() - read_at < READ_AGAIN_S:
            return known
        try:
            known = _stored(url)
        except (sa.exc.SQLAlchemyError, ConfigurationError) as error:
            # What was read last holds on: a switched-off vendor stays off through an outage.
            log.warning("flags_unreadable", error=type(error).__name__)
        _read[url] = (monotonic(), known)
        return known


def _stored(url: str) -> Mapping[str, Override]:
    parsed = parse_url(url)
    if parsed.drivername == "sqlite" and not Path(str(parsed.database)).is_file():
        return {}  # connecting would create the file
    warehouse = Warehouse.open(url)
    try:
        return warehouse.flags.overrides() if warehouse.is_current() else {}
    finally:
        warehouse.dispose()
