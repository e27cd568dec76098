"""When a derived asset materializes by itself: its automation condition, and why.

Collected assets are started by the clock or by a changed book (`automation`); what derives from
them follows, also when a vendor delivers late or restates a price.
"""

from datetime import timedelta

import dagster as dg

LOOK_BACK = timedelta(days=10)
"""How far back a late or restated input is picked up."""

FOLLOWS_ITS_INPUTS: dg.AutomationCondition = (
    dg.AutomationCondition.in_latest_time_window(LOOK_BACK)
    & (
        dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated()
    ).since_last_handled()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("recent, all inputs there, and one of them new")
"""Materialize a recent partition once all inputs are there, and again when one changes.

Unlike `eager`, it also takes a partition whose inputs were missing when it was first looked at.
Inputs updated by the run that makes the asset as well do not ask for it twice.
"""
