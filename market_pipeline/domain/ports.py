"""The roles the outside world plays, as Protocols, and the shapes that cross them.

Assets and checks see these names only; who stands behind them is decided in `resources`.
Frames: dates are naive `datetime64[s]` (a date is no instant), instants `datetime64[us, UTC]`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable

import pandas as pd

from market_pipeline.domain.jobs import Job
from market_pipeline.domain.price_conventions import SPLIT_ADJUSTED

Clock = Callable[[], datetime]
"""Gives the present instant, timezone-aware, in UTC."""

BAR_COLUMNS = (
    "session_date", "symbol", "open", "high", "low", "close", "adj_close",
    "volume", "dividend_usd", "split_ratio",
)  # fmt: skip
"""Daily bars: prices in USD as the vendor adjusts them (Yahoo: split-adjusted), volume in
shares, `dividend_usd` cash a share on its ex-date else 0, `split_ratio` new shares per old on
its ex-date else 0. NaN where the vendor said nothing."""

OPTION_COLUMNS = (
    "session_date", "symbol", "underlying", "expiration_date", "option_type", "strike_usd",
    "multiplier", "bid", "ask", "last", "volume", "open_interest", "implied_volatility",
    "delta", "gamma", "theta", "vega", "underlying_price", "quote_kind", "quoted_at", "is_stale",
)  # fmt: skip
"""Option quotes: `symbol` compact OCC, prices in USD a share, `option_type` call or put,
`quote_kind` snapshot or daily_bar (a daily bar has only `last` and `volume`). `quoted_at` is when
bid and ask were; `is_stale`: they, or `last`, are of another session or of none that was told."""

CONTRACT_COLUMNS = (
    "symbol", "underlying", "option_type", "strike_usd", "expiration_date", "exercise_style",
    "multiplier", "contract_kind", "recognised_by", "primary_exchange",
)  # fmt: skip
"""Listed option contracts: `symbol` compact OCC, `underlying` the stock (of adjusted contracts
too), `multiplier` shares a contract, `contract_kind` and how it was recognised as in
`symbols.recognised_kind`, `primary_exchange` a MIC."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row a vendor sent that cannot be used: kept in quarantine with its reason."""

    symbol: str | None
    session_date: date | None
    rule: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class FetchedFrame:
    """What one request (or one run of pages) brought: good rows as a frame, the rest rejected.

    Of prices it says more: `source` who gave them (None: the source that was asked), `convention`
    how they are adjusted (`domain.price_conventions`), `suspected_splits` the sessions from the
    range's first to the present at which raw prices moved as a split moves them, and `quota_left`
    the requests left to the source today (None: it has no daily quota).
    """

    frame: pd.DataFrame
    rejected: tuple[Rejected, ...] = ()
    source: str | None = None
    convention: str = SPLIT_ADJUSTED
    suspected_splits: tuple[date, ...] = ()
    quota_left: int | None = None

    @property
    def row_count(self) -> int:
        """Rows of the answer, those refused included."""
        return len(self.frame) + len(self.rejected)


