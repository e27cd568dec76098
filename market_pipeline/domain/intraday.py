"""Hourly bars: which ones a session has, what is missing of them, and what cannot be right.

Belongs here: the hours of a session, the plan of requests, the verdict on a bar. Does not: daily
bars (`prices`), whose rules on a single bar are used here too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Protocol

import pandas as pd

from market_pipeline.domain.collection import Gap, plan_gaps
from market_pipeline.domain.ports import Coverage, FetchedFrame, Rejected
from market_pipeline.domain.price_rules import BAR_FLAGS, BAR_REJECTIONS, session_rule
from market_pipeline.domain.quarantine import REJECTED, Rule, broken, findings, joined_flags
from market_pipeline.domain.restatements import PRICES
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.domain.universe import HOURLY, listed

ASSET = "intraday_bars"

INTRADAY_COLUMNS = (
    "session_date", "symbol", "starts_at", "open", "high", "low", "close", "volume",
)  # fmt: skip
"""Hourly bars: `starts_at` the instant a bar begins, prices in USD as the vendor adjusts them on
the day of asking (for splits, not for dividends), volume in shares. NaN where nothing was said."""

BAR_LENGTH = timedelta(hours=1)
LONGEST_KEPT = timedelta(days=729)
"""Yahoo tells hourly bars of the last 730 days and refuses a request that reaches further."""


class IntradaySource(Protocol):
    """Gives hourly bars of stocks, ETFs and indices."""

    @property
    def name(self) -> str:
        """Source name kept on every row."""
        ...

    def hourly_bars(self, symbol: str, begins_at: datetime, ends_at: datetime) -> FetchedFrame:
        """Fetch the bars that begin in [begins_at, ends_at) as `INTRADAY_COLUMNS`.

        An hour without a trade has no row. Raises a `VendorError`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Hour:
    """One bar of a session by its instants; the last one of a session is half an hour."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HourGap(Gap):
    """A gap of sessions, and in it the span from the first missing bar to the last one's end."""

    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """Bars that may be kept, with `flags` (comma-joined, missing where none), and the refused."""

    frame: pd.DataFrame
    rejected: tuple[Rejected, ...]


def hours_of(calendar: TradingCalendar, day: date) -> list[Hour]:
    """List the hours of a session from 09:30 New York to its close: seven, four on a half day."""
    start, close = calendar.open_at(day), calendar.close_at(day)
    hours = []
    while start < close:
        end = min(start + BAR_LENGTH, close)
        hours.append(Hour(start, end))
        start = end
    return hours


def hours_over(calendar: TradingCalendar, day: date, now: datetime) -> list[Hour]:
    """List the hours of a session that are over at `now`."""
    return [hour for hour in hours_of(calendar, day) if hour.ends_at <= now]


# -- what is missing -----------------------------------------------------------------------


def wanted_hours(
    universe: pd.DataFrame, calendar: TradingCalendar, now: datetime, kept: timedelta
) -> dict[str, tuple[date, date]]:
    """Give each chosen symbol's range of sessions with an hour that is over, the held first.

    Chosen are listed symbols whose `timeframes` name the hour. Sessions that opened more than
    `kept` ago are left out: their bars would be forgotten again.
    """
    rows = listed(universe)
    has_hours = rows["timeframes"].fillna("").str.split(",").map(lambda names: HOURLY in names)
    days = [day.date() for day in rows["session_date"].unique()]
    oldest = now - min(kept, LONGEST_KEPT)
    open_days = [
        pd.Timestamp(day)
        for day in days
        if calendar.open_at(day) >= oldest and hours_over(calendar, day, now)
    ]
    rows = rows[has_hours.astype(bool) & rows["session_date"].isin(open_days)]
    spans = rows.groupby("symbol", as_index=False).agg(
        first=("session_date", "min"), last=("session_date", "max"), priority=("priority", "min")
    )
    return {
        row["symbol"]: (row["first"].date(), row["last"].date())
        for row in spans.sort_values(["priority", "symbol"]).to_dict("records")
    }


def plan_hours(
    wanted: Mapping[str, tuple[date, date]],
    covered: Mapping[str, Coverage],
    newest: Mapping[tuple[str, date], datetime],
    calendar: TradingCalendar,
    now: datetime,
) -> list[HourGap]:
    """List what to ask for, one request a symbol, in the order of `wanted`.

    `newest` is the start of the last bar stored of a symbol and session: hours before it are
    answered, for the vendor has spoken of a later one. An hour that is not over is not asked for.
    """
    gaps = []
    for gap in plan_gaps(wanted, covered, now):
        first, last = wanted[gap.subject]
        missing = [
            hour
            for day in calendar.sessions(max(gap.first, first), min(gap.last, last))
            if day != gap.overlap_date
            for hour in _missing(hours_over(calendar, day, now), newest.get((gap.subject, day)))
        ]
        if missing:
            gaps.append(
                HourGap(
                    gap.subject, gap.first, gap.last, gap.overlap_date,
                    begins_at=missing[0].starts_at, ends_at=missing[-1].ends_at,
                )
            )  # fmt: skip
    return gaps


def _missing(hours: Sequence[Hour], newest: datetime | None) -> list[Hour]:
    return [hour for hour in hours if newest is None or hour.starts_at > newest]


def finished_sessions(bars: pd.DataFrame, calendar: TradingCalendar) -> list[date]:
    """List the sessions whose last hour is among the bars: of them nothing more is to come."""
    last = {
        day: hours_of(calendar, day.date())[-1].starts_at for day in bars["session_date"].unique()
    }
    is_last = bars["starts_at"] == pd.to_datetime(bars["session_date"].map(last), utc=True)
    return sorted({day.date() for day in bars.loc[is_last, "session_date"]})


