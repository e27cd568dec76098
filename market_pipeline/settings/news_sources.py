"""The order in which sources of news and of profiles are asked, as a setting writes it.

Belongs here: which sources there are, and how an order reads. Does not: what they are.
"""

from difflib import get_close_matches
from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo
from pydantic_settings import NoDecode

from market_pipeline.settings.names import split

NEWS_SOURCES = {
    "finviz_sources": ("finviz_export", "finviz_page"),
    "wire_sources": ("tiingo", "finnhub"),
    "profile_sources": ("yahoo", "polygon"),
}
"""The sources each order of priority may name."""

NONE = "none"
"""What an order of priority says where no source is to be asked."""


def _split_order(value: object, info: ValidationInfo) -> object:
    """Read an order of sources; `none` is the empty one, and no text at all is refused.

    An empty variable means the default everywhere else. Here it might as well be meant to switch
    the sources off, so it has to be said which.
    """
    if isinstance(value, str) and not value.strip(" ,\t"):
        default = ",".join(NEWS_SOURCES[str(info.field_name)])
        raise ValueError(f"is set but empty: write {NONE} for no source, or {default}")
    if isinstance(value, str) and value.strip().lower() == NONE:
        return ()
    return split(value)


def check_order(name: str, value: tuple[str, ...]) -> tuple[str, ...]:
    """Give the order of the setting `name` back; raise ValueError for unknown or doubled names.

    Of an unknown name only the one it is near to is said: it may be a key in the wrong place.
    """
    known = NEWS_SOURCES[name]
    for unknown in (source for source in value if source not in known):
        near = get_close_matches(unknown.lower(), known, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"holds an unknown name{meant}; the known ones are {', '.join(known)}")
    if len(set(value)) != len(value):
        raise ValueError(f"name each of {', '.join(known)} at most once")
    return value


Order = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_order)]