class PriceSource(Protocol):
    """Gives daily bars of stocks, ETFs and indices."""

    @property
    def name(self) -> str:
        """Source name kept on every row, such as `yahoo` or `yahoo:sandbox`."""
        ...

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch bars of `symbol` from `first` to `last`, both included, as `BAR_COLUMNS`.

        An empty frame means the vendor knows the symbol and has no bar in the range.
        Raises a `VendorError`: `UnknownSymbol` where the vendor does not know it.
        """
        ...


@runtime_checkable
class ClassedPriceSource(PriceSource, Protocol):
    """A price source that may ask different vendors for different asset classes."""

    def knowing(self, classes: Mapping[str, str]) -> PriceSource:
        """Give the source, told the asset class of symbols."""
        ...


@runtime_checkable
class SeveralPriceSources(PriceSource, Protocol):
    """A price source that asks one of several vendors, and can be kept from asking one of them."""

    def besides(self, vendor: str) -> PriceSource | None:
        """Give the source without `vendor`, None where nobody is left."""
        ...


class OptionSource(Protocol):
    """Gives option quotes: history by contract, the present by underlying."""

    @property
    def name(self) -> str: ...

    @property
    def is_configured(self) -> bool:
        """Whether there is a key to ask with."""
        ...

    def daily_bars(self, contract: str, first: date, last: date) -> FetchedFrame:
        """Fetch daily bars of one compact OCC contract as `OPTION_COLUMNS` (`daily_bar`)."""
        ...

    def chain(self, underlying: str, session: date) -> FetchedFrame:
        """Fetch the present chain as `OPTION_COLUMNS` (`snapshot`), dated `session`."""
        ...

    def contracts(self, underlying: str, expired_on: date | None = None) -> FetchedFrame:
        """Fetch the contracts listed now, or those that expired on a day, as `CONTRACT_COLUMNS`."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lock: `token` grows with every holder, so that a late writer can be fenced off."""

    name: str
    owner: str
    token: int
    expires_at: datetime


class RateBucket(Protocol):
    """Shares a vendor's request rate between every thread and process."""

    def acquire(self, timeout_s: float) -> None:
        """Wait for a slot; raise TimeoutError if none comes within `timeout_s`."""
        ...


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """How a vendor's daily quota stands: `used` of `limit` requests, anew from `resets_at` on."""

    name: str
    limit: int
    used: int
    resets_at: datetime

    @property
    def left(self) -> int:
        """Requests that may still be made before `resets_at`."""
        return self.limit - self.used


