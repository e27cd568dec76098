"""An outside world that works offline: vendors' own wire formats over made-up or recorded data.

Start here: a market (`generated` or `replayed`), `create_app`, and `server.SandboxServer` or
`server.serve_forever`. Nothing in the package asks a vendor; its data is always marked.
"""

from datetime import date
from pathlib import Path

from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox.alpha_vantage import Throttle
from market_pipeline.sandbox.application import create_app
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.market import Market
from market_pipeline.sandbox.replay import ReplayedMarket
from market_pipeline.sandbox.server import SandboxServer, serve_forever

__all__ = [
    "Market",
    "SandboxServer",
    "Throttle",
    "create_app",
    "generated",
    "replayed",
    "serve_forever",
]


def generated(
    seed: int = 7, *, clock: Clock, calendar: TradingCalendar | None = None
) -> GeneratedMarket:
    """Make up a market from a seed, up to the last session completed by `clock`.

    `calendar` is XNYS where not given.
    """
    return GeneratedMarket(seed, clock, calendar or TradingCalendar.xnys())


def replayed(
    directory: Path, as_of: date | None = None, *, calendar: TradingCalendar | None = None
) -> ReplayedMarket:
    """Serve a folder of recorded history; snapshots speak of `as_of` (None: the last with quotes).

    Raises ConfigurationError where the folder holds no file in a known format.
    """
    return ReplayedMarket(Path(directory), as_of, calendar or TradingCalendar.xnys())
