"""A portfolio at a session is what the tables say of it then, and nothing from afterwards."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from market_pipeline.domain.errors import InputError, NotASession, NothingStored
from market_pipeline.reports.portfolio_view import portfolio_view
from market_pipeline.reports.session_rows import SessionRows
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import (
    CALENDAR,
    SESSION,
    position,
    store_book,
    store_exposures,
    store_finding,
    store_headlines,
    store_notes,
    store_positions,
    store_risk,
    store_sectors,
    store_snapshot,
    store_stress,
    store_transactions,
)

CALL = "AAPL281215C00300000"


@pytest.fixture
def stored(warehouse: Warehouse) -> Warehouse:
    """Give a warehouse with a book, a snapshot, a stock, an option, a fund and cash."""
    store_book(warehouse)
    store_snapshot(warehouse, "2000", daily_pnl_usd=Decimal("12.5"), daily_return_pct=0.63)
    store_positions(
        warehouse,
        [
            position(1, "AAPL", "600"),
            position(2, CALL, "750", asset_class="option", multiplier=100),
            position(3, "GME", None, status="unpriced", price_date=None, source=None),
            position(4, "Fund I", "900", asset_class="private", status="manual", source="book"),
            position(5, "CASH", "500", asset_class="cash", status="manual", source="book"),
            position(6, "XOM", "-650", status="stale", price_date=date(2026, 11, 18)),
        ],
    )
    return warehouse


def test_the_snapshot_and_positions_are_the_stored_ones_exactly(stored: Warehouse) -> None:
    """Money stays Decimal; positions stand largest first, one without a price last."""
    view = portfolio_view(stored, "p", SESSION)
    assert (view.name, view.session) == ("Plain book", SESSION)
    assert view.snapshot.equity_usd == Decimal(2000)
    assert view.snapshot.daily_pnl_usd == Decimal("12.5")
    assert [row.symbol for row in view.positions] == ["Fund I", CALL, "XOM", "AAPL", "CASH", "GME"]
    assert view.positions[-1].market_value_usd is None
    assert [row.price_date for row in view.stale] == [date(2026, 11, 18)]
    assert [row.symbol for row in view.unpriced] == ["GME"]
    assert view.sources == ("book", "yahoo")


def test_history_ends_with_the_session_and_tells_of_missing_ones(stored: Warehouse) -> None:
    """A later snapshot is not shown, an early one beyond the limit neither; a hole is marked."""
    for day in (16, 17, 19, 23):
        store_snapshot(stored, str(day), date(2026, 11, day))
    view = portfolio_view(stored, "p", SESSION, history_sessions=4)
    assert [(point.session_date.day, point.is_after_gap) for point in view.history] == [
        (17, False), (19, True), (20, False),
    ]  # fmt: skip
    assert len(portfolio_view(stored, "p", SESSION, history_sessions=1).history) == 1


def test_the_risk_shown_is_that_stored_for_the_session(stored: Warehouse) -> None:
    """Its own portfolio's and no other day's; exposures and what they are made of largest first."""
    store_risk(stored, historical_var_95_usd=12.5, uncovered_symbols="GME,XOM")
    store_risk(stored, day=date(2026, 11, 19), historical_var_95_usd=99.0)
    store_exposures(
        stored, [("AAPL", "market", 1.5), ("XOM", "market", -2.5), ("AAPL", "interest_rate", 0.1)]
    )
    store_exposures(stored, [("AAPL", "market", 9.0)], "other")
    store_stress(
        stored,
        [
            ("down_2_sigma:market", "market", -8.0, -80.0),
            ("down_2_sigma:interest_rate", "interest_rate", -2.0, 5.0),
            ("rates_up_100_bp", "interest_rate", -16.0, 12.0),
            ("market_down_10_pct", "market", -10.0, -100.0),
        ],
    )
    risk = portfolio_view(stored, "p", SESSION).risk
    assert risk.losses is not None
    assert risk.losses.historical_var_95_usd == 12.5
    assert risk.losses.uncovered == ("GME", "XOM")
    assert [row.factor for row in risk.exposures] == ["market", "interest_rate"]
    assert [row.exposure_usd for row in risk.exposures] == pytest.approx([-600, 60])
    assert [row.symbol for row in risk.through("market").largest] == ["XOM", "AAPL"]
    assert (risk.through("market").count, risk.through("style_VTV").count) == (2, 0)
    assert [row.scenario for row in risk.stress] == [
        "market_down_10_pct", "rates_up_100_bp", "down_2_sigma:market",
        "down_2_sigma:interest_rate",
    ]  # fmt: skip


def test_a_session_without_risk_is_a_view_without_it(stored: Warehouse) -> None:
    """Nothing is measured in its place, and nothing fails."""
    risk = portfolio_view(stored, "p", SESSION).risk
    assert (risk.losses, risk.stress, risk.exposures, risk.contributions) == (None, (), (), {})


def test_sectors_come_from_the_sessions_metrics(stored: Warehouse) -> None:
    """The option stands with its underlying, a day before does not count, nor does no sector."""
    store_sectors(stored, {"AAPL": "Technology", "XOM": None})
    store_sectors(stored, {"XOM": "Energy"}, date(2026, 11, 19))
    weights = {each.sector: each.net_usd for each in portfolio_view(stored, "p", SESSION).sectors}
    assert weights == {
        "Technology": Decimal(1350), "Held privately": Decimal(900), "Cash": Decimal(500),
        "No sector known": Decimal(-650),
    }  # fmt: skip


def test_what_ended_in_the_session_counts_in_its_pnl_and_is_no_position(stored: Warehouse) -> None:
    """A lot sold today earned until it was."""
    sold = position(
        7, "SOLD", "0", status="closed", daily_pnl_usd=Decimal("12.5"), realised_pnl_usd=Decimal(90)
    )
    store_positions(stored, [sold])
    view = portfolio_view(stored, "p", SESSION)
    assert "SOLD" not in {row.symbol for row in view.positions}
    assert view.pnl.holdings[0].symbol == "SOLD"
    assert view.pnl.holdings[0].realised_usd == 90
    assert view.pnl.elsewhere is None


def test_headlines_are_those_on_its_symbols_until_the_next_opening_bell(stored: Warehouse) -> None:
    """Underlyings count, other portfolios' symbols do not; Monday's news comes after the bell."""
    friday = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    before_bell = datetime(2026, 11, 23, 14, 29, tzinfo=UTC)
    store_headlines(
        stored,
        [
            (friday, "MSFT,XOM", "on a held symbol"),
            (friday, "MSFT", "on none"),
            (friday, "FUND", "on none either"),
            (before_bell, "AAPL", "before the bell"),
            (CALENDAR.open_at(date(2026, 11, 23)), "AAPL", "at the bell"),
            (datetime(2026, 10, 1, 17, 0, tzinfo=UTC), "AAPL", "long ago"),
        ],
    )
    view = portfolio_view(stored, "p", SESSION)
    assert [row.headline for row in view.headlines] == ["before the bell", "on a held symbol"]
    assert view.headlines[0].published_at == before_bell
    assert view.headlines[1].symbols == ("MSFT", "XOM")
    newest = portfolio_view(stored, "p", SESSION, headline_limit=1).headlines
    assert [row.headline for row in newest] == ["before the bell"]


def test_findings_and_notes_are_of_its_symbols_and_this_session(stored: Warehouse) -> None:
    """A factor skipped as a whole concerns everyone; another's symbol or day does not."""
    store_finding(stored, "AAPL", "the high is below the low")
    store_finding(stored, "AAPL", "yesterday", date(2026, 11, 19))
    store_notes(
        stored, [("rates", "no TLT"), ("XOM:market", "12 returns"), ("ZZZ:market", "3 returns")]
    )
    view = portfolio_view(stored, "p", SESSION)
    assert [row.detail for row in view.findings] == ["the high is below the low"]
    assert [(row.subject, row.reason) for row in view.notes] == [
        ("XOM:market", "12 returns"), ("rates", "no TLT"),
    ]  # fmt: skip


