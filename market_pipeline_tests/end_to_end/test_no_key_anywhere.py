"""A canary for a key: the real graph runs, well and badly, and it is found nowhere afterwards.

Looked through are every file of the state folder (rows, events, logs, reports; packed ones
unpacked), all that was printed and logged, and in the sandbox every request it got.
"""

import itertools
import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import dagster as dg
import pytest
import structlog
from pydantic import SecretStr
from starlette.types import ASGIApp, Receive, Scope, Send

from market_pipeline.assets import headlines, options
from market_pipeline.automation.jobs import range_tags
from market_pipeline.definitions import build_defs
from market_pipeline.domain.alert_rules import scheduler_alert
from market_pipeline.domain.alerts import Raise
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.notifications import Notifications
from market_pipeline.operations.backfill import dagster_instance, run_backfill
from market_pipeline.partitions import latest_session
from market_pipeline.reports.report import write_reports
from market_pipeline.resources import open_warehouse, plain, utc_now
from market_pipeline.sandbox import create_app, generated
from market_pipeline.sandbox.server import SandboxServer
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline.vendors.alpha_vantage import AlphaVantageClient
from market_pipeline.vendors.finnhub import FinnhubClient
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.news_chain import NewsChain
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import PolygonClient
from market_pipeline.vendors.polygon_company import PolygonCompanyClient
from market_pipeline.vendors.price_chain import Member, Orders, PriceChain
from market_pipeline.vendors.tiingo import TiingoClient
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.test_options import option
from market_pipeline_tests.fakes import FakeClock
from market_pipeline_tests.receiver import Receiver, receiving
from market_pipeline_tests.vendors.loopback import Answer, Asked, serving

ALPHA_VANTAGE_KEY = "CANARYALPHA8D21X"
POLYGON_KEY, FINVIZ_KEY = "canary/polygon+4f1c==", "canary finviz&9e2b".replace(" ", "~")
TIINGO_KEY, FINNHUB_KEY = "canary+tiingo/77aa==", "canary&finnhub/b81c"
HOOK_SECRETS = ("canary-hook-user", "canary-hook-pw", "canary-hook-path", "canary-hook-query")
FRIDAY = date(2026, 11, 20)
IMPORTED = datetime(2026, 11, 13, 22, tzinfo=UTC)
CONTRACTS = [f"AAPL280121C00{strike}000" for strike in range(200, 290, 10)]


def forms(key: str) -> set[bytes]:
    """Give the ways a key may be written: as it is, in a URL, in JSON within JSON."""
    written = {key, quote(key), quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1]}
    return {form.encode() for form in written}


VENDOR_KEYS = (POLYGON_KEY, ALPHA_VANTAGE_KEY, FINVIZ_KEY, TIINGO_KEY, FINNHUB_KEY)
KEYS = {form for secret in (*VENDOR_KEYS, *HOOK_SECRETS) for form in forms(secret)}


def chain_of(alpha_vantage: AlphaVantageClient) -> PriceChain:
    """Ask the client that fails first, then a source that has the bars."""
    members = {
        "alpha_vantage": Member(alpha_vantage),
        "yahoo": Member(bars_of("AAPL", "KO", "SPY", "TLT")),
    }
    return PriceChain("prices", members, Orders(("alpha_vantage", "yahoo")))


def holds_a_key(text: bytes | str) -> bool:
    """Say whether a key stands in a text, in any of its forms."""
    body = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    return any(form in body for form in KEYS)


