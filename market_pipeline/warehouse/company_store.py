"""Profiles of companies as rows: read, and joined so that the better source wins.

Everything runs inside the caller's transaction.
"""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from market_pipeline.domain.companies import CompanyProfile, joined
from market_pipeline.domain.frames import typed_frame
from market_pipeline.warehouse.company_tables import company_profiles, fundamentals
from market_pipeline.warehouse.engine import lock
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.merge import merge_rows


def read_profiles(connection: sa.Connection) -> dict[str, CompanyProfile]:
    """Give what is known of companies, by symbol."""
    rows = connection.execute(sa.select(company_profiles))
    return {
        row.symbol: CompanyProfile(
            row.symbol,
            row.company_name,
            row.source,
            row.asset_class,
            row.exchange,
            row.sector,
            row.industry,
        )
        for row in rows
    }


def keep_profiles(
    connection: sa.Connection, profiles: Sequence[CompanyProfile], at: datetime
) -> None:
    """Join profiles to those stored; one without any name is left out.

    `fetched_at` is when what stands there was first told like this.
    """
    # Joining is a read and a write: others wait here.
    lock(connection, company_profiles.name)
    stored = read_profiles(connection)
    for told in profiles:
        stored[told.symbol] = joined(stored.get(told.symbol), told)
    fresh = [stored[symbol] for symbol in dict.fromkeys(told.symbol for told in profiles)]
    frame = profile_rows([profile for profile in fresh if profile.name], at)
    encoded = to_rows(company_profiles, frame, connection.dialect.name)
    merge_rows(connection, company_profiles, encoded, ignored=("fetched_at",))


def profile_rows(profiles: Sequence[CompanyProfile], at: datetime) -> pd.DataFrame:
    """Write profiles as rows of `company_profiles`."""
    rows = [
        {
            "symbol": profile.symbol,
            "company_name": profile.name,
            "asset_class": profile.asset_class,
            "exchange": profile.exchange,
            "sector": profile.sector,
            "industry": profile.industry,
            "source": profile.source,
            "fetched_at": at,
        }
        for profile in profiles
    ]
    return typed_frame(rows, list(company_profiles.columns.keys()))


def next_earnings(connection: sa.Connection) -> pd.DataFrame:
    """Give each symbol's newest `as_of_date` with the earnings date told then (may be missing)."""
    columns = fundamentals.c
    newest = (
        sa.select(columns.symbol, sa.func.max(columns.as_of_date).label("as_of_date"))
        .group_by(columns.symbol)
        .subquery()
    )
    same = (columns.symbol == newest.c.symbol) & (columns.as_of_date == newest.c.as_of_date)
    rows = connection.execute(
        sa.select(columns.symbol, columns.as_of_date, columns.next_earnings_date).join(newest, same)
    )
    return pd.DataFrame(rows.mappings().all(), columns=list(_EARNINGS))


_EARNINGS = ("symbol", "as_of_date", "next_earnings_date")
