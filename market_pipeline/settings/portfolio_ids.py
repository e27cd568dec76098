"""Portfolios that also stand at a vendor, as `name=id` pairs in a setting."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

_GREATEST_ID = 2**53 - 1
_FORM = "write name=pid pairs, such as growth=123,income=456"


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(separator and name.strip() for name, separator, _ in parts):
        raise ValueError(_FORM)
    pairs = [(name.strip(), number.strip()) for name, _, number in parts]
    _once([name for name, _ in pairs], "portfolio")
    return dict(pairs)


def _are_apart(value: dict[str, int]) -> dict[str, int]:
    _once(list(value.values()), "pid")
    return value


def _once(items: Sequence[object], kind: str) -> None:
    if len(set(items)) < len(items):
        raise ValueError(f"names a {kind} twice: each portfolio has one pid of its own")


PortfolioIds = Annotated[
    dict[str, Annotated[int, Field(ge=1, le=_GREATEST_ID)]],
    NoDecode,
    BeforeValidator(_pairs),
    AfterValidator(_are_apart),
]
"""Ids by portfolio: positive, and each portfolio and each id once."""
