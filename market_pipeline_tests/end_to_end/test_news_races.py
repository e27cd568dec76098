"""Two processes collect the same portfolios, killed and started again at random.

Each has a Dagster of its own, as two machines have, in memory, for a kill to be soon done with;
warehouse and locks are shared.
"""

import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import dagster as dg
import httpx
import pandas as pd
import pytest
from pydantic import SecretStr

from market_pipeline.assets import news_collecting
from market_pipeline.domain.publishers import count_tellers
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.end_to_end.newsroom import (
    Newsroom,
    failed_steps,
    hold,
    news_settings,
    spoil,
    verdicts,
)
from market_pipeline_tests.new_processes import FROM_SERVER
from market_pipeline_tests.news_making import FixedTone

NIGHT = datetime(2026, 6, 18, 8, 0, tzinfo=UTC)
"""Four in the morning in New York, when nothing is published: the sandbox's present."""

HELD = {"growth": ("AAPL", "MSFT"), "income": ("KO",), "mixed": ("AAPL", "XOM")}
TTL_S = 1.0
PATIENCE_S = 120
KILLS, KILLS_IN_A_SOAK = 6, 60
SLOW = (
    {"kind": "slow_body", "vendor": "finviz_elite", "params": {"seconds": 0.3}},
    {"kind": "slow_body", "vendor": "tiingo", "params": {"seconds": 0.3}},
)
COLLECTED = ("finviz_headlines", "wire_headlines")
AGGREGATE_KEY = ["published_date", "symbol", "hour"]


@dataclass(frozen=True)
class Since:
    """A clock that said `NIGHT` at an instant, and goes on: locks must expire."""

    began_s: float

    def __call__(self) -> datetime:
        return NIGHT + timedelta(seconds=time.time() - self.began_s)


def room_of(settings: Settings, shared: Path, clock: Since) -> Newsroom:
    """Give the news of one of the processes; the books are in the warehouse.

    Tones are told by a rule: half a minute of scoring would say nothing of races.
    """
    return Newsroom(settings, clock, {}, coordinated_in=shared, tone=FixedTone())


def collect_for_ever(settings: Settings, shared: Path, clock: Since, diary: Path) -> None:
    """Run the job again and again, and write down when each run begins and ends."""
    with diary.open("a", buffering=1) as lines:
        room = room_of(settings, shared, clock)
        while True:
            print("began", file=lines)
            result = room.run(dg.DagsterInstance.ephemeral())
            print("ended" if result.success else f"failed: {failed_steps(result)}", file=lines)


def launch(orders: Connection, said: Path) -> None:
    """Fork a process that collects for ever at each order; with all imported that takes no time.

    Gives its id, and once it has ended, how. All of them end with the one who orders.
    """
    news_collecting.LOCK_TTL_S = TTL_S
    with said.open("a", buffering=1) as lines:
        for stream in (1, 2):
            os.dup2(lines.fileno(), stream)
    running: set[int] = set()
    try:
        while True:
            order = orders.recv()
            if isinstance(order, int):
                orders.send(os.waitpid(order, 0)[1])
                running.discard(order)
                continue
            pid = os.fork()
            if pid == 0:
                try:
                    collect_for_ever(*order)
                finally:
                    traceback.print_exc()
                    os._exit(1)
            running.add(pid)
            orders.send(pid)
    except EOFError:
        for pid in running:
            os.kill(pid, signal.SIGKILL)


