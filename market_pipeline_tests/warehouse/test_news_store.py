"""News in the warehouse: what a collection leaves, which items become one story, what is told."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_pipeline.domain.errors import FencedOff
from market_pipeline.domain.news import Company, NewsItem
from market_pipeline.domain.notices import Message
from market_pipeline.domain.ports import Lease, Rejected
from market_pipeline.domain.tellings import Reader, Telling
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.engine import Database
from market_pipeline.warehouse.news_store import CollectedFor, Stored
from market_pipeline_tests.news_making import (
    CALENDAR,
    MORNING,
    FixedTone,
    answered,
    failed,
    news,
    tellings,
)
from market_pipeline_tests.warehouse.processes import run_together
from market_pipeline_tests.warehouse.revisions import take_back

FRIDAY = date(2026, 11, 20)
FINVIZ = CollectedFor("finviz_headlines", "small", "run-1")
WIRE = CollectedFor("wire_headlines", "small", "run-1")


def store(warehouse: Warehouse, told: list[Telling], version: str = "rules-1") -> Stored:
    """Store tellings as the asset does, three days being one story's window."""
    return warehouse.news.store(told, version=version, window_days=3, ingested_at=MORNING)


def stories(warehouse: Warehouse) -> dict[str, int]:
    """Give each story's headline with the number of publishers that tell it."""
    rows = warehouse.read("headlines")
    return dict(zip(rows["headline"], rows["source_count"], strict=True))


# -- collecting ----------------------------------------------------------------------------


def test_a_collection_leaves_items_rejects_companies_and_a_row_an_attempt(
    warehouse: Warehouse,
) -> None:
    """What failed first and what delivered second are both on record, with their counts."""
    apple = Company("AAPL", "Apple Inc.", "Technology", "Consumer Electronics", "finviz_page")
    collection = answered(
        news(source="finviz_page", is_failover=True), source="finviz_page",
        failed_first="finviz_export", companies=[apple],
        rejected=[Rejected("AAPL", None, "bad_time", "a row", "no time of day")],
    )  # fmt: skip
    counts = warehouse.news.commit_collection(FINVIZ, collection, MORNING)
    assert counts.inserted == 1
    (raw,) = warehouse.read("finviz_headlines").to_dict("records")
    assert (raw["source"], raw["is_failover"]) == ("finviz_page", True)
    events = warehouse.news.events_of_run("run-1")
    assert events["source"].tolist() == ["finviz_export", "finviz_page"]
    assert events["is_success"].tolist() == [False, True]
    assert events["is_failover"].tolist() == [False, True]
    assert events["item_count"].tolist() == events["new_item_count"].tolist() == [0, 1]
    assert events["error_kind"].tolist() == ["unavailable", None]
    assert warehouse.news.companies() == {"AAPL": apple}
    assert warehouse.read("quarantine")["rule"].tolist() == ["bad_time"]


def test_the_same_items_again_are_not_new(warehouse: Warehouse) -> None:
    """A second collection inserts nothing, and its event counts no new item."""
    for minutes in (0, 5):
        at = MORNING + timedelta(minutes=minutes)
        warehouse.news.commit_collection(FINVIZ, answered(news(), at=at), at)
    assert warehouse.read("collection_events")["new_item_count"].tolist() == [1, 0]
    assert warehouse.read("finviz_headlines")["fetched_at"].tolist() == [pd.Timestamp(MORNING)]


def test_an_item_keeps_every_symbol_it_was_shown_for(warehouse: Warehouse) -> None:
    """Shown for another symbol later, it is one row that is to be taken again."""
    warehouse.news.commit_collection(FINVIZ, answered(news()), MORNING)
    store(warehouse, tellings(news()))
    assert warehouse.read("finviz_headlines")["taken_as"].tolist() == ["rules-1"]
    warehouse.news.commit_collection(FINVIZ, answered(news(symbols=("KO",))), MORNING)
    (raw,) = warehouse.read("finviz_headlines").to_dict("records")
    assert (raw["symbols"], raw["taken_as"]) == ("AAPL,KO", None)


