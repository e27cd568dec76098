"""How lists of names, and orders of sources by name, are written in a setting."""

from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def split(value: object) -> object:
    """Read comma-separated text as its parts."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]


def _orders(value: object) -> object:
    """Read `name=first+second` pairs as an order of sources for each name."""
    if not isinstance(value, str):
        return value
    orders: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, separator, sources = part.partition("=")
        if not separator or not name.strip():
            raise ValueError("write name=first+second pairs, such as BRK.B=polygon+yahoo")
        orders[name.strip()] = tuple(one.strip() for one in sources.split("+") if one.strip())
    return orders


SourcesByName = Annotated[dict[str, tuple[str, ...]], NoDecode, BeforeValidator(_orders)]
