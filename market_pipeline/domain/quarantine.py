"""Rules that judge rows of a frame, and the record of what broke them.

A rule is data: its name, how grave it is, what it shows of a row, and the test. Rejected rows are
not used, flagged rows are used and marked; both leave a row of `tables.quarantine`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from market_pipeline.domain.frames import typed_frame

REJECTED, FLAGGED = "rejected", "flagged"

FINDING_COLUMNS = (
    "asset", "row_date", "symbol", "rule", "severity", "value", "detail", "source",
)  # fmt: skip
"""`tables.quarantine` less `quarantine_id` and `seen_at`, which the writer adds."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong with a row: `breaks` marks such rows of a frame.

    `shows` are the columns whose values are kept as evidence; `detail` says the fault in words,
    or is a function of the row that does.
    """

    name: str
    severity: str
    shows: tuple[str, ...]
    detail: str | Callable[["pd.Series"], str]
    breaks: Callable[[pd.DataFrame], "pd.Series[bool]"]


def quarantine_id(
    asset: str, symbol: str | None, row_date: date | None, rule: str, value: str
) -> str:
    """Name a finding: the first 32 hex digits of a SHA-256, so that finding it twice is one row."""
    parts = (asset, symbol or "", row_date.isoformat() if row_date else "", rule, value)
    # Each part is length-prefixed: no two lists of parts give one text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def broken(frame: pd.DataFrame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Mark which rows break which rules: one boolean column a rule, the frame's index."""
    return pd.DataFrame({r.name: r.breaks(frame) for r in rules}, index=frame.index, dtype=bool)


def findings(
    asset: str, frame: pd.DataFrame, marks: pd.DataFrame, rules: Sequence[Rule]
) -> list[dict[str, object]]:
    """Write one record of `FINDING_COLUMNS` for each mark on a row of `frame`."""
    rows = []
    for rule in rules:
        hits = marks.index[marks[rule.name]].intersection(frame.index)
        for _, row in frame.loc[hits].iterrows():
            value = " ".join(f"{name}={_shown(row[name])}" for name in rule.shows)
            detail = rule.detail if isinstance(rule.detail, str) else rule.detail(row)
            rows.append(
                {
                    "asset": asset,
                    "row_date": row["session_date"],
                    "symbol": row["symbol"],
                    "rule": rule.name,
                    "severity": rule.severity,
                    "value": value[:500],
                    "detail": detail[:500],
                    "source": row["source"],
                }
            )
    return rows


def finding_frame(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Gather findings as a frame of `FINDING_COLUMNS`, by date, symbol and rule."""
    frame = typed_frame(rows, FINDING_COLUMNS)
    return frame.sort_values(["row_date", "symbol", "rule"], kind="stable", ignore_index=True)


def joined_flags(marks: pd.DataFrame) -> "pd.Series[str]":
    """Name the marks of each row, sorted and comma-joined; missing where there is none."""
    flags = pd.Series(None, index=marks.index, dtype=object)
    marked = marks[marks.any(axis=1)]
    for at, row in zip(marked.index, marked.to_numpy(), strict=True):
        flags.at[at] = ",".join(sorted(marked.columns[row]))
    return flags


def _shown(value: object) -> str:
    """Write a number so that it can be read back exactly, a date as such."""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return repr(float(value)) if isinstance(value, (int, float)) else str(value)