def test_a_sources_standing_is_kept_across_collections(warehouse: Warehouse) -> None:
    """Failures in a row are counted until a success, which keeps what last went wrong."""
    for _ in range(3):
        warehouse.news.commit_collection(WIRE, failed("tiingo", "finnhub"), MORNING)
    status = warehouse.read("source_status").set_index("source")
    assert status["consecutive_failures"].to_dict() == {"finnhub": 3, "tiingo": 3}
    assert not status["is_available"].any()
    assert warehouse.news.last_success() is None
    warehouse.news.commit_collection(WIRE, answered(news(), source="tiingo"), MORNING)
    tiingo = warehouse.read("source_status").set_index("source").loc["tiingo"]
    assert (tiingo["is_available"], tiingo["consecutive_failures"]) == (True, 0)
    assert tiingo["last_error_kind"] == "unavailable"
    assert warehouse.news.last_success() == MORNING + timedelta(milliseconds=120)
    assert warehouse.news.last_delivered("wire_headlines") == {"small": MORNING}


def lease(token: int) -> Lease:
    return Lease("ingestion:portfolio:small:lock", "me", token, MORNING)


def test_a_holder_whose_lock_has_expired_stores_nothing(warehouse: Warehouse) -> None:
    """The successor has written: the late one's items, events and status are all refused."""
    late = CollectedFor("finviz_headlines", "small", "run-1", lease(1))
    successor = CollectedFor("finviz_headlines", "small", "run-2", lease(2))
    warehouse.news.commit_collection(late, answered(news("One")), MORNING)
    warehouse.news.commit_collection(successor, answered(news("Two")), MORNING)
    with pytest.raises(FencedOff, match="lock 1 has expired and 2 has written"):
        warehouse.news.commit_collection(late, answered(news("Three")), MORNING)
    warehouse.news.commit_collection(successor, answered(news("Four")), MORNING)
    assert set(warehouse.read("finviz_headlines")["headline"]) == {"One", "Two", "Four"}
    assert warehouse.count("collection_events") == 3


# -- what is to be taken -------------------------------------------------------------------


def pending(warehouse: Warehouse, version: str = "rules-1", first: date = FRIDAY) -> list[str]:
    found = warehouse.news.pending("finviz_headlines", version, first, FRIDAY, 10)
    return list(found["headline"])


def test_what_was_never_taken_waits_whatever_its_day(warehouse: Warehouse) -> None:
    """An item of last week that is first seen now is not lost to the day's run."""
    old = news("Old", published_at=MORNING - timedelta(days=7))
    ahead = news("Ahead", published_at=MORNING + timedelta(days=1))
    warehouse.news.commit_collection(FINVIZ, answered(news("New"), old, ahead), MORNING)
    assert pending(warehouse) == ["Old", "New"]
    store(warehouse, tellings(old))
    assert pending(warehouse) == ["New"]


def test_other_rules_take_the_days_of_the_run_again(warehouse: Warehouse) -> None:
    """A replay of a day under a new model takes it again; other days are left."""
    old = news("Old", published_at=MORNING - timedelta(days=7))
    warehouse.news.commit_collection(FINVIZ, answered(news("New"), old), MORNING)
    store(warehouse, tellings(news("New"), old))
    assert pending(warehouse) == []
    assert pending(warehouse, "rules-2") == ["New"]
    assert pending(warehouse, "rules-2", FRIDAY - timedelta(days=7)) == ["Old", "New"]


def test_a_row_that_came_to_say_more_meanwhile_is_not_marked(warehouse: Warehouse) -> None:
    """Read, then shown for another symbol, then stored: the symbol is taken by the next run."""
    warehouse.news.commit_collection(FINVIZ, answered(news()), MORNING)
    read = tellings(news())
    warehouse.news.commit_collection(FINVIZ, answered(news(symbols=("KO",))), MORNING)
    store(warehouse, read)
    assert pending(warehouse) == ["Apple beats estimates"]


