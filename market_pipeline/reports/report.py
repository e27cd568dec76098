"""Portfolio reports as HTML files that stand alone: no script, no request, nothing of today.

The same rows give the same bytes, so a report changes only when its data does. What is shown is
gathered by `portfolio_view`; how it looks stands in `templates`. Everything is escaped, always.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from market_pipeline.domain.errors import NothingStored
from market_pipeline.domain.headlines import clean_url
from market_pipeline.reports import figures
from market_pipeline.reports.portfolio_risk import exposures_by_kind
from market_pipeline.reports.portfolio_view import PortfolioView, view_of
from market_pipeline.reports.session_rows import SessionRows
from market_pipeline.reports.value_chart import (
    EQUITY,
    NARROW,
    RETURN,
    WIDE,
    Measure,
    ValueChart,
    value_chart,
)
from market_pipeline.warehouse import Warehouse

INDEX = "index.html"
_OPEN_FILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HASH_DIGITS = 10
_READABLE = 0o644


def write_report(view: PortfolioView, path: Path) -> Path:
    """Write one portfolio's report to `path` as a whole, or not at all; give the path."""
    return _write(path, _report(view, index=None))


@dataclass(frozen=True)
class SessionReports:
    """What was written of a session: an index, a file a portfolio that has a snapshot of it."""

    index: Path
    files: Mapping[str, Path]
    views: tuple[PortfolioView, ...]


def report_session(warehouse: Warehouse, session: date, folder: Path) -> SessionReports:
    """Write a report of every portfolio at `session` into `folder`, and an index of them.

    A portfolio without a snapshot of the session is named in the index, and gets no report.
    """
    views, absent = [], []
    told = SessionRows(warehouse, session)
    for portfolio_id, name in told.names.items():
        try:
            views.append(view_of(told, portfolio_id))
        except NothingStored as reason:
            absent.append((name, str(reason)))
    files = {
        view.portfolio_id: _write(folder / file_name(view.portfolio_id), _report(view, index=INDEX))
        for view in views
    }
    index = _write(folder / INDEX, _index(session, views, absent))
    return SessionReports(index, files, tuple(views))


def write_reports(warehouse: Warehouse, session: date, folder: Path) -> list[Path]:
    """Write the same; give the files, the index first."""
    made = report_session(warehouse, session, folder)
    return [made.index, *made.files.values()]


def file_name(portfolio_id: str) -> str:
    """Name a portfolio's file: its id, where that is a plain name on every file system."""
    if _OPEN_FILE.fullmatch(portfolio_id) and f"{portfolio_id}.html" != INDEX:
        return f"{portfolio_id}.html"
    # Case is not kept apart everywhere, and an id may hold what no file may be called.
    plain = re.sub(r"[^a-z0-9]+", "-", portfolio_id.lower()).strip("-")[:40]
    digest = hashlib.sha256(portfolio_id.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{plain or 'portfolio'}-{digest[:_HASH_DIGITS]}.html"


def _report(view: PortfolioView, index: str | None) -> str:
    template = _environment().get_template("report.html")
    return template.render(
        view=view,
        is_sandbox=view.is_sandbox,
        charts=_charts(view, EQUITY),
        return_charts=_charts(view, RETURN),
        groups=exposures_by_kind(view.risk.exposures, figures.factor_kinds()),
        index=index,
    )


def _charts(view: PortfolioView, measure: Measure) -> list[ValueChart]:
    charts = (value_chart(view.history, frame, measure) for frame in (WIDE, NARROW))
    return [chart for chart in charts if chart is not None]


def _index(session: date, views: Sequence[PortfolioView], absent: Sequence[tuple[str, str]]) -> str:
    template = _environment().get_template(INDEX)
    return template.render(
        session=session,
        views=views,
        absent=absent,
        is_sandbox=any(view.is_sandbox for view in views),
        file_name=file_name,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Build the templates' environment: every value is cleaned, then escaped."""
    environment = Environment(
        loader=PackageLoader("market_pipeline.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["figures"] = figures
    environment.filters |= {"link": clean_url, "instant": _instant}
    return environment


def _harmless(value: Any) -> Any:
    """Clean text of others of what would steer or disguise; markup of our own passes."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return figures.clean(value)
    return value


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _write(path: Path, text: str) -> Path:
    """Put `text` in the place of `path` at once: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".tmp")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(_READABLE)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return path
