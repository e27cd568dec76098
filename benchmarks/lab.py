"""The surroundings of a measurement: a temporary folder, a sandbox process, empty databases.

Everything made here is gone afterwards. Nothing of the user's is read or touched: settings are
the defaults, whatever this machine has configured.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import structlog
from sqlalchemy import make_url

from benchmarks.postgres import Postgres, PostgresAbsent, open_postgres
from benchmarks.processes import Sandbox, clean_environment, default_settings
from benchmarks.rows import Skip
from market_pipeline.logs import configure_logs
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

SEED = 7
SQLITE, POSTGRESQL = "sqlite", "postgresql"


def to_stderr(line: str) -> None:
    """Print a progress line."""
    print(line, file=sys.stderr, flush=True)


class Lab:
    """What a benchmark may use; a context manager that leaves nothing behind."""

    def __init__(
        self, *, is_quick: bool = False, progress: Callable[[str], None] = to_stderr
    ) -> None:
        self.is_quick = is_quick
        self.skipped: list[Skip] = []
        self._progress = progress
        self._began = time.monotonic()
        self._stack = ExitStack()
        self._sandbox: Sandbox | None = None
        self._postgres: Postgres | PostgresAbsent | None = None
        self._folder = Path()

    def __enter__(self) -> "Lab":
        self._folder = Path(tempfile.mkdtemp(prefix="market-pipeline-bench-"))
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._stack.callback(structlog.configure, **structlog.get_config())
        configure_logs(self.settings())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def size(self, *, full: int, quick: int) -> int:
        """Choose how much to measure: `quick` with --quick, else `full`."""
        return quick if self.is_quick else full

    def say(self, line: str) -> None:
        """Show a line of progress, with the seconds since the start."""
        self._progress(f"{time.monotonic() - self._began:6.1f} s  {line}")

    def skip(self, name: str, reason: str) -> None:
        """Record that something is not measured."""
        self.skipped.append(Skip(name, reason))
        self.say(f"{name}: skipped, {reason}")

    def new_folder(self) -> Path:
        """Make an empty folder."""
        return Path(tempfile.mkdtemp(dir=self._folder))

    def settings(self, **changes: object) -> Settings:
        """Give the default settings with a state folder of their own."""
        return default_settings(self.new_folder(), **changes)

    def environment(self) -> dict[str, str]:
        """Give the environment of a process that knows none of this machine's settings."""
        return clean_environment(self.new_folder(), self._folder / "bytecode")

    def sandbox(self) -> Sandbox:
        """Give the sandbox vendors, started in a process of their own, without faults."""
        if self._sandbox is None:
            self.say("starting the sandbox vendors")
            self._sandbox = self._stack.enter_context(Sandbox(self.environment(), SEED))
        return self._sandbox

    def sandbox_url(self) -> str:
        """Give the address of the sandbox vendors."""
        return self.sandbox().url

    def dialects(self, name: str) -> list[str]:
        """Give the databases that can be measured; what is missing is recorded for `name`."""
        server = self._server()
        if isinstance(server, PostgresAbsent):
            self.skip(f"{name}.{POSTGRESQL}", server.reason)
            return [SQLITE]
        return [SQLITE, POSTGRESQL]

    @contextmanager
    def warehouse_url(self, dialect: str) -> Iterator[str]:
        """Give the URL of an empty warehouse with its tables made; it is dropped afterwards."""
        server = self._server()
        with ExitStack() as stack:
            if dialect == POSTGRESQL and isinstance(server, Postgres):
                url = stack.enter_context(server.new_database())
            else:
                url = f"sqlite:///{self.new_folder() / 'warehouse.db'}"
            warehouse = Warehouse.open(url)
            warehouse.upgrade()
            warehouse.dispose()
            yield url

    @contextmanager
    def dagster_url(self) -> Iterator[str]:
        """Give the URL of an empty PostgreSQL database for Dagster's storage; dropped afterwards.

        Only where `dialects` gives PostgreSQL.
        """
        server = self._server()
        if isinstance(server, PostgresAbsent):
            raise RuntimeError(server.reason)  # noqa: TRY004  # a state, not a wrong type
        with server.new_database() as url:
            yield (
                make_url(url)
                .set(drivername="postgresql+psycopg2")
                .render_as_string(hide_password=False)
            )

    def postgres_version(self) -> str | None:
        """Give the version of the PostgreSQL server measured, None where none was."""
        return self._postgres.version if isinstance(self._postgres, Postgres) else None

    def _server(self) -> Postgres | PostgresAbsent:
        if self._postgres is None:
            self._postgres = self._stack.enter_context(open_postgres())
        return self._postgres