def test_rows_that_name_no_symbol_are_set_aside_once(warehouse: Warehouse) -> None:
    """They stand in quarantine with their reason and wait no longer."""
    warehouse.news.commit_collection(FINVIZ, answered(news(symbols=())), MORNING)
    rows = warehouse.news.pending("finviz_headlines", "rules-1", FRIDAY, FRIDAY, 10)
    reading = Reader(CALENDAR, FixedTone()).read(rows.assign(table="finviz_headlines"))
    stored = warehouse.news.store(
        reading.tellings, version="rules-1", window_days=3, ingested_at=MORNING,
        refused=reading.refused,
    )  # fmt: skip
    assert stored == Stored(quarantined=1)
    assert pending(warehouse) == []
    (found,) = warehouse.read("quarantine").to_dict("records")
    assert (found["rule"], found["value"]) == ("no_symbol", "Apple beats estimates")


# -- stories -------------------------------------------------------------------------------

FIRST = news("Apple beats third-quarter estimates on iPhone sales")
AGAIN = news(
    "UPDATE 1-Apple beats third quarter estimates on iPhone sales", publisher="Bloomberg",
    url="https://example.com/b", source="tiingo", symbols=("AAPL", "QCOM"),
    published_at=MORNING + timedelta(hours=2), description="More of it.",
)  # fmt: skip
OPPOSITE = news("Apple misses third-quarter estimates on iPhone sales", publisher="Bloomberg")


@pytest.mark.parametrize("together", [True, False])
def test_items_of_one_story_join_the_first_seen(warehouse: Warehouse, together: bool) -> None:
    """One primary, kept as first seen; the other is a source of it, and adds what it knows."""
    batches = [[FIRST, AGAIN]] if together else [[FIRST], [AGAIN]]
    done = [store(warehouse, tellings(*batch)) for batch in batches]
    assert [sum(each.stories for each in done), sum(each.joined for each in done)] == [1, 1]
    (story,) = warehouse.read("headlines").to_dict("records")
    assert (story["headline"], story["publisher"]) == (FIRST.headline, "Reuters")
    assert (story["symbols"], story["source_count"]) == ("AAPL,QCOM", 2)
    assert (story["url"], story["description"]) == (FIRST.url, "More of it.")
    told = warehouse.read("headline_sources").set_index("publisher")
    assert told["is_primary"].to_dict() == {"Reuters": True, "Bloomberg": False}
    assert set(told["headline_hash"]) == {story["headline_hash"]}
    assert told["similarity"].between(1, 100).all()


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_symbol_that_joined_brings_its_own_news(warehouse: Warehouse, size: int) -> None:
    """A telling that shares only a symbol the story gained is found, in the same batch or later."""
    last = news(
        "Apple tops third-quarter estimates on iPhone sales", publisher="AP", symbols=("QCOM",),
        published_at=MORNING + timedelta(hours=3),
    )  # fmt: skip
    told = tellings(FIRST, AGAIN, last)
    for start in range(0, len(told), size):
        store(warehouse, told[start : start + size])
    assert stories(warehouse) == {FIRST.headline: 3}


def test_opposite_news_is_never_one_story(warehouse: Warehouse) -> None:
    """Beats and misses stay apart, in one batch and across batches."""
    store(warehouse, tellings(FIRST, OPPOSITE))
    store(warehouse, tellings(AGAIN))
    assert stories(warehouse) == {FIRST.headline: 2, OPPOSITE.headline: 1}


def test_an_item_met_on_two_paths_is_one_story(warehouse: Warehouse) -> None:
    """Export and page give one name, whatever else they say of it; the teller is one."""
    twin = news(source="finviz_page", url="https://example.com/other", symbols=("MSFT",))
    store(warehouse, tellings(news(), twin))
    (story,) = warehouse.read("headlines").to_dict("records")
    assert (story["source"], story["symbols"], story["source_count"]) == (
        "finviz_export", "AAPL,MSFT", 1,
    )  # fmt: skip
    assert set(warehouse.read("headline_sources")["source"]) == {"finviz_export", "finviz_page"}


BY_PATHS = (
    (("finviz_export", "Reuters"),), (("finviz_page", "Reuters"),), (("tiingo", "reuters.com"),),
    (("finnhub", "Bloomberg"),), (("tiingo", ""), ("finnhub", "Reuters")), (("finnhub", ""),),
)  # fmt: skip