class Quota(Protocol):
    """Shares a vendor's requests of a day between every thread, process and restart."""

    def take(self) -> bool:
        """Count one request; False, and it must not be made, where the day's are used up."""
        ...

    def exhaust(self) -> None:
        """Note that the vendor itself says the day's requests are used up."""
        ...

    def status(self) -> QuotaStatus: ...


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker opens: `failure_rate` of its last `window_calls`, of `minimum_calls` at least.

    Open, it lets one trial call through every `reset_s` seconds. Raises ValueError for a rule
    that could never open, or never close.
    """

    failure_rate: float = 0.5
    window_calls: int = 20
    minimum_calls: int = 8
    reset_s: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.failure_rate <= 1 or self.reset_s <= 0:
            raise ValueError("breaker: failure_rate must be in (0, 1] and reset_s > 0")
        if not 1 <= self.minimum_calls <= self.window_calls:
            raise ValueError("breaker: minimum_calls must be from 1 to window_calls")

    def opens(self, calls: int, failures: int) -> bool:
        """Say whether so many failures of the last calls open the breaker."""
        return calls >= self.minimum_calls and failures >= self.failure_rate * calls


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """How a vendor's circuit breaker stands: `state` is closed, open or half_open.

    `failure_count` of its last `call_count` calls failed.
    """

    name: str
    state: str
    failure_count: int
    opened_at: datetime | None
    call_count: int = 0

    @property
    def failure_rate(self) -> float:
        """Share of the last calls that failed, 0 where there were none."""
        return self.failure_count / self.call_count if self.call_count else 0.0


class Breaker(Protocol):
    """Stops asking a vendor that keeps failing, for every process at once."""

    def guard(self) -> AbstractContextManager[None]:
        """Run one call; raises `CircuitOpen` when open; counts only `Transient` errors."""
        ...

    def status(self) -> BreakerStatus: ...


class Coordination(Protocol):
    """State that must hold across processes: rates, breakers, locks, small cached values."""

    @property
    def kind(self) -> str:
        """`redis` or `local`."""
        ...

    def rate_bucket(self, name: str, limit: int, per_s: float) -> RateBucket: ...

    def quota(self, name: str, per_day: int, time_zone: str = "UTC") -> Quota:
        """Give the quota `name`: `per_day` requests a calendar day of `time_zone`."""
        ...

    def breaker(self, name: str, rule: BreakerRule) -> Breaker: ...

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take the lock `name`, or None while another owner holds it."""
        ...

    def renew_lease(self, lease: Lease, ttl_s: float) -> Lease | None:
        """Extend a held lock; None when it was lost."""
        ...

    def release_lease(self, lease: Lease) -> None:
        """Give the lock up; does nothing when it was lost meanwhile."""
        ...

    def put(self, key: str, value: str, ttl_s: float | None = None) -> None: ...

    def get(self, key: str) -> str | None: ...

    def delete(self, keys: Sequence[str]) -> int:
        """Forget the values under `keys`; give how many there were."""
        ...

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int:
        """Add `by` to the whole number under `key`, atomically, and give the sum.

        A number that is not there, or expired, counts as 0; only then does `ttl_s` begin.
        `get` reads the number as text. Raises ValueError where another kind of value stands.
        """
        ...

    def purge_expired(self) -> int:
        """Take expired values off the disk; give how many (0 where the store does so itself)."""
        ...


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a write changed. Rows already equal count as `unchanged` and are not touched."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    restated: int = 0
    """Bars whose values the vendor changed since they were stored."""

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        return WriteCounts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.unchanged + other.unchanged,
            self.restated + other.restated,
        )

    @property
    def changed(self) -> int:
        """Rows that differ from before."""
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class CollectedBatch:
    """One symbol's (or one request's) worth of collected rows, committed as one transaction.

    `coverage` is the date range now known for each subject; `log` the fetch-log row.
    """

    frame: pd.DataFrame
    rejected: tuple[Rejected, ...] = ()
    coverage: tuple["Coverage", ...] = ()
    log: tuple["FetchLog", ...] = ()
    replace: bool = False
    """True: every stored row of the batch's symbols is replaced (a vendor restated history)."""
    source: str | None = None
    """Who gave it, where the one asked is a chain of several."""
    quota_left: int | None = None
    """Requests left to that source today, None where it has no daily quota."""
    job: Job | None = None
    """How the subject's job stands once this is stored, written in the same transaction."""
    answered_rows: int | None = None
    """Rows of the answer where some were set aside, neither stored nor refused; None: none were."""

    @property
    def rows_fetched(self) -> int:
        """Rows the vendor gave: those to store, those refused and those set aside."""
        kept_or_refused = len(self.frame) + len(self.rejected)
        return kept_or_refused if self.answered_rows is None else self.answered_rows


@dataclass(frozen=True, slots=True)
class Coverage:
    """The vendor was asked about `subject` for this closed date range and has answered.

    Of an unknown symbol the range is that of the days on which it was said to be.
    """

    asset: str
    subject: str
    first_date: date
    last_date: date
    source: str
    checked_at: datetime
    outcome: str = "ok"
    """ok, or unknown_symbol (asked again after a day, later after a week)."""


@dataclass(frozen=True, slots=True)
class FetchLog:
    """One request (or run of pages) for one subject, kept in `enrichment_fetch_log`.

    What storing its answer changed is not said here: the warehouse adds it as it stores the batch.
    """

    asset: str
    subject: str
    source: str
    started_at: datetime
    response_ms: float
    is_success: bool
    timeframe: str = field(kw_only=True)
    """1d or 1h of bars, `snapshot` of what is told as it is now."""
    rows_fetched: int = 0
    attempts: int = 1
    error_kind: str | None = None
    error_detail: str | None = None
    run_id: str | None = None
    quota_left: int | None = None


@dataclass(frozen=True, slots=True)
class ComputeNote:
    """Why a derived asset has no (or a doubtful) answer for a subject in a session."""

    asset: str
    session_date: date
    subject: str
    outcome: str
    reason: str
    run_id: str | None = field(default=None, compare=False)
