"""What a story's sessions returned: by hand, by law, and fast."""

import time
from datetime import UTC, date, datetime
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.frames import between
from market_pipeline.domain.impact import (
    ADJUSTED_COLUMNS,
    IMPACT_COLUMNS,
    NEXT_SESSIONS,
    REACH,
    RETURN_COLUMNS,
    impact_of,
    stories_of,
)
from market_pipeline.domain.price_rules import REVERTED_JUMP
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.warehouse.tables import metadata

CALENDAR = TradingCalendar.xnys()
SESSIONS = CALENDAR.sessions(date(2026, 11, 2), date(2026, 11, 30))
AT = datetime(2026, 11, 2, 15, tzinfo=UTC)


CAME_BACK = [f"{symbol}{place}" for symbol in ("A", "B", "SPY") for place in range(12)]


def story_rows(*keys: tuple[int, str, str]) -> pd.DataFrame:
    """Make story-symbol rows of (place of the session, hash, symbol)."""
    return pd.DataFrame(
        {
            "session_date": np.array([SESSIONS[at] for at, _, _ in keys], dtype="datetime64[s]"),
            "headline_hash": pd.Series([name for _, name, _ in keys], dtype="str"),
            "symbol": pd.Series([symbol for _, _, symbol in keys], dtype="str"),
            "published_at": pd.DatetimeIndex([AT] * len(keys)),
            "relevance": 1.0,
            "sentiment_score": 0.5,
            "sentiment_confidence": 0.9,
            "sentiment_label": "positive",
            "sentiment_model": "test",
        }
    )


def price_rows(
    returns: dict[str, list[float]], flags: dict[str, str] | None = None
) -> pd.DataFrame:
    """Make a row a symbol and session from the first on, with the given returns."""
    rows = [
        {
            "session_date": pd.Timestamp(SESSIONS[at]), "symbol": symbol, "asset_class": "stock",
            "return_1d": value, "flags": (flags or {}).get(f"{symbol}{at}"),
        }
        for symbol, values in returns.items()
        for at, value in enumerate(values)
    ]  # fmt: skip
    columns = ["session_date", "symbol", "asset_class", "return_1d", "flags"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"session_date": "datetime64[s]", "return_1d": "float64"}
    )


def beta_rows(*rows: tuple[int, str, float], factor: str = "market") -> pd.DataFrame:
    """Make betas of (place of the session, symbol, beta)."""
    return pd.DataFrame(
        {
            "session_date": np.array([SESSIONS[at] for at, _, _ in rows], dtype="datetime64[s]"),
            "symbol": [symbol for _, symbol, _ in rows],
            "factor": factor,
            "beta": [beta for _, _, beta in rows],
        }
    )


UP = [0.00, 0.01, 0.02, -0.01, 0.005, 0.0, 0.03, 0.04]
SPY = [0.00, 0.005, 0.01, 0.01, -0.02, 0.0, 0.01, 0.02]


def test_the_textbook_case() -> None:
    """Session 1, beta 1.5 of session 0: 1 % less 1.5 x 0.5 % is 0.25 %, and so on for five more."""
    betas = beta_rows((0, "A", 1.5), (1, "A", 99.0))
    row = impact_of(story_rows((1, "h", "A")), price_rows({"A": UP, "SPY": SPY}), betas, SESSIONS)
    [found] = row.to_dict("records")
    assert found["beta"] == 1.5
    expected = [1.0, 2.0, -1.0, 0.5, 0.0, 3.0]
    assert [found[name] for name in RETURN_COLUMNS] == pytest.approx(expected)
    adjusted = [0.25, 0.5, -2.5, 3.5, 0.0, 1.5]
    assert [found[name] for name in ADJUSTED_COLUMNS] == pytest.approx(adjusted)
    assert found["sessions_known"] == 6


def test_the_columns_are_the_tables() -> None:
    """What is computed can be stored as it is, rows or none."""
    columns = set(metadata.tables["headline_impact"].columns.keys())
    some = impact_of(story_rows((1, "h", "A")), price_rows({"SPY": SPY}), beta_rows(), SESSIONS)
    none = impact_of(story_rows(), price_rows({}), beta_rows(), SESSIONS)
    assert set(IMPACT_COLUMNS) == set(some.columns) == set(none.columns) == columns
    assert len(none) == 0


def test_a_session_to_come_is_unknown() -> None:
    """With prices of sessions 0 to 3, a story of session 2 knows two of its six."""
    known = price_rows({"A": UP[:4], "SPY": SPY[:4]})
    row = impact_of(story_rows((2, "h", "A")), known, beta_rows((1, "A", 1.0)), SESSIONS).iloc[0]
    assert row["sessions_known"] == 2
    assert row[list(RETURN_COLUMNS)].notna().tolist() == [True, True, False, False, False, False]
    assert row["adjusted_return_pct"] == pytest.approx(1.0)


