"""Processes of our own: an environment without this machine's settings, the sandbox."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType

from market_pipeline.settings import ENV_PREFIX, Settings, project_root

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_STOP_TIMEOUT_S = 5
_ANSWER_TIMEOUT_S = 30
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"


def clean_environment(state_dir: Path, bytecode: Path) -> dict[str, str]:
    """Give this process's environment without its settings; state goes to `state_dir`.

    Where Python is told not to keep compiled modules, `bytecode` keeps them: starting a process
    is measured as it is everywhere else.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith((ENV_PREFIX, "DAGSTER_"))
    }
    if kept.pop(_NO_BYTECODE, None):
        kept["PYTHONPYCACHEPREFIX"] = str(bytecode)
    return kept | {
        f"{ENV_PREFIX}STATE_DIR": str(state_dir),
        "PYTHONPATH": str(project_root()),
    }


def default_settings(state_dir: Path, **changes: object) -> Settings:
    """Give the default settings with state in `state_dir`, whatever this machine has set."""
    # Not read from anywhere: the figures of two machines differ by the machines alone.
    return Settings.model_construct(
        **{"state_dir": state_dir, "log_level": "ERROR", "automation": "off", **changes}  # type: ignore[arg-type]  # names and types are those of the fields
    )


class Sandbox:
    """The sandbox vendors in a process of their own, so that serving is not measured as ours."""

    def __init__(self, environment: dict[str, str], seed: int) -> None:
        command = [sys.executable, "-m", "market_pipeline.cli", "sandbox", "serve"]
        self._command = [*command, "--port", "0", "--seed", str(seed)]
        self._environment = environment
        self.url = ""

    def __enter__(self) -> "Sandbox":
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=self._environment[f"{ENV_PREFIX}STATE_DIR"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            found = _ADDRESS.search(line)
            if found:
                self.url = found.group()
                return self
        raise RuntimeError(f"the sandbox ended with code {self._process.wait()} before it served")

    def take_requests(self) -> int:
        """Give how many requests the vendors got since this was asked last."""
        address = f"{self.url}/_sandbox/requests"
        with urllib.request.urlopen(address, timeout=_ANSWER_TIMEOUT_S) as answer:
            total = int(json.load(answer)["total"])
        clear = urllib.request.Request(address, method="DELETE")
        urllib.request.urlopen(clear, timeout=_ANSWER_TIMEOUT_S).close()
        return total

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
