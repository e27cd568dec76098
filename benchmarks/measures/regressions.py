"""Rolling regressions next to statsmodels, a loop, polars-ols and the machine's matrix products."""

import gc
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.lab import Lab
from benchmarks.made_up_returns import Returns, polars_ols
from benchmarks.registry import benchmark
from benchmarks.rows import Row, amount, duration, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.domain.regression import Model, fit_all, rolling
from market_pipeline.domain.regression.windows import chunks

_WINDOW, _LEAST = 252, 60
_MODEL = Model(_WINDOW, _LEAST)
_NAME = "regress"
_FIT_ONCE = (
    "import numpy as np; from market_pipeline.domain.regression import Model, fit_all; "
    "draw = np.random.default_rng(1).normal(size=(80, 4)); "
    "fit_all(draw[:, :2].copy(), draw[:, 2:].copy(), Model(60, 30), range(60, 80))"
)


@benchmark(
    _NAME, "regressions a second, all dates and one, next to statsmodels, a loop, polars-ols"
)
def regress(lab: Lab) -> Iterable[Row]:
    """Fit eight factors over a year's window with a tenth of the returns missing."""
    cores = os.cpu_count() or 1
    symbols, dates = (60, 400) if lab.is_quick else (500, 1260)
    returns = Returns(symbols, dates, 8)
    yield from _all_dates(lab, returns, cores)
    yield from _peak(lab, returns, cores)
    yield from _growth(lab, symbols, dates, cores)
    many, long = (120, 500) if lab.is_quick else (3000, 2520)
    yield from _large(lab, Returns(many, long, 8), cores)
    yield from _one_date(lab, Returns(many, _WINDOW, 8))
    yield from _compiling(lab)


def _all_dates(lab: Lab, returns: Returns, cores: int) -> Iterator[Row]:
    """Compare all peers in turn; the slow ones on some symbols, scaled to all."""
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        "ours": lambda: _timed(lambda: _fit(returns, cores)),
        "statsmodels RollingOLS, scaled": lambda: _scaled(returns.statsmodels, returns, 2),
        "lstsq in a loop, scaled": lambda: _scaled(returns.loop, returns, 1),
    }
    polars = polars_ols(returns)
    if polars is None:
        lab.skip(f"{_NAME}.{returns.name}.polars_ols", "polars-ols is not installed")
    else:
        sides["polars-ols"] = lambda: _timed(polars)
    # Warm: what is imported or found at the first call is no part of a figure.
    Returns(2, 300, 8).statsmodels(1)
    _fit(returns, cores)
    taken = in_turns(lab.size(full=5, quick=2), sides, lab.say)
    ours = taken.pop("ours")
    for peer, times in taken.items():
        short = peer.split(",")[0].replace(" ", "_").lower()
        yield rate(
            f"{_NAME}.{returns.name}.{short}", returns.windows, "regressions",
            [wall for wall, _ in ours], peer=peer, peer_seconds=[wall for wall, _ in times],
        )  # fmt: skip
        # What a core was busy with: others' work on this machine does not count.
        yield rate(
            f"{_NAME}.{returns.name}.{short}.a_core", returns.windows, "regressions",
            [busy for _, busy in ours], peer=peer, peer_seconds=[busy for _, busy in times],
        )  # fmt: skip


def _peak(lab: Lab, returns: Returns, cores: int) -> Iterator[Row]:
    """Give the share of what matrix products alone reach, for the arithmetic that is done."""
    size = lab.size(full=1500, quick=500)
    matrix = np.random.default_rng(0).random((size, size))
    work = _operations(returns)
    sides = {
        "ours": lambda: seconds(lambda: _fit(returns, cores)),
        "product": lambda: seconds(lambda: matrix @ matrix) * work / (2 * size**3),
    }
    taken = in_turns(lab.size(full=5, quick=2), sides, lambda line: None)
    yield duration(
        f"{_NAME}.{returns.name}.of_peak", taken["ours"],
        peer="the same arithmetic at the peak", peer_seconds=taken["product"],
    )  # fmt: skip
    with threadpool_limits(1, user_api="blas"):
        busy = in_turns(
            lab.size(full=5, quick=2),
            {
                "sums": lambda: _sums_alone(returns),
                "ours": lambda: _timed(lambda: _fit(returns, 1))[1],
            },
            lambda line: None,
        )
    yield amount(
        f"{_NAME}.{returns.name}.matrix_products", "% of a core's time",
        [100 * part / whole for part, whole in zip(busy["sums"], busy["ours"], strict=True)],
    )  # fmt: skip


def _growth(lab: Lab, symbols: int, dates: int, cores: int) -> Iterator[Row]:
    """Give the time of twice as much of each next to once as much."""
    base = Returns(symbols, dates, 4)
    doubles = {
        "symbols": Returns(2 * symbols, dates, 4),
        "dates": Returns(symbols, 2 * dates, 4),
        "factors": Returns(symbols, dates, 8),
    }
    sides: dict[str, Callable[[], float]] = {
        name: partial(_busy, one, cores) for name, one in {"once": base, **doubles}.items()
    }
    taken = in_turns(lab.size(full=5, quick=2), sides, lambda line: None)
    for name in doubles:
        yield duration(
            f"{_NAME}.twice_the_{name}", taken[name], peer=base.name, peer_seconds=taken["once"]
        )