def test_the_calendars_end_is_no_error() -> None:
    """Sessions beyond the last one given are unknown, and are not the first ones again."""
    returns = {"A": [0.01] * 4, "SPY": [0.01] * 4}
    row = impact_of(
        story_rows((3, "h", "A")), price_rows(returns), beta_rows((2, "A", 1.0)), SESSIONS[:4]
    ).iloc[0]
    assert row["sessions_known"] == 1
    assert row["return_next_1_pct"] is not None
    assert np.isnan(row["return_next_1_pct"])


def test_a_symbol_without_prices_is_kept_with_nothing() -> None:
    """Its sessions are known, its returns are not; a story without a beta keeps its return."""
    stories = story_rows((1, "h", "NOPE"), (1, "h", "A"))
    frame = impact_of(stories, price_rows({"A": UP, "SPY": SPY}), beta_rows(), SESSIONS)
    of_a, of_nope = frame.iloc[0], frame.iloc[1]
    assert (of_a["symbol"], of_nope["symbol"]) == ("A", "NOPE")
    assert of_nope[list(RETURN_COLUMNS + ADJUSTED_COLUMNS)].isna().all()
    assert of_nope["sessions_known"] == of_a["sessions_known"] == 6
    assert of_a["return_pct"] == pytest.approx(1.0)
    assert np.isnan(of_a["beta"])
    assert np.isnan(of_a["adjusted_return_pct"])


def test_only_the_beta_of_the_session_before_counts() -> None:
    """Not its own session's, not an older one's, not another factor's."""
    betas = pd.concat([
        beta_rows((0, "A", 1.0), (2, "A", 3.0)), beta_rows((1, "A", 7.0), factor="interest_rate")
    ])  # fmt: skip
    frame = impact_of(story_rows((2, "h", "A")), price_rows({"A": UP, "SPY": SPY}), betas, SESSIONS)
    assert frame["beta"].isna().all()


def test_a_story_of_the_first_session_given_has_no_beta() -> None:
    """There is no session before it, and the last one's beta is not taken for it."""
    betas = beta_rows((len(SESSIONS) - 1, "A", 5.0), (0, "A", 5.0))
    frame = impact_of(story_rows((0, "h", "A")), price_rows({"A": UP, "SPY": SPY}), betas, SESSIONS)
    assert frame["beta"].isna().all()


def test_returns_that_are_no_markets_doing_are_left_out() -> None:
    """As in the regressions: a flagged jump is missing, a harmless flag is not."""
    flags = {"A1": "unexplained_jump,zero_volume", "A2": "missing_open", "SPY3": "unadjusted_split"}
    prices = price_rows({"A": UP, "SPY": SPY}, flags)
    row = impact_of(story_rows((1, "h", "A")), prices, beta_rows((0, "A", 1.0)), SESSIONS).iloc[0]
    assert row[list(RETURN_COLUMNS)].notna().tolist() == [False, True, True, True, True, True]
    assert row[list(ADJUSTED_COLUMNS)].notna().tolist() == [False, True, False, True, True, True]
    assert row["sessions_known"] == 6


def test_an_option_of_the_same_name_is_no_stock() -> None:
    """Only returns of stocks and funds count."""
    prices = price_rows({"A": UP, "SPY": SPY})
    prices.loc[prices["symbol"] == "A", "asset_class"] = "option"
    frame = impact_of(story_rows((1, "h", "A")), prices, beta_rows((0, "A", 1.0)), SESSIONS)
    assert frame["return_pct"].isna().all()


def test_a_story_of_no_session_is_refused() -> None:
    """A Saturday meets no prices: whoever dated the story is wrong."""
    stories = story_rows((1, "h", "A"))
    stories["session_date"] = pd.Timestamp(2026, 11, 7)
    with pytest.raises(ValueError, match="2026-11-07"):
        impact_of(stories, price_rows({"SPY": SPY}), beta_rows(), SESSIONS)


def test_stories_are_joined_with_every_symbol_they_name() -> None:
    """A pair without its story, and a story without a symbol, are not there."""
    headlines = pd.DataFrame(
        {
            "published_date": pd.to_datetime(["2026-11-02", "2026-11-03"]),
            "headline_hash": ["h1", "h2"],
            "session_date": pd.to_datetime(["2026-11-02", "2026-11-03"]),
            "sentiment_score": [0.5, -0.5], "sentiment_confidence": [0.9, 0.4],
            "sentiment_label": ["positive", "negative"], "sentiment_model": "m",
        }
    )  # fmt: skip
    pairs = pd.DataFrame(
        {
            "published_date": pd.to_datetime(["2026-11-02"] * 2 + ["2026-11-04"]),
            "symbol": ["A", "B", "A"], "headline_hash": ["h1", "h1", "h3"],
            "published_at": AT, "relevance": [1.0, 0.5, 1.0],
        }
    )  # fmt: skip
    frame = stories_of(headlines, pairs)
    assert frame[["headline_hash", "symbol", "relevance"]].to_numpy().tolist() == [
        ["h1", "A", 1.0], ["h1", "B", 0.5],
    ]  # fmt: skip


