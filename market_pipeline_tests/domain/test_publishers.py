"""Publishers: one name however written, its domain among the ways, and how many tell a story."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.publishers import count_tellers, publisher_family

WRITTEN = [
    ("Motley Fool", "The Motley Fool", "(Motley Fool)", " motley fool ", "fool.com",
     "www.fool.com", "https://www.fool.com/investing/", "fool.co.uk"),
    ("Wire Service One", "wireserviceone.example.com", "WireServiceOne"),
    ("Yahoo Finance", "Yahoo! Finance", "finance.yahoo.com", "uk.finance.yahoo.com", "Yahoo"),
    ("Investor's Business Daily", "Investors Business Daily", "investors.com"),
    ("Wall Street Journal", "The Wall Street Journal", "wsj.com", "WSJ", "www.wsj.com"),
    ("BBC", "BBC News", "bbc.co.uk", "news.bbc.co.uk", "bbc.com"),
    ("PR Newswire", "(PR Newswire)", "PRNewswire", "prnewswire.com"),
    ("Business Wire", "businesswire.com", "business-wire.com"),
    ("Business Insider", "markets.businessinsider.com"),
    ("Seeking Alpha", "SeekingAlpha", "seekingalpha.com"),
    ("Reuters", "Reuters.com", "reuters.com"),
    ("The Sydney Bulletin", "sydneybulletin.com.au"),
    ("The Co.", "the co"),
    ("Investing.com", "investing.com", "uk.investing.com"),
    ("24/7 Wall St.", "24/7 Wall St"),
    ("St.Louis Gazette", "St. Louis Gazette"),
]  # fmt: skip


@pytest.mark.parametrize("names", WRITTEN, ids=[names[0] for names in WRITTEN])
def test_a_publisher_is_one_family_however_written(names: tuple[str, ...]) -> None:
    """Layouts, years and vendors write the same publisher differently, or name its domain."""
    assert len({publisher_family(name) for name in names}) == 1
    assert publisher_family(names[0])


def test_other_publishers_are_others() -> None:
    """None of those above is another; nor are two that share a suffix or a host."""
    families = [publisher_family(names[0]) for names in WRITTEN]
    families += map(publisher_family, ("one.example.com", "two.example.com", "a.co.uk", "b.co.uk"))
    assert len(set(families)) == len(families)


@pytest.mark.parametrize(
    ("publishers", "count"),
    [
        ((), 0), (("",), 1), (("", ""), 1), (("Reuters",), 1), (("Reuters", ""), 1),
        (("Reuters", "reuters.com", "Bloomberg"), 2), (("The Motley Fool", "Motley Fool"), 1),
        (("Wire Service One", "wireserviceone.example.com"), 1), (("...", "-"), 1),
    ],
)  # fmt: skip
def test_a_teller_counts_once_however_written(publishers: tuple[str, ...], count: int) -> None:
    """By family; the unnamed only where none is named."""
    assert count_tellers(publishers) == count


NAMES = st.one_of(st.sampled_from([name for names in WRITTEN for name in names]), st.text())


@given(st.lists(NAMES, min_size=1, max_size=12).flatmap(
    lambda names: st.tuples(st.just(names), st.permutations(names))
))  # fmt: skip
def test_a_count_has_no_order_and_is_never_none(names: tuple[list[str], list[str]]) -> None:
    """Whatever is told: at least one teller, no more than names, the same in any order, and one
    more name never makes it fewer."""
    told, shuffled = names
    count = count_tellers(told)
    assert 1 <= count <= len(told)
    assert count == count_tellers(shuffled) == count_tellers(told + shuffled)
    steps = [count_tellers(told[: size + 1]) for size in range(len(told))]
    assert all(before <= after for before, after in pairwise(steps))