def _large(lab: Lab, returns: Returns, cores: int) -> Iterator[Row]:
    """Stream the largest case tile by tile; then once more under a watch on memory."""
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        "ours": lambda: _timed(lambda: _stream(returns, cores)),
        "statsmodels": lambda: _scaled(returns.statsmodels, returns, 1),
    }
    taken = in_turns(lab.size(full=2, quick=1), sides, lab.say)
    yield rate(
        f"{_NAME}.{returns.name}", returns.windows, "regressions",
        [wall for wall, _ in taken["ours"]],
        peer="statsmodels RollingOLS, scaled",
        peer_seconds=[wall for wall, _ in taken["statsmodels"]],
    )  # fmt: skip
    tracemalloc.start()
    _stream(returns, cores)
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    yield amount(
        f"{_NAME}.{returns.name}.memory", "MB", [most],
        peer="the returns themselves", peer_values=[returns.y.nbytes / 1e6],
    )  # fmt: skip


def _one_date(lab: Lab, returns: Returns) -> Iterator[Row]:
    last = range(_WINDOW - 1, _WINDOW)
    sides: dict[str, Callable[[], tuple[float, float]]] = {
        "ours": lambda: _timed(lambda: fit_all(returns.y, returns.x, _MODEL, last)),
        "lstsq in a loop": lambda: _timed(lambda: returns.loop(len(returns.y.T), last)),
    }
    polars = polars_ols(returns, is_rolling=False)
    if polars is not None:
        sides["polars-ols"] = lambda: _timed(polars)
    taken = in_turns(lab.size(full=7, quick=2), sides, lambda line: None)
    ours = taken.pop("ours")
    for peer, times in taken.items():
        short = peer.split(" ")[0].lower()
        yield duration(
            f"{_NAME}.one_date.{len(returns.y.T)}.{short}", [wall for wall, _ in ours],
            peer=peer, peer_seconds=[wall for wall, _ in times],
        )  # fmt: skip


def _compiling(lab: Lab) -> Iterator[Row]:
    """Time a process that fits once and compiles, next to those that find what it has kept."""
    environment = {**lab.environment(), "NUMBA_CACHE_DIR": str(lab.new_folder())}
    command = [sys.executable, "-c", _FIT_ONCE]

    def run() -> None:
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

    compiled = seconds(run)
    lab.say(f"a process that compiles: {compiled:.2f} s")
    kept = [seconds(run) for _ in range(lab.size(full=3, quick=1))]
    yield duration(
        f"{_NAME}.compiling",
        [compiled] * len(kept),
        peer="compiled before, kept on disk",
        peer_seconds=kept,
    )


def _fit(returns: Returns, cores: int) -> None:
    fit_all(returns.y, returns.x, _MODEL, range(len(returns.y)), workers=cores)


def _busy(returns: Returns, cores: int) -> float:
    return _timed(lambda: _fit(returns, cores))[1]


def _stream(returns: Returns, cores: int) -> None:
    for _ in rolling(returns.y, returns.x, _MODEL, range(len(returns.y)), workers=cores):
        pass


def _timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Give the seconds that passed, and those that cores were busy."""
    gc.collect()
    began, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - busy


def _scaled(work: Callable[[int], object], returns: Returns, symbols: int) -> tuple[float, float]:
    passed, busy = _timed(lambda: work(symbols))
    scale = len(returns.y.T) / symbols
    return passed * scale, busy * scale


def _operations(returns: Returns) -> float:
    """Count the operations of the sums and of the factorisations."""
    symbols, factors = len(returns.y.T), len(returns.x.T)
    ordinals = np.arange(len(returns.y))
    total = 0.0
    for chunk in chunks(returns.x, _MODEL, range(len(returns.y)), ordinals):
        # Products of the proxies, of each with y, and the square of y.
        products = chunk.parts[0].products.shape[1] + factors + 2
        shared = chunk.shared.stop - chunk.shared.start + sum(len(p.middle) for p in chunk.parts)
        # A window adds one row at either edge, and the two edges to each other.
        edges = sum(2 * (part.size - 1) + len(part.rows) for part in chunk.parts)
        total += 2 * products * (shared + edges) * symbols
    # Elimination and inversion of L: a sixth of a cube each, twice for product and difference.
    solve = 2 * factors**3 / 3 + 5 * factors**2
    return total + solve * returns.windows


def _sums_alone(returns: Returns) -> float:
    """Time the matrix products of all windows without what is made of them."""
    present = np.isfinite(returns.y).astype(np.float64)
    columns = (slice(None), slice(1, 2 + len(returns.x.T)), [1, 1])
    busy = 0.0
    for chunk in chunks(returns.x, _MODEL, range(len(returns.y)), np.arange(len(returns.y))):
        rows = np.nan_to_num(chunk.slab(present))
        began = time.process_time()
        for of_kind in columns:
            for _ in chunk.common(rows, of_kind):
                pass
        busy += time.process_time() - began
    return busy
