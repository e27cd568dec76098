"""The parts of the warehouse that have a store of their own, by the name they go by.

Belongs here: which there are. Does not: what each of them does, or frames (`warehouse`).
"""

from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.factor_store import FactorStore
from market_pipeline.warehouse.flag_store import FlagStore
from market_pipeline.warehouse.news_store import NewsStore
from market_pipeline.warehouse.notices import Notices
from market_pipeline.warehouse.onboarding import OnboardingStore
from market_pipeline.warehouse.run_store import RunStore
from market_pipeline.warehouse.transactions import TransactionStore
from market_pipeline.warehouse.verdict_store import VerdictStore


class Stores:
    """Each store over the one database, its fence included where it has one."""

    _database: Database

    @property
    def news(self) -> NewsStore:
        """The news: collections, stories, and the record of both."""
        return NewsStore(self._database)

    @property
    def factors(self) -> FactorStore:
        """The definitions of factors, and their results."""
        return FactorStore(self._database)

    @property
    def transactions(self) -> TransactionStore:
        """What people did in their portfolios."""
        return TransactionStore(self._database)

    @property
    def notices(self) -> Notices:
        """The outbox and the alerts."""
        return Notices(self._database)

    @property
    def runs(self) -> RunStore:
        """How runs went."""
        return RunStore(self._database)

    @property
    def verdicts(self) -> VerdictStore:
        """Which dates fail which check."""
        return VerdictStore(self._database)

    @property
    def flags(self) -> FlagStore:
        """What people changed of switches and intervals while everything runs."""
        return FlagStore(self._database)

    @property
    def onboarding(self) -> OnboardingStore:
        """How imported files come to their snapshots."""
        return OnboardingStore(self._database)