@pytest.mark.parametrize("order", [BY_PATHS, BY_PATHS[::-1]])
def test_a_story_counts_its_publishers_and_keeps_every_item(
    warehouse: Warehouse, order: tuple[tuple[tuple[str, str], ...], ...]
) -> None:
    """Reuters by four ways and Bloomberg by one are two tellers, in whatever order they came."""
    number = 0
    for batch in order:
        items = []
        for source, publisher in batch:
            number += 1
            items.append(
                news(FIRST.headline, source=source, publisher=publisher, url=f"https://n/{number}")
            )
        store(warehouse, tellings(*items))
    assert stories(warehouse) == {FIRST.headline: 2}
    assert warehouse.count("headline_sources") == 7


@pytest.mark.parametrize(
    ("revision", "written", "counted"),
    [("0002", "Reuters", 3), ("0003", "uk.reuters.com", 3), ("0003", "Reuters", 1)],
)
def test_an_older_warehouse_counts_publishers_once_upgraded(
    warehouse: Warehouse, url: str, revision: str, written: str, counted: int
) -> None:
    """It counted items, or a publisher and its domain; the upgrade counts tellers, and leaves all
    else as it was."""
    twin = news(
        FIRST.headline, source="finviz_page", publisher=written, url="https://example.com/other"
    )
    store(warehouse, tellings(FIRST, twin, AGAIN, OPPOSITE))
    made = warehouse.read("headlines")
    take_back(url, revision)
    database = Database(url)
    with database.writing() as connection:
        counts = f"UPDATE headlines SET source_count = {counted} WHERE headline = :of"
        connection.execute(sa.text(counts), {"of": FIRST.headline})
    database.dispose()
    assert stories(warehouse) == {FIRST.headline: counted, OPPOSITE.headline: 1}
    warehouse.upgrade()
    pd.testing.assert_frame_equal(warehouse.read("headlines"), made)


def test_beyond_the_window_it_is_news_again(warehouse: Warehouse) -> None:
    """Four days later the same words are another story where the window is three."""
    later = news(FIRST.headline, publisher="Bloomberg", published_at=MORNING + timedelta(days=4))
    store(warehouse, tellings(FIRST, later))
    assert warehouse.count("headlines") == 2


def test_storing_again_changes_nothing(warehouse: Warehouse) -> None:
    """The same tellings leave every row as it is."""
    told = tellings(FIRST, AGAIN, OPPOSITE)
    store(warehouse, told)
    tables = ("headlines", "headline_sources", "headline_symbols", "headline_aggregates",
              "headline_match_keys")  # fmt: skip
    before = {name: warehouse.read(name) for name in tables}
    assert store(warehouse, told) == Stored(
        0, 0, 3, frozenset({"AAPL", "QCOM"}), AGAIN.published_at
    )
    for name in tables:
        pd.testing.assert_frame_equal(warehouse.read(name), before[name], obj=name)


def test_a_new_model_judges_again_and_moves_no_story(warehouse: Warehouse) -> None:
    """Taken again under another model, a story has its tone; items stay where they were."""
    store(warehouse, tellings(FIRST, AGAIN))
    store(warehouse, tellings(FIRST, AGAIN, tone=FixedTone("fixed-2")), "rules-2")
    (story,) = warehouse.read("headlines").to_dict("records")
    assert (story["sentiment_model"], story["source_count"]) == ("fixed-2", 2)


def test_no_symbol_is_taken_away_and_ten_is_the_most(warehouse: Warehouse) -> None:
    """A story that is full keeps what it has when another item names more."""
    full = news(FIRST.headline, symbols=tuple(f"B{n}" for n in range(10)))
    more = news(FIRST.headline, source="tiingo", symbols=("A1", "A2"))
    store(warehouse, tellings(full))
    store(warehouse, tellings(more))
    (story,) = warehouse.read("headlines").to_dict("records")
    assert story["symbols"] == ",".join(sorted(f"B{n}" for n in range(10)))
    assert set(warehouse.read("headline_symbols")["symbol"]) == set(full.symbols)


