"""When a derived asset materializes by itself: its automation condition, and why.

Collected assets are started by the clock or by a changed book (`automation`); what derives from
them follows, also when a vendor delivers late or restates a price.
"""

from datetime import timedelta

import dagster as dg

from market_pipeline.assets.books import BOOKS_KEY

LOOK_BACK = timedelta(days=10)
"""How far back a late or restated input is picked up."""

_A_CHECK_SPEAKS_AGAINST_IT = dg.AutomationCondition.any_deps_match(
    dg.AutomationCondition.any_checks_match(
        dg.AutomationCondition.check_failed()
        | dg.AutomationCondition.execution_failed()
        | dg.AutomationCondition.in_progress(),
        blocking_only=True,
    )
).with_label("a blocking check of an input failed or still runs")
"""Not "all have passed": of two runs of an asset Dagster takes the checks of the one asked for
last, which have judged nothing of what the other made where that waited and ran last."""

FOLLOWS_ITS_INPUTS = (
    dg.AutomationCondition.in_latest_time_window(LOOK_BACK)
    & (
        dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated()
    ).since_last_handled()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    & ~_A_CHECK_SPEAKS_AGAINST_IT
).with_label("recent, all inputs there, and one of them new")
"""Materialize a recent partition once all inputs are there, and again when one changes.

Unlike `eager`, it also takes a partition whose inputs were missing when it was first looked at.
Inputs updated by the run that makes the asset as well do not ask for it twice, and an input whose
blocking check failed last asks for nothing.
"""

FOLLOWS_ITS_INPUTS_BUT_BOOKS = FOLLOWS_ITS_INPUTS.ignore(dg.AssetSelection.assets(BOOKS_KEY))
"""The same, without waiting for books: they are imported when people have any, not made here."""

FOLLOWS_PRICES_NOT_NEWS = FOLLOWS_ITS_INPUTS.ignore(dg.AssetSelection.assets("headlines"))
"""The same, but not with every collection of headlines: that would ask for ten sessions each time.

What is made for a session takes in the news of the sessions before it, late stories included.
"""
