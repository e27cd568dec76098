"""WordPiece: text to the numbers of word pieces, as uncased BERT models count them."""

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import groupby

START, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
_LONGEST_WORD = 100
_ASCII_MARKS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class WordPiece:
    """Splits text by a vocabulary: the longest known piece first, `##` before inner pieces."""

    def __init__(self, pieces: Sequence[str], limit: int) -> None:
        """Take the pieces in the order of their numbers, and the most numbers a text may have."""
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        self._limit = limit

    def numbers(self, text: str) -> list[int]:
        """Give the numbers of a text's pieces, between those of its start and its end."""
        found = [self._numbers[START]]
        for word in _words(text):
            if len(found) >= self._limit - 1:
                break
            found.extend(self._word(word))
        return [*found[: self._limit - 1], self._numbers[END]]

    def _word(self, word: str) -> list[int]:
        unknown = [self._numbers[UNKNOWN]]
        if len(word) > _LONGEST_WORD:
            return unknown
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._numbers.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return unknown
            found.append(number)
            start = end
        return found


def _words(text: str) -> Iterable[str]:
    """Split plain lower-case text at spaces, and around every punctuation mark."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    for chunk in plain.split():
        for is_mark, run in groupby(chunk, _stands_alone):
            if is_mark:
                yield from run
            else:
                yield "".join(run)


def _stands_alone(character: str) -> bool:
    return (
        character in _ASCII_MARKS
        or unicodedata.category(character).startswith("P")
        or "\u4e00" <= character <= "\u9fff"
        or "\u3400" <= character <= "\u4dbf"
    )
