"""Daily bars from Alpha Vantage: one request a symbol, few of them a day, the key in the query.

The vendor has no header for its key. The transport adds it below the request object, and takes it
out of every body, for a refusal may echo it.
"""

from datetime import date
from time import perf_counter

from pydantic import SecretStr

from market_pipeline.domain.errors import BadPayload, QuotaEnded, UnknownSymbol
from market_pipeline.domain.ports import Clock, FetchedFrame
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.vendors.alpha_vantage_payloads import ADJUSTED, DAILY, VENDOR, parse_daily
from market_pipeline.vendors.http import HttpTransport
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.replies import Reply, VendorKey

BASE_URL = "https://www.alphavantage.co"
KEY_SETTING = "MARKET_PIPELINE_ALPHA_VANTAGE_API_KEY"
_PATH = "/query"
_COMPACT_DAYS = 130
"""A compact answer holds the newest 100 sessions; they reach back at least so many days."""


class AlphaVantageClient:
    """A `PriceSource` over Alpha Vantage's daily series; a free key will do. Thread-safe.

    Without a key every call raises `NotEntitled` naming the setting. With `premium` the adjusted
    series is asked for, which tells of splits and dividends; else bars are raw.
    """

    def __init__(
        self,
        base_url: str = BASE_URL,
        key: SecretStr | None = None,
        *,
        clock: Clock,
        name: str = VENDOR,
        policy: CallPolicy | None = None,
        premium: bool = False,
    ) -> None:
        self._name, self._clock = name, clock
        self._policy = policy or CallPolicy()
        self._function = ADJUSTED if premium else DAILY
        self._http = HttpTransport(
            name,
            base_url,
            self._policy,
            key=VendorKey(key, "query", "apikey", KEY_SETTING, "a free key will do"),
        )

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        return self._name

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch bars of `symbol` from `first` to `last`, both included, as `BAR_COLUMNS`.

        Prices in USD; `convention` says how they are adjusted. Raises a `VendorError`:
        `QuotaEnded` where the vendor says that the day's requests are used up.
        """
        ticker = self._ticker(symbol)
        today = self._clock().astimezone(NEW_YORK).date()
        size = "compact" if (today - first).days <= _COMPACT_DAYS else "full"
        params = {"function": self._function, "symbol": to_dashed(ticker), "outputsize": size}
        return self._http.ask(
            _PATH, params, self._function, lambda reply: self._read(reply, ticker, first, last)
        )

    def probe(self) -> str:
        """Say whether Alpha Vantage answers and takes the key; it costs one of the day's requests.

        Raises a `VendorError`.
        """
        quota = self._policy.quota
        if quota is not None and not quota.take():
            resets_at = quota.status().resets_at
            raise QuotaEnded(self._name, DAILY, "the day's requests are used up", resets_at)
        started = perf_counter()
        reply = self._http.probe(_PATH, {"function": DAILY, "symbol": "SPY"})
        bars = self._read(reply, "SPY", date.min, date.max)
        took_ms = (perf_counter() - started) * 1000
        return f"answers in {took_ms:.0f} ms ({len(bars.frame)} bars of SPY)"

    def close(self) -> None:
        """Close the connections of this process."""
        self._http.close()

    def _read(self, reply: Reply, symbol: str, first: date, last: date) -> FetchedFrame:
        if reply.status == 404:
            raise BadPayload(self._name, self._function, "HTTP 404: no such address")
        return parse_daily(reply.body, symbol, first, last)

    def _ticker(self, symbol: str) -> str:
        try:
            ticker = parse_symbol(symbol)
        except ValueError:
            ticker = ""
        if not ticker or ticker.startswith("^"):
            raise UnknownSymbol(self._name, self._function, f"{symbol[:30]!r} is no stock ticker")
        return ticker
