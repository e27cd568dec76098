"""Which sources a run asks last: by what asking them has just cost."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from market_pipeline.domain.news import Attempt
from market_pipeline.domain.source_order import SlowSources

AT = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def attempt(source: str, kind: str | None = None, seconds: float = 0.1) -> Attempt:
    return Attempt(source, AT, 1000 * seconds, kind is None, 0, False, kind)


@pytest.mark.parametrize(
    ("attempts", "last"),
    [
        ([], set()),
        ([attempt("a", "unavailable", 10)], {"a"}),
        ([attempt("a", "throttled", 5)], {"a"}),
        ([attempt("a", "unavailable", 4.9)], set()),
        ([attempt("a", "unavailable"), attempt("b"), attempt("a", "unavailable")], {"a"}),
        ([attempt("a", "unavailable"), attempt("a"), attempt("a", "unavailable")], set()),
        ([attempt("a", "unavailable", 10), attempt("a")], set()),
        ([attempt("a", "unavailable", 10), attempt("a", "empty")], set()),
        ([attempt("a", "not_entitled", 10)] * 3, set()),
        ([attempt("a", "circuit_open", 0)] * 3, set()),
        ([attempt("a", "unavailable", 10), attempt("b", "unavailable", 10)], {"a", "b"}),
    ],
)
def test_one_long_failure_or_two_in_a_row_put_a_source_last(
    attempts: Sequence[Attempt], last: set[str]
) -> None:
    """Of those that may have been waited for; an answer makes it good again."""
    together, singly = SlowSources(10.0), SlowSources(10.0)
    together.note(attempts)
    for one in attempts:
        singly.note([one])
    assert together.names == singly.names == last
