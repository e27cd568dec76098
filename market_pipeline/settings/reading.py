"""How settings are read from their sources, and what is said of those that are wrong."""

import re
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from market_pipeline.settings.news_sources import NEWS_SOURCES

ENV_PREFIX = "MARKET_PIPELINE_"
TOML_FILE = "market_pipeline.toml"
_DRIVER = re.compile(r"[a-z0-9]+(\+[a-z0-9]+)?")


class WithoutEmpty(PydanticBaseSettingsSource):
    """A source whose empty variables are no values, so that a lower one may have some.

    Those of `NEWS_SOURCES` are kept, to be refused.
    """

    def __init__(
        self, settings_cls: type[BaseSettings], source: PydanticBaseSettingsSource
    ) -> None:
        super().__init__(settings_cls)
        self._source = source

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Give what the source says of one field."""
        return self._source.get_field_value(field, field_name)

    def __call__(self) -> dict[str, Any]:
        """Give the source's values by field, empty texts left out."""
        found = self._source()
        return {name: v for name, v in found.items() if v != "" or name in NEWS_SOURCES}


def faults_of(error: ValidationError) -> list[str]:
    """Say what is wrong with each setting, one sentence a fault, by the variable's full name.

    No value is repeated: it may be a secret in the wrong place.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [_fault(fault["loc"], fault["msg"]) for fault in found]


def _fault(place: tuple[int | str, ...], message: str) -> str:
    said = message.removeprefix("Value error, ")  # pydantic's word for a rule of our own
    if not place:  # a rule over several settings names them itself
        return said
    return f"{ENV_PREFIX}{'.'.join(str(part) for part in place).upper()}: {said}"


def require_driver(url: SecretStr | None, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse a database URL that leaves its driver open, without repeating what is no URL."""
    if url is None:
        return
    scheme, separator, _ = url.get_secret_value().partition("://")
    if scheme not in allowed or not separator:
        wanted = " or ".join(f"{driver}://" for driver in allowed)
        # Text that is no URL is not repeated: it may be a password in the wrong place.
        said = f", not {scheme}://" if separator and _DRIVER.fullmatch(scheme) else ""
        raise ValueError(f"{ENV_PREFIX}{name} must name its driver: {wanted}{said}")


def example_of(settings: type[BaseSettings]) -> str:
    """Write `.env.example`: every setting, its default and what it means."""
    lines = [
        "# Settings of market_pipeline. Copy to .env and fill in what you have; all are optional.",
        f"# The same names, lower case and without {ENV_PREFIX}, work in {TOML_FILE}.",
    ]
    for name, field in settings.model_fields.items():
        default = field.default
        shown = "" if default in (None, (), {}) else str(default)
        if isinstance(default, tuple):
            shown = ",".join(str(part) for part in default)
        lines += ["", f"# {field.description}", f"# {ENV_PREFIX}{name.upper()}={shown}"]
    return "\n".join(lines) + "\n"
