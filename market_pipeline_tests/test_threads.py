"""One thread for small matrices, unless the environment says otherwise."""

import os
import subprocess
import sys

import pytest

_TOLD = "import market_pipeline.sentiment.model, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
_FIRST = "import market_pipeline, sys; print('numpy' in sys.modules)"


def printed(code: str, **variables: str) -> str:
    """Run code in a process of its own, whose environment has no other number of threads."""
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, env=kept | variables, text=True, timeout=60).strip()


def test_numpy_is_not_imported_before_its_threads_are_set() -> None:
    """The package sets the number before anything of it imports numpy, which reads it once."""
    assert printed(_FIRST) == "False"


@pytest.mark.parametrize(("named", "held"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3")])
def test_one_thread_unless_another_number_is_named(named: dict[str, str], held: str) -> None:
    """What a person set stands."""
    assert printed(_TOLD, **named) == held
