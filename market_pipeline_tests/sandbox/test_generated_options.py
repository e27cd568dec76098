"""The generated option market: prices that obey the formula, and one truth for chain and bars."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import norm

from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import OptionContract
from market_pipeline.sandbox import generated, option_calendar
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.option_pricing import RATE, price
from market_pipeline_tests.sandbox.conftest import SEED


@pytest.mark.parametrize("is_call", [True, False])
def test_the_formula_agrees_with_an_independent_one(is_call: bool) -> None:
    """Value, delta, gamma and vega equal Black-Scholes written with scipy's normal."""
    spot, strike, years, volatility, dividend = 251.98, 260.0, 0.37, 0.28, 0.006
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (RATE - dividend + volatility**2 / 2) * years) / root
    sign = 1 if is_call else -1
    paid, got = strike * np.exp(-RATE * years), spot * np.exp(-dividend * years)
    value = sign * (got * norm.cdf(sign * d1) - paid * norm.cdf(sign * (d1 - root)))
    priced = price(
        spot=np.array([spot]), strike=np.array([strike]), years=np.array([years]),
        volatility=np.array([volatility]), is_call=np.array([is_call]), dividend_yield=dividend,
    )  # fmt: skip
    assert priced.value[0] == pytest.approx(value, abs=1e-12)
    discount = np.exp(-dividend * years)
    assert priced.delta[0] == pytest.approx(sign * discount * norm.cdf(sign * d1), abs=1e-12)
    assert priced.gamma[0] == pytest.approx(discount * norm.pdf(d1) / (spot * root), abs=1e-12)
    assert priced.vega[0] == pytest.approx(got * norm.pdf(d1) * np.sqrt(years) / 100, abs=1e-12)


def test_theta_is_the_loss_of_a_day() -> None:
    """Theta agrees with revaluing a day later, to the size of the second-order term."""

    def value(years: float) -> float:
        priced = price(
            spot=np.array([100.0]), strike=np.array([100.0]), years=np.array([years]),
            volatility=np.array([0.3]), is_call=np.array([True]), dividend_yield=0.0,
        )  # fmt: skip
        return float(priced.value[0])

    priced = price(
        spot=np.array([100.0]), strike=np.array([100.0]), years=np.array([0.5]),
        volatility=np.array([0.3]), is_call=np.array([True]), dividend_yield=0.0,
    )  # fmt: skip
    assert priced.theta[0] == pytest.approx(value(0.5 - 1 / 365) - value(0.5), rel=0.01)


@pytest.mark.parametrize(
    ("year", "month", "expected"),
    [
        (2026, 11, date(2026, 11, 20)),
        (2026, 6, date(2026, 6, 18)),  # Juneteenth is a Friday: the Thursday before
        (2025, 4, date(2025, 4, 17)),  # Good Friday
    ],
)
def test_expirations_are_third_fridays_or_the_session_before(
    year: int, month: int, expected: date
) -> None:
    """A third Friday that is no session moves the expiration to the session before."""
    calendar = TradingCalendar.xnys()
    first, last = date(year, month, 1), date(year, month, 28)
    assert list(option_calendar.expirations(calendar, first, last)) == [expected]


def test_the_chain_holds_what_trades(market: GeneratedMarket) -> None:
    """Contracts are unique, unexpired, listed, around the price; bids lie below asks."""
    chain = market.option_chain("AAPL")
    symbols = [quote.contract.occ for quote in chain]
    assert len(chain) > 300
    assert symbols == sorted(set(symbols))
    spot = chain[0].underlying_price
    bars = market.bars("AAPL")
    assert bars is not None
    assert spot is not None
    assert spot == bars.close[-1]
    strikes = [float(quote.contract.strike_usd) for quote in chain]
    assert min(strikes) < spot < max(strikes)
    for quote in chain:
        assert quote.contract.expiration_date >= date(2026, 11, 20)
        assert option_calendar.listed_on(quote.contract.expiration_date) <= date(2026, 11, 20)
        assert quote.bid is not None
        assert quote.ask is not None
        assert 0 <= quote.bid < quote.ask
    assert any(quote.close is None for quote in chain)
    assert sum(quote.close is not None for quote in chain) > 100


def test_a_chain_and_a_contracts_bars_tell_one_story(market: GeneratedMarket) -> None:
    """The day in the snapshot is the last daily bar, where the contract traded that day."""
    traded = [quote for quote in market.option_chain("KO") if quote.close is not None][:20]
    assert traded
    for quote in traded:
        bars = market.option_bars(quote.contract)
        assert bars is not None
        assert bars.days[-1] == np.datetime64(quote.session)
        last = (bars.open[-1], bars.high[-1], bars.low[-1], bars.close[-1], bars.volume[-1])
        assert last == (quote.open, quote.high, quote.low, quote.close, quote.volume)


def test_option_bars_end_at_expiry_and_do_not_change(market: GeneratedMarket) -> None:
    """Bars lie between listing and expiry and are the same to a younger market."""
    contract = OptionContract("MSFT", date(2025, 6, 20), "put", Decimal(450))
    bars = market.option_bars(contract)
    assert bars is not None
    assert bars.days[0] >= np.datetime64(option_calendar.listed_on(contract.expiration_date))
    assert bars.days[-1] <= np.datetime64("2025-06-20")
    younger = generated(SEED, clock=lambda: datetime(2025, 5, 1, 22, tzinfo=UTC))
    then = younger.option_bars(contract)
    assert then is not None
    assert len(then) > 10
    assert np.array_equal(then.close, bars.upto(date(2025, 5, 1)).close)


def test_unknown_underlyings_have_no_options(market: GeneratedMarket) -> None:
    """A ZZ ticker has no chain, no contracts, no bars."""
    contract = OptionContract("ZZTOP", date(2026, 12, 18), "call", Decimal(100))
    assert market.option_chain("ZZTOP") == []
    assert market.option_contracts("ZZTOP", None, expired=False) == []
    assert market.option_bars(contract) is None
    assert market.option_quote(contract) is None


def test_expired_contracts_are_listed_apart(market: GeneratedMarket) -> None:
    """Expired contracts have all expired, live ones have not, on the day asked for."""
    day = date(2026, 3, 20)
    live = market.option_contracts("KO", day, expired=False)
    expired = market.option_contracts("KO", day, expired=True)
    assert live
    assert expired
    assert all(contract.expiration_date >= day for contract in live)
    assert all(contract.expiration_date < day for contract in expired)
