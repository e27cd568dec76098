"""Option contracts as they are listed: what each delivers, and since when it is known."""

from collections.abc import Mapping
from datetime import date, timedelta

import dagster as dg
import pandas as pd

from market_pipeline.assets.framework import COLLECTION_RETRIES, stored_asset, working
from market_pipeline.assets.ledgers import held_books
from market_pipeline.assets.present import collect_or_pass, todays_batch
from market_pipeline.assets.splits import present_universe
from market_pipeline.domain.collection import Gap, due_again
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.option_contracts import asked_of, expired_unlisted
from market_pipeline.domain.ports import Clock, CollectedBatch, Coverage, OptionSource
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.universe import of_session, optioned
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

TABLE = "option_contracts"


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `option_contracts` over the trading sessions."""

    @stored_asset(
        TABLE,
        group="prices",
        kinds={"polygon", "api", "sql"},
        partitions=partitions,
        # Whether a split has renamed a contract is known from the bars.
        deps=["equity_bars"],
        retry_policy=COLLECTION_RETRIES,
        pool="contracts",
    )
    def option_contracts(
        context: dg.AssetExecutionContext,
        symbol_universe: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        polygon: dg.ResourceParam[OptionSource],
        clock: dg.ResourceParam[Clock],
        settings: dg.ResourceParam[Settings],
    ) -> None:
        """The option contracts of held and watched underlyings, and held ones that have expired.

        Grain: one row a contract (compact OCC symbol), with terms, multiplier, kind, and the
        sessions as of which it was first and last named. Source: Polygon's reference. Fresh: a
        stock is asked about when it is new, and a week later again
        (MARKET_PIPELINE_CONTRACT_REFRESH_DAYS), while the latest session is in the range.
        """
        with working(context) as work:
            if not polygon.is_configured:
                work.tell("option_contracts: nothing asked, for there is no key of Polygon")
                return
            latest = calendar.last_completed(clock())
            listings = optioned(
                present_universe(warehouse, of_session(symbol_universe, latest)),
                with_watched=settings.option_chain_underlyings == "held_and_watched",
            )
            known = warehouse.read(TABLE, columns=["symbol", "underlying", "first_seen_date"])
            today = clock().astimezone(NEW_YORK).date()
            expired = expired_unlisted(held_books(warehouse), set(known["symbol"]), today)
            asked = warehouse.coverage(TABLE)
            every = timedelta(days=settings.contract_refresh_days)
            due = due_again([*expired, *listings], asked, clock(), every)
            fetch = _ContractFetch(polygon, clock, asked, known, expired)
            collect_or_pass(
                work, warehouse, TABLE, [Gap(subject, latest, latest) for subject in due], fetch,
                source=polygon.name, concurrency=settings.vendor_concurrency, clock=clock,
                ranks=listings | dict.fromkeys(expired, 1),
            )  # fmt: skip

    return option_contracts


class _ContractFetch:
    """Fetches a stock's listing, or of an expiration that is past the contracts that are held."""

    def __init__(
        self,
        source: OptionSource,
        clock: Clock,
        asked: Mapping[str, Coverage],
        known: pd.DataFrame,
        expired: Mapping[str, set[str]],
    ) -> None:
        self._source, self._clock, self._asked = source, clock, asked
        self._known, self._expired = known.set_index("symbol")["first_seen_date"], expired

    def __call__(self, gap: Gap) -> CollectedBatch:
        stock, expired_on = asked_of(gap.subject)
        fetched = self._source.contracts(stock, expired_on)
        frame = fetched.frame
        if expired_on is not None:
            frame = frame[frame["symbol"].isin(self._expired[gap.subject])]
        frame = frame.assign(
            first_seen_date=self._first_seen(frame["symbol"], gap.last),
            last_seen_date=pd.Timestamp(gap.last),
            source=self._source.name,
            fetched_at=pd.Timestamp(self._clock()),
        )
        return todays_batch(
            TABLE, frame, gap, self._source.name, self._asked, self._clock, fetched.rejected,
            fetched.row_count,
        )  # fmt: skip

    def _first_seen(self, symbols: pd.Series, day: date) -> pd.Series:
        known = symbols.map(self._known.to_dict())
        first: pd.Series = pd.to_datetime(known).fillna(pd.Timestamp(day)).astype(DATE_DTYPE)
        return first
