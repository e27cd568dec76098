"""The doctor: what is ok, what is worth a note, what is broken; and never a key."""

import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from market_pipeline.coordination import LocalCoordination
from market_pipeline.domain.errors import Blocked, NotEntitled, Throttled, Unavailable
from market_pipeline.domain.ports import BreakerRule
from market_pipeline.operations import doctor_here
from market_pipeline.operations.doctor import Diagnosis, examine
from market_pipeline.operations.doctor_vendors import Vendor, findings
from market_pipeline.operations.findings import Finding
from market_pipeline.settings import Settings, current_settings
from market_pipeline.warehouse import Warehouse

CANARY = "canary-key-0123456789"
SUNDAY = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def sunday() -> datetime:
    """Give the tests' present."""
    return SUNDAY


class FakeClient:
    """A vendor client that answers, or fails, as told."""

    name = "fake"

    def __init__(self, answer: str | Exception) -> None:
        self.answer, self.is_closed = answer, False

    def probe(self) -> str:
        """Answer as told."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self) -> None:
        """Remember it."""
        self.is_closed = True


class SilentClient(FakeClient):
    """A vendor client that hangs until let go."""

    def __init__(self) -> None:
        super().__init__("too late")
        self.let_go = threading.Event()

    def probe(self) -> str:
        """Wait."""
        self.let_go.wait(30)
        return "too late"


@pytest.fixture
def settings(state_dir: Path) -> Settings:
    """Give settings with nothing set."""
    assert state_dir
    return current_settings()


@pytest.fixture
def coordination(tmp_path: Path) -> LocalCoordination:
    """Give local coordination of the test's own."""
    return LocalCoordination(tmp_path / "coordination.sqlite3", sunday)


def finding_of(
    client: FakeClient,
    settings: Settings,
    coordination: LocalCoordination,
    *,
    offline: bool = False,
    setting: str | None = None,
) -> Finding:
    """Look at one fake vendor."""
    vendor = Vendor("Fake", "tests", client, setting)
    [found] = findings([vendor], settings, coordination, offline=offline, patience_s=0.3)
    return found


@pytest.mark.parametrize(
    ("answer", "state", "reachable"),
    [
        ("answers in 5 ms", "ok", "yes"),
        (Throttled("fake", "probe", "429"), "note", "yes"),
        (NotEntitled("fake", "probe", "refuses the key"), "broken", "yes, refuses"),
        (Blocked("fake", "probe", "captcha"), "broken", "yes, refuses"),
        (Unavailable("fake", "probe", "time-out"), "note", "no"),
        (ValueError("a bug"), "note", "no"),
    ],
)
def test_a_vendor_is_judged_by_what_it_answers(
    answer: str | Exception,
    state: str,
    reachable: str,
    settings: Settings,
    coordination: LocalCoordination,
) -> None:
    """Refusing is a fault; asking to wait, and a machine without a network, are not."""
    client = FakeClient(answer)
    found = finding_of(client, settings, coordination)
    assert (found.state, found.reachable) == (state, reachable)
    assert client.is_closed


def test_a_vendor_that_hangs_is_given_up(
    settings: Settings, coordination: LocalCoordination
) -> None:
    """The doctor ends although a probe does not."""
    client = SilentClient()
    found = finding_of(client, settings, coordination)
    client.let_go.set()
    assert (found.state, found.reachable) == ("note", "no")
    assert "no answer within 0.3 s" in found.detail


def test_a_vendor_someone_set_up_must_answer(
    settings: Settings, coordination: LocalCoordination
) -> None:
    """Silence is a fault where a key or a sandbox was configured."""
    sandboxed = settings.model_copy(update={"sandbox_url": "http://127.0.0.1:1"})
    found = finding_of(FakeClient(Unavailable("fake", "probe", "refused")), sandboxed, coordination)
    assert (found.state, found.reachable) == ("broken", "no")


def test_a_missing_key_is_a_note_and_nothing_is_asked(
    settings: Settings, coordination: LocalCoordination
) -> None:
    """The pipeline runs without optional keys, and the setting to fill is named."""
    client = FakeClient(Unavailable("fake", "probe", "must not be asked"))
    found = finding_of(client, settings, coordination, setting="polygon_api_key")
    assert (found.state, found.key, found.reachable) == ("note", "missing", "not asked")
    assert "MARKET_PIPELINE_POLYGON_API_KEY" in found.detail


def test_offline_asks_nobody(settings: Settings, coordination: LocalCoordination) -> None:
    """The flag keeps every vendor from being asked."""
    client = FakeClient(Unavailable("fake", "probe", "must not be asked"))
    found = finding_of(client, settings, coordination, offline=True)
    assert (found.state, found.reachable) == ("ok", "not asked")


