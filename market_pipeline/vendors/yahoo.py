"""Daily and hourly bars from Yahoo, through the real yfinance.

Ours are the session, the policy and the typed errors; yfinance reads the chart. Its process-wide
state is kept out: every client has its own data object, cookies and, once, a private cache folder.
"""

import atexit
import logging
import os
import re
import shutil
import tempfile
import threading
import warnings
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

import pandas as pd
import structlog

from market_pipeline.domain.errors import LayoutChanged, UnknownSymbol, VendorError
from market_pipeline.domain.ports import FetchedFrame
from market_pipeline.domain.symbols import parse_symbol, to_dashed
from market_pipeline.vendors.http import MAX_BODY_BYTES, PROBE_TIMEOUT_S
from market_pipeline.vendors.policy import CallGuard, CallPolicy
from market_pipeline.vendors.yahoo_hours import empty_hours, hours_from_history
from market_pipeline.vendors.yahoo_payloads import (
    CHART,
    DAILY,
    HOURLY,
    VENDOR,
    bars_from_history,
    empty_bars,
)
from market_pipeline.vendors.yahoo_session import NoBars, YahooSession

# yfinance takes such a ticker for a security number and goes searching for it.
_SECURITY_NUMBER = re.compile(r"[A-Z]{2}[A-Z0-9]{9}[0-9]")
_US_LISTING_ZONE = "America/New_York"

log = structlog.get_logger()
_prepared_in: set[int] = set()
_prepare_lock = threading.Lock()