def test_the_vendors_own_judgement_is_taken_with_its_confidence(warehouse: Warehouse) -> None:
    """Where a vendor scores, its score stands under its name, and our model is not asked."""
    tone = FixedTone()
    scored = news("Apple wins", vendor_score=-0.5, vendor_confidence=0.7, source="finnhub")
    store(warehouse, tellings(scored, news("Coke beats", symbols=("KO",)), tone=tone))
    rows = warehouse.read("headlines").set_index("headline")
    assert rows.loc["Apple wins", "sentiment_score"] == -0.5
    assert rows.loc["Apple wins", "sentiment_label"] == "negative"
    assert rows.loc["Apple wins", "sentiment_model"] == "finnhub:own"
    assert tone.asked == ["Coke beats"]


def counted(warehouse: Warehouse) -> pd.DataFrame:
    """Count the stored stories by day, symbol and New York hour, without the warehouse's SQL."""
    rows = warehouse.read("headlines")
    rows["symbol"] = rows["symbols"].str.split(",")
    rows = rows.explode("symbol")
    rows["hour"] = rows["published_at"].dt.tz_convert("America/New_York").dt.hour
    rows["weighted"] = rows["sentiment_score"] * rows["sentiment_confidence"]
    groups = rows.groupby(["published_date", "symbol", "hour"])
    return pd.DataFrame(
        {
            "headline_count": groups.size(),
            "positive_count": groups["sentiment_label"].agg(lambda s: (s == "positive").sum()),
            "neutral_count": groups["sentiment_label"].agg(lambda s: (s == "neutral").sum()),
            "negative_count": groups["sentiment_label"].agg(lambda s: (s == "negative").sum()),
            "low_confidence_count": groups["sentiment_confidence"].agg(lambda s: (s < 0.6).sum()),
            "weighted_score_sum": groups["weighted"].sum(),
            "confidence_sum": groups["sentiment_confidence"].sum(),
            "last_published_at": groups["published_at"].max(),
        }
    ).reset_index()


def test_aggregates_are_those_of_the_stories(warehouse: Warehouse) -> None:
    """Counts, sums and last instants of every symbol and hour, after joins and more symbols."""
    store(warehouse, tellings(FIRST, OPPOSITE, news("Coke unveils a can", symbols=("KO", "PEP"))))
    store(warehouse, tellings(AGAIN, news("Pepsi beats", symbols=("PEP",),
                                          published_at=MORNING + timedelta(hours=5))))  # fmt: skip
    kept = warehouse.read("headline_aggregates")
    pd.testing.assert_frame_equal(kept, counted(warehouse)[list(kept.columns)], check_dtype=False)


# -- in one transaction --------------------------------------------------------------------


def telling_of(stored: Stored) -> Message:
    name = str(uuid4())
    return Message(name, "headlines.stored", {"id": name, "stories": stored.stories}, MORNING)


def test_the_notice_is_written_with_what_it_tells(warehouse: Warehouse) -> None:
    """New stories leave one message; a batch that changes nothing leaves none."""
    for _ in range(2):
        warehouse.news.store(
            tellings(FIRST, AGAIN), version="rules-1", window_days=3, ingested_at=MORNING,
            announce=telling_of,
        )  # fmt: skip
    (message,) = warehouse.read("outbox").to_dict("records")
    assert json.loads(message["payload"])["stories"] == 1


def test_what_cannot_be_announced_is_not_stored(warehouse: Warehouse) -> None:
    """Stories, sources, symbols, counts and the mark on collected rows: all or nothing."""
    warehouse.news.commit_collection(FINVIZ, answered(news()), MORNING)

    def fail(_stored: Stored) -> Message:
        raise RuntimeError("no message")

    with pytest.raises(RuntimeError, match="no message"):
        warehouse.news.store(
            tellings(news()), version="rules-1", window_days=3, ingested_at=MORNING, announce=fail
        )
    for name in ("headlines", "headline_sources", "headline_symbols", "headline_aggregates",
                 "headline_match_keys", "outbox"):  # fmt: skip
        assert warehouse.count(name) == 0, name
    assert pending(warehouse) == ["Apple beats estimates"]


def store_everything(url: str, number: int) -> None:
    """Store the stories every other process stores too, each in an order of its own."""
    warehouse = Warehouse.open(url)
    titles = [f"Company {letter} beats estimates on sales of {letter}s" for letter in "KLMNOP"]
    mine = [news(title, publisher=f"House {number}", source=f"s{number}") for title in titles]
    for start in range(len(mine)):
        told = tellings(*mine[start:], *mine[:start])
        warehouse.news.store(
            told, version="rules-1", window_days=3, ingested_at=MORNING, announce=telling_of
        )
    warehouse.dispose()


