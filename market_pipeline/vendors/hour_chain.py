"""Sources of hourly bars in their order of choice.

Belongs here: which source is asked next. Does not: how a source is asked, or whether its bars may
stand beside those stored (`assets.intraday`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from market_pipeline.domain.errors import NotEntitled, VendorError
from market_pipeline.domain.intraday import IntradaySource
from market_pipeline.domain.ports import FetchedFrame, Quota
from market_pipeline.vendors.price_chain import most_hopeful, says_more

log = structlog.get_logger()


class HourChain:
    """An `IntradaySource` over several; each answer says who gave it. Thread-safe where they are.

    The next source is asked after any `VendorError` and after an answer without bars, as with
    daily bars. `left_out` says why a source is not there, `quotas` are known by source name.
    """

    def __init__(
        self,
        name: str,
        sources: Sequence[IntradaySource],
        *,
        quotas: Mapping[str, Quota] | None = None,
        left_out: Sequence[str] = (),
    ) -> None:
        self._name, self._sources = name, tuple(sources)
        self._quotas, self._left_out = dict(quotas or {}), tuple(left_out)

    @property
    def name(self) -> str:
        """Name of the chain; bars carry the name of the source that gave them."""
        return self._name

    def hourly_bars(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        """Fetch the bars that begin in [begins_at, ends_at) from the first source that has any.

        Where nobody has, the answer is that of `PriceChain.daily_bars`.
        """
        errors: list[VendorError] = []
        empty: FetchedFrame | None = None
        is_settled = False
        for source in self._sources:
            try:
                fetched = self._asked(source, symbol, begins_at, ends_at)
            except VendorError as error:
                errors.append(error)
                self._tell(symbol, source, error.kind, error.detail)
                continue
            if not fetched.frame.empty:
                return fetched
            empty, is_settled = fetched, is_settled or not errors
            self._tell(symbol, source, "empty", "an answer without any bar")
        if empty is not None and (is_settled or not says_more(errors)):
            return empty
        if errors:
            raise most_hopeful(errors)
        raise NotEntitled(
            self._name, "hours", f"no source for {symbol}: {'; '.join(self._left_out)}"
        )

    def close(self) -> None:
        """Close the connections of every source that has any."""
        for source in self._sources:
            close = getattr(source, "close", None)
            if close is not None:
                close()

    def _asked(
        self, source: IntradaySource, symbol: str, begins_at: datetime, ends_at: datetime
    ) -> FetchedFrame:
        fetched = source.hourly_bars(symbol, begins_at, ends_at)
        quota = self._quotas.get(source.name)
        left = fetched.quota_left if quota is None else quota.status().left
        return replace(fetched, source=fetched.source or source.name, quota_left=left)

    def _tell(self, symbol: str, source: IntradaySource, reason: str, detail: str) -> None:
        log.info(
            "hour_source_gave_nothing",
            symbol=symbol, vendor=source.name, reason=reason, detail=detail[:200],
        )  # fmt: skip
