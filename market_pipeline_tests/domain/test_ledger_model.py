"""Random histories of buys, sells, shorts, splits, dividends, flows and options add up.

Each is recomputed by `slow_ledger`, which shares no code with the package. `make test-soak` tries
10,000 of them.
"""

import os
from collections.abc import Hashable
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_pipeline.domain.bookkeeping import ledgers_of
from market_pipeline.domain.frames import DATE_DTYPE
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.snapshots import snapshot_range
from market_pipeline.domain.transactions import Transaction, cash_effect
from market_pipeline_tests.domain.slow_ledger import slow_days

SESSIONS = TradingCalendar.xnys().sessions(date(2026, 1, 5), date(2026, 1, 16))
CALL = "PEP260821C00150000"
MULTIPLIERS = {"KO": 1, "PEP": 1, CALL: 100}
EX_DATE = SESSIONS[5]
CENTS = st.integers(1, 50_000).map(lambda cents: Decimal(cents) / 100)
KINDS = ("buy", "buy", "sell", "short", "cover", "deposit", "withdrawal", "dividend", "interest",
         "fee", "option exercise", "expiry", "split")  # fmt: skip

History = tuple[list[Transaction], dict[tuple[str, date], Decimal], int]


@st.composite
def transaction(draw: st.DrawFn, no: int, day: date, ratio: int) -> Transaction:
    kind = draw(st.sampled_from(KINDS))
    price, fees = None, draw(st.sampled_from([Decimal(0), Decimal("0.65"), Decimal("1.01")]))
    symbol: str | None = draw(st.sampled_from(list(MULTIPLIERS)))
    quantity = Decimal(draw(st.integers(1, 6)))
    if kind in ("buy", "sell", "short", "cover"):
        price = draw(CENTS)
    elif kind in ("deposit", "withdrawal", "interest"):
        symbol, quantity = None, draw(CENTS)
    elif kind in ("dividend", "fee"):
        symbol = draw(st.sampled_from(["KO", "PEP"]))
        quantity = draw(CENTS) * draw(st.sampled_from([1, -1]))
    elif kind == "split":
        symbol, quantity, fees = "KO", Decimal(ratio), Decimal(0)
        # A broker books it up to days after the ex-date.
        day = max(day, EX_DATE)
    else:
        symbol, fees = CALL, Decimal(0)
    if kind == "fee":
        fees = Decimal(0)
    multiplier = MULTIPLIERS.get(symbol or "", 1) if price is not None else 1
    return Transaction(
        no, day, kind, quantity, cash_effect(kind, quantity, price, multiplier, fees), fees, price,
        symbol, None if symbol is None else "option" if symbol == CALL else "stock", multiplier,
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> History:
    ratio = draw(st.sampled_from([2, 4, 5]))
    days = sorted(draw(st.lists(st.sampled_from(SESSIONS[1:]), min_size=1, max_size=12)))
    opening = Transaction(0, SESSIONS[1], "deposit", Decimal(1000), Decimal(1000))
    done = [opening] + [draw(transaction(no, day, ratio)) for no, day in enumerate(days, 1)]
    done.sort(key=lambda one: one.trade_date)
    prices = {(s, day): draw(CENTS) for s in MULTIPLIERS for day in SESSIONS}
    return done, prices, ratio


def market(prices: dict[tuple[str, date], Decimal]) -> pd.DataFrame:
    rows = [(day, symbol, float(price), "yahoo") for (symbol, day), price in prices.items()]
    frame = pd.DataFrame(rows, columns=["session_date", "symbol", "price_usd", "source"])
    return frame.astype({"session_date": DATE_DTYPE})


def close_to(exact: Decimal, slow: Decimal) -> bool:
    """Equal but for what rounding every part to ten decimals may come to."""
    return abs(exact - slow) <= Decimal("1E-7")


def judge(history: History, shown: dict[tuple[str, date], Decimal] | None = None) -> None:
    """Compare every session with the second opinion, and test the identities exactly.

    `shown` are the prices the package sees, where they are not those of the history.
    """
    done, prices, ratio = history
    ledgers = ledgers_of([], {"p": done}, {"KO": [(EX_DATE, float(ratio))]}, {}, {})
    result = snapshot_range(ledgers, market(shown or prices), sessions=SESSIONS, first=SESSIONS[0])
    slow = slow_days(done, SESSIONS, prices, MULTIPLIERS, {"KO": (EX_DATE, ratio)})
    before: dict[Hashable, Any] | None = None
    for row, other in zip(result.portfolios.to_dict("records"), slow, strict=True):
        pairs = {
            "equity_usd": other.equity, "cash_usd": other.cash, "long_usd": other.long,
            "short_usd": other.short, "realised_pnl_usd": other.realised,
            "unrealised_pnl_usd": other.unrealised, "invested_usd": other.put_in,
        }  # fmt: skip
        for name, value in pairs.items():
            assert close_to(row[name], value), (name, row["session_date"], row[name], value)
        held = result.positions[result.positions["session_date"] == row["session_date"]]
        identities(row, before, held)
        before = row


def identities(
    row: dict[Hashable, Any], before: dict[Hashable, Any] | None, held: pd.DataFrame
) -> None:
    assert row["equity_usd"] == row["long_usd"] - row["short_usd"] + row["cash_usd"]
    assert row["net_usd"] == row["long_usd"] - row["short_usd"]
    assert row["gross_usd"] == row["long_usd"] + row["short_usd"]
    total = row["equity_usd"] + row["unpriced_cost_usd"] - row["invested_usd"]
    assert row["realised_pnl_usd"] + row["unrealised_pnl_usd"] == row["cumulative_pnl_usd"] == total
    assert row["gap_usd"] == row["unpriced_cost_usd"] == 0
    for name in ("market_value_usd", "flows_usd", "unrealised_pnl_usd", "daily_pnl_usd"):
        whole = row["equity_usd"] if name == "market_value_usd" else row[name] or 0
        assert sum((v for v in held[name] if v is not None), Decimal(0)) == whole, name
    if before is not None and row["daily_pnl_usd"] is not None:
        moved = row["daily_pnl_usd"] + row["flows_usd"]
        assert row["equity_usd"] == before["equity_usd"] + moved
        assert row["invested_usd"] - before["invested_usd"] == row["flows_usd"]
        if before["daily_pnl_usd"] is not None:
            gained = row["cumulative_pnl_usd"] - before["cumulative_pnl_usd"]
            assert gained == row["daily_pnl_usd"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(histories())
def test_random_histories_agree_with_a_slow_recomputation(history: History) -> None:
    """Value, cash, realised and unrealised P&L and flows, in every session; identities exactly."""
    judge(history)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not os.environ.get("MARKET_PIPELINE_SOAK"), reason="run by make test-soak")
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_ten_thousand_random_histories(history: History) -> None:
    """The same, at length."""
    judge(history)


def test_the_model_can_fail() -> None:
    """A cent more in one price of one session is noticed."""
    done = [
        Transaction(0, SESSIONS[1], "deposit", Decimal(1000), Decimal(1000)),
        Transaction(
            1, SESSIONS[2], "buy", Decimal(1), Decimal(-5), Decimal(0), Decimal(5), "KO", "stock"
        ),
    ]
    prices = {(s, day): Decimal(7) for s in MULTIPLIERS for day in SESSIONS}
    judge((done, prices, 2))
    with pytest.raises(AssertionError, match="equity_usd"):
        judge((done, prices, 2), prices | {("KO", SESSIONS[-1]): Decimal("7.01")})