def test_processes_that_race_make_one_story_of_it(url: str) -> None:
    """Four at once with near duplicates of the same news: one row a story, four sources each."""
    run_together(store_everything, url, processes=4)
    warehouse = Warehouse.open(url)
    assert set(stories(warehouse).values()) == {4}
    assert warehouse.count("headlines") == 6
    assert warehouse.count("headline_sources") == 24
    kept = warehouse.read("headline_aggregates")
    pd.testing.assert_frame_equal(kept, counted(warehouse)[list(kept.columns)], check_dtype=False)
    warehouse.dispose()


# -- forgetting ----------------------------------------------------------------------------


def test_forgetting_takes_all_that_hangs_on_a_story(warehouse: Warehouse) -> None:
    """Old stories go with sources, symbols, keys and counts; the record of collecting by its own
    age; the rest stays whole."""
    old = news("Old news of Apple", published_at=MORNING - timedelta(days=100))
    warehouse.news.commit_collection(
        FINVIZ, answered(old, at=MORNING - timedelta(days=40)), MORNING
    )
    warehouse.news.commit_collection(FINVIZ, answered(FIRST), MORNING)
    store(warehouse, tellings(old, FIRST, AGAIN))
    deleted = warehouse.news.forget(FRIDAY - timedelta(days=90), MORNING - timedelta(days=30))
    assert deleted["headlines"] == deleted["headline_sources"] == deleted["finviz_headlines"] == 1
    assert deleted["collection_events"] == 1
    assert stories(warehouse) == {FIRST.headline: 2}
    assert set(warehouse.read("headline_match_keys")["published_date"].dt.date) == {FRIDAY}
    assert warehouse.count("headline_sources") == 2


# -- laws ----------------------------------------------------------------------------------

TITLES = st.sampled_from(
    [FIRST.headline, AGAIN.headline, OPPOSITE.headline, "Apple beats third-quarter estimates",
     "Coke raises its dividend by 5%", "Coke raises dividend by 5%", "Coke cuts its dividend"]
)  # fmt: skip
ITEMS = st.builds(
    lambda title, house, hours, source, symbols: news(
        title, publisher=house, source=source, symbols=symbols,
        published_at=MORNING + timedelta(hours=hours),
    ),
    TITLES,
    st.sampled_from(["Reuters", "Bloomberg", "AP"]),
    st.integers(0, 100),
    st.sampled_from(["finviz_page", "tiingo"]),
    st.sampled_from([("AAPL",), ("AAPL", "QCOM"), ("QCOM",), ("KO",)]),
)  # fmt: skip


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=st.lists(ITEMS, min_size=1, max_size=10), size=st.integers(1, 10))
def test_how_a_stream_is_cut_into_batches_makes_no_difference(
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
    items: list[NewsItem],
    size: int,
) -> None:
    """First seen first, the same items give the same stories in one batch or in many."""
    found = []
    for step in (len(items), size):
        path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("cut") / "warehouse.db")
        warehouse = Warehouse.open(f"sqlite:///{path}")
        told = tellings(*items)
        for start in range(0, len(told), step):
            store(warehouse, told[start : start + step])
        found.append({name: warehouse.read(name) for name in ("headlines", "headline_sources")})
        warehouse.dispose()
    for name in found[0]:
        pd.testing.assert_frame_equal(found[0][name], found[1][name], obj=name)


def test_nothing_to_store_is_nothing_done(warehouse: Warehouse) -> None:
    """An empty batch opens no story and tells nobody."""
    assert store(warehouse, []) == Stored()
    at = datetime(2026, 11, 20, tzinfo=UTC)
    assert warehouse.news.forget(at.date(), at) == dict.fromkeys(
        ("finviz_headlines", "wire_headlines", "headlines", "headline_symbols",
         "headline_match_keys", "headline_aggregates", "headline_sources", "collection_events"), 0,
    )  # fmt: skip
