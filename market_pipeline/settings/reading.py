"""How settings are read from their sources, and what is said of those that are wrong."""

from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from market_pipeline.settings.news_sources import NEWS_SOURCES

ENV_PREFIX = "MARKET_PIPELINE_"


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