def leaks(folder: Path) -> list[str]:
    """Name each place in the files of a folder where a key stands."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        body = path.read_bytes()
        if holds_a_key(body):
            found.append(str(path.relative_to(folder)))
        elif body.startswith(b"SQLite format 3"):
            found += [f"{path.name}: {place}" for place in _leaking_cells(path)]
    return found


def _leaking_cells(path: Path) -> Iterator[str]:
    """Look at each value by itself: long ones are split over pages, some are packed."""
    connection = sqlite3.connect(path)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (table,) in tables:
        for row in connection.execute(f'SELECT * FROM "{table}"'):
            for cell in row:
                if holds_a_key(_unpacked(cell)):
                    yield table
    connection.close()


def _unpacked(cell: Any) -> bytes:
    if not isinstance(cell, bytes):
        return str(cell).encode("utf-8", "replace")
    try:
        return zlib.decompress(cell)
    except zlib.error:
        return cell


class Witness:
    """An application that keeps the raw head of every request before another one answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.heads: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            parts = [scope["raw_path"], scope["query_string"], *itertools.chain(*scope["headers"])]
            self.heads.append(b" ".join(parts))
        await self._app(scope, receive, send)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give the one to whom both kinds of secret address lead."""
    with receiving() as running:
        yield running


@pytest.fixture
def state(
    state_dir: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Path]:
    """Give the state folder of a pipeline with real keys that says all there is to say."""
    user, password, path, query = HOOK_SECRETS
    address = f"{user}:{password}@127.0.0.1:{receiver.port}/{path}"
    monkeypatch.setenv("MARKET_PIPELINE_WEBHOOK_URLS", f"http://{address}?token={query}")
    monkeypatch.setenv("MARKET_PIPELINE_APPRISE_URLS", f"json://{address}?+X-Token={query}")
    monkeypatch.setenv("MARKET_PIPELINE_TIINGO_API_KEY", TIINGO_KEY)
    monkeypatch.setenv("MARKET_PIPELINE_FINNHUB_API_KEY", FINNHUB_KEY)
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_API_KEY", POLYGON_KEY)
    monkeypatch.setenv("MARKET_PIPELINE_FINVIZ_ELITE_KEY", FINVIZ_KEY)
    monkeypatch.setenv("MARKET_PIPELINE_LOG_LEVEL", "DEBUG")
    caplog.set_level(logging.DEBUG)
    forget_settings()
    yield state_dir
    structlog.reset_defaults()  # a run configures the logs of its process


def import_a_book() -> None:
    """Own shares and options, and watch a stock."""
    warehouse = open_warehouse(current_settings())
    positions = [option(number, occ) for number, occ in enumerate(CONTRACTS, 2)]
    warehouse.import_book(book_of(stock(1, "AAPL"), *positions), IMPORTED)
    warehouse.watch(["KO"], IMPORTED)
    warehouse.dispose()


def all_said(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> str:
    """Give all that was printed and logged."""
    printed = capfd.readouterr()
    records = [f"{r.getMessage()} {r.exc_info} {r.exc_text} {r.args}" for r in caplog.records]
    return "\n".join([printed.out, printed.err, caplog.text, *records])


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """A key in a file, in a URL's form, in a row, packed in a row: each would be seen."""
    (tmp_path / "plain.txt").write_text(f"Bearer {POLYGON_KEY}")
    (tmp_path / "url.txt").write_text(f"?auth={quote(FINVIZ_KEY, safe='')}")
    (tmp_path / "innocent.txt").write_text("canary")
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        connection.execute("CREATE TABLE packed (body BLOB)")
        packed = zlib.compress(json.dumps({"key": POLYGON_KEY}).encode() * 9)
        connection.execute("INSERT INTO packed VALUES (?)", (packed,))
    connection.close()
    assert leaks(tmp_path) == ["plain.txt", "rows.db: packed", "url.txt"]


