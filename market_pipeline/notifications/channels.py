"""The channels of the settings: one for each address, named without showing it.

Addresses are secrets as a whole: a token may stand anywhere in them. No error repeats one.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

from pydantic import SecretStr

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.notices import Message
from market_pipeline.settings import ENV_PREFIX, Settings

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9.-]{0,29}")


class Channel(Protocol):
    """One address that is told of everything."""

    @property
    def name(self) -> str:
        """Name fit to be shown and kept: a kind, and a hash of the address."""
        ...

    def send(self, message: Message) -> None:
        """Deliver within the channel's deadline; raise DeliveryFailed, which shows no address."""
        ...


class _Addressed(Channel, Protocol):
    def check(self) -> None:
        """Read the address as sending does; raise ValueError, which does not repeat it, where it
        is none. Nothing is connected; libraries may be loaded."""
        ...


def channels_of(settings: Settings, *, is_thorough: bool = False) -> list[Channel]:
    """Give a channel for each address in the settings; the same address twice is one.

    Nothing is connected. Raises ConfigurationError for addresses that cannot be one, by the
    setting's name and their place in the list. With `is_thorough` that includes those Apprise
    does not understand, which takes a second or two; else they fail when first sent to.
    """
    from market_pipeline.notifications.apprise_channel import AppriseChannel
    from market_pipeline.notifications.webhook import Webhook

    makers: tuple[tuple[str, SecretStr | None, Callable[[str], _Addressed]], ...] = (
        ("webhook_urls", settings.webhook_urls, Webhook),
        ("apprise_urls", settings.apprise_urls, AppriseChannel),
    )
    made: list[Channel] = []
    faults: list[str] = []
    for setting, value, make in makers:
        wrong = _make_each(_addresses(value), make, made, is_thorough=is_thorough)
        if wrong:
            faults.append(f"{ENV_PREFIX}{setting.upper()}: {'; '.join(wrong)}")
    if faults:
        raise ConfigurationError("; ".join(faults))
    return made


def channel_name(kind: str, url: str) -> str:
    """Name a channel: its kind and eight hex digits of the address's SHA-256."""
    return f"{kind}-{hashlib.sha256(url.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def scheme_of(url: str) -> str | None:
    """Give the scheme of an address in lower case, None where none can be read."""
    scheme, separator, rest = url.partition("://")
    is_read = separator and rest and _SCHEME.fullmatch(scheme)
    return scheme.lower() if is_read else None


def _addresses(setting: SecretStr | None) -> list[str]:
    text = setting.get_secret_value() if setting is not None else ""
    return list(dict.fromkeys(text.split()))


def _make_each(
    urls: list[str], make: Callable[[str], _Addressed], made: list[Channel], *, is_thorough: bool
) -> list[str]:
    """Add a channel an address to `made`; give what is wrong with those that cannot be one."""
    faults: list[str] = []
    for place, url in enumerate(urls, start=1):
        try:
            channel = make(url)
            if is_thorough:
                channel.check()
        except ValueError as error:  # its text is our own and shows no address
            faults.append(f"address {place} of {len(urls)} {error}")
        else:
            made.append(channel)
    return faults
