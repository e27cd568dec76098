"""Precision and recall of the rules on bars: on known defects, and on those put in on purpose."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.price_quality.labels import LISTED, SEEN
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.ports import BAR_COLUMNS
from market_pipeline.domain.price_rules import REVERTED_JUMP
from market_pipeline.domain.prices import derive_market_data
from market_pipeline.domain.sessions import TradingCalendar

Key = tuple[str, str]
"""Session date and symbol."""

HISTORY_FILES = "daily_ohlcv_*.csv*"
FETCHED_AT = pd.Timestamp("2026-11-20T02:00:00Z")
_PRICES = ("open", "high", "low", "close")
_UNIVERSE = pd.DataFrame(columns=["session_date", "symbol", "asset_class"])


def read_bars(history: Path) -> pd.DataFrame:
    """Read recorded bars of a folder as rows of `equity_bars`; FileNotFoundError without any."""
    paths = sorted(history.glob(HISTORY_FILES))
    if not paths:
        raise FileNotFoundError(f"{history} holds no file {HISTORY_FILES}")
    frame = pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)
    frame = frame.assign(
        session_date=frame["date"].astype(DATE_DTYPE),
        dividend_usd=frame["dividends"].fillna(0.0),
        split_ratio=frame["splits"].fillna(0.0),
    )
    frame = frame.drop_duplicates(["session_date", "symbol"])
    return frame[list(BAR_COLUMNS)].assign(source="recorded", fetched_at=FETCHED_AT)


def doubted(bars: pd.DataFrame) -> dict[Key, set[str]]:
    """Name the bars that the rules refuse or flag, with the rules.

    A spike is found on the session after it; what is doubted is the bar between.
    """
    first, last = bars["session_date"].min().date(), bars["session_date"].max().date()
    sessions = TradingCalendar.xnys().sessions(first, last)
    found = derive_market_data(
        bars, pd.DataFrame(), _UNIVERSE, sessions=sessions, first=first, last=last
    ).quarantine
    doubts: dict[Key, set[str]] = {}
    for row in found.to_dict("records"):
        day = row["row_date"].date().isoformat()
        if row["rule"] == REVERTED_JUMP:
            day = row["value"].split("previous_date=")[1].split(" ")[0]
        doubts.setdefault((day, row["symbol"]), set()).add(row["rule"])
    return doubts


@dataclass(frozen=True, slots=True)
class Scores:
    """What the rules found of the defects known: `alarms` are doubted bars that are none."""

    rows: int
    caught: frozenset[Key]
    missed: frozenset[Key]
    alarms: frozenset[Key]

    @property
    def precision(self) -> float:
        """Share of the doubted bars that are defects."""
        return len(self.caught) / max(1, len(self.caught) + len(self.alarms))

    @property
    def recall(self) -> float:
        """Share of the defects that are doubted."""
        return len(self.caught) / max(1, len(self.caught) + len(self.missed))

    @property
    def alarms_per_1000(self) -> float:
        """False alarms in a thousand bars of the rest."""
        rest = self.rows - len(self.caught) - len(self.missed)
        return 1000 * len(self.alarms) / max(1, rest)


def scores(rows: int, doubts: set[Key], defects: set[Key]) -> Scores:
    """Compare what was doubted with what is known to be wrong."""
    return Scores(
        rows,
        frozenset(doubts & defects),
        frozenset(defects - doubts),
        frozenset(doubts - defects),
    )


def listed() -> set[Key]:
    """Give the defects that the recording's notes name."""
    return {key for keys in LISTED.values() for key in keys}


def known() -> set[Key]:
    """Give all defects known by now."""
    return listed() | set(SEEN)


# -- defects put in on purpose -------------------------------------------------------------


def _scaled(bars: pd.DataFrame, rows: "pd.Index[int]", names: tuple[str, ...], by: float) -> None:
    for name in names:
        values = bars[name].to_numpy(copy=True)
        values[rows] *= by
        bars[name] = values


def _set(bars: pd.DataFrame, rows: "pd.Index[int]", name: str, value: object) -> None:
    bars[name] = bars[name].where(~bars.index.isin(rows), value)


Spoil = Callable[[pd.DataFrame, "pd.Index[int]"], None]

SPOILT: dict[str, Spoil] = {
    "close not finite": lambda b, r: _set(b, r, "close", np.inf),
    "low negative": lambda b, r: _set(b, r, "low", -1.0),
    "close zero": lambda b, r: _set(b, r, "close", 0.0),
    "high below low": lambda b, r: _set(b, r, "high", b["low"] * 0.99),
    "open outside the range": lambda b, r: _set(b, r, "open", b["high"] * 1.02),
    "volume negative": lambda b, r: _set(b, r, "volume", -5.0),
    "open missing": lambda b, r: _set(b, r, "open", np.nan),
    "half-adjusted (close halved)": lambda b, r: _scaled(b, r, ("close",), 0.5),
    "unadjusted split (whole bar halved)": lambda b, r: _scaled(b, r, _PRICES, 0.5),
    "spike of +15 % that reverts": lambda b, r: _scaled(b, r, _PRICES, 1.15),
    "spike of -15 % that reverts": lambda b, r: _scaled(b, r, _PRICES, 0.85),
    "fetched before the close": lambda b, r: _set(
        b, r, "fetched_at", (b["session_date"] - pd.Timedelta(hours=1)).dt.tz_localize("UTC")
    ),
}


def recall_of_spoilt(bars: pd.DataFrame, kind: str, count: int, seed: int = 0) -> float:
    """Spoil `count` bars, far from each other, and give the share that is doubted then."""
    ordered = bars.sort_values(["symbol", "session_date"], ignore_index=True)
    inside = ordered.index[
        (ordered["symbol"] == ordered["symbol"].shift(2))
        & (ordered["symbol"] == ordered["symbol"].shift(-1))
        & ordered["open"].notna()
    ]
    # At least four rows apart: a spoilt bar's neighbours are as recorded.
    chosen = np.random.default_rng(seed).choice(inside[::4], size=count, replace=False)
    SPOILT[kind](ordered, pd.Index(chosen))
    spoilt = ordered.loc[chosen]
    days = spoilt["session_date"].dt.strftime("%Y-%m-%d")
    keys = set(zip(days, spoilt["symbol"], strict=True))
    return len(keys & set(doubted(ordered))) / count
