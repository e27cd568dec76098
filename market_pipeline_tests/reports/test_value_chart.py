"""The line over time stays in its frame, says its numbers, and parts where a session is missing."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.reports.portfolio_rows import ValuePoint
from market_pipeline.reports.value_chart import NARROW, RETURN, WIDE, value_chart
from market_pipeline_tests.reports.holdings import SESSION


def points(values: list[str], gaps: tuple[int, ...] = (), flow: str = "0") -> list[ValuePoint]:
    """Build a point a day; `gaps` are places that follow a missing session."""
    return [
        ValuePoint(
            SESSION + timedelta(days=at), Decimal(value), None, None, Decimal(flow), Decimal(0),
            None, None, at in gaps,
        )
        for at, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[], ["5"]])
def test_fewer_than_two_sessions_are_no_line(values: list[str]) -> None:
    """A single value is said in words, not drawn."""
    assert value_chart(points(values), WIDE) is None


def test_a_missing_session_parts_the_line() -> None:
    """Two runs of two sessions are two paths, and a lone session is a dot."""
    chart = value_chart(points(["1", "2", "3", "4", "5"], gaps=(2, 4)), WIDE)
    assert chart is not None
    assert [path.count("L") for path in chart.lines] == [1, 1, 1]
    start, end = chart.lines[2].removeprefix("M").split(" L")
    assert start == end


@given(
    st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=2, max_size=30),
    st.sampled_from([WIDE, NARROW]),
)
def test_every_value_lies_between_the_first_and_last_label(values: list[Decimal], frame) -> None:  # type: ignore[no-untyped-def]  # hypothesis fills it
    """Whatever the values, also flat, negative or zero, nothing leaves the plot."""
    chart = value_chart(points([str(value) for value in values]), frame)
    assert chart is not None
    bottom, top = chart.values[0].at, chart.values[-1].at
    assert (bottom, top) == (frame.plot_bottom, frame.top)
    assert all(top <= spot.y <= bottom for spot in chart.spots)
    assert all(frame.left <= spot.x <= frame.plot_right for spot in chart.spots)
    labels = [tick.label for tick in chart.values]
    assert len(set(labels)) == len(labels)
    assert 3 <= len(labels) <= 9


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["990000", "1030000"], ["$980K", "$1,000K", "$1,020K", "$1,040K"]),
        (["0", "1"], ["\N{MINUS SIGN}$0.5", "$0.0", "$0.5", "$1.0", "$1.5"]),
        (["8000000", "8150000"], ["$7.95M", "$8.00M", "$8.05M", "$8.10M", "$8.15M", "$8.20M"]),
    ],
)
def test_labels_are_round_and_of_one_unit(values: list[str], expected: list[str]) -> None:
    """An axis reads $980K to $1,040K, not $0.98M beside $1M."""
    chart = value_chart(points(values), WIDE)
    assert chart is not None
    assert [tick.label for tick in chart.values] == expected


def test_the_chart_says_in_words_what_it_shows() -> None:
    """First, last, lowest and highest value stand in the description, with their dates."""
    chart = value_chart(points(["10", "30", "20"]), WIDE)
    assert chart is not None
    assert "from $10.00 on 2026-11-20 to $20.00 on 2026-11-22" in chart.words
    assert "highest $30.00 on 2026-11-21" in chart.words


def test_money_that_came_or_went_is_marked_but_not_on_the_first_day() -> None:
    """The first session is all flow: it says nothing."""
    chart = value_chart(points(["10", "30"], flow="5"), WIDE)
    assert chart is not None
    assert [spot.is_flow for spot in chart.spots] == [False, True]
    assert "in or out +$5.00" in chart.spots[1].words


def returns(values: list[float | None]) -> list[ValuePoint]:
    """Build a point a day with a time-weighted return so far."""
    rows = points(["1"] * len(values))
    return [replace(row, twr_pct=value) for row, value in zip(rows, values, strict=True)]


def test_a_return_is_drawn_in_percent_around_zero() -> None:
    """Labels and words are percentages, and zero lies where its label stands."""
    chart = value_chart(returns([-10.0, 0.0, 10.0]), WIDE, RETURN)
    assert chart is not None
    labels = {tick.label.replace("\N{NO-BREAK SPACE}", " "): tick.at for tick in chart.values}
    assert chart.zero == labels["0 %"] == chart.spots[1].y
    assert "from \N{MINUS SIGN}10.00\N{NO-BREAK SPACE}% on" in chart.words
    above = value_chart(returns([5.0, 6.0]), WIDE, RETURN)
    assert above is not None
    assert above.zero is None


def test_sessions_without_the_measure_part_the_line() -> None:
    """An old snapshot has no return: nothing is drawn in its place, and one left is no line."""
    chart = value_chart(returns([None, 1.0, 2.0, None, 3.0, 4.0]), WIDE, RETURN)
    assert chart is not None
    assert [path.count("L") for path in chart.lines] == [1, 1]
    assert [spot.words[:10] for spot in chart.spots[:1]] == [str(SESSION + timedelta(days=1))]
    assert value_chart(returns([None, 1.0]), WIDE, RETURN) is None
