"""What an operator asks of flags: to see them, to change one, to pause and resume everything.

Belongs here: who may change what, and the words for it. Does not: what a flag does.
"""

from datetime import datetime

import pandas as pd

from market_pipeline.domain.errors import InputError
from market_pipeline.domain.flags import (
    CONTROL,
    FLAGS,
    PAUSED,
    Flag,
    FlagValues,
    Override,
    flag_named,
)
from market_pipeline.domain.notices import iso
from market_pipeline.operations.opening import open_for_books, open_if_there, open_to_look
from market_pipeline.resources.flags import flags_of, forget_flags
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse


def listed(settings: Settings) -> pd.DataFrame:
    """Give one row a flag: its value, whence it comes, and what it does."""
    values = _values(settings, open_if_there(settings))
    rows = [_row(flag, values) for flag in FLAGS.values()]
    return pd.DataFrame(rows, dtype=object)


def change(
    settings: Settings, name: str, value: str | None, *, by: str, reason: str, at: datetime
) -> str:
    """Override a flag, or with no `value` take its override back; say how it stands now."""
    flag = flag_named(name)
    if not reason.strip():
        raise InputError("say why, with --reason: who reads the history will want to know")
    stored = None if value is None else flag.parsed(value)
    warehouse = open_for_books(settings)
    warehouse.flags.change(Override(flag.name, stored, at, by, reason.strip()))
    forget_flags()
    return flags_of(settings, warehouse).why(flag.name)


def history(settings: Settings, name: str | None, limit: int) -> pd.DataFrame:
    """Give every change, newest first; an empty value is an override taken back."""
    changes = open_to_look(settings).flags.history(flag_named(name).name if name else None, limit)
    columns = list(Override.__slots__)
    return pd.DataFrame([[getattr(c, n) for n in columns] for c in changes], columns=columns)


def pause(settings: Settings, *, by: str, reason: str, at: datetime) -> str:
    """Let nothing start by itself any more; what runs goes on to its end."""
    _may_control(settings)
    return change(settings, PAUSED, "on", by=by, reason=reason, at=at)


def resume(settings: Settings, *, by: str, reason: str, at: datetime) -> str:
    """Let everything start by itself again."""
    _may_control(settings)
    return change(settings, PAUSED, "off", by=by, reason=reason, at=at)


def scheduler_state(settings: Settings) -> str:
    """Say whether things start by themselves, and who decided that."""
    values = _values(settings, open_if_there(settings))
    return f"{'paused' if values.is_on(PAUSED) else 'running'}: {values.why(PAUSED)}"


def _may_control(settings: Settings) -> None:
    refused = _values(settings, open_if_there(settings)).why_off(CONTROL)
    if refused is not None:
        raise InputError(f"operators may not pause or resume here: {refused}")


def _values(settings: Settings, warehouse: Warehouse | None) -> FlagValues:
    if warehouse is None:
        return FlagValues(settings.configured_flags(), {})
    return flags_of(settings, warehouse)


def _row(flag: Flag, values: FlagValues) -> dict[str, object]:
    override = values.overrides.get(flag.name)
    return {
        "flag": flag.name,
        "value": values.value(flag.name),
        "configured": values.configured[flag.name],
        "changed_by": override.changed_by if override else None,
        "changed_at": iso(override.changed_at) if override else None,
        "reason": override.reason if override else None,
        "meaning": flag.meaning,
    }
