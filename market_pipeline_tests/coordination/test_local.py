"""The local file beyond the contract: opening together, forks, the given clock."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from market_pipeline.coordination import LocalCoordination, local
from market_pipeline.coordination.state_file import StateFile
from market_pipeline_tests.coordination.backends import Backend, now


class SteppedClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2025, 1, 9, 21, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


def test_leases_and_values_expire_by_the_given_clock(tmp_path: Path) -> None:
    """Time to live is measured on the clock passed in, to the instant."""
    clock = SteppedClock()
    coordination = LocalCoordination(tmp_path / "c.sqlite3", clock)
    lease = coordination.acquire_lease("job", "a", 60)
    coordination.put("key", "value", 60)
    clock.at += timedelta(seconds=59)
    assert coordination.acquire_lease("job", "b", 60) is None
    assert coordination.get("key") == "value"
    clock.at += timedelta(seconds=1)
    assert coordination.get("key") is None
    second = coordination.acquire_lease("job", "b", 60)
    assert lease is not None
    assert second is not None
    assert second.token > lease.token
    assert second.expires_at == clock.at + timedelta(seconds=60)


class FirstIsOvertaken(StateFile):
    """A file at which the first who would write waits until another one has written."""

    def __init__(self, path: Path, schema: str) -> None:
        super().__init__(path, schema)
        self._turns, self._overtaken = count(), threading.Event()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        if next(self._turns) == 0:
            self._overtaken.wait(5)
        with super().writing() as connection:
            yield connection
        self._overtaken.set()


def test_threads_that_share_a_new_rate_all_get_their_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever comes first to the file, not whichever called first, makes the rate's table."""
    monkeypatch.setattr(local, "StateFile", FirstIsOvertaken)
    bucket = LocalCoordination(tmp_path / "c.sqlite3", now).rate_bucket("vendor", 2, 60)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: bucket.acquire(0), range(2)))


def test_tokens_grow_while_the_clock_stands_or_turns_back(tmp_path: Path) -> None:
    """A clock set back does not make a token smaller than the last."""
    clock = SteppedClock()
    coordination = LocalCoordination(tmp_path / "c.sqlite3", clock)
    tokens = []
    for step_s in (0, 0, -3600, 7200):
        clock.at += timedelta(seconds=step_s)
        lease = coordination.acquire_lease("job", "a", 60)
        assert lease is not None
        tokens.append(lease.token)
    assert tokens == sorted(set(tokens))


def test_tokens_grow_after_the_file_was_lost(tmp_path: Path) -> None:
    """A new empty file gives a greater token than the old one gave."""
    first = LocalCoordination(tmp_path / "a.sqlite3", now).acquire_lease("job", "a", 60)
    second = LocalCoordination(tmp_path / "b.sqlite3", lambda: now() + timedelta(seconds=1))
    lease = second.acquire_lease("job", "a", 60)
    assert first is not None
    assert lease is not None
    assert lease.token > first.token


def test_a_new_file_opened_by_many_at_once_serves_all(local_backend: Backend) -> None:
    """Sixteen openers of a file that does not exist yet: none fails with a locked database."""

    def write(number: int) -> str | None:
        coordination = local_backend.open()
        coordination.put(f"key {number}", "value")
        answer = coordination.get(f"key {number}")
        coordination.close()
        return answer

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(write, range(16))) == ["value"] * 16


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_process_forked_while_a_thread_writes_shares_the_file(local_backend: Backend) -> None:
    """The fork waits for the writer; afterwards parent and child write and see each other."""
    file = StateFile(Path(local_backend.place), "CREATE TABLE IF NOT EXISTS notes (note TEXT)")
    writing = threading.Event()

    def write_slowly() -> None:
        with file.writing() as connection:
            writing.set()
            time.sleep(0.2)
            connection.execute("INSERT INTO notes VALUES ('before')")

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert writing.wait(5)
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=_note, args=(file, "child"), daemon=True)  # ended with the tests
    child.start()
    child.join(15)
    thread.join(5)
    _note(file, "after")
    with file.reading() as connection:
        notes = [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY rowid")]
    file.close()
    assert child.exitcode == 0
    assert notes == ["before", "child", "after"]


def _note(file: StateFile, note: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO notes VALUES (?)", (note,))


def test_a_writer_reads_what_the_writer_before_it_wrote(tmp_path: Path) -> None:
    """The second connection's transaction begins after the first ended, reads included."""
    schema = "CREATE TABLE IF NOT EXISTS notes (note TEXT)"
    first, second = (StateFile(tmp_path / "c.sqlite3", schema) for _ in range(2))
    seen: list[int] = []

    def count_and_write() -> None:
        with second.writing() as connection:
            seen.extend(connection.execute("SELECT count(*) FROM notes").fetchone())
            connection.execute("INSERT INTO notes VALUES ('second')")

    _note(second, "zeroth")
    thread = threading.Thread(target=count_and_write)
    with first.writing() as connection:
        connection.execute("INSERT INTO notes VALUES ('first')")
        thread.start()
        thread.join(0.2)
    thread.join(5)
    with first.reading() as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (3,)
    first.close()
    second.close()
    assert seen == [2]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    """An error inside a write rolls it back and gives the lock up."""
    file = StateFile(tmp_path / "c.sqlite3", "CREATE TABLE IF NOT EXISTS notes (note TEXT)")

    def fail_half_way() -> None:
        with file.writing() as connection:
            connection.execute("INSERT INTO notes VALUES ('lost')")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail_half_way()
    _note(file, "kept")
    with file.reading() as connection:
        assert connection.execute("SELECT note FROM notes").fetchall() == [("kept",)]
    file.close()


def test_the_log_of_a_rate_is_trimmed(local_backend: Backend) -> None:
    """Slots older than their window do not pile up in the file."""
    coordination = local_backend.open()
    for _ in range(3):
        bucket = coordination.rate_bucket("vendor", limit=50, per_s=0.001)
        for _ in range(50):
            bucket.acquire(5)
    coordination.close()
    with closing(sqlite3.connect(local_backend.place)) as connection:
        ((table,),) = connection.execute(
            "SELECT name FROM sqlite_master WHERE name GLOB 'rate_vendor*'"
        ).fetchall()
        ((rows,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall()
    assert rows <= 102
