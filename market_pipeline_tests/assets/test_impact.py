"""`headline_impact` over stored news and prices: what it joins, completes, replaces and claims."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from market_pipeline.assets import impact
from market_pipeline.automation.jobs import range_tags
from market_pipeline.checks import impact as impact_checks
from market_pipeline.domain.impact import ADJUSTED_COLUMNS, RETURN_COLUMNS
from market_pipeline.domain.price_rules import REVERTED_JUMP
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.io_managers import WarehouseIOManager
from market_pipeline.partitions import calendar_days, date_key, trading_sessions
from market_pipeline.resources import plain, utc_now
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.warehouse.conftest import (  # noqa: F401  # fixtures, found by name
    postgres_warehouse_url,
    url,
    warehouse,
)

CALENDAR = TradingCalendar.xnys()
FIRST, LAST = date(2026, 11, 2), date(2026, 11, 24)
SESSIONS = CALENDAR.sessions(FIRST, LAST)
SYMBOLS = ("AAPL", "KO", "SPY")
AT = datetime(2026, 11, 25, 1, tzinfo=UTC)
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
TABLE = "headline_impact"
CHECKS = (
    "stories_have_their_impact", "headline_impact_keys_are_unique", "adjusted_returns_add_up",
    "no_beta_looks_ahead", "old_sessions_are_complete", "headline_impact_row_count_is_usual",
    "headline_impact_values_are_of_their_kind",
)  # fmt: skip


def return_of(symbol: str, day: date) -> float:
    """Give the return of a symbol in a session: another one for each."""
    return (SYMBOLS.index(symbol) + 1) * (day.day - 12) / 1000


def beta_of(symbol: str, day: date) -> float:
    return 1 + SYMBOLS.index(symbol) / 4 + day.day / 100


@dataclass
class News:
    """A warehouse with prices and betas of every session, and stories as a test tells them."""

    warehouse: Warehouse
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    came_back: tuple[date, str] | None = None
    """The session and symbol whose price came back from a spike."""

    def store_prices(self, first: date = FIRST, last: date = LAST, *, times: float = 1.0) -> None:
        """Store prices and betas of a range; `times` restates the returns."""
        keys = [(day, symbol) for day in CALENDAR.sessions(first, last) for symbol in SYMBOLS]
        days = np.array([day for day, _ in keys], dtype="datetime64[s]")
        symbols = [symbol for _, symbol in keys]
        prices = pd.DataFrame(
            {
                "session_date": days, "symbol": symbols, "asset_class": "stock",
                "price_usd": 100.0, "price_kind": "close", "open": np.nan, "high": np.nan,
                "low": np.nan, "adj_close": np.nan, "volume": np.nan, "dividend_usd": 0.0,
                "split_ratio": 0.0, "return_1d": [times * return_of(s, d) for d, s in keys],
                "multiplier": 1, "delta": np.nan, "source": "fake",
                "flags": pd.Series(
                    [REVERTED_JUMP if key == self.came_back else None for key in keys], dtype=object
                ),
                "fetched_at": pd.Timestamp(AT),
            }
        )  # fmt: skip
        betas = pd.DataFrame(
            {
                "session_date": days, "symbol": symbols, "factor": "market",
                "beta": [beta_of(s, d) for d, s in keys], "std_error": np.nan, "t_stat": np.nan,
                "r_squared": np.nan, "residual_volatility": np.nan, "observations": 90,
                "window_first_date": pd.Timestamp(FIRST), "quality": "full_history",
                "method": "ols", "definition": "market", "definition_version": 1,
            }
        )  # fmt: skip
        self.warehouse.replace_range("market_data_cache", prices, first, last)
        self.warehouse.replace_range("symbol_factor_exposures", betas, first, last)

    def tell(self, *stories: tuple[datetime, str, str]) -> None:
        """Store stories of (published_at, hash, comma-joined symbols) in place of all."""
        days = [at.date() for at, _, _ in stories]
        shared = {"published_date": pd.to_datetime(pd.Series(days)).astype("datetime64[s]")}
        headlines = pd.DataFrame(
            {
                **shared,
                "headline_hash": [name for _, name, _ in stories],
                **dict.fromkeys(
                    ("headline", "normalized_headline", "description", "url", "publisher",
                     "source", "category"), "text",
                ),
                "symbols": [symbols for _, _, symbols in stories],
                "published_at": pd.DatetimeIndex([at for at, _, _ in stories]),
                "first_seen_at": pd.Timestamp(AT),
                "ingested_at": pd.Timestamp(AT),
                "session_date": np.array(
                    [CALENDAR.session_meeting(at) for at, _, _ in stories], dtype="datetime64[s]"
                ),
                "market_session": "regular", "sector": None, "industry": None,
                "is_failover": False, "source_count": 1, "sentiment_score": 0.4,
                "sentiment_confidence": 0.7, "sentiment_label": "positive",
                "sentiment_model": "test",
            }
        )  # fmt: skip
        pairs = pd.DataFrame(
            [
                {
                    "published_date": pd.Timestamp(at.date()), "headline_hash": name,
                    "symbol": symbol, "published_at": at, "hour": 10, "relevance": 1.0,
                }
                for at, name, symbols in stories
                for symbol in symbols.split(",")
            ]
        )  # fmt: skip
        self.warehouse.replace_range("headlines", headlines, FIRST, LAST)
        self.warehouse.replace_range("headline_symbols", pairs, FIRST, LAST)

    def run(self, first: date, last: date | None = None) -> dict[str, dg.AssetCheckEvaluation]:
        """Materialize a range of sessions with its checks; give their verdicts."""
        defs = dg.Definitions(
            assets=graph(),
            asset_checks=impact_checks.define(),
            resources={
                "warehouse": plain(self.warehouse),
                "calendar": plain(CALENDAR),
                "settings": plain(Settings(_env_file=None)),
                "clock": plain(utc_now),
                "warehouse_io": dg.IOManagerDefinition.hardcoded_io_manager(
                    WarehouseIOManager(self.warehouse, CALENDAR, lambda: AT)
                ),
            },
        )
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            tags=range_tags(date_key(first), date_key(last or first)),
            run_config=QUIET,
        )
        assert result.success
        return {each.check_name: each for each in result.get_asset_check_evaluations()}

    def rows(self) -> pd.DataFrame:
        return self.warehouse.read(TABLE)

    def known(self) -> dict[tuple[str, str], int]:
        """Give how many sessions each stored row knows."""
        rows = self.rows()
        keys = zip(rows["headline_hash"], rows["symbol"], strict=True)
        return dict(zip(keys, rows["sessions_known"], strict=True))

    def edit(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
        """Spoil what is stored."""
        self.warehouse.replace_range(TABLE, change(self.rows()), FIRST, LAST)


def graph() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Give the asset and what it follows."""
    sessions = trading_sessions(date(2026, 1, 2))
    return [
        impact.define(sessions),
        dg.AssetSpec("market_data_cache", partitions_def=sessions),
        dg.AssetSpec("factor_exposures", partitions_def=sessions),
        dg.AssetSpec("headlines", partitions_def=calendar_days(date(2026, 1, 2))),
    ]


