"""Is there news, each story once, of now, from sources that deliver, and can its time be right?"""

from datetime import timedelta

import dagster as dg
import pandas as pd

from market_pipeline.checks.framework import Scope, Verdict, check, shown
from market_pipeline.checks.generic import sound
from market_pipeline.domain.counting import counted
from market_pipeline.domain.publishers import count_tellers
from market_pipeline.domain.sessions import NEW_YORK

FINVIZ, WIRE, TABLE = "finviz_headlines", "wire_headlines", "headlines"

_EMPTY = "empty"
_ITEM = ("published_date", "item_hash")
WARN = dg.AssetCheckSeverity.WARN


def _days_agree(scope: Scope) -> Verdict:
    """Compare each headline's partition with the New York day of its instant."""
    rows = scope.rows(TABLE, "published_date", "published_at", "headline_hash")
    new_york = rows["published_at"].dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize()
    wrong = rows[new_york != pd.DatetimeIndex(rows["published_date"])]
    told = counted(len(rows), "headline")
    return Verdict(
        wrong.empty, f"{told}, {len(wrong)} on another day than their partition",
        {"wrong": shown(wrong["headline_hash"])},
    )  # fmt: skip


def _items_tell_one_story(scope: Scope) -> Verdict:
    """Compare what each story counts with the publishers of its items, its own among them."""
    stories = scope.rows(TABLE, "published_date", "headline_hash", "source_count")
    told = scope.warehouse.read(
        "headline_sources",
        columns=["story_date", "headline_hash", "publisher", "is_primary"],
        where={"story_date": [day.date() for day in stories["published_date"].unique()]},
    )
    of_story = told.groupby("headline_hash")
    per_story = of_story.agg(tellers=("publisher", count_tellers), firsts=("is_primary", "sum"))
    found = stories.join(per_story, on="headline_hash").fillna({"tellers": 0, "firsts": 0})
    wrong = found[(found["tellers"] != found["source_count"]) | (found["firsts"] != 1)]
    return Verdict(
        wrong.empty, f"{len(stories)} stories told by {len(told)} items, {len(wrong)} miscounted",
        {"wrong": shown(wrong["headline_hash"])},
    )  # fmt: skip


def _is_fresh(scope: Scope) -> Verdict:
    """Compare the age of what was delivered and made stories with what the hour allows."""
    limit = timedelta(minutes=scope.settings.headline_freshness_minutes)
    stand = scope.warehouse.news.freshness(scope.now, scope.calendar, limit)
    return Verdict(not stand.is_stale, f"news was {stand}")


def _sources_delivered(scope: Scope) -> Verdict:
    """Look for portfolios none of whose sources answered in this run."""
    events = scope.warehouse.news.events_of_run(scope.run_id)
    events = events.assign(answered=events["is_success"] | (events["error_kind"] == _EMPTY))
    silent = []
    for (asset, portfolio), asked in events.groupby(["asset", "portfolio_id"]):
        # A step that was tried again asked several times: what each source said last counts. A
        # try in which nobody answers asks all of them.
        last_try = asked.sort_values("started_at", kind="stable").drop_duplicates(
            "source", keep="last"
        )
        if not last_try["answered"].any():
            why = "; ".join(
                f"{source}: {kind}"
                for source, kind in zip(last_try["source"], last_try["error_kind"], strict=True)
            )
            silent.append(f"{asset} {portfolio} ({why})")
    said = f"{len(events)} times a source was asked, {len(silent)} portfolios got no answer"
    return Verdict(not silent, said, {"silent": shown(silent)})


def define() -> list[dg.AssetChecksDefinition]:
    """Give the checks of the headlines. A day without news is odd, not wrong."""
    return [
        sound(FINVIZ, FINVIZ, *_ITEM, rows=WARN, by_session=False, is_news=True),
        sound(WIRE, WIRE, *_ITEM, by_session=False, is_news=True),
        sound(TABLE, TABLE, "headline_hash", rows=WARN, by_session=False, is_news=True),
        check(
            TABLE, "headlines_stand_on_their_day", _days_agree, blocking=True,
            description="Each headline's partition is the New York day on which it was published.",
        ),
        check(
            TABLE, "items_tell_one_story", _items_tell_one_story, blocking=True,
            description=(
                "Each story counts the publishers that tell it, and one of its items is its first."
            ),
        ),
        check(
            TABLE, "headlines_are_fresh", _is_fresh, is_dated=False,
            description=(
                "The last delivery is under 15 minutes old in market hours (a setting), and "
                "under 75 outside them."
            ),
        ),
        check(
            # Blocking for its colour: what was delivered is stored, and the run is red.
            TABLE, "sources_delivered", _sources_delivered, blocking=True, is_dated=False,
            description="Each portfolio's news was delivered by one of the sources asked for it.",
        ),
    ]  # fmt: skip
