"""Slips in settings that used to pass unsaid: unknown names, odd addresses, boundless numbers."""

import re
from collections.abc import Callable
from pathlib import Path

import annotated_types
import pytest
from pydantic import ValidationError

from market_pipeline import settings as module
from market_pipeline.domain.flags import FLAGS
from market_pipeline.settings import Settings, faults_of, unknown_settings
from market_pipeline.settings.limits import greatest

CANARY = "canary-2b81d"
NUMBERS = sorted(
    name for name, field in Settings.model_fields.items()
    if re.search(r"\b(int|float)\b", str(field.annotation)) and "dict" not in str(field.annotation)
)  # fmt: skip
INTERVALS = {flag.setting for flag in FLAGS.values() if flag.is_interval}

Set = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is both the working folder and the project's root."""
    assert state_dir
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fault(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """Give what is said of a setting with that value; its value is not in it."""
    monkeypatch.setenv(f"MARKET_PIPELINE_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (said,) = faults_of(refused.value)
    assert CANARY not in f"{said} {refused.value!r}"
    return said


# -- names ---------------------------------------------------------------------------------


def test_an_unknown_name_is_told_with_its_place_and_the_nearest_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the environment, in `.env` and in the file; never with its value."""
    assert unknown_settings() == ()
    monkeypatch.setenv("MARKET_PIPELINE_TINGO_KEY", CANARY)
    monkeypatch.setenv("market_pipeline_max_jump", "0.4")
    (folder / ".env").write_text(f"MARKET_PIPELINE_REDIS_ULR={CANARY}\nUNRELATED=1\n")
    (folder / "market_pipeline.toml").write_text(f'max_jumps = 1\nmax_jump = 0.2\nQ = "{CANARY}"\n')
    assert unknown_settings() == (
        "MARKET_PIPELINE_TINGO_KEY (environment) is no setting; "
        "did you mean MARKET_PIPELINE_TIINGO_API_KEY?",
        "MARKET_PIPELINE_REDIS_ULR (.env) is no setting; did you mean MARKET_PIPELINE_REDIS_URL?",
        "Q (market_pipeline.toml) is no setting",
        "max_jumps (market_pipeline.toml) is no setting; did you mean max_jump?",
    )


def test_names_that_the_tests_and_benchmarks_read_are_no_slips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A developer who names a server for the tests is not warned of it."""
    for name in ("TEST_REDIS_URL", "SOAK", "SHARED", "BENCH_POSTGRES_URL"):
        monkeypatch.setenv(f"MARKET_PIPELINE_{name}", "1")
    assert unknown_settings() == ()


# -- orders and pairs ----------------------------------------------------------------------


@pytest.mark.parametrize("value", [" , ", ",", "\t,,"])
def test_an_order_of_commas_is_an_empty_one(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """It does not switch the sources off unsaid."""
    said = fault(monkeypatch, "WIRE_SOURCES", value)
    assert said == (
        "MARKET_PIPELINE_WIRE_SOURCES: is set but empty: write none for no source, "
        "or tiingo,finnhub"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            "tingo",
            "holds an unknown name (did you mean tiingo?); the known ones are tiingo, finnhub",
        ),
        (CANARY, "holds an unknown name; the known ones are tiingo, finnhub"),
        ("tiingo,tiingo", "name each of tiingo, finnhub at most once"),
    ],
)
def test_a_wrong_order_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    """A name that is unknown is called so, a doubled one is asked for once."""
    assert fault(monkeypatch, "WIRE_SOURCES", value) == f"MARKET_PIPELINE_WIRE_SOURCES: {said}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("growth=-1", "greater than or equal to 1"),
        ("growth=0", "greater than or equal to 1"),
        (f"growth={'9' * 30}", "less than or equal to"),
        ("growth=1,growth=2", "names a portfolio twice"),
        ("growth=1,income=1", "names a pid twice"),
        ("=1", "write name=pid pairs"),
        ("growth", "write name=pid pairs"),
    ],
)
def test_ids_of_portfolios_are_positive_and_each_its_own(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    """The last of two pairs does not win unsaid, and no two portfolios share their news."""
    assert said in fault(monkeypatch, "FINVIZ_PORTFOLIO_IDS", value)


# -- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{CANARY}@h:6379/abc",
        f"redis://:{CANARY}@h:6379/-1",
        f"redis://:{CANARY}@h:6379/{'9' * 40}",
        f"redis://:{CANARY}@h:6379/0/1",
        f"redis://:{CANARY}@h:6379?db=abc",
        f"redis://:{CANARY}@h:66000/0",
        f"redis://:{CANARY}/7@h:6379/0",
        f"redis://[{CANARY}",
        f"unix://:{CANARY}@/run/redis.sock?db=x",
        f"http://:{CANARY}@h/0",
        CANARY,
    ],
)
def test_an_address_of_redis_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A database that is no number does not quietly become number 0."""
    assert "write it like redis://" in fault(monkeypatch, "REDIS_URL", url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h", "redis://h/", "redis://:p@h:6379/15", "rediss://u:p@h/3", "redis://h?db=2",
        "unix:///run/redis.sock", "unix:///run/redis.sock?db=1", "redis://[::1]:6379/0",
    ],
)  # fmt: skip
def test_an_address_of_redis_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Every form the library reads."""
    monkeypatch.setenv("MARKET_PIPELINE_REDIS_URL", url)
    found = Settings().redis_url
    assert found is not None
    assert found.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://", "https:///x", "http://h:66000", "http://h:x", "http://[", "ftp://h",
        f"http://me:{CANARY}@h:1", f"http://h:1/?key={CANARY}", f"http://h#{CANARY}", CANARY,
    ],
)  # fmt: skip
def test_an_address_of_the_sandbox_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Without a host, with a port that is none, with what a base address does not hold."""
    assert "write the whole URL" in fault(monkeypatch, "SANDBOX_URL", url)


# -- numbers and dates ---------------------------------------------------------------------


def test_the_numbers_of_the_settings_are_known_here() -> None:
    """So that the two tests below are about all of them."""
    assert {"headline_retention_days", "vendor_timeout_s", "max_jump"} <= set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["99999999999", "1e400", "nan"])
def test_no_number_is_boundless(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A slip of the finger is refused by name, not met later where a date is computed with it."""
    assert f"MARKET_PIPELINE_{name.upper()}: " in fault(monkeypatch, name.upper(), value)


