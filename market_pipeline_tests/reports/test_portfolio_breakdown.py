"""Sums of a portfolio's rows: exact, complete, and in the order people read them."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.reports.portfolio_breakdown import (
    CASH_SECTOR,
    PRIVATE_SECTOR,
    UNKNOWN_SECTOR,
    HoldingPnl,
    pnl_by_holding,
    weights_by_sector,
)
from market_pipeline.reports.portfolio_rows import PositionRow

CALL = "AAPL280121C00300000"
amounts = st.none() | st.decimals(-(10**9), 10**9, places=10)


def lot(symbol: str, value: Decimal | None = None, **changes: Any) -> PositionRow:
    """Make a lot of one unit with no P&L but what is given."""
    row: dict[str, Any] = {
        "position_no": 1, "symbol": symbol, "asset_class": "stock", "quantity": Decimal(1),
        "multiplier": 1, "price_usd": value, "price_date": date(2026, 11, 20),
        "market_value_usd": value, "daily_pnl_usd": None, "unrealised_pnl_usd": None,
        "status": "priced", "source": "yahoo", "dividends_usd": None, "fees_usd": None,
        "realised_pnl_usd": None,
    }  # fmt: skip
    return PositionRow(**(row | changes))


def totals(**changes: Decimal | None) -> Any:
    """Make the part of a snapshot that P&L is compared with."""
    names = (
        "daily_pnl_usd", "unrealised_pnl_usd", "realised_pnl_usd", "dividends_usd", "fees_usd",
    )  # fmt: skip
    return SimpleNamespace(**(dict.fromkeys(names) | changes))


def test_lots_of_a_symbol_are_one_line_and_gains_come_first() -> None:
    """A lot without an amount adds none; a symbol without any stands last, with none."""
    rows = [
        lot("LOSS", daily_pnl_usd=Decimal("-5.25")),
        lot("NONE"),
        lot("GAIN", daily_pnl_usd=Decimal(2), fees_usd=Decimal(1)),
        lot("GAIN", daily_pnl_usd=Decimal("0.0000000001")),
        lot("GAIN"),
    ]
    table = pnl_by_holding(rows, totals())
    assert table.holdings == (
        HoldingPnl("GAIN", Decimal("2.0000000001"), None, None, None, Decimal(1)),
        HoldingPnl("LOSS", Decimal("-5.25"), None, None, None, None),
        HoldingPnl("NONE", None, None, None, None, None),
    )
    assert table.largest_usd == Decimal("5.25")
    assert table.elsewhere is None


def test_what_the_snapshot_has_beyond_its_rows_is_a_line_of_its_own() -> None:
    """Realised gains of lots that are gone: 100 in all, 30 of what is held."""
    rows = [lot("A", realised_pnl_usd=Decimal(30), daily_pnl_usd=Decimal(7))]
    whole = totals(realised_pnl_usd=Decimal(100), daily_pnl_usd=Decimal(7))
    rest = pnl_by_holding(rows, whole).elsewhere
    assert rest == HoldingPnl("", Decimal(0), None, Decimal(70), None, None)
    assert pnl_by_holding([], totals(realised_pnl_usd=Decimal(3))).elsewhere == HoldingPnl(
        "", None, None, Decimal(3), None, None
    )


@given(
    st.lists(st.tuples(st.sampled_from("ABCDE"), amounts, amounts), max_size=40),
    st.decimals(-(10**9), 10**9, places=10),
)
def test_every_column_adds_up_to_the_snapshot(
    lots: list[tuple[str, Decimal | None, Decimal | None]], whole: Decimal
) -> None:
    """To the last digit, whatever is missing."""
    rows = [lot(name, daily_pnl_usd=day, realised_pnl_usd=so_far) for name, day, so_far in lots]
    table = pnl_by_holding(rows, totals(daily_pnl_usd=whole, realised_pnl_usd=whole))
    lines = [*table.holdings, *([table.elsewhere] if table.elsewhere else [])]
    assert sum(each.daily_usd or 0 for each in lines) == whole
    assert sum(each.realised_usd or 0 for each in lines) == whole


def test_a_long_table_shows_its_ends_and_keeps_the_rest() -> None:
    """Twelve and twelve of thirty; 24 are shown whole."""
    rows = [lot(f"S{n:02d}", daily_pnl_usd=Decimal(n)) for n in range(30)]
    table = pnl_by_holding(rows, totals())
    assert [each.symbol for each in table.shown[:2]] == ["S29", "S28"]
    assert table.shown[-1].symbol == "S00"
    assert [each.symbol for each in table.between] == [f"S{n}" for n in range(17, 11, -1)]
    short = pnl_by_holding(rows[:24], totals())
    assert (len(short.shown), short.between) == (24, ())


def test_sectors_net_longs_and_shorts_and_nothing_is_left_out() -> None:
    """Options stand with their underlying; cash, private and unknown have lines of their own."""
    rows = [
        lot("AAPL", Decimal(600)),
        lot(CALL, Decimal("-50.5"), asset_class="option"),
        lot("XOM", Decimal(-900)),
        lot("ZZZ", Decimal(7)),
        lot("Fund", Decimal(40), asset_class="private"),
        lot("CASH", Decimal(10), asset_class="cash"),
        lot("GONE", None, status="unpriced"),
    ]
    weights = weights_by_sector(rows, {"AAPL": "Technology", "XOM": "Energy", "GONE": "Energy"})
    assert [(each.sector, each.net_usd) for each in weights] == [
        ("Energy", Decimal(-900)), ("Technology", Decimal("549.5")), (PRIVATE_SECTOR, Decimal(40)),
        (CASH_SECTOR, Decimal(10)), (UNKNOWN_SECTOR, Decimal(7)),
    ]  # fmt: skip
    technology = weights[1]
    assert (technology.long_usd, technology.short_usd) == (Decimal(600), Decimal("50.5"))
    assert technology.symbol_count == 2
    assert weights[0].symbol_count == 1


@given(st.lists(st.tuples(st.sampled_from("ABCDE"), amounts), max_size=40))
def test_sectors_add_up_to_the_value_of_all(lots: list[tuple[str, Decimal | None]]) -> None:
    """And each is its longs less its shorts."""
    weights = weights_by_sector(
        [lot(name, value) for name, value in lots], {"A": "x", "B": "x", "C": "y"}
    )
    assert sum(each.net_usd for each in weights) == sum(value or 0 for _, value in lots)
    assert all(each.net_usd == each.long_usd - each.short_usd for each in weights)
