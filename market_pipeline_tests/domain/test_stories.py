"""What is one story and what only looks like one, told by pairs of titles."""

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from market_pipeline.domain.stories import (
    StoryItem,
    match_keys,
    may_join,
    read_title,
    same_story,
    tokens_of,
)
from market_pipeline_tests.domain.story_pairs import ONE_STORY, TWO_STORIES


@pytest.mark.parametrize(("one", "other"), ONE_STORY)
def test_near_duplicates_are_one_story(one: str, other: str) -> None:
    """Wrappers, wording, small additions and cuts do not make another story."""
    left, right = read_title(one), read_title(other)
    similarity = same_story(left, right)
    assert similarity is not None
    assert 0 < similarity <= 100
    assert same_story(right, left) == similarity
    assert match_keys(left, ["X"]) & match_keys(right, ["X", "Y"])


@pytest.mark.parametrize(("one", "other"), TWO_STORIES)
def test_look_alikes_are_two_stories(one: str, other: str) -> None:
    """Another direction, number, doubt, role or subject is another story."""
    assert same_story(read_title(one), read_title(other)) is None
    assert same_story(read_title(other), read_title(one)) is None


def test_the_tables_do_not_cancel_each_other() -> None:
    """No title of one story with another is listed as two stories with the same."""
    assert not {frozenset(pair) for pair in ONE_STORY} & {frozenset(pair) for pair in TWO_STORIES}


def test_tokens_are_the_words_in_one_spelling() -> None:
    """Prefix, publisher, exchange tag and possessive go; synonyms and scales become one."""
    title = "UPDATE 2-Apple's (NASDAQ:AAPL) Q3 sales climb to $1.2 bln - Reuters"
    assert tokens_of(title) == ("apple", "q3", "sale", "rise", "to", "1200000000")


# -- items ---------------------------------------------------------------------------------

NOON = datetime(2025, 3, 4, 17, tzinfo=UTC)
WINDOW = timedelta(days=3)


def item(
    text: str = "Cisco to buy Splunk for $28 billion",
    publisher: str = "reuters",
    hours: float = 0,
    symbols: str = "CSCO SPLK",
) -> StoryItem:
    at = NOON + timedelta(hours=hours)
    return StoryItem(read_title(text), publisher, at, frozenset(symbols.split()))


@pytest.mark.parametrize(
    ("other", "joins"),
    [
        (item(publisher="cnbc", hours=60), True),
        (item(publisher="cnbc", hours=72), True),
        (item(publisher="cnbc", hours=-72), True),
        (item(publisher="cnbc", hours=72.1), False),  # beyond the window
        (item(hours=11), True),
        (item(hours=-11.9), True),  # New York: another day, within 12 hours
        (item(hours=13), False),  # the same publisher on the next day
        (item(hours=-13), False),
        (item(symbols="CSCO", publisher="cnbc"), True),
        (item(symbols="", publisher="cnbc"), True),  # equal texts
        (item(symbols="AAPL", publisher="cnbc"), True),  # equal texts
        (item("Cisco to acquire Splunk for $28bn", "cnbc", symbols="AAPL"), False),
        (item("Cisco to acquire Splunk for $28bn", "cnbc", symbols=""), False),
        (item("Cisco to acquire Splunk for $28bn", "cnbc", symbols="SPLK"), True),
        (item("Cisco not to buy Splunk for $28 billion", "cnbc"), False),
    ],
)
def test_items_join_within_limits(other: StoryItem, joins: bool) -> None:
    """Titles decide, within the window, the publisher's edition and the symbols."""
    assert (may_join(item(), other, WINDOW) is not None) is joins
    assert (may_join(other, item(), WINDOW) is not None) is joins


def test_one_publisher_may_repeat_within_a_new_york_day() -> None:
    """More than 12 hours apart, on one day: an update, no new edition."""
    early, late = item(hours=-11.5), item(hours=11.5)
    assert may_join(early, late, WINDOW) == 100


def test_what_is_said_every_day_joins_within_a_day_only() -> None:
    """A title of everyday words tells another story on another day, whoever publishes it."""
    today = item("Stocks rise as oil falls", symbols="")
    assert may_join(today, item("Stocks rise as oil falls", "cnbc", 3, ""), WINDOW) == 100
    assert may_join(today, item("Stocks rise as oil falls", "cnbc", 24, ""), WINDOW) is None


def test_items_join_only_where_titles_do_and_have_no_sides() -> None:
    """Over all pairs of known titles: the titles' likeness or nothing, whichever comes first."""
    texts = sorted({text for pair in (*ONE_STORY, *TWO_STORIES) for text in pair})
    items = [
        item(text, ("a", "b")[at % 2], hours=at % 40, symbols="") for at, text in enumerate(texts)
    ]
    joined = 0
    for one, other in itertools.combinations(items, 2):
        found = may_join(one, other, WINDOW)
        assert may_join(other, one, WINDOW) == found
        assert found in (None, same_story(one.title, other.title))
        joined += found is not None
    assert joined > 10


# -- recorded news ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "field", "joined"),
    [
        ("tiingo/news_AAPL_MSFT_20240625.json", "title", 3),
        ("finnhub/company_news_AAPL_20260521_23.json", "headline", 1),
    ],
)
def test_recorded_news_joins_only_what_is_the_same(
    vendor_payloads: Path, file: str, field: str, joined: int
) -> None:
    """Of all pairs of a recorded answer just the repeated items join."""
    articles = json.loads((vendor_payloads / file).read_text())
    titles = [read_title(article[field]) for article in articles]
    pairs = [
        (one, other)
        for one, other in itertools.combinations(titles, 2)
        if same_story(one, other) is not None
    ]
    assert len(pairs) == joined
    assert all(one.text == other.text for one, other in pairs)
