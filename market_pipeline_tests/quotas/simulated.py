"""Simulated time that processes share: it passes only while every one of them waits.

Work takes no simulated time, however long it takes in earnest, so that a week of waiting for quotas
runs in seconds and no request slips because a machine is slow.
"""

import threading
from datetime import UTC, datetime
from multiprocessing.connection import Client, Connection, Listener

from market_pipeline.coordination.rates import Pace


class SimulatedTime:
    """The clock's server: `expect` a worker before it starts, for time must not run ahead of it."""

    def __init__(self, start: datetime) -> None:
        self._now_s, self._changed = start.timestamp(), threading.Condition()
        self._awake = 0
        self._expected, self._connected = 0, 0
        self._waiting: dict[int, float] = {}
        self._listener = Listener(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._listener.address
        return str(host), int(port)

    def __call__(self) -> datetime:
        with self._changed:
            return datetime.fromtimestamp(self._now_s, UTC)

    def expect(self) -> None:
        """Count one more worker as awake: time stands still until it waits or is gone."""
        with self._changed:
            self._awake += 1
            self._expected += 1

    def is_complete(self) -> bool:
        """Say whether every worker expected has come: only then may one be killed."""
        with self._changed:
            return self._connected == self._expected

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._connected += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            while True:
                seconds = connection.recv()
                with self._changed:
                    if seconds > 0:
                        self._sleep(id(connection), seconds)
                    now_s = self._now_s
                connection.send(now_s)
        except (EOFError, OSError):
            with self._changed:  # it ended or was killed: the others need not wait for it
                self._awake -= 1
                self._pass_time()

    def _sleep(self, worker: int, seconds: float) -> None:
        wake_s = self._now_s + seconds
        self._waiting[worker] = wake_s
        self._awake -= 1
        self._pass_time()
        self._changed.wait_for(lambda: worker not in self._waiting)

    def _pass_time(self) -> None:
        if self._awake or not self._waiting:
            return
        self._now_s = max(self._now_s, min(self._waiting.values()))
        due = [worker for worker, wake_s in self._waiting.items() if wake_s <= self._now_s]
        for worker in due:
            del self._waiting[worker]
        self._awake += len(due)
        self._changed.notify_all()


class Watch:
    """A worker's view of simulated time: the clock, and a pace for rates."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._connection = Client(address)
        self.pace = Pace(lambda: int(self._ask(0) * 1000), self.sleep)

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(self._ask(0), UTC)

    def sleep(self, seconds: float) -> None:
        self._ask(seconds)

    def _ask(self, seconds: float) -> float:
        self._connection.send(seconds)
        return float(self._connection.recv())