def at(day: int, hour: int = 15) -> datetime:
    """Give an instant of November 2026: 15 UTC is in the session, 22 after it."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def news(warehouse: Warehouse) -> News:  # noqa: F811  # the fixture above
    return News(warehouse)


def test_a_story_is_joined_with_the_returns_of_its_six_sessions(news: News) -> None:
    """Told on a Sunday it meets Monday; the beta is Friday's; both its symbols have a row."""
    news.store_prices()
    news.tell((at(8), "sunday", "AAPL,KO"))
    verdicts = news.run(date(2026, 11, 9))
    rows = news.rows()
    assert list(rows["symbol"]) == ["AAPL", "KO"]
    for row in rows.to_dict("records"):
        days = CALENDAR.sessions(date(2026, 11, 9), date(2026, 11, 16))
        own = [100 * return_of(row["symbol"], day) for day in days]
        beta = beta_of(row["symbol"], date(2026, 11, 6))
        adjusted = [
            r - beta * 100 * return_of("SPY", day) for r, day in zip(own, days, strict=True)
        ]
        assert row["session_date"] == pd.Timestamp(2026, 11, 9)
        assert row["beta"] == beta
        assert [row[name] for name in RETURN_COLUMNS] == pytest.approx(own)
        assert [row[name] for name in ADJUSTED_COLUMNS] == pytest.approx(adjusted)
        assert (row["sessions_known"], row["sentiment_label"]) == (6, "positive")
    assert all(verdict.passed for verdict in verdicts.values())
    assert set(verdicts) == set(CHECKS)


