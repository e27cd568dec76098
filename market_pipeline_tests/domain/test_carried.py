"""Two portfolios over half a year, cut into blocks anywhere: the rows of the whole, bit for bit.

Long enough for every window, with what may straddle a cut: stale and missing prices, lots that
lapse, splits, sales, income, and values stated by hand.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.carried import PRICES_BEFORE, Carried, carry_range
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.ledger import Ledger, held_counts
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import Snapshots, snapshot_range
from market_pipeline.domain.transactions import Transaction, cash_effect
from market_pipeline_tests.domain.test_snapshots import in_blocks

CALENDAR = TradingCalendar.xnys()
SESSIONS = CALENDAR.sessions(date(2026, 1, 2), date(2026, 7, 10))
CALL = "KO260320C00070000"
PRIVATE_SINCE = date(2026, 1, 15)


def position(no: int, symbol: str, quantity: str, at: int = 0, **rest: Any) -> Position:
    kind = rest.pop("asset_class", "stock")
    return Position(no, symbol, kind, Decimal(quantity), Decimal("71.3"), SESSIONS[at], **rest)


def done(no: int, at: int, kind: str, quantity: str, price: str | None = None) -> Transaction:
    cost = None if price is None else Decimal(price)
    amount = cash_effect(kind, Decimal(quantity), cost, 1, Decimal(0))
    of = kind in ("buy", "sell", "dividend")
    return Transaction(
        no, SESSIONS[at], kind, Decimal(quantity), amount, Decimal(0), cost,
        "PEP" if of else None, "stock" if of else None,
    )  # fmt: skip


def the_ledgers() -> list[Ledger]:
    held = (
        position(1, "KO", "10"),
        position(2, "PEP", "-4.5", 20),
        position(3, CALL, "2", 8, asset_class="option", multiplier=100, underlying="KO",
                 strike_usd=Decimal(70), expiration_date=date(2026, 3, 20), option_type="call"),
        position(4, "ACME", "3", asset_class="private"),
        position(5, "KO", "7", 30, exit_date=SESSIONS[80], exit_price_usd=Decimal("66.6")),
        position(6, "GONE", "1", 5, exit_date=SESSIONS[100]),
    )  # fmt: skip
    rows = (
        done(1, 3, "deposit", "5000"), done(2, 3, "buy", "20", "71.25"),
        done(3, 50, "dividend", "12.34"), done(4, 63, "sell", "5", "75.5"),
        done(5, 64, "interest", "1.01"), done(6, 90, "withdrawal", "900"),
        done(7, 110, "sell", "15", "70.01"),
    )  # fmt: skip
    value = {("ACME", SESSIONS[0]): [(PRIVATE_SINCE, Decimal(70)), (SESSIONS[70], Decimal(80))]}
    book = Book("files", "files", date(2025, 12, 31), "files.csv", "hash", held)
    return ledgers_of(
        [book], {"trades": rows}, {"KO": [(SESSIONS[40], 2.0)]},
        {"KO": [(SESSIONS[60], Decimal("0.51"))]}, {"files": value},
    )  # fmt: skip


def the_market() -> pd.DataFrame:
    """Walk at random, with a price missing now and then, and none for weeks of two symbols."""
    random = np.random.default_rng(11)
    frames = []
    for symbol in ("KO", "PEP", "GONE", CALL, "KO260320C00035000"):
        price = np.round(70 * np.exp(np.cumsum(random.normal(0, 0.02, len(SESSIONS)))), 4)
        there = random.random(len(SESSIONS)) > 0.1
        if symbol in ("PEP", "GONE"):
            there[55:68] = False
        rows = {"session_date": SESSIONS, "symbol": symbol, "price_usd": price, "source": "made"}
        frames.append(pd.DataFrame(rows)[there])
    return pd.concat(frames).astype({"session_date": DATE_DTYPE})


LEDGERS, MARKET = the_ledgers(), the_market()


@pytest.fixture(scope="module")
def whole() -> Snapshots:
    """Value all sessions at once."""
    return snapshot_range(
        LEDGERS, MARKET, sessions=SESSIONS, first=SESSIONS[0]
    )  # fmt: skip


def assert_same(parts: Sequence[Snapshots], whole: Snapshots, since: int = 0) -> None:
    """Compare cell for cell, floats by their bits."""
    for name in ("portfolios", "positions"):
        expected = getattr(whole, name)
        expected = expected[expected["session_date"] >= pd.Timestamp(SESSIONS[since])]
        found = pd.concat([frame for part in parts if len(frame := getattr(part, name))])
        pd.testing.assert_frame_equal(
            found.reset_index(drop=True), expected.reset_index(drop=True), check_exact=True
        )


def test_the_half_year_has_what_may_go_wrong_at_a_cut(whole: Snapshots) -> None:
    """Every status, both windows of volatility, a lot that lapsed, and a realised profit."""
    assert set(whole.positions["status"]) == {"closed", "priced", "stale", "unpriced", "manual"}
    assert whole.portfolios["volatility_63d_pct"].notna().sum() > 100
    assert (whole.portfolios["gap_usd"] != 0).sum() > 2
    left = whole.positions[whole.positions["status"] == "closed"]
    assert {"KO260320C00035000", "GONE", "PEP"} <= set(left["symbol"])
    assert whole.portfolios["realised_pnl_usd"].nunique() > 5


@settings(max_examples=25, deadline=None)
@given(cuts=st.sets(st.integers(1, len(SESSIONS) - 1), max_size=12))
def test_however_it_is_cut_the_rows_are_the_same(whole: Snapshots, cuts: set[int]) -> None:
    """Growth, windows of returns, lapses and profit since the start go over every cut."""
    assert_same(in_blocks(LEDGERS, MARKET, SESSIONS, {0} | cuts), whole)


def test_session_by_session_gives_the_same_rows(whole: Snapshots) -> None:
    """A block may be one session."""
    parts = in_blocks(LEDGERS, MARKET, SESSIONS, set(range(len(SESSIONS))))
    assert_same(parts, whole)


@pytest.mark.parametrize("at", [1, 41, 57, 66, 101, 128])
def test_what_is_only_carried_is_as_good_as_what_is_valued(whole: Snapshots, at: int) -> None:
    """The sessions before a range need no rows of their own to be gone on from."""
    before = SESSIONS[:at]
    rows = MARKET[MARKET["session_date"] < pd.Timestamp(SESSIONS[at])]
    carried = carry_range(
        [Carried(each) for each in LEDGERS], rows, sessions=before, first=before[0]
    )
    last = whole.portfolios[whole.portfolios["session_date"] == pd.Timestamp(before[-1])]
    for each, row in zip(carried, last.to_dict("records"), strict=True):
        assert row["portfolio_id"] == each.ledger.portfolio_id
        assert row["growth"] == each.growth
        assert {name: row[name] for name in each.ends} == each.ends
    near = SESSIONS[max(at - PRICES_BEFORE, 0) :]
    found = snapshot_range(
        [each.ledger for each in carried], MARKET, sessions=near, first=SESSIONS[at],
        before={each.ledger.portfolio_id: each for each in carried},
    )  # fmt: skip
    assert_same([found], whole, since=at)


def test_positions_are_counted_before_they_are_valued(whole: Snapshots) -> None:
    """As many as the snapshots come to hold; cash that happens to be nothing may be one more."""
    counted = dict(held_counts(LEDGERS, SESSIONS))
    held = whole.portfolios.groupby("session_date")["position_count"].sum()
    more = {counted[day] - int(held.loc[pd.Timestamp(day)]) for day in SESSIONS}
    assert more <= {0, 1}
    assert 0 in more
