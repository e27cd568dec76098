"""Settings of the factors: definitions added, changed or switched off, and stand-ins of holdings.

Belongs here: that part of `Settings`, and reading a definition from a file. Does not: what a
definition means or the shipped ones (`domain.factor_definitions`).
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from market_pipeline.domain.factor_definitions import (
    DEFAULTS,
    KINDS,
    MARKET,
    METHODS,
    FactorDefinition,
    proxies_of,
)
from market_pipeline.domain.symbols import parse_symbol
from market_pipeline.settings.names import split

_ACTIVE = "active"
_FIELDS = {each.name for each in fields(FactorDefinition)} - {"name", "version"}
_SHOWN = 40

Changes = dict[str, dict[str, Any]]


def definitions_of(changes: Mapping[str, Mapping[str, Any]]) -> tuple[FactorDefinition, ...]:
    """Give the definitions in force: the shipped ones as `changes` change them, and those added.

    A change names the fields that differ, `active = false` switches a definition off. Raises
    ValueError naming the definition, its field and the value that cannot be, and what would do.
    """
    shipped = {definition.name: definition for definition in DEFAULTS}
    found = []
    for name in [*shipped, *(name for name in changes if name not in shipped)]:
        told = dict(changes.get(name, {}))
        if _read(name, _ACTIVE, told.pop(_ACTIVE, True), bool, "write true or false"):
            found.append(_definition(name, told, shipped.get(name)))
    return tuple(found)


def _definition(
    name: str, told: Mapping[str, Any], shipped: FactorDefinition | None
) -> FactorDefinition:
    values = {field: _value(name, field, value) for field, value in told.items()}
    try:
        if shipped is not None:
            return replace(shipped, **values)
        if "proxies" not in values:
            raise ValueError("needs proxies, such as proxies = ['SPY']")
        return FactorDefinition(name, **values)
    except ValueError as error:
        said = str(error).removeprefix(f"{name}: ")
        raise ValueError(f"[factors.{name[:_SHOWN]}] {said}") from None


def _value(name: str, field: str, value: Any) -> Any:
    match field:
        case "proxies":
            return _proxies(name, value)
        case "window" | "min_observations":
            return _read(name, field, value, int, "write a whole number of sessions, such as 90")
        case "cap" | "penalty":
            return float(_read(name, field, value, (int, float), "write a number, such as 5.0"))
        case "half_life":
            return float(_read(name, field, value, (int, float), "write sessions, such as 60"))
        case "method" | "kind":
            known = METHODS if field == "method" else KINDS
            return _read(name, field, value, str, f"write one of {', '.join(known)}", known)
    nearest = get_close_matches(field, sorted(_FIELDS | {_ACTIVE}), n=1)
    meant = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ValueError(
        f"[factors.{name[:_SHOWN]}] has a field {field[:_SHOWN]!r}, and there is none{meant} "
        f"The fields are {', '.join(sorted(_FIELDS | {_ACTIVE}))}"
    )


def _read(
    name: str,
    field: str,
    value: Any,
    kind: type | tuple[type, ...],
    remedy: str,
    known: Collection[Any] | None = None,
) -> Any:
    """Give `value` back where it is of `kind`, and among those `known`."""
    # True is an int to Python, and no number to anyone else.
    is_stray_bool = isinstance(value, bool) and kind is not bool
    if is_stray_bool or not isinstance(value, kind) or (known is not None and value not in known):
        shown = repr(value)[:_SHOWN]
        raise ValueError(f"[factors.{name[:_SHOWN]}] {field} is {shown}: {remedy}")
    return value


def _proxies(name: str, value: Any) -> tuple[str, ...]:
    remedy = "write a list of symbols, such as ['MTUM', 'SPY']"
    texts: Any = split(value) if isinstance(value, str) else value
    for text in _read(name, "proxies", texts, (list, tuple), remedy):
        _read(name, "proxies", text, str, remedy)
    return tuple(_symbol(f"[factors.{name[:_SHOWN]}] proxies", text) for text in texts)


def _symbol(place: str, text: str) -> str:
    try:
        return parse_symbol(text)
    except ValueError as error:
        raise ValueError(f"{place}: {text[:_SHOWN]!r} is no symbol: {error}") from None


def _are_definitions(value: object) -> object:
    """Refuse what no definitions can be made of, before and in other words than pydantic's."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.strip() else {}
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict) or not all(isinstance(told, dict) for told in value.values()):
        raise ValueError(
            "write a table a definition: [factors.NAME] in the file, "
            '{"NAME": {"proxies": ["SPY"]}} in the environment'
        )
    definitions_of(value)
    return value


def _pairs(value: object) -> object:
    """Read `NAME=SYMBOL` pairs."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not all(separator and name.strip() for name, separator, _ in pairs):
        raise ValueError("write NAME=SYMBOL pairs, such as FUNDCO=VNQ,ACME=XLI")
    return {name.strip(): symbol.strip() for name, _, symbol in pairs}


def _are_stand_ins(value: dict[str, str]) -> dict[str, str]:
    return {
        _symbol("private_proxies", name): _symbol("private_proxies", proxy)
        for name, proxy in value.items()
    }


class FactorSettings(BaseSettings):
    """What `Settings` says of factors."""

    factors: Annotated[Changes, NoDecode, BeforeValidator(_are_definitions)] = Field(
        {},
        description=(
            "Factor definitions added, changed or switched off (active = false), by name: a table "
            "[factors.NAME] in the file, JSON here. See docs/factors.md."
        ),
    )
    private_proxies: Annotated[
        dict[str, str], NoDecode, BeforeValidator(_pairs), AfterValidator(_are_stand_ins)
    ] = Field(
        {},
        description=(
            "Listed symbols whose exposures stand in for those of private holdings, as "
            "NAME=SYMBOL pairs: FUNDCO=VNQ."
        ),
    )
    rate_proxy_duration: float = Field(
        16.0,
        gt=0,
        le=100,
        description=(
            "Modified duration, in years, of the proxy of interest_rate (TLT): its price falls by "
            "as many percent when rates rise by one. The fund's issuer publishes it; the origin of "
            "the default stands in docs/factors.md."
        ),
    )

    @property
    def definitions(self) -> tuple[FactorDefinition, ...]:
        """The factor definitions in force."""
        return definitions_of(self.factors)

    @property
    def market(self) -> FactorDefinition:
        """What stands for the market; the shipped definition where it is switched off."""
        named = (each for each in self.definitions if each.name == MARKET.name)
        return next(named, MARKET)

    @property
    def factor_proxies(self) -> tuple[str, ...]:
        """Symbols that factors are measured against, and those that stand in for others."""
        stand_ins = sorted(self.private_proxies.values())
        return tuple(dict.fromkeys([*proxies_of(self.definitions), *stand_ins]))
