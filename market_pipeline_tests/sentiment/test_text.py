"""What is read of a headline: no cashtags or links, comparisons in a word, hostile text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.sentiment.text import MAX_CHARACTERS, readable
from market_pipeline.sentiment.wordpiece import WordPiece


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("$ABC $DEF - Maker of things +5% https://example.com/x via @desk", "Maker of things +5%"),
        ("$ABC: Maker beats by $0.07", "Maker beats by $0.07"),
        ("Maker (NYSE:ABC) and Other (XYZ) merge #deal", "Maker and Other merge deal"),
        ("-5% at the open", "-5% at the open"),
        ("Oil 📈 &amp; gas", "Oil up & gas"),
        ("", ""),
        ("$ABC https://example.com", ""),
    ],
)
def test_where_it_was_posted_is_not_read(text: str, read: str) -> None:
    """Amounts and signs stay; cashtags, tickers, links and handles do not."""
    assert readable(text) == read


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Profit rose to EUR 13.1 mn from EUR 8.7 mn", "13.1 mn (higher)"),
        ("Profit went from EUR 13.1 mn to EUR 8.7 mn", "8.7 mn (lower)"),
        ("Profit was EUR 1.2 bn, compared with EUR 980 mn", "1.2 bn (higher)"),
        ("EBIT was USD 4.0 million (USD 5.5 million)", "4.0 million (lower)"),
        ("Earnings were 5 cents vs 5 cents", "5 cents (same)"),
        ("Revenue of $1,200 against $950", "$1,200 (higher)"),
        ("Net sales were EUR 73 mn (EUR 72 mn)", "73 mn (higher)"),
        ("Orders of 2.7 mln euro (3.5 mln)", "2.7 mln (lower)"),
        ("Net sales were EUR 3.4 mn (EUR 3.1 mn a year ago)", "3.4 mn (higher)"),
        ("Revenue rises to $1.2 trillion vs $900 billion", "$1.2 trillion (higher)"),
        ("A profit of $5 mn versus a loss of $7 mn", "$5 mn (higher)"),
        ("The loss was EUR 2 mn, compared to a profit of EUR 3 mn", "2 mn (higher)"),
        ("The loss was EUR 2 mn, compared to a loss of EUR 1 mn", "2 mn (higher)"),
    ],
)
def test_comparisons_are_said_in_a_word(text: str, word: str) -> None:
    """The word stands behind the newer figure, whatever the order and the units."""
    assert word in readable(text)


@pytest.mark.parametrize(
    "text",
    ["Sales of 12 plants rose from 2008", "Margin was 5 % (EUR 3 mn)", "Up 5% (down 3%)",
     "Open from 7 May to the end", "A figure of 5",
     "Sales were CAD 41 million (approximately EUR 27 million)",
     "A profit of 2.7 mln euro ($3.5 mln) on sales of 89.1 mln euro ($116.8 mln)",
     "A lifeline of 500 million pounds ($656 million)", "Orders of SEK 100 mn (NOK 98 mn)",
     "An order worth US$10 million (EUR 9 million)", "A bill of HK$3.5 bn (US$450 mn)",
     "A stake of 10 million shares ($3.2 million)", "A plant with 200 workers (5 MW capacity)",
     "Operating loss of EUR 2 mn (profit of EUR 8.7 mn)"],
)  # fmt: skip
def test_what_is_not_a_comparison_stays_as_it_is(text: str) -> None:
    """Years, figures of different kinds, single ones, and one amount in two currencies."""
    assert readable(text) == text


@given(st.text(max_size=900))
def test_any_text_becomes_one_short_line(text: str) -> None:
    """Control characters, surrogates and direction marks included."""
    read = readable(text)
    assert len(read) <= MAX_CHARACTERS + len(" (higher)")
    assert not {unicodedata.category(character) for character in read} & {"Cc", "Cf", "Cs"}


def test_words_are_split_into_the_longest_known_pieces() -> None:
    """Unknown words are one unknown piece, marks stand alone, accents vanish, the end is kept."""
    pieces = WordPiece(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "pro", "profit", "##s", "##able", "-", "5"], limit=6
    )
    assert pieces.numbers("Profits") == [2, 5, 6, 3]
    assert pieces.numbers("prófit-5") == [2, 5, 8, 9, 3]
    assert pieces.numbers("prox 株 5") == [2, 1, 1, 9, 3]
    assert pieces.numbers("profit " * 50) == [2, 5, 5, 5, 5, 3]
    assert pieces.numbers("") == [2, 3]
    assert pieces.numbers("s" * 101) == [2, 1, 3]