class YahooClient:
    """A `PriceSource` and an `IntradaySource` over Yahoo's chart endpoint. Thread-safe.

    `base_url` sends every request of yfinance's there instead of to Yahoo (a sandbox).
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        name: str = VENDOR,
        policy: CallPolicy | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._name, self._base_url, self._max_bytes = name, base_url, max_bytes
        self._guard = CallGuard(name, policy or CallPolicy())
        self._engines: dict[int, tuple[YahooSession, Any]] = {}
        self._engines_lock = threading.Lock()

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        return self._name

    def daily_bars(self, symbol: str, first: date, last: date) -> FetchedFrame:
        """Fetch bars of `symbol` from `first` to `last`, both included, as `BAR_COLUMNS`.

        Prices in USD, split-adjusted as Yahoo does it. Raises a `VendorError`.
        """
        symbol = checked_ticker(symbol)
        if first > last:
            return FetchedFrame(empty_bars())
        return self._guard.run(
            CHART, lambda timeout_s: self._attempt(symbol, first, last, timeout_s)
        )

    def hourly_bars(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        """Fetch the bars of `symbol` that begin in [begins_at, ends_at) as `INTRADAY_COLUMNS`.

        Both instants are aware; Yahoo tells of the last 730 days. Raises a `VendorError`.
        """
        symbol = checked_ticker(symbol)
        if begins_at >= ends_at:
            return FetchedFrame(empty_hours())

        def attempt(timeout_s: float) -> FetchedFrame:
            history = self._timed_history(symbol, begins_at, ends_at, HOURLY, timeout_s)
            if history is None:
                return FetchedFrame(empty_hours())
            return hours_from_history(history, symbol, begins_at, ends_at)

        return self._guard.run(CHART, attempt)

    def probe(self) -> str:
        """Say whether Yahoo answers with bars; quick, outside policy. Raises a `VendorError`."""
        started = perf_counter()
        # A week that has long passed: the answer does not depend on the day it is asked for.
        bars = self._attempt("SPY", date(2017, 6, 5), date(2017, 6, 9), PROBE_TIMEOUT_S)
        took_ms = (perf_counter() - started) * 1000
        return f"answers in {took_ms:.0f} ms ({len(bars.frame)} bars of SPY)"

    def close(self) -> None:
        """Close the connections of this process."""
        with self._engines_lock:
            engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine[0].close()

    def _attempt(self, symbol: str, first: date, last: date, timeout_s: float) -> FetchedFrame:
        history = self._timed_history(symbol, first, last + timedelta(days=1), DAILY, timeout_s)
        if history is None:
            return FetchedFrame(empty_bars())
        return bars_from_history(history, symbol, first, last)

    def _timed_history(
        self, symbol: str, start: date, end: date, interval: str, timeout_s: float
    ) -> pd.DataFrame | None:
        """Ask for a chart from `start` to before `end` (dates or instants) and log the request."""
        started, outcome = perf_counter(), "error"
        try:
            history = self._history(symbol, start, end, interval, timeout_s)
            outcome = "ok"
        except VendorError as error:
            outcome = error.kind
            raise
        finally:
            log.debug(
                "vendor_request",
                vendor=self._name,
                endpoint=CHART,
                symbol=symbol,
                interval=interval,
                outcome=outcome,
                response_ms=round((perf_counter() - started) * 1000, 1),
            )
        return history

    def _history(
        self, symbol: str, start: date, end: date, interval: str, timeout_s: float
    ) -> pd.DataFrame | None:
        import yfinance

        session, data = self._engine()
        problem = ""
        try:
            with session.within(timeout_s, symbol, interval):
                ticker = yfinance.Ticker(to_dashed(symbol), session=session)
                ticker._data = data
                # Known here (US listings only), and one request a symbol less.
                ticker._tz = _US_LISTING_ZONE
                # A body judged good may still be cached, and prices are restated: ask anew.
                data.cache_get.cache_clear()
                history: pd.DataFrame = ticker.history(
                    start=start,
                    end=end,
                    interval=interval,
                    auto_adjust=False,
                    actions=True,
                    repair=False,
                    keepna=True,
                )
                return history
        except NoBars:
            return None
        except (LookupError, TypeError, ValueError, AttributeError, yfinance_error()) as error:
            problem = f"yfinance could not read the chart ({type(error).__name__})"
        raise LayoutChanged(VENDOR, CHART, f"{symbol}: {problem}")

    def _engine(self) -> tuple[YahooSession, Any]:
        # Keyed by process: curl handles must not be shared across a fork.
        with self._engines_lock:
            engine = self._engines.get(os.getpid())
            if engine is None:
                engine = self._engines[os.getpid()] = self._new_engine()
            return engine

    def _new_engine(self) -> tuple[YahooSession, Any]:
        _prepare_yfinance()
        from yfinance.data import YfData

        session = YahooSession(self._base_url, self._max_bytes)
        # YfData is a singleton whose session the latest caller replaces; two clients (a sandbox
        # and the live vendor) would swap hosts in flight. type.__call__ makes a private one.
        data: Any = type.__call__(YfData, session=session)
        if self._base_url is not None:
            data._cookie = True  # only Yahoo's own host hands out the cookie it looks for
        return session, data


def checked_ticker(symbol: str) -> str:
    """Give a symbol in canonical form; `UnknownSymbol` for what yfinance must not be asked."""
    is_ticker = True
    try:
        symbol = parse_symbol(symbol)
    except ValueError:
        is_ticker = False
    if not is_ticker or _SECURITY_NUMBER.fullmatch(symbol):
        raise UnknownSymbol(VENDOR, CHART, f"{symbol[:30]!r} is no ticker")
    return symbol


def yfinance_error() -> type[Exception]:
    """Give the error from which all of yfinance's own come; importing it takes a second."""
    from yfinance.exceptions import YFException

    error: type[Exception] = YFException
    return error


def _prepare_yfinance() -> None:
    """Set yfinance's process-wide switches once a process."""
    with _prepare_lock:
        if os.getpid() in _prepared_in:
            return
        import yfinance
        from yfinance.config import YfConfig

        # Its caches are SQLite files in the user's folder, which processes would fight over.
        folder = tempfile.mkdtemp(prefix="market-pipeline-yfinance-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yfinance.set_tz_cache_location(folder)
        YfConfig.debug.hide_exceptions = False
        logging.getLogger("yfinance").setLevel(logging.ERROR)
        # It still uses forms that pandas 3 deprecates, one warning a call.
        warnings.filterwarnings("ignore", module=r"yfinance(\..*)?")
        _prepared_in.add(os.getpid())
