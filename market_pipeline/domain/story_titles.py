"""Titles read for comparison: what wraps them is taken off, what they claim is laid open.

Belongs here: from text to words, claims and match keys. Does not: judging two titles
(`stories`), the words (`story_words`, `common_words`).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from market_pipeline.domain import common_words
from market_pipeline.domain import story_words as lists
from market_pipeline.domain.headlines import normalise
from market_pipeline.domain.story_numbers import (
    ORDINALS,
    is_number,
    may_count,
    number_at,
    quarter_at,
)

MOST_EXTRA_WORDS = 3
EXTRA_WORDS_PER_TEN = 3
EXACT_UP_TO = 3
OPENING_WORDS = 5

_DASH = "[-\u2013\u2014]"
_PREFIX = re.compile(
    r"\s*(?:\*+|(?:UPDATE|WRAPUP|REFILE|BRIEF|RPT|CORRECTED|CORRECTION|EXCLUSIVE|BREAKING(?: NEWS)?"
    rf"|JUST IN|ANALYSIS|INSIGHT|FOCUS|ALERT)(?:\s+\d+)?\s*(?:{_DASH}|[:|])+"
    rf"|[A-Z][A-Z .,]{{2,30}}\(REUTERS\)\s*{_DASH})\s*",
    re.IGNORECASE,
)
_SIGNATURES = "|".join(
    re.escape(" ".join(name.split()))
    for name in sorted(lists.PUBLISHERS.split("|"), key=len, reverse=True)
)
_SUFFIX = re.compile(rf"(?:\s{_DASH}+\s*|\s*\|\s*)(?:by\s+)?(?:{_SIGNATURES})\s*$", re.IGNORECASE)
_DASHED = re.compile(rf"\s{_DASH}|\|")
_EXCHANGE_TAG = re.compile(
    r"[(\[]\s*(?:NYSE|NASDAQ|AMEX|OTC|TSX|LSE|LON|ASX|CBOE)[a-z ]*:[^)\]]*[)\]]", re.IGNORECASE
)
_TICKER_TAG = re.compile(r"(?<=[\w.'\u2019])\s*\(\$?[A-Z]{1,5}(?:\.[A-Z])?\)")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}", re.IGNORECASE)
# Each is tried only where its first part, found faster, stands in the text.
_REWRITTEN = tuple(
    (part, re.compile(pattern, re.IGNORECASE), text)
    for part, pattern, text in (
        ("'", r"\b(ca|wo|sha)n't\b", " not"),
        ("'", r"n't\b", " not"),
        ("'", r"'s\b|(?<=s)'(?!\w)", ""),
        ("&", r"(?<=\w)&(?=\w)", ""),
        (".", r"\bno\.\s?(?=\d)", "number "),
        (".", r"(?<![\d.])\.(?=\d)", "0."),
        ("-", r"\b(10|20|8|6)-([kqf])\b", r"form\1\2"),
    )
)
_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u02bc\u00b4`", "'")
    | {"\u20ac": " eur ", "\u00a3": " gbp ", "\u00a5": " jpy "}
)

_MEANING = {
    word: line.split()[0]
    for line in (lists.SAME_MEANING + lists.SAME_SUBJECT).splitlines()
    for word in line.split()
} | dict.fromkeys(lists.NEGATIONS.split(), "not")
_MOVABLE = frozenset(line.split()[0] for line in lists.SAME_MEANING.strip().splitlines())
_CLAIMS = frozenset(_MEANING.values()) | {"eur", "gbp", "jpy"}
_FILLERS = frozenset(lists.FILLERS.split())
_BINDING = frozenset({"by", "from"})
_NAMES = frozenset(common_words.NAMES.split())
_RANK = {word: rank for rank, word in enumerate(common_words.RANKED.split())}


@dataclass(frozen=True, slots=True)
class Title:
    """A headline read once, for all comparisons.

    `text` is what `normalise` leaves of the unwrapped title; `words` are its words in one
    spelling, `content` those that carry meaning, `distinct` the same as a set. Titles of one
    `claims` make the same claims: numbers, negations, directions, measures, and what follows
    "by" and "from". `years` stand after a quarter. `is_cut` titles ended in dots. `signs` are
    the words by which `match_keys` finds it.
    """

    text: str
    words: tuple[str, ...]
    content: tuple[str, ...]
    distinct: frozenset[str]
    claims: int
    years: frozenset[str]
    is_cut: bool
    is_generic: bool
    signs: tuple[str, ...]


def tokens_of(title: str) -> tuple[str, ...]:
    """Give the words of a title in one spelling, without wire prefixes, publishers and tags."""
    text, _, is_cut = _unwrapped(title)
    return tuple(_spelled(_whole_words(text, is_cut))[0])


def match_keys(title: Title, symbols: Iterable[str]) -> frozenset[int]:
    """Give the signed 64-bit keys of a title on `symbols`: two items of one story share one.

    `same_story` lets one title have `extra_words` more than the other, which it contains; both
    make the same claims, and items have a common symbol or equal texts. Order all words by one
    fixed order: the contained title's first word is then among the first `1 + extra_words` of
    the other. Each of those, hashed with the claims and with each symbol, is a key: 1 to 4 a
    symbol. Titles of up to 3 words must agree in all, so their one sign is the whole set. One
    more key is the text alone, and another the first five words, by which a cut title finds its
    whole. Keys are the same in every process.
    """
    keys = {_hashed("text", title.text)} if title.text else set()
    if len(title.content) >= OPENING_WORDS:
        keys.add(_hashed("opening", *title.content[:OPENING_WORDS]))
    claims = str(title.claims)
    keys.update(_hashed("sign", symbol, claims, sign) for symbol in symbols for sign in title.signs)
    return frozenset(keys)


def extra_words(count: int) -> int:
    """Say how many of `count` distinct words another title of the story may lack: 0 to 3."""
    if count <= EXACT_UP_TO:
        return 0
    return min(count * EXTRA_WORDS_PER_TEN // 10, MOST_EXTRA_WORDS)


@lru_cache(maxsize=8_192)  # the stories of much-told symbols are met again in every batch
def read_title(title: str) -> Title:
    """Read a headline; one without any word gives a title that is no story with any."""
    text, is_question, is_cut = _unwrapped(title)
    words, years = _spelled(_whole_words(text, is_cut))
    content = tuple(word for word in words if word not in _FILLERS and word not in _BINDING)
    distinct = frozenset(content)
    claims = _claims(words, is_question)
    return Title(
        text=text,
        words=tuple(words),
        content=content,
        distinct=distinct,
        claims=claims,
        years=frozenset(years),
        is_cut=is_cut,
        is_generic=all(word in _RANK or word in _CLAIMS for word in distinct),
        signs=_signs(distinct),
    )


@lru_cache(maxsize=200_000)
def is_claim(word: str) -> bool:
    """Say whether a word must stand equally often in two titles of one story."""
    return word in _CLAIMS or any(character.isdigit() for character in word)


def is_name(word: str) -> bool:
    """Say whether a word names someone or something, as any word does that is not common."""
    is_common = word in _RANK or word in _BINDING or is_filler(word) or is_claim(word)
    return word in _NAMES or not is_common


def is_filler(word: str) -> bool:
    """Say whether a word carries no news: articles, prepositions, "says", "Inc"."""
    return word in _FILLERS


def is_binding(word: str) -> bool:
    """Say whether a word gives the next one its role: "by" and "from"."""
    return word in _BINDING


def is_movable(word: str) -> bool:
    """Say whether a word says what happens, and not to whom: "beats", "rises", "may"."""
    return word in _MOVABLE


def _unwrapped(title: str) -> tuple[str, bool, bool]:
    """Give the normalised text, whether it asks, and whether it was cut."""
    text = title.translate(_PLAIN)
    while (match := _PREFIX.match(text)) is not None:
        text = text[match.end() :]
    if _DASHED.search(text):
        text = _SUFFIX.sub("", text)
    if "(" in text or "[" in text:
        text = _TICKER_TAG.sub("", _EXCHANGE_TAG.sub("", text))
    is_question = text.rstrip("\"' \u201d").endswith("?")
    is_cut = text.rstrip("\"' \u201d").endswith(("...", "\u2026"))
    if "." in text:
        text = _INITIALS.sub(lambda match: match[0].replace(".", ""), text)
    for part, pattern, replacement in _REWRITTEN:
        if part in text:
            text = pattern.sub(replacement, text)
    return normalise(text), is_question, is_cut


def _whole_words(text: str, is_cut: bool) -> list[str]:
    """Split a text; the last word of a cut one may be half a word."""
    words = text.split()
    return words[:-1] if is_cut else words


def _spelled(raw: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give words in one spelling, numbers and quarters joined, and the years of quarters."""
    words: list[str] = []
    years: list[str] = []
    at = 0
    while at < len(raw):
        is_plain = not may_count(raw[at])
        taken = None if is_plain else quarter_at(raw, at)
        if taken is not None:
            quarter, year, at = taken
            words.append(quarter)
            years.extend(year)
        elif not is_plain and is_number(raw[at]):
            found, at = number_at(raw, at)
            words.extend(word for word in found if words[-1:] != [word])
        elif tuple(raw[at : at + 2]) in lists.PHRASES:
            words.append(one_spelling(lists.PHRASES[raw[at], raw[at + 1]]))
            at += 2
        else:
            words.append(one_spelling(raw[at]))
            at += 1
    return words, years


