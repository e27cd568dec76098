"""The replayed `Market`: a folder of recorded history, served as a vendor would have.

Belongs here: the role put together from recorded prices and chains. Does not: headlines, for
nobody recorded any: every known symbol has none.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox.hours import hours_of_days
from market_pipeline.sandbox.instruments import BUILT_IN
from market_pipeline.sandbox.market import Bars, Headline, HourBars, Listing, OptionQuote
from market_pipeline.sandbox.replay_options import CHAINS, RecordedChains
from market_pipeline.sandbox.replay_prices import DAILY, RAW, WIDE, RecordedPrices

_HOURS_SEED = 0


class ReplayedMarket:
    """A market that knows the recorded symbols and no other; all recorded bars are visible."""

    mode = "replayed"
    seed: int | None = None

    def __init__(self, directory: Path, as_of: date | None, calendar: TradingCalendar) -> None:
        patterns = (DAILY, RAW, *WIDE, CHAINS)
        if not any(next(directory.glob(pattern), None) for pattern in patterns):
            raise ConfigurationError(
                f"{directory.name}: no recorded history here; known files are {', '.join(patterns)}"
            )
        self.directory, self._calendar = directory, calendar
        self._prices = RecordedPrices(directory)
        self._chains = RecordedChains(directory, as_of, self._prices.close_as_traded)
        self._bars = lru_cache(maxsize=None)(self._prices.bars)
        # At once, so that a folder or date that does not fit is refused before serving.
        self._symbols = frozenset(self._prices.symbols)
        self._as_of = self._chains.as_of or self._last_day()

    def as_of(self) -> date | None:
        """Give the session of the option chain, or the last day where there is none."""
        return self._as_of

    def close_at(self, session: date) -> datetime:
        """Give the closing instant of a session, half days included."""
        return self._calendar.close_at(session)

    def listings(self) -> Sequence[Listing]:
        """List the recorded symbols."""
        return [_listing(symbol) for symbol in self._prices.symbols]

    def listing(self, symbol: str) -> Listing | None:
        """Describe a recorded symbol; None for any other."""
        return _listing(symbol) if symbol in self._symbols else None

    def bars(self, symbol: str) -> Bars | None:
        """Give every recorded bar of a symbol; None where it is not recorded."""
        return self._bars(symbol) if symbol in self._symbols else None

    def hours(self, symbol: str, first: date, last: date) -> HourBars | None:
        """Part the recorded daily bars into made-up hours: nobody recorded any."""
        bars = self.bars(symbol)
        if bars is None:
            return None
        return hours_of_days(_HOURS_SEED, symbol, bars.between(first, last), self._calendar)

    def option_chain(self, underlying: str) -> Sequence[OptionQuote]:
        """Give the recorded chain of the present session."""
        return self._chains.chain(underlying)

    def option_quote(self, contract: OptionContract) -> OptionQuote | None:
        """Give one contract of that chain."""
        return self._chains.quote(contract)

    def option_bars(self, contract: OptionContract) -> Bars | None:
        """Give the recorded sessions in which a contract traded."""
        return self._chains.bars(contract)

    def option_contracts(
        self, underlying: str, as_of: date | None, *, expired: bool
    ) -> Sequence[OptionContract]:
        """List the recorded contracts alive, or expired, on `as_of`."""
        return self._chains.contracts(underlying, as_of, expired=expired)

    def headlines(self, symbol: str, now: datetime, limit: int) -> Sequence[Headline] | None:
        """Give no headline for a recorded symbol; None for an unknown one."""
        del now, limit  # nothing was recorded, whenever and however many
        return () if symbol in self._symbols else None

    def _last_day(self) -> date | None:
        ends = [bars.days[-1] for symbol in self._prices.symbols if (bars := self.bars(symbol))]
        return max(ends).astype(object) if ends else None


def _listing(symbol: str) -> Listing:
    known = BUILT_IN.get(symbol)
    return known.listing if known is not None else Listing(symbol, symbol, "CS", "XNYS")
