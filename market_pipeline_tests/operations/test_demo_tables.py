"""What the terminal shows of a portfolio, and what hostile text cannot do to it."""

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from market_pipeline.operations.demo_tables import attention, print_portfolio, sandbox_banner
from market_pipeline.reports.portfolio_view import portfolio_view
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import (
    SESSION,
    position,
    store_book,
    store_exposures,
    store_headlines,
    store_hostile,
    store_positions,
    store_snapshot,
)


def printed(warehouse: Warehouse, width: int = 100, *, is_terminal: bool = False) -> str:
    """Print the portfolio `p` into a text."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=is_terminal, color_system=None, legacy_windows=False
    )
    print_portfolio(console, portfolio_view(warehouse, "p", SESSION))
    return out.getvalue()


def flat(text: str) -> str:
    """Put a text on one line, single-spaced."""
    return " ".join(text.split())


def test_snapshot_exposures_and_headlines_are_shown(warehouse: Warehouse) -> None:
    """Money, beta, dollars, coverage and the headline with New York time and source."""
    store_book(warehouse)
    store_snapshot(
        warehouse, "2000.50", long_usd=Decimal("600"), daily_pnl_usd=Decimal("-5"),
        daily_return_pct=-0.25,
    )  # fmt: skip
    store_positions(warehouse, [position(1, "AAPL", "600")])
    store_exposures(warehouse, [("AAPL", "market", 1.5)])
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    store_headlines(warehouse, [(noon, "AAPL", "Plain news")])
    text = flat(printed(warehouse))
    assert "Plain book p, session of 2026-11-20" in text
    assert "equity $2,000.50 long $600.00" in text
    assert "day P&L \N{MINUS SIGN}$5.00" in text
    assert "Market (SPY) 0.45 $900 +$9 87.5 % AAPL $900" in text
    origin = "AAPL · neutral 0.00, 90 % sure · Wire · via finviz_export"
    assert f"Fri 2026-11-20 12:00 Plain news {origin}" in text
    assert "SANDBOX" not in text


@pytest.mark.parametrize("width", [80, 200])
def test_hostile_text_steers_neither_terminal_nor_markup(warehouse: Warehouse, width: int) -> None:
    """Markup is shown as written; escapes and direction overrides are gone."""
    store_hostile(warehouse)
    text = printed(warehouse, width, is_terminal=True)
    assert "[bold red]loud[/]" in flat(text)
    assert "[link=https://evil.example]x[/link]" in flat(text)
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_what_is_missing_is_said_line_by_line(warehouse: Warehouse) -> None:
    """Stale, unpriced, quarantined and skipped, each with its reason."""
    store_hostile(warehouse)
    lines = attention(portfolio_view(warehouse, "p", SESSION))
    assert lines[0] == "valued at an earlier session's price: MSFT (2026-11-18)"
    assert lines[1] == "without a price, and counted nowhere: GONE"
    assert lines[2].startswith("AAPL: high below low (rejected): <script>")
    assert lines[3].startswith("AAPL:market: skipped: ")


def test_an_empty_portfolio_is_said_to_have_nothing(warehouse: Warehouse) -> None:
    """No exposure and no headline is a sentence, not an empty table."""
    store_book(warehouse, lots=0)
    store_snapshot(warehouse, "0")
    text = flat(printed(warehouse))
    assert "No factor exposures" in text
    assert "No headlines on what it holds." in text


def test_sandbox_data_is_marked(warehouse: Warehouse) -> None:
    """In the title of every portfolio, and in a banner of its own."""
    store_book(warehouse)
    store_snapshot(warehouse)
    warehouse.claim_data_kind("sandbox")
    assert "SANDBOX DATA" in printed(warehouse)
    out = io.StringIO()
    sandbox_banner(Console(file=out, width=60))
    assert "SANDBOX DATA" in out.getvalue()
