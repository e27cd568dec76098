"""Numbers as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from market_pipeline.reports import figures

M = figures.MINUS


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.money(Decimal("1234567.891")), "$1,234,567.89"),
        (figures.money(Decimal("-3")), f"{M}$3.00"),
        (figures.money(Decimal("3"), signed=True), "+$3.00"),
        (figures.money(Decimal("0"), signed=True), "$0.00"),
        (figures.money(Decimal("-0.001"), signed=True), "$0.00"),
        (figures.money(-1234.5, places=0), f"{M}$1,234"),
        (figures.money(None), figures.MISSING),
        (figures.number(float("nan")), figures.MISSING),
        (figures.percent(1.234), "1.23\N{NO-BREAK SPACE}%"),
        (figures.percent(None), figures.MISSING),
        (figures.share(Decimal(1), Decimal(8)), "12.5\N{NO-BREAK SPACE}%"),
        (figures.share(1, 0), figures.MISSING),
        (figures.share(None), figures.MISSING),
        (figures.quantity(Decimal("1200.500")), "1,200.5"),
        (figures.quantity(Decimal("-900")), f"{M}900"),
        (figures.price(Decimal("0.12345")), "0.1234"),
        (figures.price(Decimal("251.9800000000")), "251.98"),
        (figures.price(Decimal("0")), "0.00"),
        (figures.long_day(date(2026, 11, 6)), "Friday, 6 November 2026"),
        (figures.new_york(datetime(2026, 11, 21, 0, 5, tzinfo=UTC)), "Fri 2026-11-20 19:05"),
        (figures.described("AAPL280121C00240500"), "AAPL call 240.5, 21 Jan 2028"),
        (figures.described("AAPL"), ""),
        (figures.factor_title("interest_rate"), "Interest rate"),
        (figures.scenario_title("market_down_10_pct"), "Market down 10\N{NO-BREAK SPACE}%"),
        (figures.scenario_title("rates_up_100_bp"), "Rates up 100\N{NO-BREAK SPACE}bp"),
        (
            figures.scenario_title("down_2_sigma:sector_energy"),
            "Sector energy down 2\N{NO-BREAK SPACE}sigma",
        ),
        (figures.clean("a\x1b[31m\u202eb\nc"), "a [31mb c"),
    ],
)
def test_values_read_as_they_should(shown: str, expected: str) -> None:
    """One way to write each, with a real minus sign and nothing for a missing value."""
    assert shown == expected


@pytest.mark.parametrize(
    ("value", "word"), [(1, "gain"), (-0.5, "loss"), (0, "even"), (None, "even")]
)
def test_a_change_is_a_gain_a_loss_or_even(value: float | None, word: str) -> None:
    """Colour follows the sign, and nothing is no loss."""
    assert figures.sign(value) == word


def test_every_factor_of_the_settings_has_its_kind() -> None:
    """One a proxy for the jointly fitted, one for the two of a spread."""
    kinds = figures.factor_kinds()
    assert kinds["market"] == "market"
    assert kinds["style_VTV"] == kinds["style_VUG"] == "style"
    assert kinds["growth_over_value"] == "spread"
    assert kinds["sector_energy"] == "sector"
    assert "style" not in kinds
