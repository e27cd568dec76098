"""The rules of the house, as code: layers, docstrings, clocks, sizes, files made from others."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from market_pipeline.settings import env_example

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "market_pipeline"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST_MODULE = 400
LONGER = {
    "market_pipeline/domain/regression/normal.py": (
        "machine code is kept by the date of its own file: what it calls stands beside it"
    ),
}
"""Modules that may be longer, and why."""

CLOCKS = {
    "market_pipeline/resources/__init__.py": "the clock that every run is handed",
    "market_pipeline/cli/edge.py": "the clock of the commands",
    "market_pipeline/coordination/rates.py": "a rate kept by processes that share a machine",
}
"""Modules that may ask what time it is, and why; all others are handed a clock."""

NO_NAMES = {"utils", "helpers", "common", "manager", "misc"}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=named(path))


def test_imports_point_down_only() -> None:
    """The contracts in pyproject.toml hold: layers, a domain without frameworks, ports."""
    ended = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()",
         "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"Contracts: [4-9] kept, 0 broken", ended.stdout), ended.stdout


def test_the_example_of_the_environment_is_made_from_the_settings() -> None:
    """`.env.example` names every setting as the code defines it; the remedy is one command."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example(), (
        "write it anew: python -m market_pipeline.settings > .env.example"
    )


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_with_hashes_and_name_no_index(name: str) -> None:
    """Every requirement is pinned and hashed, and no address of an index got in."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for address in ("http://", "https://", "index-url", "find-links", "file:"):
        assert address not in text
    entries = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert len(entries) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+", entry), entry
    assert all(
        "--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text.strip()) if block
    )


def test_the_development_lock_pins_what_the_lock_pins() -> None:
    """Tests run on the versions that are shipped."""
    pins = {
        name: set(re.findall(r"^([a-z0-9._-]+==[^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    }
    assert pins["requirements.lock"] <= pins["requirements-dev.lock"]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_says_what_it_is_for_and_stays_small(path: Path) -> None:
    """Every module has a charter, no more than 400 lines, and a name that says something."""
    text = path.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(parsed(path)), "no docstring"
    assert text.count("\n") <= LONGEST_MODULE or named(path) in LONGER
    assert path.stem not in NO_NAMES


def asks_the_time(tree: ast.AST) -> Iterator[ast.Call]:
    """Find calls of the clocks of datetime and time that give a date or an instant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if re.search(r"(^|\.)(datetime|date)\.(now|utcnow|today)$", called) or called in (
                "time.time", "pd.Timestamp.now", "pd.Timestamp.utcnow", "time.time_ns",
            ):  # fmt: skip
                yield node


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("datetime.now()", 1),
        ("dt.datetime.utcnow()", 1),
        ("date.today()", 1),
        ("time.time()", 1),
        ("time.monotonic()", 0),
        ("clock.now(UTC)", 0),
    ],
)
def test_the_search_for_clocks_finds_them(code: str, found: int) -> None:
    """The scan below sees the ways to ask the time, and only those."""
    assert len(list(asks_the_time(ast.parse(code)))) == found


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_only_the_edges_ask_what_time_it_is(path: Path) -> None:
    """Below the edges a clock is passed in; and at the edges no instant is naive."""
    calls = [ast.unparse(call) for call in asks_the_time(parsed(path))]
    if named(path) in CLOCKS:
        assert set(calls) <= {"datetime.now(UTC)", "time.time_ns()"}
    else:
        assert calls == []


def test_every_exception_is_still_needed() -> None:
    """The list of modules that may ask the time names only modules that do."""
    for name in CLOCKS:
        assert list(asks_the_time(parsed(ROOT / name))), name


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "assets").glob("*.py")) + sorted((PACKAGE / "checks").glob("*.py")),
    ids=named,
)  # fmt: skip
def test_asset_modules_keep_their_annotations(path: Path) -> None:
    """Dagster reads the annotation of `context` as a class, which the future import takes away."""
    assert "from __future__ import annotations" not in path.read_text(encoding="utf-8")