def test_each_session_completes_the_five_before_it(news: News) -> None:
    """Day by day as prices come: a story knows one session more each day, up to six."""
    news.tell((at(9), "monday", "AAPL"))
    seen = []
    for day in CALENDAR.sessions(date(2026, 11, 9), date(2026, 11, 17)):
        news.store_prices(FIRST, day)
        news.run(day)
        seen.append(news.known()[("monday", "AAPL")])
    assert seen == [1, 2, 3, 4, 5, 6, 6]


def test_days_one_by_one_and_a_range_give_the_same_rows(news: News) -> None:
    """However a backfill is sliced."""
    news.store_prices()
    news.tell(*((at(day, hour), f"{day}-{hour}", "AAPL,KO") for day in range(4, 14)
                for hour in (15, 22)))  # fmt: skip
    days = CALENDAR.sessions(date(2026, 11, 5), date(2026, 11, 16))
    for day in reversed(days):
        news.run(day)
    single = news.rows()
    news.edit(lambda frame: frame[:0])
    news.run(days[0], days[-1])
    pd.testing.assert_frame_equal(news.rows(), single)
    assert len(single) > 20


def test_a_spike_in_the_last_of_a_storys_sessions_is_left_out_however_it_is_made(
    news: News,
) -> None:
    """The session after it tells, the sixth after the story's: day by day and at once."""
    news.came_back = (date(2026, 11, 17), "AAPL")
    news.tell((at(9), "monday", "AAPL"))
    days = CALENDAR.sessions(date(2026, 11, 9), date(2026, 11, 17))
    told = []
    for day in days:
        news.store_prices(FIRST, day)
        news.run(day)
        told.append(float(news.rows()["return_next_5_pct"].iloc[0]))
    assert np.isnan(told).tolist() == [True] * 5 + [False, True]
    single = news.rows()
    news.edit(lambda frame: frame[:0])
    news.run(days[0], days[-1])
    pd.testing.assert_frame_equal(news.rows(), single)


def test_an_equal_rerun_changes_nothing(news: News) -> None:
    """Rows are written only where they differ: the digest stays."""
    news.store_prices()
    news.tell((at(9), "monday", "AAPL"), (at(10), "tuesday", "KO"))
    news.run(date(2026, 11, 9), date(2026, 11, 10))
    before = news.warehouse.table_digest(TABLE)
    news.run(date(2026, 11, 10))
    assert news.warehouse.table_digest(TABLE) == before


def test_late_stories_and_restated_prices_replace_the_range(news: News) -> None:
    """A rerun takes in what came late, drops what is no story any more, and restates returns."""
    news.store_prices()
    news.tell((at(9), "gone", "AAPL"), (at(9), "kept", "KO"))
    news.run(date(2026, 11, 9))
    news.store_prices(times=2.0)
    news.tell((at(9), "kept", "KO"), (at(9), "late", "AAPL"))
    news.run(date(2026, 11, 9))
    rows = news.rows().set_index("headline_hash")
    assert sorted(rows.index) == ["kept", "late"]
    expected = 200 * return_of("KO", date(2026, 11, 9))
    assert rows.loc["kept", "return_pct"] == pytest.approx(expected)


def test_the_sessions_before_are_replaced_too(news: News) -> None:
    """A story that joined another after its session goes when the next session is made."""
    news.store_prices()
    news.tell((at(9), "gone", "AAPL"), (at(9), "kept", "KO"))
    news.run(date(2026, 11, 9))
    news.tell((at(9), "kept", "KO"))
    news.run(date(2026, 11, 11))
    assert list(news.known()) == [("kept", "KO")]