# -- the verdict ---------------------------------------------------------------------------


def judge(bars: pd.DataFrame, calendar: TradingCalendar, asked_at: datetime) -> Judged:
    """Part hourly bars of `INTRADAY_COLUMNS` into those to keep and those refused.

    A bar is refused where it is none of a session's hours (`not_a_session`, `off_the_hour`), was
    not over when it was asked for (`not_over_yet`), or breaks a rule that daily bars are held
    to. A last row off the hours is the price of the moment, which Yahoo appends: it is no bar.
    """
    frame = _without_live_row(bars.reset_index(drop=True), calendar)
    ends = _ends(frame, calendar)
    is_session = frame["session_date"].map(
        {day: calendar.is_session(day.date()) for day in frame["session_date"].unique()}
    )
    rules = (
        session_rule(is_session.astype(bool)),
        _hour_rule("off_the_hour", "it begins at none of the session's hours", ends.isna()),
        _hour_rule(
            "not_over_yet", "asked for before the hour was over: a bar still forming",
            ends > pd.Timestamp(asked_at),
        ),
        _hour_rule(
            "duplicate_row", "the vendor sent a second bar of the hour; the first is kept",
            frame.duplicated(["symbol", "starts_at"]),
        ),
        *BAR_REJECTIONS,
    )  # fmt: skip
    # What is kept as evidence begins with the bar's start, for a session has several.
    shown = [replace(rule, shows=("starts_at", *rule.shows)) for rule in rules]
    told = frame.assign(starts_at=[at.isoformat() for at in frame["starts_at"]], source="")
    marks = broken(told, shown)
    rejected = tuple(
        Rejected(
            str(row["symbol"]), pd.Timestamp(str(row["row_date"])).date(), str(row["rule"]),
            str(row["value"]), str(row["detail"]),
        )
        for row in findings(ASSET, told, marks, shown)
    )  # fmt: skip
    good = frame[~marks.any(axis=1)].reset_index(drop=True)
    return Judged(good.assign(flags=joined_flags(broken(good, BAR_FLAGS))), rejected)


def _ends(frame: pd.DataFrame, calendar: TradingCalendar) -> "pd.Series[pd.Timestamp]":
    """Give the end of each row's hour, missing where it begins at none of its session's."""
    ends = {
        hour.starts_at: hour.ends_at
        for day in frame["session_date"].unique()
        if calendar.is_session(day.date())
        for hour in hours_of(calendar, day.date())
    }
    return pd.to_datetime(frame["starts_at"].map(ends), utc=True)


def _without_live_row(frame: pd.DataFrame, calendar: TradingCalendar) -> pd.DataFrame:
    if frame.empty:
        return frame
    newest = frame.nlargest(1, "starts_at")
    is_session = calendar.is_session(newest["session_date"].iloc[0].date())
    is_live = is_session and bool(_ends(newest, calendar).isna().all())
    return frame.drop(newest.index) if is_live else frame


def _hour_rule(name: str, detail: str, is_broken: "pd.Series[bool]") -> Rule:
    return Rule(name, REJECTED, (), detail, lambda frame: is_broken.loc[frame.index])


# -- beside the daily bar ------------------------------------------------------------------

PRICE_TOLERANCE, VOLUME_TOLERANCE = 0.01, 0.05
"""Share by which hours may miss their session's daily bar. Auctions are in the daily bar only: its
close is another than the last hour's, and its volume is larger, which is no disagreement."""


def aggregated(bars: pd.DataFrame) -> pd.DataFrame:
    """Put the bars of each session and symbol together as one: `session_date`, `symbol`, OHLCV."""
    ordered = bars.sort_values("starts_at", kind="stable")
    return ordered.groupby(["session_date", "symbol"], as_index=False).agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"),
        close=("close", "last"), volume=("volume", "sum"), count=("close", "size"),
    )  # fmt: skip


def disagreements(bars: pd.DataFrame, daily: pd.DataFrame, calendar: TradingCalendar) -> list[str]:
    """Name sessions whose hours, all of them there, do not make up the daily bar.

    `daily` (equity_bars) and `bars` stand on one split basis. A session without a daily bar, or
    with an hour missing, is not judged.
    """
    both = aggregated(bars).merge(daily, on=["session_date", "symbol"], suffixes=("", "_day"))
    expected = both["session_date"].map(
        {day: len(hours_of(calendar, day.date())) for day in both["session_date"].unique()}
    )
    found = []
    for row in both[both["count"] == expected].to_dict("records"):
        off = [
            name for name in PRICES
            if abs(row[name] - row[f"{name}_day"]) > PRICE_TOLERANCE * abs(row[f"{name}_day"])
        ]  # fmt: skip
        if row["volume"] > (1 + VOLUME_TOLERANCE) * row["volume_day"]:
            off.append("volume")
        if off:
            found.append(f"{row['session_date']:%Y-%m-%d} {row['symbol']} ({', '.join(off)})")
    return found


def on_present_basis(bars: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Divide bars that were fetched before a split by its ratio; rows and columns stay.

    `bars` carry `fetched_at`; `splits` (corporate_actions) have `ex_date`, `symbol` and `value`,
    new shares per old. Hours are kept as they were told, unlike daily bars: they are forgotten
    within weeks.
    """
    fetched_on = bars["fetched_at"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    ratio = pd.Series(1.0, index=bars.index)
    for split in splits.to_dict("records"):
        is_before = (bars["symbol"] == split["symbol"]) & (fetched_on < split["ex_date"])
        ratio = ratio.where(~is_before, ratio * split["value"])
    prices = {name: bars[name] / ratio for name in PRICES}
    return bars.assign(**prices, volume=bars["volume"] * ratio)