# -- laws ----------------------------------------------------------------------------------

numbers = st.lists(
    st.one_of(st.just(np.nan), st.floats(-0.2, 0.2, allow_subnormal=False)), min_size=8, max_size=8
)
places = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from("ab"), st.sampled_from(["A", "B", "SPY"])),
    min_size=1, max_size=12, unique=True,
)  # fmt: skip


@given(numbers, numbers, st.floats(-0.1, 0.1), places)
@settings(max_examples=60, deadline=None)
def test_with_beta_one_a_move_of_everything_changes_nothing(
    own: list[float], market: list[float], shift: float, keys: list[tuple[int, str, str]]
) -> None:
    """Returns of the symbols and of SPY, moved by one amount, leave adjusted ones as they are."""
    stories = story_rows(*keys)
    betas = beta_rows(*((at, name, 1.0) for at in range(12) for name in ("A", "B", "SPY")))

    def adjusted(by: float) -> np.ndarray:
        moved = {
            name: [value + by for value in values]
            for name, values in {"A": own, "B": own[::-1], "SPY": market}.items()
        }
        frame = impact_of(stories, price_rows(moved), betas, SESSIONS)
        return frame[list(ADJUSTED_COLUMNS)].to_numpy()

    np.testing.assert_allclose(adjusted(shift), adjusted(0.0), atol=1e-9)


@given(numbers, numbers, st.floats(-3, 3), places, st.sets(st.sampled_from(CAME_BACK), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_day_alone_equals_the_day_in_a_range(
    own: list[float],
    market: list[float],
    beta: float,
    keys: list[tuple[int, str, str]],
    back: set[str],
) -> None:
    """Bit for bit, whatever is computed beside it, and prices that came back from a spike too."""
    stories = story_rows(*keys)
    flags = dict.fromkeys(back, REVERTED_JUMP)
    prices = price_rows({"A": own, "B": market, "SPY": market}, flags)
    betas = beta_rows(*((at, name, beta + at) for at in range(12) for name in ("A", "B")))
    whole = impact_of(stories, prices, betas, SESSIONS)
    for at in {key[0] for key in keys}:
        day = SESSIONS[at]
        ahead = SESSIONS[at : at + REACH + 1]
        alone = impact_of(
            between(stories, day, day),
            between(prices, ahead[0], ahead[-1]),
            between(betas, SESSIONS[at - 1], SESSIONS[at - 1]),
            SESSIONS[at - 1 : at + REACH + 1],
        )
        pd.testing.assert_frame_equal(
            alone, between(whole, day, day).reset_index(drop=True), check_exact=True
        )


@given(places, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_stories_does_not_matter(
    keys: list[tuple[int, str, str]], random: Random
) -> None:
    """Rows come by session, story and symbol."""
    mixed = list(keys)
    random.shuffle(mixed)
    prices, betas = price_rows({"A": UP, "B": SPY, "SPY": SPY}), beta_rows((0, "A", 1.2))
    one, other = (impact_of(story_rows(*k), prices, betas, SESSIONS) for k in (keys, mixed))
    pd.testing.assert_frame_equal(one, other)


def test_a_hundred_thousand_rows_take_less_than_a_second() -> None:
    """Two years of a hundred symbols, 100,000 story-symbol rows: the best of three."""
    sessions = CALENDAR.sessions(date(2024, 1, 2), date(2025, 12, 31))
    symbols = ["SPY", *(f"S{number}" for number in range(99))]
    random = np.random.default_rng(7)
    days = np.array(sessions, dtype="datetime64[s]")
    size = len(days) * len(symbols)
    grid = pd.DataFrame(
        {"session_date": np.repeat(days, len(symbols)), "symbol": symbols * len(days)}
    )
    prices = grid.assign(
        asset_class="stock", return_1d=random.normal(0, 0.02, size), flags=None
    ).astype({"flags": object})
    betas = grid.assign(factor="market", beta=random.normal(1, 0.3, size))
    stories = pd.DataFrame(
        {
            "session_date": days[random.integers(1, len(days), 100_000)],
            "headline_hash": [f"{number // 2:032x}" for number in range(100_000)],
            "symbol": random.choice(symbols, 100_000),
            "published_at": pd.Timestamp(AT),
            "relevance": 1.0,
            "sentiment_score": random.uniform(-1, 1, 100_000),
            "sentiment_confidence": random.uniform(0, 1, 100_000),
            "sentiment_label": "neutral",
            "sentiment_model": "test",
        }
    )
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        frame = impact_of(stories, prices, betas, sessions)
        seconds.append(time.perf_counter() - started)
    assert len(frame) == 100_000
    assert min(seconds) < 1.0


def test_five_sessions_follow_the_first() -> None:
    """The table has columns for five."""
    assert (NEXT_SESSIONS, len(RETURN_COLUMNS), len(ADJUSTED_COLUMNS)) == (5, 6, 6)
