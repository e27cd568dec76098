"""The configuration: which source wins, what is refused, and that secrets stay secret."""

import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from market_pipeline import settings as module
from market_pipeline.settings import (
    Settings,
    current_settings,
    env_example,
    forget_settings,
    settings_in_force,
)

CANARY = "canary-7f3c9"
SECRETS = {
    "DATABASE_URL": f"postgresql+psycopg://app:{CANARY}@127.0.0.1/db",
    "DAGSTER_DATABASE_URL": f"postgresql+psycopg2://app:{CANARY}@127.0.0.1/db",
    "REDIS_URL": f"redis://:{CANARY}@127.0.0.1:6379/0",
    "POLYGON_API_KEY": CANARY,
    "FINVIZ_ELITE_KEY": CANARY,
}

Set = Callable[..., None]


@pytest.fixture(autouse=True)
def folder(state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder that is both the working folder and the project's root."""
    assert state_dir
    monkeypatch.delenv("MARKET_PIPELINE_STATE_DIR")
    monkeypatch.delenv("MARKET_PIPELINE_AUTOMATION")
    monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Give a function that sets variables of the environment, prefix left out."""

    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"MARKET_PIPELINE_{name}", value)

    return put


# -- sources -------------------------------------------------------------------------------


def test_with_nothing_set_everything_has_its_default(folder: Path) -> None:
    """No variable and no file: SQLite in the state folder, live vendors, no key."""
    found = Settings()
    assert found.state_dir == folder / ".state"
    assert found.warehouse_url == f"sqlite:///{folder / '.state' / 'warehouse.db'}"
    assert found.inbox == folder / ".state" / "inbox"
    assert found.data_kind == "live"
    assert found.secrets() == ()


def test_each_source_wins_over_the_one_below(folder: Path, env: Set) -> None:
    """Environment over `.env` over `market_pipeline.toml` over the default."""
    assert Settings().yahoo_requests_per_minute == 60
    (folder / "market_pipeline.toml").write_text("yahoo_requests_per_minute = 11\nmax_jump = 0.5\n")
    assert Settings().yahoo_requests_per_minute == 11
    (folder / ".env").write_text("MARKET_PIPELINE_YAHOO_REQUESTS_PER_MINUTE=12\nUNRELATED=1\n")
    assert Settings().yahoo_requests_per_minute == 12
    env(YAHOO_REQUESTS_PER_MINUTE="13")
    assert Settings().yahoo_requests_per_minute == 13
    assert Settings().max_jump == 0.5


def test_an_empty_variable_is_no_value(folder: Path, env: Set) -> None:
    """A line of `.env.example` left empty means the default, below the environment too."""
    (folder / ".env").write_text("MARKET_PIPELINE_SANDBOX_URL=\nMARKET_PIPELINE_MAX_JUMP=\n")
    env(POLYGON_API_KEY="")
    found = Settings()
    assert (found.sandbox_url, found.max_jump, found.polygon_api_key) == (None, 0.30, None)


@pytest.mark.parametrize("name", ["FINVIZ_SOURCES", "WIRE_SOURCES"])
@pytest.mark.parametrize("place", ["environment", ".env", "toml"])
def test_an_empty_order_of_sources_is_refused_and_none_is_none(
    folder: Path, env: Set, name: str, place: str
) -> None:
    """Empty might mean either, so it is said what to write; `none` asks nobody."""

    def put(value: str) -> None:
        if place == "environment":
            env(**{name: value})
        elif place == ".env":
            (folder / ".env").write_text(f"MARKET_PIPELINE_{name}={value}\n")
        else:
            (folder / "market_pipeline.toml").write_text(f'{name.lower()} = "{value}"\n')

    for empty in ("", "  ", " , "):
        put(empty)
        with pytest.raises(ValidationError, match="is set but empty: write none for no source, or"):
            Settings()
    put("None")
    assert getattr(Settings(), name.lower()) == ()


def test_the_example_holds_the_defaults(folder: Path) -> None:
    """Taking every comment off `.env.example` changes nothing: what it shows is the default."""
    before = Settings()
    active = re.sub(r"^# (MARKET_PIPELINE_)", r"\1", env_example(), flags=re.MULTILINE)
    assert active.count("\nMARKET_PIPELINE_") == len(Settings.model_fields)
    (folder / ".env").write_text(active)
    assert Settings() == before


def test_every_setting_is_explained() -> None:
    """No setting goes without a sentence on what it does."""
    for name, described in Settings.model_fields.items():
        assert (described.description or "").endswith("."), name


def test_paths_are_beside_the_project_unless_absolute(folder: Path, env: Set) -> None:
    """A relative folder does not depend on where a command is typed."""
    env(STATE_DIR="elsewhere", INBOX_DIR="drop")
    assert Settings().state_dir == folder / "elsewhere"
    assert Settings().inbox == folder / "drop"
    env(STATE_DIR="/var/lib/market_pipeline")
    assert Settings().state_dir == Path("/var/lib/market_pipeline")


def test_extra_closures_are_read_from_text_and_from_toml(folder: Path, env: Set) -> None:
    """Comma-separated in the environment, a list in the file."""
    (folder / "market_pipeline.toml").write_text('extra_closures = ["2027-01-11", 2027-01-12]\n')
    assert Settings().extra_closures == (date(2027, 1, 11), date(2027, 1, 12))
    env(EXTRA_CLOSURES="2027-01-13, 2027-01-14,")
    assert Settings().extra_closures == (date(2027, 1, 13), date(2027, 1, 14))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("EXTRA_CLOSURES", "2027-13-01", "month"),
        ("MINIMUM_COVERAGE", "1.5", "less than or equal to 1"),
        ("YAHOO_REQUESTS_PER_MINUTE", "0", "greater than or equal to 1"),
        ("AUTOMATION", "maybe", "'on' or 'off'"),
        ("SANDBOX_URL", "127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("VENDOR_TIMEOUT_S", "soon", "valid number"),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_the_rule(
    env: Set, name: str, value: str, said: str
) -> None:
    """A wrong value stops the start and says what would be right."""
    env(**{name: value})
    with pytest.raises(ValidationError, match=re.escape(said)):
        Settings()


def test_the_sandbox_url_loses_its_slash(env: Set) -> None:
    """Paths are appended to it, so it ends without one; and data is then sandbox data."""
    env(SANDBOX_URL="http://127.0.0.1:8765/")
    assert Settings().sandbox_url == "http://127.0.0.1:8765"
    assert Settings().data_kind == "sandbox"


# -- URLs and secrets ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "wanted"),
    [
        ("DATABASE_URL", "postgresql://a:{}@h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgres://a:{}@h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgresql+psycopg2://a:{}@h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "{}", "postgresql+psycopg://"),
        ("DATABASE_URL", "postgresql+psycopg:a:{}@h/d", "postgresql+psycopg://"),
        ("DATABASE_URL", "{}://h/d", "postgresql+psycopg://"),
        ("DAGSTER_DATABASE_URL", "postgresql://a:{}@h/d", "postgresql+psycopg2://"),
        ("DAGSTER_DATABASE_URL", "postgresql+psycopg://a:{}@h/d", "postgresql+psycopg2://"),
    ],
)
def test_a_url_without_its_driver_is_refused_and_not_repeated(
    env: Set, name: str, url: str, wanted: str
) -> None:
    """The message names the variable and the driver to write, and nothing of the URL's content."""
    env(**{name: url.format(CANARY)})
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert f"MARKET_PIPELINE_{name} must name its driver: {wanted}" in str(refused.value)
    assert CANARY not in f"{refused.value} {refused.value!r}"


def test_secrets_are_never_shown(env: Set) -> None:
    """Neither repr, str, dump nor JSON of the settings holds a key or a password."""
    env(**SECRETS)
    found = Settings()
    shown = [repr(found), str(found), str(found.model_dump()), found.model_dump_json()]
    shown += [json.dumps(found.model_dump(mode="json"))]
    assert not [text for text in shown if CANARY in text]
    assert CANARY in found.warehouse_url  # so the test above could fail


@pytest.mark.parametrize("wrong", ["MAX_JUMP", "FIRST_SESSION", "EXTRA_CLOSURES"])
def test_an_error_elsewhere_shows_no_secret(env: Set, wrong: str) -> None:
    """A validation error of one setting repeats neither its own value nor the others'."""
    env(**SECRETS, **{wrong: f"x{CANARY}"})
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert CANARY not in f"{refused.value} {refused.value!r}"


def test_every_secret_is_known_for_redaction(env: Set) -> None:
    """Keys and passwords within URLs, as written and as meant, the longest first."""
    env(
        DATABASE_URL="postgresql+psycopg://app:pa%40ss@h/d",
        REDIS_URL="redis://:redispw@h/0",
        DAGSTER_DATABASE_URL="postgresql+psycopg2:///d?host=/run&password=inquery",
        POLYGON_API_KEY="polygonkey",
        FINVIZ_ELITE_KEY="finvizkey",
    )
    secrets = Settings().secrets()
    assert set(secrets) == {
        "pa%40ss", "pa@ss", "redispw", "inquery", "polygonkey", "finvizkey",
    }  # fmt: skip
    assert list(secrets) == sorted(secrets, key=len, reverse=True)


def test_every_field_that_names_a_key_or_a_url_with_a_password_is_secret() -> None:
    """A key added as plain text would be shown; its type is what hides it."""
    for name, described in Settings.model_fields.items():
        if re.search(r"key|token|password|database_url|redis_url", name):
            assert SecretStr in getattr(described.annotation, "__args__", ()), name


# -- in force ------------------------------------------------------------------------------


def test_settings_are_read_once_until_forgotten(env: Set) -> None:
    """One process has one configuration, whatever happens to the environment meanwhile."""
    forget_settings()
    assert current_settings().max_jump == 0.30
    env(MAX_JUMP="0.4")
    assert current_settings().max_jump == 0.30
    forget_settings()
    assert current_settings().max_jump == 0.4


def test_settings_in_force_nest_and_end() -> None:
    """The innermost are in force, and an error inside puts the outer ones back."""
    outer = Settings(max_jump=0.1)

    def fail_inside() -> None:
        with settings_in_force(Settings(max_jump=0.2)):
            assert current_settings().max_jump == 0.2
            raise RuntimeError("inside")

    with settings_in_force(outer):
        with pytest.raises(RuntimeError, match="inside"):
            fail_inside()
        assert current_settings() is outer
    assert current_settings() is not outer


def test_settings_cannot_be_changed_in_place() -> None:
    """A frozen object: what was read at the start is what is in force at the end."""
    with pytest.raises(ValidationError):
        Settings().max_jump = 1.0  # type: ignore[misc]  # the assignment is the test