@pytest.mark.parametrize("name", sorted(INTERVALS))
@pytest.mark.parametrize("minutes", ["0", "-5", "7", "35", "1445", "60.5", "hourly", "99999999999"])
def test_an_interval_divides_a_day(
    monkeypatch: pytest.MonkeyPatch, name: str, minutes: str
) -> None:
    """So that every day has the same ticks, and the last is no shorter; it says what may be."""
    told = fault(monkeypatch, name.upper(), minutes)
    assert name.upper() in told
    assert "write minutes that are a multiple of" in told


@pytest.mark.parametrize("name", [name for name in NUMBERS if name not in INTERVALS])
def test_the_greatest_value_is_said_and_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The bound of the field where it has one, else that of its ending."""
    rules = Settings.model_fields[name].metadata
    own = [float(str(rule.le)) for rule in rules if isinstance(rule, annotated_types.Le)]
    most = min(bound for bound in [*own, greatest(name)] if bound is not None)
    monkeypatch.setenv(f"MARKET_PIPELINE_{name.upper()}", f"{most:.12g}")
    assert getattr(Settings(), name) == most


@pytest.mark.parametrize("name", ["FIRST_SESSION", "EXTRA_CLOSURES"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_outside_the_calendar_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, day: str
) -> None:
    """Nobody collects what the calendar does not know."""
    assert "outside the calendar (2005 to 2031)" in fault(monkeypatch, name, day)