def test_a_good_run_against_the_sandbox_leaves_no_key(
    state: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Keys are set and a sandbox is used: they reach neither it, nor a file, nor a line."""
    witness = Witness(create_app(generated(7, clock=utc_now), utc_now))
    with SandboxServer(witness) as server:  # type: ignore[arg-type]  # any ASGI application
        monkeypatch.setenv("MARKET_PIPELINE_SANDBOX_URL", server.url)
        forget_settings()
        settings = current_settings()
        import_a_book()
        day = latest_session(TradingCalendar.xnys(), utc_now())
        result = run_backfill(day, day)
        assert result.succeeded, [run.failures for run in result.runs]
        warehouse = open_warehouse(settings)
        assert write_reports(warehouse, day, settings.reports_of(day))
        assert warehouse.count("headlines") > 0
        assert warehouse.count("wire_headlines") > 0
        warehouse.dispose()
    told = {f"{posted.path} {posted.headers}" for posted in receiver.posted}
    assert len(told) >= 2, "both kinds of channel were told"
    assert all(HOOK_SECRETS[2] in each for each in told)
    asked = b"\n".join(witness.heads)
    assert b"/polygon/" in asked
    assert b"/finviz_elite/" in asked
    assert not holds_a_key(asked)
    assert_nothing_leaked(state, all_said(capfd, caplog))


def assert_nothing_leaked(state: Path, said: str) -> None:
    """Look through the state folder, in which there is something to look through."""
    names = {path.name for path in state.rglob("*")}
    assert {"warehouse.db", "compute_logs", "runs.db"} <= names
    assert leaks(state) == []
    assert "asset_started" in said
    assert not holds_a_key(said)


# -- vendors that fail and echo what they were sent ----------------------------------------


def echo(asked: Asked) -> bytes:
    """Say back all that was sent, as careless vendors do: the key bare, and in its URL."""
    header = asked.headers.get("authorization", "")
    keys = [header.removeprefix("Bearer ").removeprefix("Token ")]
    keys += [asked.headers.get("x-finnhub-token", ""), *asked.query.get("auth", [])]
    sent = {"url": asked.target, "headers": dict(asked.headers), "your key": keys}
    return json.dumps({"error": f"bad key: {keys}", "sent": sent, "status": "ERROR"}).encode()


def page(asked: Asked) -> bytes:
    """The same as a web page."""
    return b"<!DOCTYPE html><html><title>Log in</title><body>" + echo(asked) + b"</body></html>"


FAILURES: dict[str, Callable[[Asked], Answer]] = {
    "401": lambda asked: Answer(echo(asked), 401),
    "403": lambda asked: Answer(echo(asked), 403),
    "403 as a page": lambda asked: Answer(page(asked), 403),
    "500": lambda asked: Answer(echo(asked), 500),
    "429": lambda asked: Answer(echo(asked), 429, {"Retry-After": "0"}),
    "a login page": lambda asked: Answer(page(asked), 200, {"Content-Type": "text/html"}),
    "an error told with 200": lambda asked: Answer(echo(asked)),
    "garbage": lambda asked: Answer(b"\x00\xff{" + echo(asked)[5:] + b'"NaN": NaN'),
    "sent elsewhere": lambda asked: Answer(
        b"", 302, {"Location": f"http://127.0.0.1:9/{asked.target}"}
    ),
    "cut short": lambda asked: Answer(echo(asked), is_reset=True),
    "a page that leads elsewhere": lambda asked: Answer(
        json.dumps({"results": [], "next_url": f"https://evil.example/{asked.target}"}).encode()
    ),
}  # fmt: skip


@pytest.fixture
def _once_more_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try a failed step again at once, and not three times."""
    for module in (options, headlines):
        monkeypatch.setattr(module, "COLLECTION_RETRIES", dg.RetryPolicy(max_retries=1))


def failing(rounds: Iterator[str], told: list[str]) -> Callable[[Asked], Answer]:
    """Fail in the next way at every request, and note which keys came."""

    def answer(asked: Asked) -> Answer:
        sent = f"{asked.target} {dict(asked.headers)}"
        told.append(sent)
        return FAILURES[next(rounds)](asked)

    return answer


def refuse_an_alert() -> None:
    """Have an alert to tell that both channels refuse."""
    warehouse = open_warehouse(current_settings())
    verdict = scheduler_alert(None, utc_now(), None, is_expected=True)
    assert isinstance(verdict, Raise)
    warehouse.notices.raise_alert(verdict.alert, utc_now())
    result = Notifications(current_settings(), utc_now).relay(warehouse.notices)
    assert result.failed >= 2
    assert result.delivered == 0
    warehouse.dispose()


@pytest.mark.usefixtures("_once_more_at_once")
def test_vendors_that_fail_in_every_way_leave_no_key(
    state: Path,
    receiver: Receiver,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each sends back the key it was given; the runs fail, and say why without it.

    Nor is anybody told: the channels refuse the alert, and what is noted shows no address.
    """
    import_a_book()
    receiver.status = lambda _: 500
    told: list[str] = []
    policy = CallPolicy(timeout_s=3.0, attempts=1)
    with serving(failing(itertools.cycle(FAILURES), told)) as server:
        companies = PolygonCompanyClient(server.url, SecretStr(POLYGON_KEY), policy=policy)
        polygon = PolygonClient(server.url, SecretStr(POLYGON_KEY), policy=policy)
        alpha_vantage = AlphaVantageClient(
            server.url, SecretStr(ALPHA_VANTAGE_KEY), clock=utc_now, policy=policy
        )
        export = FinvizExportClient(server.url, SecretStr(FINVIZ_KEY), policy=policy)
        shown = FinvizPageClient(server.url, clock=utc_now, policy=policy)
        tiingo = TiingoClient(server.url, SecretStr(TIINGO_KEY), policy=policy)
        finnhub = FinnhubClient(server.url, SecretStr(FINNHUB_KEY), clock=utc_now, policy=policy)
        resources = {
            "prices": plain(chain_of(alpha_vantage)),
            "polygon": plain(polygon),
            "companies": plain(companies),
            "finviz": plain(NewsChain("finviz", (export, shown), utc_now)),
            "wire": plain(NewsChain("wire", (tiingo, finnhub), utc_now)),
            "clock": plain(FakeClock()),
        }
        defs = build_defs(current_settings(), resources)
        with dagster_instance() as instance:
            for job in ("session_job", "news_job", "news_job", "news_job"):
                result = defs.resolve_job_def(job).execute_in_process(
                    instance=instance,
                    tags=range_tags("2026-11-20", "2026-11-20"),
                    raise_on_error=False,
                )
                assert not result.success
        for client in (polygon, alpha_vantage, export, shown, tiingo, finnhub):
            client.close()
    assert sum(POLYGON_KEY in sent for sent in told) >= len(FAILURES)
    assert sum(ALPHA_VANTAGE_KEY in sent for sent in told) >= 3
    assert sum(quote(FINVIZ_KEY, safe="") in sent or FINVIZ_KEY in sent for sent in told) >= 6
    for key in (TIINGO_KEY, FINNHUB_KEY):
        assert sum(key in sent for sent in told) >= 3
    refuse_an_alert()
    assert len({posted.path for posted in receiver.posted}) == 2
    said = all_said(capfd, caplog)
    assert "[redacted]" in said
    assert "answered 500" in said
    assert_nothing_leaked(state, said)
    warehouse = open_warehouse(current_settings())
    kinds = set(warehouse.read("enrichment_fetch_log")["error_kind"].dropna())
    warehouse.dispose()
    assert {"not_entitled", "unavailable", "throttled", "bad_payload", "blocked"} <= kinds
