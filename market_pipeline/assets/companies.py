"""What companies are and how they stand: asked for only when it is due, and never in the way.

Neither asset fails for a vendor's sake: prices and snapshots do without either.
"""

from dataclasses import asdict
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from market_pipeline.assets.books import BOOKS_KEY
from market_pipeline.assets.framework import COLLECTION_RETRIES, stored_asset, working
from market_pipeline.assets.onboarding import take_up
from market_pipeline.assets.present import collect_or_pass, todays_batch
from market_pipeline.assets.universe import universe_of
from market_pipeline.domain.collection import Gap, due_again
from market_pipeline.domain.companies import (
    CompanySource,
    due_fundamentals,
    joined,
)
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.ports import Clock, CollectedBatch
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.universe import listed, of_session
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse, tables
from market_pipeline.warehouse.company_store import next_earnings, profile_rows

PROFILES, FUNDAMENTALS = "company_profiles", "fundamentals"


def define_profiles(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `company_profiles` over the trading sessions."""

    @stored_asset(
        PROFILES,
        group="universe",
        kinds={"yahoo", "api", "sql"},
        partitions=partitions,
        deps=[BOOKS_KEY],
        retry_policy=COLLECTION_RETRIES,
        pool="profiles",
    )
    def company_profiles(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        companies: dg.ResourceParam[CompanySource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """What each listed symbol of the books and the watchlist is: class, exchange, industry.

        Grain: one row a symbol. Source: Yahoo, Polygon second; the news' sources fill in what
        neither says. Fresh: asked for when a symbol is new, and a week later again
        (MARKET_PIPELINE_PROFILE_REFRESH_DAYS). A symbol that fails is asked about by the next run.
        """
        with working(context) as work:
            # First of all: what is taken up now is in every book that this run reads.
            newcomers = take_up(work, warehouse, calendar, clock)
            sessions = calendar.sessions(work.first, work.last)
            universe = universe_of(warehouse, settings, sessions)
            asked = warehouse.coverage(PROFILES)
            every = timedelta(days=settings.profile_refresh_days)
            due = due_again(by_priority(universe), asked, clock(), every)
            stored = warehouse.profiles()
            today = clock().astimezone(NEW_YORK).date()

            def fetch(gap: Gap) -> CollectedBatch:
                told = companies.profile(gap.subject)
                frame = profile_rows([joined(stored.get(gap.subject), told)], clock())
                return todays_batch(PROFILES, frame, gap, told.source, asked, clock)

            collect_or_pass(
                work, warehouse, PROFILES, [Gap(symbol, today, today) for symbol in due], fetch,
                source=companies.name, concurrency=settings.vendor_concurrency, clock=clock,
                ranks={symbol: int(symbol not in newcomers) for symbol in due},
            )  # fmt: skip

    return company_profiles


def define_fundamentals(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `fundamentals` over the trading sessions."""

    @stored_asset(
        FUNDAMENTALS,
        group="universe",
        kinds={"yahoo", "api", "sql"},
        partitions=partitions,
        retry_policy=COLLECTION_RETRIES,
        pool="fundamentals",
    )
    def fundamentals(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        companies: dg.ResourceParam[CompanySource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """Size, valuation and next earnings date of each stock of the universe.

        Grain: one row a symbol and session on which it was asked for. Source: Yahoo, Polygon
        second. Fresh: daily around earnings dates, once a quarter otherwise. Vendors tell the
        present only: nothing is asked for unless the latest session is in the range.
        """
        with working(context) as work:
            latest = calendar.last_completed(clock())
            now_in = of_session(symbol_universe, latest)
            stocks = now_in[now_in["asset_class"] == "stock"]
            asked = warehouse.coverage(FUNDAMENTALS)
            due = due_fundamentals(
                by_priority(stocks), asked, _next_earnings(warehouse), latest,
                timedelta(days=settings.fundamentals_window_days),
            )  # fmt: skip

            def fetch(gap: Gap) -> CollectedBatch:
                figures, source = companies.fundamentals(gap.subject)
                row = {
                    **asdict(figures),
                    "as_of_date": pd.Timestamp(latest),
                    "source": source,
                    "fetched_at": clock(),
                }
                columns = tables.metadata.tables[FUNDAMENTALS].columns.keys()
                frame = typed_frame([row], columns)
                return todays_batch(FUNDAMENTALS, frame, gap, source, asked, clock)

            collect_or_pass(
                work, warehouse, FUNDAMENTALS, [Gap(symbol, latest, latest) for symbol in due],
                fetch, source=companies.name, concurrency=settings.vendor_concurrency, clock=clock,
            )  # fmt: skip

    return fundamentals


def by_priority(universe: pd.DataFrame) -> list[str]:
    """Name the listed symbols of a universe once each, what is held and proxies first.

    Private positions and options are no companies a vendor could be asked about.
    """
    best = listed(universe).groupby("symbol")["priority"].min()
    return sorted(best.index, key=lambda symbol: (best[symbol], symbol))


def _next_earnings(warehouse: Warehouse) -> dict[str, date]:
    known = warehouse.ask(next_earnings).dropna(subset=["next_earnings_date"])
    return dict(zip(known["symbol"], known["next_earnings_date"], strict=True))
