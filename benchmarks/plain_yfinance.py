"""yfinance as a script would use it: requests to Yahoo reach the sandbox, caches are empty."""

import warnings
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from curl_cffi import requests as curl_requests

from market_pipeline.domain.symbols import to_dashed


class SandboxSession(curl_requests.Session[Any]):
    """A session for yfinance whose requests to Yahoo reach the sandbox."""

    def __init__(self, sandbox_url: str) -> None:
        super().__init__(impersonate="chrome")
        self._base_url = f"{sandbox_url}/yahoo"

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        """Send one request of yfinance's."""
        path = url.split("/", 3)[3] if url.count("/") > 2 else ""
        return super().request(method, f"{self._base_url}/{path}", **options)


def yfinance_at(sandbox_url: str, cache: Path) -> SandboxSession:
    """Prepare yfinance for the sandbox; `cache` is an empty folder for what it would remember."""
    import yfinance
    from yfinance.data import YfData

    yfinance.set_tz_cache_location(str(cache))
    # It still uses forms that pandas 3 deprecates, one warning a call.
    warnings.filterwarnings("ignore", module=r"yfinance(\..*)?")
    session = SandboxSession(sandbox_url)
    # Only Yahoo's own host hands out the cookie it looks for: without this it would ask for one
    # before every request, which it does not with Yahoo.
    data: Any = YfData(session=session)
    data._cookie = True
    data.cache_get.cache_clear()
    return session


def download(
    session: SandboxSession, symbols: Sequence[str], first: date, last: date, threads: int | bool
) -> pd.DataFrame:
    """Ask `yfinance.download` for everything `equity_bars` keeps of it; give its wide frame."""
    import yfinance

    frame: pd.DataFrame = yfinance.download(
        [to_dashed(symbol) for symbol in symbols],
        start=first.isoformat(),
        end=(last + timedelta(days=1)).isoformat(),
        session=session,
        threads=threads,
        auto_adjust=False,
        actions=True,
        progress=False,
    )
    return frame