def test_another_symbols_finding_is_left_out(stored: Warehouse) -> None:
    """Quarantine of what the portfolio does not hold is nobody's concern here."""
    store_finding(stored, "ZZZ", "not held")
    assert portfolio_view(stored, "p", SESSION).findings == ()


def test_sandbox_data_is_known_by_the_warehouse_or_by_a_single_source(stored: Warehouse) -> None:
    """Live unless the warehouse is dedicated to the sandbox or any row comes from one."""
    assert portfolio_view(stored, "p", SESSION).data_kind == "live"
    store_positions(stored, [position(7, "MSFT", "1", source="yahoo:sandbox")])
    assert portfolio_view(stored, "p", SESSION).is_sandbox


def test_a_warehouse_dedicated_to_the_sandbox_is_sandbox_whatever_its_sources(
    stored: Warehouse,
) -> None:
    """The dedication alone is enough."""
    stored.claim_data_kind("sandbox")
    assert portfolio_view(stored, "p", SESSION).is_sandbox


def test_an_empty_portfolio_is_a_view_of_nothing(warehouse: Warehouse) -> None:
    """No positions, no exposures, no headlines, and no error."""
    store_book(warehouse, lots=0)
    store_snapshot(warehouse, "0")
    store_headlines(warehouse, [(datetime(2026, 11, 20, 17, 0, tzinfo=UTC), "AAPL", "x")])
    view = portfolio_view(warehouse, "p", SESSION)
    assert (view.positions, view.risk.exposures, view.headlines, view.sources) == ((), (), (), ())


def test_a_portfolio_of_transactions_only_is_viewed_like_any_other(stored: Warehouse) -> None:
    """It goes by its id, and has files of transactions in place of one of positions."""
    store_transactions(stored, "a_trader", "q2.csv")
    store_transactions(stored, "p", "q1.csv")
    store_snapshot(stored, portfolio_id="a_trader")
    assert SessionRows(stored, SESSION).names == {"a_trader": "a_trader", "p": "Plain book"}
    view = portfolio_view(stored, "a_trader", SESSION)
    assert (view.name, view.book_as_of_date, view.book_file) == ("a_trader", None, None)
    assert view.transaction_files == ("q2.csv",)
    both = portfolio_view(stored, "p", SESSION)
    assert (both.book_file, both.transaction_files) == ("p.csv", ("q1.csv",))
    with pytest.raises(InputError, match="there are: a_trader, p"):
        portfolio_view(stored, "q", SESSION)


def test_what_is_not_there_is_said_with_what_to_do(stored: Warehouse) -> None:
    """An unknown portfolio lists the known, a session without a snapshot names the command."""
    with pytest.raises(InputError, match="no portfolio 'q'; there are: p"):
        portfolio_view(stored, "q", SESSION)
    with pytest.raises(NothingStored, match="backfill --from 2026-11-19 --to 2026-11-19"):
        portfolio_view(stored, "p", date(2026, 11, 19))
    with pytest.raises(NotASession, match="a Saturday"):
        portfolio_view(stored, "p", date(2026, 11, 21))
