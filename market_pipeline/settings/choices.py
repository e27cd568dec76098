"""Lists of symbols, reasons to be in the universe, and times of day, as a setting writes them."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from market_pipeline.domain.reasons import REASONS
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.settings.names import split


def _are_symbols(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(parse_symbol(text) for text in value)


def _are_reasons(value: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in value if name not in REASONS]:
        raise ValueError(f"{unknown[0][:40]!r} is none of {', '.join(REASONS)}")
    return value


_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _is_time(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError("write hours and minutes of a day, such as 01:30")
    return value


ClockTime = Annotated[str, AfterValidator(_is_time)]
Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(_are_symbols)]
Reasons = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split), AfterValidator(_are_reasons)]