def test_an_open_breaker_is_told(settings: Settings, coordination: LocalCoordination) -> None:
    """That the graph does not ask a vendor at present is worth a note."""
    breaker = coordination.breaker("fake", BreakerRule(minimum_calls=1, reset_s=60))
    with pytest.raises(Unavailable), breaker.guard():
        raise Unavailable("fake", "x", "down")
    found = finding_of(FakeClient("answers"), settings, coordination)
    assert (found.breaker, found.state) == ("open", "note")


def examined(**changes: object) -> Diagnosis:
    """Examine the settings in force, changed, without asking vendors."""
    return examine(current_settings().model_copy(update=changes), sunday, offline=True)


def by_item(diagnosis: Diagnosis) -> dict[str, Finding]:
    """Give the findings by name."""
    return {found.item: found for found in diagnosis.findings}


def test_with_nothing_configured_nothing_is_broken(state_dir: Path) -> None:
    """Without key, Redis, PostgreSQL or warehouse the pipeline can start, and nothing is made."""
    diagnosis = examined()
    assert diagnosis.is_healthy
    assert by_item(diagnosis)["warehouse"].state == "note"
    assert not (state_dir / "warehouse.db").exists()


def test_no_key_is_ever_shown(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and passwords stand nowhere in what the doctor says, sandbox or live."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_API_KEY", CANARY)
    for name in ("FINVIZ_ELITE_KEY", "TIINGO_API_KEY", "FINNHUB_API_KEY"):
        monkeypatch.setenv(f"MARKET_PIPELINE_{name}", CANARY)
    monkeypatch.setenv("MARKET_PIPELINE_REDIS_URL", f"redis://:{CANARY}@127.0.0.1:1/0")
    unreachable = f"postgresql+psycopg2://me:{CANARY}@127.0.0.1:1/x"
    monkeypatch.setenv("MARKET_PIPELINE_DAGSTER_DATABASE_URL", unreachable)
    monkeypatch.setenv("MARKET_PIPELINE_DATABASE_URL", unreachable.replace("psycopg2", "psycopg"))
    live = examine(Settings(), sunday, offline=True)
    assert CANARY not in repr(live)
    items = by_item(live)
    keyed = ("Polygon", "Finviz export", "Tiingo", "Finnhub")
    assert {items[name].key for name in keyed} == {"present"}
    assert [items[name].state for name in ("warehouse", "Dagster storage", "Redis")] == (
        ["broken"] * 3
    )
    assert not live.is_healthy
    sandbox = Settings(sandbox_url="http://127.0.0.1:1")
    assert CANARY not in repr(examine(sandbox, sunday))


def test_a_sandbox_that_is_down_is_broken(state_dir: Path) -> None:
    """What is configured and does not answer is a fault, and no key is asked for."""
    assert state_dir
    diagnosis = examine(
        current_settings().model_copy(update={"sandbox_url": "http://127.0.0.1:1"}), sunday
    )
    vendors = [found for found in diagnosis.findings if found.area == "vendor"]
    assert len(vendors) == 7
    assert {(found.state, found.key) for found in vendors} == {("broken", "not needed (sandbox)")}


def test_data_of_the_other_kind_is_broken(state_dir: Path) -> None:
    """A warehouse of sandbox data will refuse live rows: the doctor says so first."""
    warehouse = Warehouse.open(f"sqlite:///{state_dir / 'warehouse.db'}")
    warehouse.upgrade()
    warehouse.claim_data_kind("sandbox")
    assert by_item(examined())["data kind"].state == "broken"
    assert by_item(examined(sandbox_url="http://127.0.0.1:1"))["data kind"].state == "ok"


def test_an_older_sqlite_warehouse_is_a_note(state_dir: Path) -> None:
    """The graph upgrades it by itself; until then it is worth knowing."""
    state_dir.mkdir()
    (state_dir / "warehouse.db").touch()
    found = by_item(examined())["warehouse"]
    assert found.state == "note"
    assert "market-pipeline db upgrade" in found.detail


def test_redis_that_answers_is_ok(redis_url: str) -> None:
    """A configured Redis is asked, and named without its credentials."""
    assert by_item(examined(redis_url=Settings(redis_url=redis_url).redis_url))["Redis"].state == (
        "ok"
    )


def test_a_database_that_redis_lacks_is_broken_and_said(redis_url: str) -> None:
    """The number is out of the server's range: the rest is looked at all the same."""
    beyond = f"{redis_url.rpartition('/')[0]}/999999"
    diagnosis = examined(redis_url=Settings(redis_url=beyond).redis_url)
    found = by_item(diagnosis)["Redis"]
    assert found.state == "broken"
    assert "MARKET_PIPELINE_REDIS_URL ends in the number of a database" in found.detail
    assert by_item(diagnosis)["inbox"].state == "ok"


