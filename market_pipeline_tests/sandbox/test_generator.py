"""The generated market: what it knows, and that nothing it said is ever said differently."""

from datetime import UTC, date, datetime
from time import perf_counter

import numpy as np
import pytest

from market_pipeline.domain.factor_definitions import DEFAULTS, SECTOR, proxies_of
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.sandbox import generated
from market_pipeline.sandbox.generator import GeneratedMarket
from market_pipeline.sandbox.instruments import BUILT_IN
from market_pipeline.sandbox.market import Bars
from market_pipeline_tests.sandbox.conftest import NOW, SEED, fixed_clock

COLUMNS = ("days", "open", "high", "low", "close", "adj_close", "volume", "dividends", "splits")


def bars_of(market: GeneratedMarket, symbol: str) -> Bars:
    bars = market.bars(symbol)
    assert bars is not None
    return bars


def returns(market: GeneratedMarket, symbol: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    adjusted = bars_of(market, symbol).adj_close
    return np.asarray(np.diff(adjusted) / adjusted[:-1])


def test_bars_run_from_2012_to_the_last_completed_session(market: GeneratedMarket) -> None:
    """Every session from 2012-01-03 to the clock's last completed one has exactly one bar."""
    expected = TradingCalendar.xnys().sessions(date(2012, 1, 3), date(2026, 11, 20))
    assert bars_of(market, "AAPL").days.tolist() == expected


def test_a_session_appears_when_it_closes() -> None:
    """Ten minutes before the close the day's bar is absent."""
    before = generated(SEED, clock=lambda: datetime(2026, 11, 20, 20, 50, tzinfo=UTC))
    assert before.as_of() == date(2026, 11, 19)
    assert bars_of(before, "AAPL").days[-1] == np.datetime64("2026-11-19")


@pytest.mark.parametrize("symbol", ["AAPL", "SPY", "TLT", "BRK.B", "QQZX"])
def test_time_passing_restates_nothing(market: GeneratedMarket, symbol: str) -> None:
    """A market three years older gives the same rows for the dates both have, in all columns."""
    younger = generated(SEED, clock=lambda: datetime(2023, 11, 20, 22, 30, tzinfo=UTC))
    old = bars_of(younger, symbol)
    new = bars_of(market, symbol).upto(old.days[-1].astype(object))
    for column in COLUMNS:
        assert np.array_equal(getattr(old, column), getattr(new, column)), column


def test_an_unforeseen_closure_changes_no_other_bar(market: GeneratedMarket) -> None:
    """Taking one session out of the calendar leaves prices of the others as they were."""
    closed = date(2025, 3, 12)
    other = generated(SEED, clock=fixed_clock, calendar=TradingCalendar.xnys([closed]))
    all_bars = bars_of(market, "FCX")
    kept = all_bars.days != np.datetime64(closed)
    assert np.array_equal(bars_of(other, "FCX").close, all_bars.close[kept])


def test_seeds_differ_and_repeat() -> None:
    """The same seed gives the same prices in a new market, another seed gives others."""
    first, again, other = (generated(seed, clock=fixed_clock) for seed in (1, 1, 2))
    assert np.array_equal(bars_of(first, "KO").close, bars_of(again, "KO").close)
    assert not np.array_equal(bars_of(first, "KO").close, bars_of(other, "KO").close)


@pytest.mark.parametrize("symbol", sorted(BUILT_IN))
def test_bars_are_possible(market: GeneratedMarket, symbol: str) -> None:
    """Prices are positive, the range holds open and close, volume is whole, none is missing."""
    bars = bars_of(market, symbol)
    assert (bars.low > 0).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.volume > 0).all()
    assert np.array_equal(bars.volume, np.round(bars.volume))
    assert not any(np.isnan(getattr(bars, column)).any() for column in COLUMNS[1:])


def test_adjusted_returns_include_dividends(market: GeneratedMarket) -> None:
    """On an ex-date adj_close grows by 1 / (1 - dividend / close before) more than close."""
    bars = bars_of(market, "KO")
    at = int(np.flatnonzero(bars.dividends)[-1])
    plain = bars.close[at] / bars.close[at - 1]
    adjusted = bars.adj_close[at] / bars.adj_close[at - 1]
    kept = 1 - bars.dividends[at] / bars.close[at - 1]
    assert adjusted / plain == pytest.approx(1 / kept, rel=1e-6)
    assert 3 <= np.count_nonzero(bars.dividends[-252:]) <= 5


def test_splits_are_events_and_no_jumps(market: GeneratedMarket) -> None:
    """AAPL splits 7:1 and 4:1 on the days known, and no return near them is a split's."""
    bars = bars_of(market, "AAPL")
    events = {str(bars.days[i]): bars.splits[i] for i in np.flatnonzero(bars.splits)}
    assert events == {"2014-06-09": 7.0, "2020-08-31": 4.0}
    assert np.abs(returns(market, "AAPL")).max() < 0.25


def test_returns_follow_the_factors(market: GeneratedMarket) -> None:
    """Betas to SPY stand near the loadings; TLT hardly knows SPY; SPY moves like a market."""
    spy = returns(market, "SPY")

    def beta(symbol: str) -> float:
        return float(np.cov(returns(market, symbol), spy)[0, 1] / spy.var(ddof=1))

    assert beta("NVDA") == pytest.approx(1.6, abs=0.15)
    assert beta("KO") == pytest.approx(0.55, abs=0.15)
    assert abs(beta("TLT")) < 0.1
    assert 0.10 < spy.std() * np.sqrt(252) < 0.25


