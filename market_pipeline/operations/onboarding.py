"""How imported files are on their way to a snapshot, for a person: step by step, or by symbol.

Belongs here: what the warehouse holds of their symbols, as rows. Does not: what it means for a
step (`domain/onboarding.py`), or the work itself. Reads only, but for `ask_again`.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

import pandas as pd

from market_pipeline.domain.errors import NothingStored
from market_pipeline.domain.jobs import Job
from market_pipeline.domain.onboarding import (
    HISTORY,
    IMPORTED,
    SNAPSHOT,
    Onboarding,
    Standing,
    Stored,
    factors_of,
    history_of,
    profile_of,
    steps_of,
)
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import latest_session
from market_pipeline.warehouse import Warehouse

STEP_COLUMNS = (
    "portfolio_id", "source_file", "session_date", "step", "state", "done", "of", "reason", "at",
    "attempts", "run_id",
)  # fmt: skip
STEPS_FOR_PEOPLE = ("portfolio_id", "source_file", "step", "state", "done", "of", "reason", "at")
SYMBOL_COLUMNS = (
    "portfolio_id", "source_file", "session_date", "symbol", "is_new", "step", "state", "reason",
    "attempts", "started_at", "completed_at", "run_id",
)  # fmt: skip
SYMBOLS_FOR_PEOPLE = ("portfolio_id", "symbol", "is_new", "step", "state", "reason", "attempts")
BARS, PROFILES, FACTORS = "equity_bars", "company_profiles", "factor_exposures"


def steps(
    warehouse: Warehouse, calendar: TradingCalendar, portfolio_id: str | None = None
) -> pd.DataFrame:
    """List the steps of each onboarding as `STEP_COLUMNS`, the file imported last at the end.

    Raises NothingStored where no file was imported.
    """
    rows = []
    for one in _onboardings(warehouse, portfolio_id):
        session = _session(one, calendar)
        for step, (standing, done) in steps_of(
            one, session, _stored(warehouse, one, session)
        ).items():
            of = 1 if step == SNAPSHOT else len(one.symbols)
            count = int(standing.state == "completed") if step == SNAPSHOT else done
            at = {IMPORTED: one.imported_at, SNAPSHOT: one.completed_at or one.failed_at}.get(step)
            rows.append(
                (one.portfolio_id, one.source_file, pd.Timestamp(session), step, standing.state,
                 count, of, standing.reason, at, one.attempts, one.run_id)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=list(STEP_COLUMNS))


def symbols(
    warehouse: Warehouse, calendar: TradingCalendar, portfolio_id: str | None = None
) -> pd.DataFrame:
    """List each symbol's history, profile and factors as `SYMBOL_COLUMNS`, what failed first.

    Attempts, instants and run are those of the job that collects it. Raises NothingStored where
    no file was imported.
    """
    rows = []
    for one in _onboardings(warehouse, portfolio_id):
        session = _session(one, calendar)
        stored = _stored(warehouse, one, session)
        for symbol in one.symbols:
            judged = (
                (HISTORY, history_of(symbol, session, stored), stored.bar_jobs.get(symbol)),
                ("profiles", profile_of(symbol, stored), stored.profile_jobs.get(symbol)),
                ("factors", factors_of(symbol, session, stored), None),
            )
            for step, standing, job in judged:
                rows.append(_symbol_row(one, session, symbol, step, standing, job))
    # A step without a job has no count: whole numbers all the same.
    return pd.DataFrame(rows, columns=list(SYMBOL_COLUMNS)).astype({"attempts": "Int64"})


def ask_again(warehouse: Warehouse, now: datetime, portfolio_id: str | None = None) -> int:
    """Make failed onboardings pending again, which the inbox sensor takes up; give how many."""
    _onboardings(warehouse, portfolio_id)
    return warehouse.onboarding.retry(now, portfolio_id)


def _symbol_row(
    one: Onboarding, session: date, symbol: str, step: str, standing: Standing, job: Job | None
) -> tuple[object, ...]:
    tried = (job.attempts, job.started_at, job.completed_at, job.run_id) if job else (None,) * 4
    return (
        one.portfolio_id, one.source_file, pd.Timestamp(session), symbol, symbol in one.new, step,
        standing.state, standing.reason, *tried,
    )  # fmt: skip


def _onboardings(warehouse: Warehouse, portfolio_id: str | None) -> Sequence[Onboarding]:
    found = warehouse.onboarding.all(portfolio_id)
    if not found:
        whose = f"of {portfolio_id!r} " if portfolio_id else ""
        raise NothingStored(
            f"no file {whose}was imported: drop one into the inbox, or `market-pipeline portfolio "
            "import FILE`"
        )
    return sorted(found, key=lambda one: one.imported_at)


def _session(one: Onboarding, calendar: TradingCalendar) -> date:
    return one.session_date or latest_session(calendar, one.imported_at)


def _stored(warehouse: Warehouse, one: Onboarding, session: date) -> Stored:
    """Read what is stored of an onboarding's symbols, for its session."""
    read, names = partial(warehouse.read, first=session, last=session), list(one.symbols)
    universe = set(read("symbol_universe", columns=["symbol"])["symbol"])
    exposed = read("symbol_factor_exposures", columns=["symbol"], symbols=names)
    notes = read("enrichment_compute_log", where={"asset": FACTORS, "subject": names})
    made = read(
        "portfolio_snapshots", where={"portfolio_id": one.portfolio_id},
        columns=["unpriced_symbols"],
    )  # fmt: skip
    unpriced = [name for cell in made["unpriced_symbols"] for name in cell.split(",") if name]
    return Stored(
        bars=warehouse.coverage(BARS),
        bar_jobs=_jobs(warehouse, BARS, names),
        profiles=warehouse.coverage(PROFILES),
        profile_jobs=_jobs(warehouse, PROFILES, names),
        exposed=set(exposed["symbol"]),
        noted=dict(zip(notes["subject"], notes["reason"], strict=True)),
        universe=universe if one.run_id is not None and universe else None,
        has_snapshot=len(made) > 0,
        unpriced=unpriced,
    )


def _jobs(warehouse: Warehouse, asset: str, names: list[str]) -> dict[str, Job]:
    rows = warehouse.read("collection_jobs", where={"asset": asset, "subject": names})
    rows = rows.drop(columns="deferred_since").astype(object)
    records = rows.where(rows.notna(), None).to_dict("records")
    jobs = [Job(**{str(name): value for name, value in row.items()}) for row in records]
    return {job.subject: job for job in jobs}