def test_a_name_near_to_a_setting_is_a_note(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of the pen is named with what was meant; without one every name is known."""
    assert state_dir
    assert by_item(examined())["settings"].state == "ok"
    monkeypatch.setenv("MARKET_PIPELINE_TINGO_KEY", CANARY)
    found = by_item(examined())["settings"]
    assert found.state == "note"
    assert "MARKET_PIPELINE_TINGO_KEY (environment) is no setting" in found.detail
    assert "MARKET_PIPELINE_TIINGO_API_KEY" in found.detail
    assert CANARY not in found.detail


@pytest.mark.parametrize(
    ("now", "opens", "appears"),
    [
        (SUNDAY, "2026-11-23 14:30 UTC, 2026-11-23 09:30 New York", "2026-11-24 00:00 UTC"),
        (
            datetime(2026, 11, 25, 14, 30, tzinfo=UTC),
            "2026-11-27 14:30 UTC, 2026-11-27 09:30 New York",
            "2026-11-26 00:00 UTC",
        ),
        (
            datetime(2026, 7, 6, 13, 0, tzinfo=UTC),
            "2026-07-06 13:30 UTC, 2026-07-06 09:30 New York",
            "2026-07-07 00:00 UTC",
        ),
    ],
)
def test_dates_are_told_in_both_zones(
    now: datetime, opens: str, appears: str, settings: Settings
) -> None:
    """Weekend, the eve of a holiday, summer time: the next opening and partition are right."""
    session, partition = doctor_here.dates(settings, now)
    assert session.detail.endswith(opens)
    assert appears in partition.detail


def test_refused_files_in_the_inbox_are_a_note(settings: Settings) -> None:
    """A portfolio file that waits for correction is told."""
    settings.inbox.mkdir(parents=True)
    (settings.inbox / "a.csv").touch()
    (settings.inbox / "a.problems.txt").touch()
    found = doctor_here.inbox(settings)
    assert found.state == "note"
    assert "1 refused" in found.detail


# -- who is asked and told -----------------------------------------------------------------


def told_of(settings: Settings, item: str, **changed: object) -> tuple[str, str]:
    """Give state and detail of one item, under changed settings."""
    found = examine(settings.model_copy(update=changed), sunday, offline=True)
    (one,) = [each for each in found.findings if each.item == item]
    assert CANARY not in f"{found.findings}"
    return one.state, one.detail


def test_who_is_asked_for_headlines_is_said(settings: Settings) -> None:
    """In their order; who lacks a key, and that nobody is asked where the setting says none."""
    assert told_of(settings, "Finviz sources") == (
        "ok", "finviz_page; left out for want of a key: finviz_export",
    )  # fmt: skip
    assert told_of(settings, "wire sources") == (
        "note", "nobody is asked: no key for tiingo, finnhub",
    )  # fmt: skip
    sandboxed = {"sandbox_url": "http://127.0.0.1:1", "wire_sources": ("finnhub", "tiingo")}
    assert told_of(settings, "wire sources", **sandboxed) == ("ok", "finnhub, then tiingo")
    assert told_of(settings, "wire sources", wire_sources=()) == (
        "note", "none, as MARKET_PIPELINE_WIRE_SOURCES says: nobody is asked",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("webhooks", "apprise", "said"),
    [
        (f"https://h/ ftp://{CANARY}/", None,
         "MARKET_PIPELINE_WEBHOOK_URLS: address 2 of 2 is no http:// or https:// address"),
        (None, f"json://h/ nosuch://{CANARY}/",
         "MARKET_PIPELINE_APPRISE_URLS: address 2 of 2 is none that Apprise understands"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_broken_before_anything_is_sent(
    settings: Settings, webhooks: str | None, apprise: str | None, said: str
) -> None:
    """By its variable and place, and nothing of it."""
    changed = {
        "webhook_urls": SecretStr(webhooks) if webhooks else None,
        "apprise_urls": SecretStr(apprise) if apprise else None,
    }
    assert told_of(settings, "notice channels", **changed) == ("broken", said)


def test_channels_are_named_without_their_addresses(settings: Settings) -> None:
    """By kind and hash; without any, nobody is told."""
    assert told_of(settings, "notice channels")[0] == "note"
    both = {
        "webhook_urls": SecretStr(f"https://h/{CANARY}"),
        "apprise_urls": SecretStr(f"json://h/{CANARY}"),
    }
    state, detail = told_of(settings, "notice channels", **both)
    assert state == "ok"
    assert re.fullmatch(r"webhook-[0-9a-f]{8}, json-[0-9a-f]{8}", detail)
