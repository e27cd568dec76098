"""Several sources on companies as one: the first that answers is believed."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from market_pipeline.domain.companies import CompanyProfile, CompanySource, Fundamentals
from market_pipeline.domain.errors import NotEntitled, UnknownSymbol, VendorError

T = TypeVar("T")


class CompanyChain:
    """Asks sources in their order until one answers; a `CompanySource` itself."""

    def __init__(self, name: str, sources: Sequence[CompanySource]) -> None:
        self._name, self._sources = name, tuple(sources)

    @property
    def name(self) -> str:
        """Name under which failures are logged."""
        return self._name

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of those that are asked, first choice first."""
        return tuple(source.name for source in self._sources)

    def profile(self, symbol: str) -> CompanyProfile:
        """Describe a symbol. Raises the error that says most; see `_first`."""
        return self._first(symbol, lambda source: source.profile(symbol))

    def fundamentals(self, symbol: str) -> tuple[Fundamentals, str]:
        """Give present figures and who told them. Raises the error that says most."""
        return self._first(symbol, lambda source: source.fundamentals(symbol))

    def _first(self, symbol: str, ask: Callable[[CompanySource], T]) -> T:
        """Give the first answer.

        `UnknownSymbol` is raised only where every source that could be asked knows no such
        symbol; where one failed, its error stands, for the symbol may be known there.
        """
        failed: VendorError | None = None
        unknown: VendorError | None = None
        for source in self._sources:
            try:
                return ask(source)
            except UnknownSymbol as error:
                unknown = unknown or error
            except VendorError as error:
                failed = failed or error
        raise (
            failed
            or unknown
            or NotEntitled(
                self._name,
                "profile",
                "no source of profiles is set (MARKET_PIPELINE_PROFILE_SOURCES)",
            )
        )