@dataclass
class Pair:
    """Two processes over one warehouse."""

    folder: Path
    server: SandboxServer
    warehouse_url: str
    orders: Connection
    clock: Since = field(default_factory=lambda: Since(time.time()))
    running: dict[int, int] = field(default_factory=dict)

    def settings(self, number: int) -> Settings:
        """Give the settings of one of the two."""
        state, url = self.folder / f"machine-{number}", SecretStr(self.warehouse_url)
        return news_settings(state, self.server.url, database_url=url)

    def answer(self) -> int:
        """Give what the launcher says to an order."""
        assert self.orders.poll(PATIENCE_S)
        return int(self.orders.recv())

    def start(self, number: int) -> None:
        """Start one of the two."""
        diary = self.folder / f"diary-{number}.txt"
        self.orders.send((self.settings(number), self.folder, self.clock, diary))
        self.running[number] = self.answer()

    def kill(self, number: int) -> None:
        """SIGKILL one of the two, which must be at work."""
        pid = self.running.pop(number)
        os.kill(pid, signal.SIGKILL)
        self.orders.send(pid)
        assert os.WTERMSIG(self.answer()) == signal.SIGKILL, "it had ended by itself"

    def asked(self) -> int:
        """Count the requests the sandbox got."""
        counts = httpx.get(f"{self.server.url}/_sandbox/requests", trust_env=False).json()
        return int(counts["total"])

    def diaries(self) -> list[str]:
        """Give all that both wrote down."""
        diaries = sorted(self.folder.glob("diary-*.txt"))
        return [line for diary in diaries for line in diary.read_text().splitlines()]

    def room(self, number: int) -> Newsroom:
        """Give one of the two in this process."""
        return room_of(self.settings(number), self.folder, self.clock)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Connection]:
    """Give the wire to a process that forks others."""
    ours, theirs = FROM_SERVER.Pipe()
    process = FROM_SERVER.Process(target=launch, args=(theirs, tmp_path / "said.txt"))
    process.start()
    theirs.close()
    yield ours
    ours.close()
    process.join(PATIENCE_S)
    assert process.exitcode == 0


@pytest.fixture
def slow() -> Iterator[SandboxServer]:
    """Give a sandbox so slow that a kill finds requests in flight."""
    with SandboxServer(create_app(generated(7, clock=lambda: NIGHT), lambda: NIGHT)) as server:
        spoil(server, *SLOW)
        yield server


def prepared(url: str) -> Warehouse:
    """Open a warehouse with the books in it."""
    warehouse = Warehouse.open(url)
    warehouse.upgrade()
    warehouse.claim_data_kind("sandbox")
    hold(warehouse, HELD, NIGHT)
    return warehouse


def content(warehouse: Warehouse) -> dict[str, list[tuple[str, ...]]]:
    """Give what must be the same however the items came: what was collected, and all it told.

    Which of two items was seen first, and so names the story, may differ.
    """
    found = {}
    for table in COLLECTED:
        rows = warehouse.read(table)
        columns = ["published_date", "item_hash", "headline", "symbols", "source"]
        found[table] = sorted(rows[columns].astype(str).itertuples(index=False, name=None))
    told = warehouse.read("headline_sources")[["published_date", "item_hash", "headline"]]
    found["headline_sources"] = sorted(told.astype(str).itertuples(index=False, name=None))
    symbols = warehouse.read("headline_symbols")[["symbol"]].drop_duplicates()
    found["symbols"] = sorted(symbols.itertuples(index=False, name=None))
    return found


def assert_adds_up(warehouse: Warehouse) -> None:
    """Hold stories, the items that tell them, their symbols and the counts to each other."""
    stories, told = warehouse.read("headlines"), warehouse.read("headline_sources")
    assert told["item_hash"].is_unique
    assert stories["headline_hash"].is_unique
    collected = pd.concat([warehouse.read(table) for table in COLLECTED])
    assert set(told["item_hash"]) == set(collected["item_hash"])
    assert collected["taken_as"].notna().all()
    of_story = told.groupby(["story_date", "headline_hash"])
    tellers = of_story.agg(count=("publisher", count_tellers), firsts=("is_primary", "sum"))
    named = stories.set_index(["published_date", "headline_hash"])["source_count"]
    assert dict(tellers["count"]) == dict(named)
    assert set(tellers["firsts"]) == {1}

    symbols = warehouse.read("headline_symbols")
    of_stories = {
        (row.headline_hash, symbol)
        for row in stories.itertuples()
        for symbol in str(row.symbols).split(",")
    }
    pairs = list(zip(symbols["headline_hash"], symbols["symbol"], strict=True))
    assert sorted(pairs) == sorted(of_stories)
    tones = stories[["headline_hash", "sentiment_label", "published_at"]]
    joined = symbols.drop(columns="published_at").merge(tones, on="headline_hash")
    counted = joined.groupby(AGGREGATE_KEY).agg(
        headline_count=("headline_hash", "size"),
        positive_count=("sentiment_label", lambda labels: int((labels == "positive").sum())),
        negative_count=("sentiment_label", lambda labels: int((labels == "negative").sum())),
        last_published_at=("published_at", "max"),
    )
    kept = warehouse.read("headline_aggregates").set_index(AGGREGATE_KEY).sort_index()
    pd.testing.assert_frame_equal(
        kept[counted.columns], counted.sort_index(), check_dtype=False, check_index_type=False
    )


