"""A secret is found however much of it a vendor encoded, and nothing else is."""

import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from market_pipeline.domain.secret_forms import any_of, pattern_of
from market_pipeline.logs import Redaction
from market_pipeline.settings import Settings
from market_pipeline.vendors.replies import Redactor

BEFORE, AFTER = "\u00ab", "\u00bb"
"""Characters that stand in no key here, so that what is left around it can be told exactly."""
KEYS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126)
    | st.sampled_from(" %+/&\"'\\<>")
    | st.sampled_from("\u00e9\u20ac\U0001f511"),
    min_size=4, max_size=40,
)  # fmt: skip


def ways(char: str) -> list[str]:
    """Give the ways a vendor may write one character of a key."""
    percent = "".join(f"%{octet:02X}" for octet in char.encode())
    return [char, percent, percent.lower(), "+" if char == " " else char, quote(percent)]


@st.composite
def echoes(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a key, and the key with any of its characters encoded."""
    key = draw(KEYS)
    return key, "".join(draw(st.sampled_from(ways(char))) for char in key)


@given(echoes())
@example(("ab cd%ef", "ab%20cd%ef"))
@example(("ab cd%ef", "ab cd%25ef"))
@example(("ab cd%ef", "ab+cd%ef"))
@example(("key%", "key%25"))
@example(("%25%", "%25%25"))
def test_any_mixture_of_encoded_and_raw_characters_is_taken_out(pair: tuple[str, str]) -> None:
    """In what is logged and in what a vendor's answer is quoted as, to the last character."""
    key, echo = pair
    text = f"{BEFORE}{echo}{AFTER}"
    left = f"{BEFORE}[redacted]{AFTER}"
    assert Redaction((key,)).text(text) == left
    assert Redactor(key)(text) == left
    assert not re.search(pattern_of(key), left.replace("[redacted]", ""))


@given(KEYS)
def test_a_key_that_holds_its_own_encoding_is_taken_out_decoded(key: str) -> None:
    """Someone copied the key out of an address: the vendor echoes what it means."""
    for copied in (quote(key, safe=""), quote_plus(key)):
        assert Redaction((copied,)).text(f"{BEFORE}{key}{AFTER}") == f"{BEFORE}[redacted]{AFTER}"


@given(KEYS)
def test_a_key_in_json_is_taken_out(key: str) -> None:
    """Escaped to ASCII or not, as a traceback or a body may hold it."""
    for is_ascii in (True, False):
        written = json.dumps(key, ensure_ascii=is_ascii)[1:-1]
        assert Redactor(key)(f"{BEFORE}{written}{AFTER}") == f"{BEFORE}[redacted]{AFTER}"


@pytest.mark.parametrize("text", ["abcd%2", "ab%2cd", "a+b", "%41", "100 % of it", ""])
def test_what_is_no_key_stays(text: str) -> None:
    """Percent signs and pluses alone take nothing out."""
    assert Redaction(("abcd%20ef", "k y")).text(text) == text


def test_a_longer_secret_goes_before_the_shorter_it_begins_with() -> None:
    """Nothing of the longer one is left behind, encoded or not; no secret matches nothing."""
    assert re.sub(any_of(["abcd", "abcd ef"]), "*", "abcd%20ef abcd") == "* *"
    settings = Settings(polygon_api_key=SecretStr("abcd"), finviz_elite_key=SecretStr("abcd ef"))
    assert Redaction(settings.secrets()).text("abcd%20ef abcd").count("[redacted]") == 2
    assert re.sub(any_of([]), "*", "abc") == re.sub(any_of([""]), "*", "abc") == "abc"
