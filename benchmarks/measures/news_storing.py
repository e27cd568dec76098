"""News added to what is stored: items a second, near duplicates found, memory, as it grows."""

from collections.abc import Callable, Iterable

from rapidfuzz import fuzz
from rapidfuzz.process import cdist, extractOne

from benchmarks.lab import Lab
from benchmarks.made_up_news import new_item, stored_item
from benchmarks.news_process import BATCH, SEARCH, STORE, Measured, measure
from benchmarks.plain_writes import PLAIN, write_plainly
from benchmarks.registry import benchmark
from benchmarks.rows import Row, amount, rate
from benchmarks.stored_news import fill
from benchmarks.turns import in_turns, seconds
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.frames import to_rows
from market_pipeline.warehouse.news_tables import headlines

_SAMPLE = 20
_ALIKE = 85


@benchmark("news_store", "news items a second read, deduplicated and stored")
def news_store(lab: Lab) -> Iterable[Row]:
    """Store batches of 2,000, one item in five told before; the peer inserts the stories alone."""
    count = lab.size(full=10_000, quick=2_000)
    for dialect in lab.dialects("news_store"):
        sides = {dialect: lambda dialect=dialect: _stored_and_plain(lab, dialect, count)}
        turns = in_turns(lab.size(full=2, quick=1), sides, lab.say)[dialect]
        yield rate(
            f"news_store.{dialect}", count, "items", [ours for ours, _ in turns],
            peer=f"{PLAIN[dialect]} of the stories", peer_seconds=[plain for _, plain in turns],
        )  # fmt: skip


def _stored_and_plain(lab: Lab, dialect: str, count: int) -> tuple[float, float]:
    with lab.warehouse_url(dialect) as url:
        found = measure(lab.environment(), url, STORE, count, 0)
        warehouse = Warehouse.open(url)
        rows = to_rows(headlines, warehouse.read(headlines.name), dialect)
        warehouse.dispose()
    if len(rows) + found.joined != found.items:
        raise RuntimeError(f"{dialect}: {len(rows)} stories and {found.joined} joined of {count}")
    with lab.warehouse_url(dialect) as url:
        plain = seconds(lambda: write_plainly(url, headlines, rows))
    return found.reading_seconds + sum(found.seconds), plain


@benchmark("news_search", "new items a second whose story is looked for among 50,000 stored")
def news_search(lab: Lab) -> Iterable[Row]:
    """Search, write nothing; the peer compares with all titles of the symbol, in memory."""
    stored, new = lab.size(full=50_000, quick=2_000), lab.size(full=2_000, quick=500)
    yield from _against(lab, "news_search", stored, new, (SEARCH,), BATCH)


@benchmark(
    "news_full", "100,000 new items searched and stored against 1,000,000 stored", is_long=True
)
def news_full(lab: Lab) -> Iterable[Row]:
    """Run the search and the storing at full size, once, and tell how it grows."""
    stored, new = lab.size(full=1_000_000, quick=10_000), lab.size(full=100_000, quick=4_000)
    yield from _against(lab, "news_full", stored, new, (SEARCH, STORE), 5 * BATCH)


def _against(
    lab: Lab, name: str, stored: int, new: int, works: Iterable[str], end: int
) -> Iterable[Row]:
    every = seconds(_every_title(stored, new)) * new / _SAMPLE
    lab.say(f"rapidfuzz over {stored:,} titles: {every:.1f} s, scaled from {_SAMPLE} items")
    same_symbol = seconds(_same_symbol(stored, new))
    yield rate(
        f"{name}.alternatives", new, "items", [same_symbol],
        peer="rapidfuzz, every title (scaled)", peer_seconds=[every],
    )  # fmt: skip
    for dialect in lab.dialects(name):
        with lab.warehouse_url(dialect) as url:
            lab.say(f"{dialect}: filling {stored:,} stories")
            fill(url, stored)
            for what in works:
                found = measure(lab.environment(), url, what, new, stored)
                yield from _rows(f"{name}.{dialect}.{what}", found, same_symbol, end)


def _rows(name: str, found: Measured, same_symbol: float, end: int) -> Iterable[Row]:
    yield rate(
        name, found.items, "items", [sum(found.seconds)],
        peer="rapidfuzz in memory, same symbol", peer_seconds=[same_symbol],
    )  # fmt: skip
    batches = max(end // BATCH, 1)
    if len(found.seconds) >= 2 * batches:
        first, last = sum(found.seconds[:batches]), sum(found.seconds[-batches:])
        yield rate(
            f"{name}.at_the_end", batches * BATCH, "items", [last],
            peer="the first as many", peer_seconds=[first],
        )  # fmt: skip
    yield amount(
        f"{name}.memory", "MB", [found.memory_peak],
        peer="before the first batch", peer_values=[found.memory_before],
    )  # fmt: skip
    yield amount(
        f"{name}.joined", "items", [float(found.joined)],
        peer="retold on purpose", peer_values=[float(found.retold)],
    )  # fmt: skip


def _every_title(stored: int, new: int) -> Callable[[], object]:
    titles = [stored_item(number, stored).headline for number in range(stored)]
    asked = [new_item(number, new, stored).headline for number in range(_SAMPLE)]
    return lambda: cdist(asked, titles, scorer=fuzz.ratio, score_cutoff=_ALIKE, workers=1)


def _same_symbol(stored: int, new: int) -> Callable[[], object]:
    """Compare with the titles of the same symbol, all of them in memory: the fastest found."""
    titles: dict[str, list[str]] = {}
    for number in range(stored):
        item = stored_item(number, stored)
        titles.setdefault(item.symbols[0], []).append(item.headline)
    asked = [new_item(number, new, stored) for number in range(new)]

    def compare() -> int:
        return sum(
            extractOne(
                item.headline, titles.get(item.symbols[0], ()), scorer=fuzz.ratio,
                score_cutoff=_ALIKE,
            )
            is not None
            for item in asked
        )  # fmt: skip

    return compare
