"""Which symbols an item keeps, and how much it concerns each."""

import json
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.relevance import MAX_SYMBOLS, clean_symbols, relevance

TEXTS = st.text(st.sampled_from("AaPpLle $().:,'\u2019-TSLA"), max_size=60)
COUNTS = st.integers(1, 400)


@pytest.mark.parametrize(
    ("given_symbols", "known", "kept"),
    [
        ("msft aapl", "", "AAPL MSFT"),
        ("brk-b", "", "BRK.B"),
        ("usd eur jpy", "", ""),
        ("ba msft ne-ws", "", "BA MSFT"),
        ("NYSE NASDAQ ETF IPO CEO USA aapl", "", "AAPL"),
        ("BTC-USD ETHUSD BTCUSDT eurusd coin", "", "COIN"),
        ("=cmd 123 aapl;msft", "", ""),
        ("ZM AAPL", "ZM", "ZM AAPL"),
        ("IPO", "IPO", "IPO"),  # an ETF somebody holds
        ("COO CTO", "", "COO CTO"),  # companies
    ],
)
def test_noise_is_no_symbol(given_symbols: str, known: str, kept: str) -> None:
    """Currencies, pairs, exchanges and filler tags go, unless somebody holds them."""
    assert clean_symbols(given_symbols.split(), known.split()) == tuple(kept.split())


def test_the_ten_most_fitting_are_kept() -> None:
    """Held ones first, then those the headline names, then the description's, then the rest."""
    tagged = [f"SYM{letter}" for letter in "ABCDEFGHIJKLMNO"]
    kept = clean_symbols(tagged, {"SYMO"}, "News on $SYMM", "and on (NYSE: SYMN)")
    assert kept[:4] == ("SYMO", "SYMM", "SYMN", "SYMA")
    assert len(kept) == MAX_SYMBOLS


def test_the_order_given_does_not_matter() -> None:
    """The same tags in any order, doubled or not, give the same symbols."""
    tagged = ("tsla", "AAPL", "usd", "brk-b")
    results = {clean_symbols((*order, "aapl"), {"TSLA"}) for order in permutations(tagged)}
    assert results == {("TSLA", "AAPL", "BRK.B")}


@pytest.mark.parametrize(
    ("symbol", "company", "text"),
    [
        ("AAPL", "", "$AAPL jumps"),
        ("AAPL", "", "$aapl jumps"),
        ("AAPL", "", "A phone maker (NASDAQ: AAPL) jumps"),
        ("AAPL", "", "A phone maker (AAPL) jumps"),
        ("AAPL", "", "AAPL, MSFT: two to own"),
        ("ALL", "", "An insurer (NYSE:ALL) pays"),
        ("ALL", "", "Is $ALL cheap?"),
        ("F", "", "A car maker (F) recalls vans"),
        ("BRK.B", "", "Why BRK-B is cash-rich"),
        ("AAPL", "Apple Inc.", "Apple\u2019s event"),
        ("AAPL", "Apple Inc.", "APPLE RISES"),
        ("AMZN", "Amazon.com, Inc.", "Amazon hires"),
        ("GM", "General Motors Company", "General Motors recalls vans"),
        ("JNJ", "Johnson & Johnson", "Johnson & Johnson settles"),
        ("DIS", "The Walt Disney Company", "Disney opens a park"),
        ("T", "AT&T Inc.", "AT&T raises prices"),
        ("MMM", "3M Company", "3M settles"),
        ("WFC", "Wells Fargo & Company", "Wells Fargo pays"),
        ("TGT", "Target Corporation", "Target cuts outlook"),
        ("TGT", "Target Corporation", "Why Target's stores are full"),
        ("GAP", "Gap, Inc.", "Old brand, new owner: Gap Inc sells"),
    ],
)
def test_a_text_names_a_company(symbol: str, company: str, text: str) -> None:
    """A tag, a ticker or the company's name in the headline is the strongest sign."""
    assert relevance(symbol, text, "", 1, company) == 1.0
    assert relevance(symbol, "Markets", text, 1, company) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("symbol", "company", "text"),
    [
        ("ALL", "The Allstate Corporation", "ALL eyes on the Fed"),
        ("A", "Agilent Technologies", "A new day"),
        ("AI", "C3.ai, Inc.", "Artificial intelligence (AI) spreads"),
        ("CAT", "Caterpillar Inc.", "Category leaders"),
        ("MS", "Morgan Stanley", "J.P. Morgan opens an office"),
        ("JNJ", "Johnson & Johnson", "Boris Johnson speaks"),
        ("GE", "General Electric", "Attorney general speaks"),
        ("TGT", "Target Corporation", "Nvidia Price Target Raised"),
        ("GAP", "Gap, Inc.", "Mind the Gap Between Bonds"),
        ("NEXT", "NextDecade", "WHAT IS NEXT FOR BONDS"),
        ("AAPL", "Apple Inc.", "Snapple returns"),
        ("BRK.A", "", "Why BRK.AX is another"),
        ("AAPL", "", "Apple jumps"),
    ],
)
def test_a_text_names_no_company(symbol: str, company: str, text: str) -> None:
    """Words, parts of words and other names are no sign."""
    assert relevance(symbol, text, text, 1, company) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("headline", "description", "count", "expected"),
    [
        ("$X", "", 1, 1.0), ("$X", "", 2, 0.85), ("$X", "", 5, 0.76), ("$X", "", 10, 0.73),
        ("", "$X", 1, 0.7), ("", "$X", 2, 0.55), ("", "$X", 5, 0.46), ("", "$X", 10, 0.43),
        ("", "", 1, 0.4), ("", "", 2, 0.25), ("", "", 5, 0.16), ("", "", 10, 0.13),
    ],
)  # fmt: skip
def test_the_documented_table_holds(
    headline: str, description: str, count: int, expected: float
) -> None:
    """Every number of the docstring's table is what the function gives."""
    assert relevance("X", headline, description, count) == pytest.approx(expected)


@given(TEXTS, TEXTS, COUNTS, st.sampled_from(["", "Apple Inc.", "Target Corp"]))
def test_relevance_is_bounded_and_monotone(
    headline: str, description: str, count: int, company: str
) -> None:
    """In [0, 1]; naming a symbol never lowers it, one more tag never raises it."""
    plain = relevance("AAPL", headline, description, count, company)
    assert 0 <= plain <= 1
    assert relevance("AAPL", headline, description, count + 1, company) <= plain
    in_description = relevance("AAPL", headline, f"{description} (NASDAQ:AAPL)", count, company)
    in_headline = relevance("AAPL", f"{headline} (NASDAQ:AAPL)", description, count, company)
    assert plain <= in_description <= in_headline


def test_an_item_without_tags_has_no_relevance() -> None:
    """A count below one is the caller's mistake."""
    with pytest.raises(ValueError, match="at least one"):
        relevance("AAPL", "Apple", "", 0)


def test_recorded_tags_are_cleaned(vendor_payloads: Path) -> None:
    """Of a recorded answer every item keeps 1 to 10 symbols, and the filler tag goes."""
    recorded = vendor_payloads / "tiingo" / "news_AAPL_MSFT_20240625.json"
    articles = json.loads(recorded.read_text())
    assert any("ne-ws" in article["tickers"] for article in articles)
    for article in articles:
        kept = clean_symbols(article["tickers"], {"AAPL"}, article["title"])
        assert 1 <= len(kept) <= MAX_SYMBOLS
        assert "NE.WS" not in kept