def killed_and_compared(pair: Pair, kills: int, seed: int) -> None:
    """Kill the two `kills` times, let each run once in peace, and compare with a calm warehouse."""
    dice = random.Random(seed)
    warehouse = prepared(pair.warehouse_url)
    collected = partial(warehouse.count, "collection_events")

    def told() -> int:
        return warehouse.count("headline_sources") + pair.diaries().count("ended")

    try:
        for number in (0, 1):
            pair.start(number)
        for kill in range(kills):
            # In turn while sources are asked, items stored, and stories made of them.
            measure = (pair.asked, collected, told)[kill % 3]
            more_than = measure() + dice.randint(0, 3 if measure is not told else 0)
            wait_for(partial(grown, measure, more_than))
            time.sleep(dice.uniform(0, 0.3))
            number = dice.randrange(2)
            pair.kill(number)
            pair.start(number)
    finally:
        # In the middle of their work, both at once.
        for number in list(pair.running):
            pair.kill(number)
    lines = pair.diaries()
    assert [line for line in lines if line.startswith("failed")] == []
    assert lines.count("began") - lines.count("ended") >= 3, "the kills missed the runs"
    assert warehouse.count("collection_events") > 0, "the kills left no time to collect"
    time.sleep(TTL_S)

    for number in (0, 1):
        room = pair.room(number)
        result = room.run(dg.DagsterInstance.ephemeral())
        assert result.success, failed_steps(result)
        assert all(verdicts(result).values())
        asked = warehouse.news.events_of_run(result.run_id)
        assert asked["is_success"].all()
        assert len(asked) == len(COLLECTED) * len(HELD), asked.to_string()
        room.warehouse.dispose()

    calm_settings = news_settings(pair.folder / "calm", pair.server.url)
    calm_settings.state_dir.mkdir()
    calm = prepared(calm_settings.warehouse_url)
    spoil(pair.server)
    only = room_of(calm_settings, calm_settings.state_dir, pair.clock)
    assert only.run(dg.DagsterInstance.ephemeral()).success
    only.warehouse.dispose()
    expected, found = content(calm), content(warehouse)
    assert min(len(rows) for rows in expected.values()) > 0
    for name, rows in expected.items():
        assert found[name] == rows, name
    for each in (calm, warehouse):
        assert_adds_up(each)
        each.dispose()


def grown(measure: Callable[[], int], more_than: int) -> bool:
    """Say whether a number has grown beyond another."""
    return measure() > more_than


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def _short_lock(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the lock of a dead process expire soon, here as in the two."""
    assert state_dir
    monkeypatch.setattr(news_collecting, "LOCK_TTL_S", TTL_S)


@pytest.mark.usefixtures("_short_lock")
def test_two_processes_killed_at_random_double_nothing_and_lose_nothing(
    slow: SandboxServer, launcher: Connection, tmp_path: Path
) -> None:
    """Six kills and two at the end: the news is that of a calm collection, and adds up."""
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    killed_and_compared(Pair(tmp_path, slow, url, launcher), KILLS, seed=20260618)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_short_lock")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_many_kills_double_nothing_and_lose_nothing(
    slow: SandboxServer,
    launcher: Connection,
    tmp_path: Path,
    dialect: str,
    seed: int,
    request: pytest.FixtureRequest,
) -> None:
    """The same with sixty kills, on both databases."""
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    if dialect == "postgresql":
        url = request.getfixturevalue("new_postgres_database")()
    killed_and_compared(Pair(tmp_path, slow, url, launcher), KILLS_IN_A_SOAK, seed)
