"""Names that look like settings and are none: a slip of the pen that would pass unsaid.

Not refused, for other tools may use the prefix: said by the command line and by `doctor`. Values
are never looked at.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

from market_pipeline.settings.reading import ENV_PREFIX

_OTHER_USES = ("BENCH_", "RENEW", "SCREENSHOTS", "SHARED", "SOAK", "TEST_")
"""How names of this project that are no settings begin: its tests and tools read them."""
_LONGEST_SHOWN = 80


def unknown_names(known: Iterable[str], env_file: Path, toml_file: Path) -> tuple[str, ...]:
    """Say of each unknown name where it stands and which of the `known` fields it is nearest to.

    Looks into the environment and both files, which may be absent; names of variables are taken
    in either case, as they are where settings are read.
    """
    fields = sorted(known)
    variables = {f"{ENV_PREFIX}{field.upper()}" for field in fields}
    said = [
        _sentence(name, place, variables)
        for place, names in (("environment", os.environ), (env_file.name, _of_env(env_file)))
        for name in sorted(set(_prefixed(names)))
        if name not in variables
    ]
    said += [
        _sentence(name, toml_file.name, fields)
        for name in sorted(_of_toml(toml_file))
        if name not in fields
    ]
    return tuple(said)


def _prefixed(names: Iterable[str]) -> Iterator[str]:
    for name in map(str.upper, names):
        rest = name.removeprefix(ENV_PREFIX)
        if rest != name and not rest.startswith(_OTHER_USES):
            yield name


def _of_env(file: Path) -> Iterable[str]:
    return dotenv_values(file, encoding="utf-8") if file.is_file() else ()


def _of_toml(file: Path) -> Iterable[str]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else ()


def _sentence(name: str, place: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, list(known), n=1)
    meant = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{name[:_LONGEST_SHOWN]} ({place}) is no setting{meant}"
