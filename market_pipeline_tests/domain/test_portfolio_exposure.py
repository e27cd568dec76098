"""A portfolio's exposure is its positions' dollars times their betas, and says what it left out."""

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.portfolio_exposure import (
    FactorExposure,
    portfolio_exposures,
    underlying_of,
)

CALL = "AAPL281215C00300000"
Lot = tuple[str, str, float, int, float | None]

SYMBOLS = ("AAPL", "MSFT", "TSLA", "XOM")


def positions(lots: list[Lot]) -> pd.DataFrame:
    """Build positions from (symbol, class, quantity, multiplier, value)."""
    frame = pd.DataFrame(
        lots, columns=["symbol", "asset_class", "quantity", "multiplier", "market_value_usd"]
    ).astype(object)
    for name in ("quantity", "market_value_usd"):
        exact = [None if pd.isna(value) else Decimal(str(value)) for value in frame[name]]
        frame[name] = pd.Series(exact, index=frame.index, dtype=object)
    return frame


def betas(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    """Build betas from (symbol, factor, beta)."""
    return pd.DataFrame(rows, columns=["symbol", "factor", "beta"]).assign(quality="full_history")


def quotes(rows: list[tuple[str, float, float | None]]) -> pd.DataFrame:
    """Build prices from (symbol, price, delta)."""
    return pd.DataFrame(rows, columns=["symbol", "price_usd", "delta"])


def market_exposure(
    lots: list[Lot],
    known: list[tuple[str, str, float]],
    prices: list[tuple[str, float, float | None]] | None = None,
    equity: float = 1000.0,
) -> FactorExposure:
    """Give the exposure to the one factor in `known`."""
    (found,) = portfolio_exposures(positions(lots), betas(known), quotes(prices or []), equity)
    return found


def test_a_stock_counts_with_its_value_times_beta_and_a_short_one_against() -> None:
    """Long 600 at beta 1.5 and short 200 at beta 2 is 900 - 400 = 500, half of equity 1000."""
    found = market_exposure(
        [("AAPL", "stock", 6, 1, 600.0), ("TSLA", "stock", -1, 1, -200.0)],
        [("AAPL", "market", 1.5), ("TSLA", "market", 2.0)],
    )
    assert found.exposure_usd == 500.0
    assert found.beta == 0.5
    assert found.covered_share == 1.0
    assert [each.exposure_usd for each in found.contributions] == [900.0, -400.0]
    assert found.uncovered == ()


def test_an_option_counts_with_its_delta_equivalent_and_its_underlyings_beta() -> None:
    """Two written calls of delta 0.5 on a stock at 200 are short 2 x 100 x 0.5 x 200 = 20,000."""
    found = market_exposure(
        [(CALL, "option", -2, 100, -1500.0)],
        [("AAPL", "market", 1.2)],
        [("AAPL", 200.0, None), (CALL, 7.5, 0.5)],
    )
    (part,) = found.contributions
    assert (part.symbol, part.base_usd, part.beta) == (CALL, -20_000.0, 1.2)
    assert found.exposure_usd == pytest.approx(-24_000.0)


@pytest.mark.parametrize(
    ("lot", "prices", "reason"),
    [
        ((CALL, "option", 1, 100, 750.0), [("AAPL", 200.0, None), (CALL, 7.5, None)], "no delta"),
        ((CALL, "option", 1, 100, 750.0), [("AAPL", 200.0, None)], "no delta"),
        ((CALL, "option", 1, 100, 750.0), [(CALL, 7.5, 0.5)], "no price of AAPL"),
        ((CALL, "option", 1, 100, None), [(CALL, 7.5, 0.5)], "no price"),
        (("AAPL", "private", 1, 1, 750.0), [], "held privately"),
        (("XOM", "stock", 1, 1, 750.0), [], "no market beta of XOM"),
        (("XOM", "stock", 1, 1, None), [], "no price"),
    ],
)
def test_what_cannot_be_counted_is_named_with_the_reason(
    lot: Lot, prices: list[tuple[str, float, float | None]], reason: str
) -> None:
    """A missing delta, price or beta, and a private position, leave the exposure at zero."""
    found = market_exposure([lot], [("AAPL", "market", 1.2)], prices)
    (missing,) = found.uncovered
    assert reason in missing.reason
    assert missing.market_value_usd == lot[4]
    assert found.exposure_usd == 0.0
    assert found.contributions == ()


def test_coverage_is_the_share_of_gross_value_and_cash_is_no_part_of_it() -> None:
    """Covered 600 of 800 gross is three quarters, whatever cash there is."""
    found = market_exposure(
        [
            ("AAPL", "stock", 1, 1, 600.0),
            ("XOM", "stock", -1, 1, -200.0),
            ("CASH", "cash", 5000, 1, 5000.0),
        ],
        [("AAPL", "market", 1.0)],
    )
    assert found.covered_share == 0.75
    assert [each.symbol for each in found.uncovered] == ["XOM"]


def test_lots_of_one_symbol_are_one_contribution() -> None:
    """Two lots of 100 and 300 at beta 2 contribute 800 together."""
    found = market_exposure(
        [("AAPL", "stock", 1, 1, 100.0), ("AAPL", "stock", 3, 1, 300.0)],
        [("AAPL", "market", 2.0)],
    )
    assert [(each.symbol, each.exposure_usd) for each in found.contributions] == [("AAPL", 800.0)]


@pytest.mark.parametrize("equity", [0.0, -10.0])
def test_without_positive_equity_there_is_no_beta(equity: float) -> None:
    """An exposure in dollars stands; dividing it by nothing or by a debt says nothing."""
    lots: list[Lot] = [("AAPL", "stock", 1, 1, 100.0)]
    found = market_exposure(lots, [("AAPL", "market", 1.0)], equity=equity)
    assert (found.exposure_usd, found.beta) == (100.0, None)


def test_the_largest_exposure_comes_first_whatever_its_sign() -> None:
    """A factor of -300 stands before one of +100."""
    found = portfolio_exposures(
        positions([("AAPL", "stock", 1, 1, 100.0)]),
        betas([("AAPL", "market", 1.0), ("AAPL", "rates", -3.0)]),
        quotes([]),
        1000.0,
    )
    assert [each.factor for each in found] == ["rates", "market"]


def test_no_betas_give_no_factors_and_no_positions_no_exposure() -> None:
    """Nothing is invented: neither a factor without betas nor a share of nothing."""
    assert portfolio_exposures(positions([]), betas([]), quotes([]), 1.0) == ()
    found = market_exposure([], [("AAPL", "market", 1.0)])
    assert (found.exposure_usd, found.covered_share, found.beta) == (0.0, None, 0.0)


def test_an_option_moves_with_its_underlying_and_a_stock_with_itself() -> None:
    """The OCC symbol names the underlying."""
    assert (underlying_of(CALL), underlying_of("BRK.B")) == ("AAPL", "BRK.B")


VALUES = st.floats(-1e9, 1e9).map(lambda v: round(v, 2))
LOTS = st.lists(
    st.builds(lambda s, v: (s, "stock", v, 1, v), st.sampled_from(SYMBOLS), VALUES), max_size=12
)
BETAS = st.fixed_dictionaries({symbol: st.floats(-5, 5) for symbol in SYMBOLS[:3]})


def _close(left: float, right: float, lots: list[Lot]) -> bool:
    size = 5.0 * sum(abs(lot[4] or 0.0) for lot in lots)
    return abs(left - right) <= 1e-12 * size + 1e-9


@given(LOTS, LOTS, BETAS)
def test_exposures_of_two_books_add_up(
    one: list[Lot], other: list[Lot], known: dict[str, float]
) -> None:
    """What two portfolios are exposed to together is the sum of each alone."""
    rows = [(symbol, "market", beta) for symbol, beta in known.items()]
    parts = market_exposure(one, rows).exposure_usd + market_exposure(other, rows).exposure_usd
    assert _close(market_exposure(one + other, rows).exposure_usd, parts, one + other)


@given(LOTS, BETAS, st.sampled_from([-3, -1, 0, 2, 10]))
def test_exposure_scales_with_the_book_and_with_the_betas(
    lots: list[Lot], known: dict[str, float], times: int
) -> None:
    """A book of n times the positions has n times the exposure, as has one of n times the betas."""
    rows = [(symbol, "market", beta) for symbol, beta in known.items()]
    scaled: list[Lot] = [(s, c, q * times, m, (v or 0.0) * times) for s, c, q, m, v in lots]
    expected = market_exposure(lots, rows).exposure_usd * times
    assert _close(market_exposure(scaled, rows).exposure_usd, expected, scaled)
    steeper = [(symbol, factor, beta * times) for symbol, factor, beta in rows]
    assert _close(market_exposure(lots, steeper).exposure_usd, expected, scaled)


@given(st.permutations(list(range(6))))
def test_the_order_of_positions_does_not_matter(order: list[int]) -> None:
    """Sums are correctly rounded, so any order of lots gives the same bits."""
    lots: list[Lot] = [(SYMBOLS[n % 3], "stock", 1, 1, 10.0**n / 7) for n in range(6)]
    rows = [("AAPL", "market", 0.1), ("MSFT", "market", 0.7), ("TSLA", "market", 1.3)]
    assert market_exposure([lots[n] for n in order], rows) == market_exposure(lots, rows)
