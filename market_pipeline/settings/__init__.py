"""The typed configuration: environment over `.env` over `market_pipeline.toml` over defaults.

Belongs here: names, types, defaults and the words that explain them (`.env.example` is made from
this file). Does not: clients, engines, anything that opens a connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from market_pipeline.settings.choices import ClockTime, Reasons, Symbols
from market_pipeline.settings.factors import FactorSettings
from market_pipeline.settings.flags import FlagSettings
from market_pipeline.settings.limits import within_reason
from market_pipeline.settings.names import split
from market_pipeline.settings.news import NewsSettings
from market_pipeline.settings.news_sources import Order, check_order
from market_pipeline.settings.prices import PriceSettings
from market_pipeline.settings.reading import (
    ENV_PREFIX,
    TOML_FILE,
    WithoutEmpty,
    example_of,
    faults_of,
    require_driver,
)
from market_pipeline.settings.secret_urls import secret_parts
from market_pipeline.settings.service_urls import check_redis_url, sandbox_base
from market_pipeline.settings.unknown_names import unknown_names

__all__ = [
    "ENV_PREFIX",
    "Settings",
    "current_settings",
    "env_example",
    "faults_of",
    "forget_settings",
    "project_root",
    "settings_in_force",
    "unknown_settings",
]


def project_root() -> Path:
    """Give the checkout this package runs from, or the working folder when it is installed.

    State is found beside `workspace.yaml` whichever folder a command is typed in.
    """
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "workspace.yaml").is_file() else Path.cwd()


def _absolute(path: Path) -> Path:
    return path if path.is_absolute() else project_root() / path


StatePath = Annotated[Path, AfterValidator(_absolute)]


class Settings(NewsSettings, PriceSettings, FactorSettings, FlagSettings):
    """Everything that can be configured. With nothing set, everything runs."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=(".env",),
        extra="ignore",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    # -- where state lives -----------------------------------------------------------------
    state_dir: StatePath = Field(
        Path(".state"),
        description="Folder for the warehouse, Dagster's storage, reports and the inbox.",
    )
    database_url: SecretStr | None = Field(
        None,
        description=(
            "Warehouse, driver named: postgresql+psycopg://user:password@host/name. "
            "Empty: a SQLite file in the state folder."
        ),
    )
    dagster_database_url: SecretStr | None = Field(
        None,
        description=(
            "Dagster's own storage on PostgreSQL: postgresql+psycopg2://user:password@host/name. "
            "Empty: SQLite files in the state folder."
        ),
    )
    redis_url: SecretStr | None = Field(
        None,
        description=(
            "Rates, breakers and locks shared by several machines: redis://host:6379/0. "
            "Empty: a local file."
        ),
    )
    inbox_dir: Path | None = Field(
        None,
        description="Folder watched for portfolio CSV files. Empty: `inbox` in the state folder.",
    )

    # -- vendors ---------------------------------------------------------------------------
    sandbox_url: str | None = Field(
        None,
        description=(
            "Base URL of a running sandbox (`market-pipeline sandbox serve`). When set, every "
            "vendor is the sandbox and every row says so."
        ),
    )
    polygon_api_key: SecretStr | None = Field(
        None, description="Polygon (Massive) key: option quotes. Without it options stay unpriced."
    )
    finviz_elite_key: SecretStr | None = Field(
        None,
        description="Finviz Elite export token: headlines. Without it the public page is read.",
    )
    yahoo_requests_per_minute: int = Field(60, ge=1, description="Rate kept with Yahoo.")
    polygon_requests_per_minute: int = Field(
        5, ge=1, description="Rate kept with Polygon (its free plan allows 5)."
    )
    finviz_requests_per_minute: int = Field(20, ge=1, description="Rate kept with Finviz.")
    sandbox_requests_per_minute: int = Field(
        60_000, ge=1, description="Rate kept with the sandbox, in place of the vendors' own."
    )
    vendor_timeout_s: float = Field(
        20.0, gt=0, le=300, description="Total seconds one request may take, body included."
    )
    vendor_concurrency: int = Field(
        5, ge=1, le=32, description="Requests in flight at one vendor at once."
    )

    # -- companies and timeframes ----------------------------------------------------------
    profile_sources: Order = Field(
        ("yahoo", "polygon"),
        description=(
            "Who tells what a company is and how it stands, first choice first, comma-separated; "
            "none: nobody is asked. Must not be left empty."
        ),
    )
    profile_refresh_days: int = Field(
        7, ge=1, le=365, description="Days after which a company's profile is asked for again."
    )
    fundamentals_window_days: int = Field(
        3,
        ge=0,
        le=30,
        description=(
            "Days before and after an earnings date on which fundamentals are asked for daily; "
            "otherwise they are asked for once a quarter."
        ),
    )
    intraday_symbols: Symbols = Field(
        (), description="Comma-separated symbols that have hourly bars beside daily ones."
    )
    intraday_reasons: Reasons = Field(
        (),
        description=(
            "Comma-separated reasons (factor_proxy, held, traded, underlying, watched): all that "
            "is in the universe for one of them has hourly bars."
        ),
    )

    intraday_delay_minutes: int = Field(
        5,
        ge=1,
        le=29,
        description="Minutes after the end of an hourly bar at which it is asked for.",
    )

    # -- retention -------------------------------------------------------------------------
    intraday_retention_days: int = Field(
        60, ge=1, description="Days an intraday bar is kept; daily bars are kept for good."
    )
    log_retention_days: int = Field(
        90, ge=1, description="Days the logs of fetching and computing are kept."
    )

    # -- dates -----------------------------------------------------------------------------
    first_session: date = Field(
        date(2012, 1, 3), description="First session that can be materialized."
    )
    extra_closures: Annotated[tuple[date, ...], NoDecode, BeforeValidator(split)] = Field(
        (),
        description="Comma-separated days the exchange closed unforeseen, as in 2027-01-09.",
    )

    # -- the clock -------------------------------------------------------------------------
    daily_run_at_utc: ClockTime = Field(
        "01:30", description="When the session that ended is taken from universe to snapshots, UTC."
    )
    price_refresh_at_utc: ClockTime = Field(
        "00:00",
        description="When the prices of the session that ended are first asked for, UTC.",
    )

    # -- policy ----------------------------------------------------------------------------
    minimum_coverage: float = Field(
        0.95, gt=0, le=1, description="Share of a session's symbols that must have a price."
    )
    max_jump: float = Field(
        0.30, gt=0, description="Daily move beyond which an unexplained price is flagged."
    )
    option_rate: float = Field(
        0.04,
        gt=-0.1,
        le=0.5,
        description=(
            "Interest a year, continuous, that options are valued with where no bar of ^IRX (the "
            "13-week Treasury bill, once it is watched) is stored."
        ),
    )
    option_chains: Literal["whole", "held"] = Field(
        "whole",
        description=(
            "Which quotes of a chain are kept: all of an underlying of held or watched options, "
            "or only those of the options themselves."
        ),
    )
    option_chain_underlyings: Literal["held", "held_and_watched"] = Field(
        "held_and_watched",
        description=(
            "Whose contracts and chains are asked for: only the underlyings of held or watched "
            "options, or also the stocks and funds on the watchlist themselves."
        ),
    )
    contract_refresh_days: int = Field(
        7, ge=1, le=365, description="Days after which a stock's option contracts are listed again."
    )
    automation: Literal["on", "off"] = Field(
        "on", description="Whether schedules and sensors start switched on."
    )

    # -- logs ------------------------------------------------------------------------------
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: lines for a person in a terminal, JSON elsewhere."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe event that is logged."
    )

    @field_validator("finviz_sources", "wire_sources", "profile_sources")
    @classmethod
    def _are_known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return check_order(str(info.field_name), value)

    @field_validator("sandbox_url")
    @classmethod
    def _is_of_the_sandbox(cls, value: str | None) -> str | None:
        return None if value is None else sandbox_base(value)

    @field_validator("redis_url")
    @classmethod
    def _is_of_redis(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else check_redis_url(value)

    @field_validator("*")
    @classmethod
    def _is_within_reason(cls, value: object, info: ValidationInfo) -> object:
        return within_reason(str(info.field_name), value)

    @model_validator(mode="after")
    def _drivers_are_named(self) -> "Settings":
        require_driver(self.database_url, "DATABASE_URL", ("postgresql+psycopg", "sqlite"))
        require_driver(self.dagster_database_url, "DAGSTER_DATABASE_URL", ("postgresql+psycopg2",))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put `market_pipeline.toml` below the environment and `.env`."""
        toml = TomlConfigSettingsSource(settings_cls, project_root() / TOML_FILE)
        env = WithoutEmpty(settings_cls, env_settings)
        dotenv = WithoutEmpty(settings_cls, dotenv_settings)
        return init_settings, env, dotenv, file_secret_settings, toml

    @property
    def warehouse_url(self) -> str:
        """URL of the warehouse, password included: for opening it, never for showing."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.state_dir / 'warehouse.db'}"

    @property
    def redis_address(self) -> str | None:
        """URL of Redis, password included: for opening it, never for showing; None without."""
        return self.redis_url.get_secret_value() if self.redis_url else None

    @property
    def inbox(self) -> Path:
        """Folder watched for portfolio files."""
        return _absolute(self.inbox_dir) if self.inbox_dir else self.state_dir / "inbox"

    @property
    def reports_dir(self) -> Path:
        """Folder the HTML reports are written to."""
        return self.state_dir / "reports"

    def reports_of(self, session: date) -> Path:
        """Give the folder of the reports of a session."""
        return self.reports_dir / session.isoformat()

    @property
    def has_intraday(self) -> bool:
        """Whether any symbol is chosen to have hourly bars."""
        return bool(self.intraday_symbols or self.intraday_reasons)

    @property
    def data_kind(self) -> Literal["sandbox", "live"]:
        """Whether the rows to be written come from the sandbox or from real vendors."""
        return "sandbox" if self.sandbox_url else "live"

    def secrets(self) -> tuple[str, ...]:
        """Every secret value that is set, for redaction; secrets inside URLs included."""
        found: set[str] = set()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                found |= secret_parts(name, value.get_secret_value())
        return tuple(sorted(found, key=len, reverse=True))


_in_force: list[Settings] = []


def current_settings() -> Settings:
    """Give the configuration of this process: read once, unless others are in force."""
    return _in_force[-1] if _in_force else _from_sources()


@contextmanager
def settings_in_force(settings: Settings) -> Iterator[None]:
    """Let `settings` be the configuration of this process for a while."""
    _in_force.append(settings)
    try:
        yield
    finally:
        _in_force.pop()


@lru_cache(maxsize=1)
def _from_sources() -> Settings:
    return Settings()


def forget_settings() -> None:
    """Read the sources anew at the next use: for tests that change the environment."""
    _from_sources.cache_clear()


def unknown_settings() -> tuple[str, ...]:
    """Say of each name that looks like a setting and is none where it stands; see its module."""
    return unknown_names(Settings.model_fields, Path(".env"), project_root() / TOML_FILE)


def env_example() -> str:
    """Write `.env.example`: every setting, its default and what it means."""
    return example_of(Settings)