def test_sessions_further_back_are_left_alone(news: News) -> None:
    """Seven sessions back nothing changes: that partition was complete."""
    news.store_prices()
    news.tell((at(9), "old", "AAPL"))
    news.run(date(2026, 11, 9))
    news.tell((at(17), "new", "AAPL"))
    news.run(date(2026, 11, 18))
    assert sorted(name for name, _ in news.known()) == ["new", "old"]


def test_a_session_without_news_is_no_failure(news: News) -> None:
    """No row, and every check holds."""
    news.store_prices()
    verdicts = news.run(date(2026, 11, 9))
    assert len(news.rows()) == 0
    assert verdicts
    assert [name for name, verdict in verdicts.items() if not verdict.passed] == []


def test_it_follows_prices_and_not_every_collection_of_news() -> None:
    """Prices and betas of a session ask for it, once both are there; headlines ask for nothing."""
    unused: dict[str, object] = dict.fromkeys(("warehouse", "calendar", "settings"), plain(None))
    unused["warehouse_io"] = dg.mem_io_manager
    defs = dg.Definitions(assets=graph(), resources=unused)
    instance = dg.DagsterInstance.ephemeral()
    cursor: Any = None

    def asked_after(**made: str) -> set[str | None]:
        nonlocal cursor
        for name, day in made.items():
            instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=day))
        result = dg.evaluate_automation_conditions(
            defs, instance, cursor=cursor, evaluation_time=at(21, 2)
        )
        cursor = result.cursor
        return set(result.get_requested_partitions(dg.AssetKey(TABLE)))

    assert asked_after() == set()
    assert asked_after(market_data_cache="2026-11-20") == set()
    assert asked_after(factor_exposures="2026-11-20") == {"2026-11-20"}
    assert asked_after(headline_impact="2026-11-20") == set()
    assert asked_after(headlines="2026-11-20") == set()
    assert asked_after(market_data_cache="2026-11-20") == {"2026-11-20"}


# -- the claims ----------------------------------------------------------------------------


def judged(news: News, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
    """Judge two weeks of rows that `change` spoilt, by one check called as Dagster calls it."""
    news.store_prices()
    news.tell((at(9), "a", "AAPL"), (at(10), "b", "KO"), (at(12), "c", "SPY"))
    news.run(date(2026, 11, 9), date(2026, 11, 13))
    news.edit(change)
    [found] = [
        check for check in impact_checks.define() if name in {key.name for key in check.check_keys}
    ]
    sessions = trading_sessions(date(2026, 1, 2))
    defs = dg.Definitions(
        assets=[dg.AssetSpec(TABLE, partitions_def=sessions)],
        asset_checks=[found],
        resources={
            "warehouse": plain(news.warehouse), "calendar": plain(CALENDAR),
            "settings": plain(Settings(_env_file=None)),
            "clock": plain(utc_now),
        },
    )  # fmt: skip
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        tags=range_tags("2026-11-09", "2026-11-13"), run_config=QUIET, raise_on_error=False
    )
    [verdict] = [e for e in result.get_asset_check_evaluations() if e.check_name == name]
    return verdict


def put(column: str, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[frame["symbol"] == "KO", column] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("adjusted_returns_add_up", put("adjusted_next_3_pct", 1.25), "1 differ"),
        ("adjusted_returns_add_up", put("return_pct", np.nan), "1 differ"),
        ("no_beta_looks_ahead", put("beta", beta_of("KO", date(2026, 11, 10))), "1 with another"),
        ("no_beta_looks_ahead", put("beta", np.nan), "1 with another"),
        ("old_sessions_are_complete", put("sessions_known", 5), "1 lack"),
    ],
)
def test_what_is_wrong_is_noticed(
    news: News, name: str, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    """A return that does not add up, a beta of the story's own session, an old row left open."""
    verdict = judged(news, name, change)
    assert not verdict.passed
    assert says in verdict.description
    assert any("KO" in str(v.value) or "2026-11-10" in str(v.value)
               for key, v in verdict.metadata.items() if key in ("wrong", "days"))  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_right_passes(news: News, name: str) -> None:
    """Every claim holds over a range of rows as they were made."""
    assert judged(news, name, lambda frame: frame).passed
