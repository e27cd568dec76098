"""How many dollars move with whose returns, of stocks, options, private holdings and cash."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from market_pipeline.domain.moving_dollars import moving_dollars

DAY = pd.Timestamp("2026-11-20")
CALL, PUT = "AAPL281215C00300000", "AAPL281215P00200000"
Lot = tuple[str, str, float, int, float | None]


def positions(*lots: Lot, status: str = "priced") -> pd.DataFrame:
    """Build positions of one portfolio from (symbol, class, quantity, multiplier, value)."""
    frame = pd.DataFrame(
        lots, columns=["symbol", "asset_class", "quantity", "multiplier", "market_value_usd"]
    ).astype({"quantity": object, "market_value_usd": object})
    for name in ("quantity", "market_value_usd"):
        exact = [None if pd.isna(value) else Decimal(str(value)) for value in frame[name]]
        frame[name] = pd.Series(exact, index=frame.index, dtype=object)
    return frame.assign(session_date=DAY, portfolio_id="p", status=status)


def quotes(**prices: tuple[float, float | None]) -> pd.DataFrame:
    """Build prices and deltas by symbol."""
    rows = [(DAY, name, price, delta) for name, (price, delta) in prices.items()]
    return pd.DataFrame(rows, columns=["session_date", "symbol", "price_usd", "delta"])


def greeks(*rows: tuple[str, float | None, float, float]) -> pd.DataFrame:
    """Build (symbol, gamma, theta, vega)."""
    return pd.DataFrame(rows, columns=["symbol", "gamma", "theta", "vega"]).assign(session_date=DAY)


MARKET = quotes(AAPL=(250.0, None), MSFT=(400.0, None), **{CALL: (20.0, 0.6), PUT: (5.0, -0.2)})


def row(frame: pd.DataFrame, symbol: str) -> dict[str, object]:
    """Give the one row of a symbol."""
    (found,) = frame[frame["symbol"] == symbol].to_dict("records")
    return {str(key): value for key, value in found.items()}


def test_lots_of_a_stock_are_added_and_shorts_count_against() -> None:
    """600 long and 200 short are 400 that move with it, and no greeks; what is closed is gone."""
    lots = positions(("AAPL", "stock", 6, 1, 600.0), ("AAPL", "stock", -2, 1, -200.0))
    gone = positions(("MSFT", "stock", 0, 1, 0.0), status="closed")
    found = moving_dollars(pd.concat([lots, gone]), MARKET, greeks(), {})
    assert len(found) == 1
    told = row(found, "AAPL")
    assert (told["base_usd"], told["gross_usd"], told["moves_with"]) == (400.0, 400.0, "AAPL")
    assert (told["gamma_usd"], told["vega_usd"], told["theta_usd"]) == (0.0, 0.0, 0.0)


def test_an_option_moves_with_its_underlying_by_delta() -> None:
    """Two calls of 100 at delta 0.6 and a share at 250 are 30,000; a percent more adds gamma."""
    found = moving_dollars(
        positions((CALL, "option", 2, 100, 4000.0), (PUT, "option", -1, 100, -500.0)),
        MARKET,
        greeks((CALL, 0.004, -0.05, 0.9), (PUT, None, -0.02, 0.3)),
        {},
    )
    call, put = row(found, CALL), row(found, PUT)
    assert call["base_usd"] == pytest.approx(2 * 100 * 0.6 * 250)
    assert call["moves_with"] == "AAPL"
    moved = 2 * 100 * 250 * (0.004 * 2.5)  # the share moves 2.50, delta by 0.01
    assert call["gamma_usd"] == pytest.approx(moved)
    assert call["theta_usd"] == pytest.approx(-10.0)
    assert call["vega_usd"] == pytest.approx(180.0)
    assert put["base_usd"] == pytest.approx(-1 * 100 * -0.2 * 250)
    assert np.isnan(float(str(put["gamma_usd"])))
    assert put["vega_usd"] == pytest.approx(-30.0)


@pytest.mark.parametrize(
    ("lot", "prices"),
    [
        (("AAPL", "stock", 6, 1, None), MARKET),
        ((CALL, "option", 1, 100, 20.0), quotes(AAPL=(250.0, None), **{CALL: (20.0, None)})),
        ((CALL, "option", 1, 100, 20.0), quotes(**{CALL: (20.0, 0.6)})),
        ((CALL, "option", 1, 150, 20.0), MARKET),
        ((CALL, "option", 1, 100, None), MARKET),
        (("FUNDCO", "private", 1, 1, 900.0), MARKET),
    ],
    ids=["no price", "no delta", "no underlying", "other deliverable", "no value", "no stand-in"],
)
def test_what_moves_with_nothing_known_has_no_dollars(lot: Lot, prices: pd.DataFrame) -> None:
    """It is there with its gross value, so that what is left out can be told."""
    found = moving_dollars(positions(lot), prices, greeks((CALL, 0.1, 0.1, 0.1)), {})
    assert found["base_usd"].isna().tolist() == [True]
    assert found["gross_usd"].tolist() == [lot[4] or 0.0]


def test_a_private_holding_moves_with_its_stand_in() -> None:
    """By its whole value; cash moves with nothing and is left out."""
    lots = positions(("FUNDCO", "private", 1, 1, 900.0), ("CASH", "cash", 50, 1, 50.0))
    found = moving_dollars(lots, MARKET, greeks(), {"FUNDCO": "VNQ"})
    assert found[["symbol", "moves_with", "base_usd"]].to_numpy().tolist() == [
        ["FUNDCO", "VNQ", 900.0]
    ]


def test_no_positions_are_no_rows() -> None:
    """An empty book is an answer, with the same columns."""
    empty = moving_dollars(positions(), MARKET, greeks(), {})
    assert empty.empty
    assert list(empty.columns) == list(
        moving_dollars(positions(("AAPL", "stock", 1, 1, 1.0)), MARKET, greeks(), {}).columns
    )
