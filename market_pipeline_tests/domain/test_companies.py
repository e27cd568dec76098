"""Profiles of several sources, and when to ask again."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.collection import UNKNOWN_SYMBOL, due_again
from market_pipeline.domain.companies import (
    CompanyProfile,
    due_fundamentals,
    joined,
    rank,
)
from market_pipeline.domain.ports import Coverage

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
WEEK = timedelta(days=7)
SOURCES = ("yahoo", "yahoo:sandbox", "polygon", "finviz_export", "finviz_page", "elsewhere")


def asked(days_ago: float, outcome: str = "ok", last: date | None = None) -> Coverage:
    at = NOW - timedelta(days=days_ago)
    return Coverage("a", "KO", at.date(), last or at.date(), "s", at, outcome)


def test_the_better_source_wins_and_the_worse_fills_in() -> None:
    """Whichever comes first: the name is Yahoo's, the sector it did not tell is Finviz's."""
    yahoo = CompanyProfile("KO", "The Coca-Cola Company", "yahoo", "stock", "XNYS")
    finviz = CompanyProfile("KO", "Coca-Cola Co", "finviz_page", sector="Consumer Defensive")
    whole = CompanyProfile(
        "KO", "The Coca-Cola Company", "yahoo", "stock", "XNYS", "Consumer Defensive"
    )
    assert joined(yahoo, finviz) == joined(finviz, yahoo) == whole
    assert joined(None, finviz) == finviz


texts = st.none() | st.sampled_from(("a", "b", "c"))
profiles = st.builds(
    CompanyProfile, st.just("KO"), st.sampled_from(("", "a", "b")), st.sampled_from(SOURCES),
    texts, texts, texts, texts,
)  # fmt: skip


@given(profiles, profiles)
def test_joining_loses_nothing_and_repeats_nothing(
    stored: CompanyProfile, told: CompanyProfile
) -> None:
    """No known field becomes unknown, the best source is named, and once is as good as twice."""
    once = joined(stored, told)
    for name in ("name", "asset_class", "exchange", "sector", "industry"):
        assert bool(getattr(once, name)) == bool(getattr(stored, name) or getattr(told, name))
    assert rank(once.source) == min(rank(stored.source), rank(told.source))
    assert joined(once, told) == once


def test_profiles_are_due_when_new_or_a_week_old() -> None:
    """In the order given; unknown symbols are asked about as seldom as known ones."""
    known = {
        "OLD": asked(7), "FRESH": asked(6.9), "GONE": asked(3, UNKNOWN_SYMBOL),
        "GONE.OLD": asked(8, UNKNOWN_SYMBOL),
    }  # fmt: skip
    symbols = ["NEW", "OLD", "FRESH", "GONE", "GONE.OLD"]
    assert due_again(symbols, known, NOW, WEEK) == ["NEW", "OLD", "GONE.OLD"]


@pytest.mark.parametrize(
    ("last", "earnings", "is_due"),
    [
        (date(2026, 11, 19), None, False),
        (date(2026, 8, 22), None, False),
        (date(2026, 8, 21), None, True),  # a quarter ago
        (date(2026, 11, 19), date(2026, 11, 23), True),  # three days before
        (date(2026, 11, 19), date(2026, 11, 24), False),
        (date(2026, 11, 19), date(2026, 11, 17), True),  # three days after
        (date(2026, 11, 19), date(2026, 11, 16), False),
        (date(2026, 11, 20), date(2026, 11, 20), False),  # asked for today
    ],
)
def test_figures_are_due_around_earnings_or_once_a_quarter(
    last: date, earnings: date | None, is_due: bool
) -> None:
    """Daily within the window, else when 91 days have passed, never twice a day."""
    dates = {} if earnings is None else {"KO": earnings}
    found = due_fundamentals(
        ["KO"], {"KO": asked(1, last=last)}, dates, date(2026, 11, 20), timedelta(days=3)
    )
    assert found == (["KO"] if is_due else [])