@lru_cache(maxsize=200_000)
def one_spelling(word: str) -> str:
    """Give the one word by which a word is compared: `climbs` is `rise`, `shares` is `stock`."""
    if word in _MEANING:
        return _MEANING[word]
    if word in ORDINALS:
        return ORDINALS[word]
    base = _FORMS.get(word) or _singular(word)
    base = lists.SPELLINGS.get(base, base)
    return _MEANING.get(base, base)


def _singular(word: str) -> str:
    if (
        len(word) < 4
        or word in _KEPT
        or not word.endswith("s")
        or word.endswith(("ss", "us", "is"))
    ):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zzes")):
        return word[:-2]
    return word[:-1]


def _forms(base: str, endings: Iterable[str]) -> Iterable[str]:
    for ending in endings:
        yield base + ending
        if base.endswith("e"):
            yield base[:-1] + ending
        elif base.endswith("y") and ending == "ed":
            yield base[:-1] + "ied"
        else:
            yield base + base[-1] + ending


_KEPT = frozenset(lists.KEPT_ENDINGS.split())
_FORMS = {
    form: verb
    for verbs, endings in ((lists.OTHER_VERBS, ("ing",)), (lists.SAFE_VERBS, ("ed", "ing")))
    for verb in verbs.split()
    for form in _forms(verb, endings)
}


def _claims(words: Sequence[str], is_question: bool) -> int:
    claims = [word for word in words if is_claim(word)]
    for at, word in enumerate(words):
        if word in _BINDING:
            bound = (other for other in words[at + 1 :] if other not in _FILLERS)
            claims.append(f"{word}:{next(bound, '')}")
    return _hashed("claims", *sorted(claims), "?" if is_question else "")


def _signs(distinct: frozenset[str]) -> tuple[str, ...]:
    ordered = sorted(distinct, key=_most_telling_first)
    if len(ordered) <= EXACT_UP_TO:
        return (" ".join(ordered),) if ordered else ()
    return tuple(ordered[: 1 + extra_words(len(ordered))])


@lru_cache(maxsize=200_000)
def _most_telling_first(word: str) -> tuple[int, int, str]:
    """Place a word in the fixed order: what tells the news of one symbol apart comes first.

    Words of the language, the rare before the common; then names, for each title on a symbol may
    hold the same one; claims last, for every key holds them already.
    """
    if is_claim(word):
        return 2, 0, word
    if word in _RANK:
        return 0, -_RANK[word], word
    return 1, -len(word), word


def _hashed(*parts: str) -> int:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