def test_every_shipped_proxy_is_a_fund_of_the_cast() -> None:
    """The demo measures what the definitions name, and none of it is a company by chance."""
    assert {BUILT_IN[proxy].kind for proxy in proxies_of(DEFAULTS)} == {"ETF"}


def test_a_sector_fund_explains_its_own_sector_best(market: GeneratedMarket) -> None:
    """A stock's residual to the market moves with its own sector's fund, and with no other."""
    spy = returns(market, "SPY")

    def apart(symbol: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        own = returns(market, symbol)
        return np.asarray(own - np.cov(own, spy)[0, 1] / spy.var(ddof=1) * spy)

    for stock, fund in (("XOM", "XLE"), ("JPM", "XLF"), ("DUK", "XLU"), ("KO", "XLP")):
        known = {
            each.proxy: np.corrcoef(apart(stock), apart(each.proxy))[0, 1]
            for each in DEFAULTS
            if each.kind == SECTOR
        }
        assert max(known, key=known.__getitem__) == fund
        assert known[fund] > 0.3


def test_unknown_and_made_up_tickers(market: GeneratedMarket) -> None:
    """ZZ tickers and malformed ones do not exist; any other of one to five letters does."""
    assert all(market.bars(symbol) is None for symbol in ("ZZTOP", "ZZ", "TOOLONG", "A1", "^GSPC"))
    assert len(bars_of(market, "QWERT")) == len(bars_of(market, "SPY"))


def test_a_symbol_is_drawn_quickly(market: GeneratedMarket) -> None:
    """A symbol's whole history takes under 50 ms (best of several never asked for before)."""
    took = []
    for symbol in ("PERFA", "PERFB", "PERFC", "PERFD", "PERFE"):
        started = perf_counter()
        market.bars(symbol)
        took.append(perf_counter() - started)
    assert min(took) < 0.05


def test_headlines_come_newest_first_and_never_from_the_future(market: GeneratedMarket) -> None:
    """Headlines stand in order, none later than asked, each about the ticker."""
    headlines = market.headlines("AAPL", NOW, 100)
    assert headlines is not None
    assert len(headlines) == 100
    stamps = [headline.published_at for headline in headlines]
    assert stamps == sorted(stamps, reverse=True)
    assert stamps[0] <= NOW
    assert all("AAPL" in headline.symbols for headline in headlines)
    assert market.headlines("ZZTOP", NOW, 100) is None


def test_headlines_stay_as_time_passes(market: GeneratedMarket) -> None:
    """What was published by an earlier moment is the same when looked at later."""
    earlier = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
    then = market.headlines("MSFT", earlier, 20)
    now = [h for h in market.headlines("MSFT", NOW, 100) or () if h.published_at <= earlier]
    assert list(then or ()) == now[:20]


def test_headlines_exercise_escaping_and_sharing(market: GeneratedMarket) -> None:
    """Among many headlines some hold quotes, commas, tags, ampersands, and several tickers."""
    headlines = [
        h for s in ("AAPL", "JPM", "KO", "XOM") for h in market.headlines(s, NOW, 100) or ()
    ]
    titles = " ".join(headline.title for headline in headlines)
    assert all(mark in titles for mark in ('"', ",", "<b>", "&", "'"))
    assert any(len(headline.symbols) > 1 for headline in headlines)
    shared = next(h for h in headlines if len(h.symbols) > 1)
    others = market.headlines(shared.symbols[1], NOW, 500) or ()
    assert shared in others
    assert len({headline.publisher for headline in headlines}) > 3


def test_some_stories_are_told_by_several_publishers(market: GeneratedMarket) -> None:
    """In nearly the same words, within hours of the same day; most are told once."""
    headlines = list(market.headlines("AAPL", NOW, 100) or ())
    slugs = [headline.url.rpartition("/")[2].partition("?")[0] for headline in headlines]
    again = {slug: headline for slug, headline in zip(slugs, headlines, strict=True)
             if slug[:-2] in slugs}  # fmt: skip
    assert 10 < len(again) < 60
    for slug, headline in again.items():
        first = headlines[slugs.index(slug[:-2])]
        assert headline.publisher != first.publisher
        assert headline.published_at > first.published_at
        assert headline.published_at.date() == first.published_at.date()
        assert headline.symbols == first.symbols
    assert any(h.title == headlines[slugs.index(slug[:-2])].title for slug, h in again.items())
    assert any(h.title != headlines[slugs.index(slug[:-2])].title for slug, h in again.items())


def test_descriptions_hold_markup_or_are_missing(market: GeneratedMarket) -> None:
    """As publishers send them."""
    told = [headline.description for headline in market.headlines("AAPL", NOW, 100) or ()]
    assert "" in told
    assert any("<p>" in text and "&amp;" in text for text in told)


def test_a_listing_says_sector_and_industry(market: GeneratedMarket) -> None:
    """For built-in and made-up tickers, not for unknown ones."""
    apple, fund = market.listing("AAPL"), market.listing("SPY")
    assert apple is not None
    assert fund is not None
    assert (apple.sector, fund.industry) == ("Technology", "Exchange Traded Fund")
    made_up = market.listing("QQZX")
    assert made_up is not None
    assert made_up.sector
    assert market.listing("ZZTOP") is None
