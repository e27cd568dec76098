"""News before it is stored: items a second out of each vendor's format, headlines scored."""

import csv
import io
import json
import urllib.request
from collections.abc import Callable, Iterable
from datetime import timedelta
from urllib.parse import urlencode

from lxml import html

from benchmarks.lab import Lab
from benchmarks.made_up_news import title_of
from benchmarks.registry import benchmark
from benchmarks.rows import Row, rate
from benchmarks.turns import in_turns, seconds
from market_pipeline.resources import utc_now
from market_pipeline.sandbox.instruments import BUILT_IN
from market_pipeline.sentiment import score_texts
from market_pipeline.vendors.finnhub_payloads import parse_company_news
from market_pipeline.vendors.finviz_csv import parse_news_export
from market_pipeline.vendors.finviz_page import parse_quote_page
from market_pipeline.vendors.tiingo_payloads import parse_news

_SOURCE = "benchmark:sandbox"
_SYMBOL = "AAPL"
_KEYS = {"auth": "any", "token": "any"}


@benchmark("news_parse", "news items a second out of each vendor's format")
def news_parse(lab: Lab) -> Iterable[Row]:
    """Parse what the sandbox serves; the peer is the format's fastest reader, without a check."""
    for name, (body, ours, floor, peer) in _formats(lab).items():
        count, times = ours(body), lab.size(full=10, quick=2)
        if count != floor(body):
            raise RuntimeError(f"{name}: {count} items read of {floor(body)} sent")
        sides = {
            name: _repeated(ours, body, times),
            peer: _repeated(floor, body, times),
        }
        taken = in_turns(lab.size(full=5, quick=2), sides, lab.say)
        yield rate(
            f"news_parse.{name}", count * times, "items", taken[name],
            peer=peer, peer_seconds=taken[peer],
        )  # fmt: skip


@benchmark("news_score", "headlines a second scored for their tone")
def news_score(lab: Lab) -> Iterable[Row]:
    """Score titles in one batch with the model that ships, and with VADER as it comes."""
    texts = [title_of(number)[0] for number in range(lab.size(full=1_000, quick=200))]
    score_texts(texts[:1])  # reads the weights
    sides: dict[str, Callable[[], float]] = {"ours": lambda: seconds(lambda: score_texts(texts))}
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        lab.skip("news_score: VADER", "vaderSentiment is not installed")
    else:
        judge = SentimentIntensityAnalyzer().polarity_scores
        sides["VADER"] = lambda: seconds(lambda: [judge(text) for text in texts])
    taken = in_turns(lab.size(full=3, quick=1), sides, lab.say)
    peer = "VADER" if "VADER" in taken else None
    yield rate(
        "news_score.shipped", len(texts), "headlines", taken["ours"],
        peer=peer, peer_seconds=taken.get("VADER", ()),
    )  # fmt: skip


_Reader = Callable[[bytes], int]


def _formats(lab: Lab) -> dict[str, tuple[bytes, _Reader, _Reader, str]]:
    """Give each format's body, how we and the fastest reader count its items, and who that is."""
    now, url = utc_now(), lab.sandbox_url()
    today, before = now.date() + timedelta(days=1), now.date() - timedelta(days=119)
    export = {"v": "3", "t": ",".join(list(BUILT_IN)[:10])}
    news = {"symbol": _SYMBOL, "from": str(before), "to": str(today)}

    def page(body: bytes) -> int:
        read = parse_quote_page(body, 200, _SYMBOL, now=now, site=url, source=_SOURCE)
        return len(read.items)

    return {
        "finviz_export": (
            _fetched(f"{url}/finviz_elite/news_export.ashx", export),
            lambda body: len(parse_news_export(body, _SOURCE, needs_ticker=True).items),
            lambda body: len(list(csv.DictReader(io.StringIO(body.decode())))),
            "csv alone",
        ),
        "finviz_page": (
            _fetched(f"{url}/finviz/quote", {"t": _SYMBOL}),
            page,
            lambda body: len(html.fromstring(body.decode()).xpath("//a[@class='tab-link-news']")),
            "lxml alone",
        ),
        "tiingo": (
            _fetched(f"{url}/tiingo/tiingo/news", {"limit": "1000"}),
            lambda body: len(parse_news(body, _SOURCE)[0].items),
            lambda body: len(json.loads(body)),
            "json alone",
        ),
        "finnhub": (
            _fetched(f"{url}/finnhub/api/v1/company-news", news),
            lambda body: len(parse_company_news(body, _SYMBOL, _SOURCE).items),
            lambda body: len(json.loads(body)),
            "json alone",
        ),
    }


def _fetched(url: str, query: dict[str, str]) -> bytes:
    with urllib.request.urlopen(f"{url}?{urlencode(query | _KEYS)}") as answer:
        return bytes(answer.read())


def _repeated(reader: _Reader, body: bytes, times: int) -> Callable[[], float]:
    def read() -> None:
        for _ in range(times):
            reader(body)

    return lambda: seconds(read)
