"""One thing the doctor looked at, and how it stands."""

from dataclasses import dataclass

OK, NOTE, BROKEN = "ok", "note", "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing stands: ok, note (worth knowing) or broken (needed, and does not work).

    `key`, `reachable`, `breaker` and `used_for` speak of vendors only.
    """

    area: str
    item: str
    state: str
    detail: str
    key: str = ""
    reachable: str = ""
    breaker: str = ""
    used_for: str = ""


def database_reason(error: BaseException) -> str:
    """Say in one line why a database did not do what it was asked: the driver's own words."""
    return in_short(getattr(error, "orig", None) or error)


def in_short(error: BaseException, limit: int = 200) -> str:
    """Name an error in one line."""
    first_line = (str(error).strip().splitlines() or [""])[0][:limit]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
