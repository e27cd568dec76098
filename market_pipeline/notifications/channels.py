"""The channels of the settings: one for each address, named without showing it.

Addresses are secrets as a whole: a token may stand anywhere in them. No error repeats one.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Protocol

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


def channels_of(settings: Settings) -> list[Channel]:
    """Give a channel for each address in the settings; the same address twice is one.

    Nothing is connected. Raises ConfigurationError for an address that cannot be one, by the
    setting's name and its place in the list.
    """
    from market_pipeline.notifications.apprise_channel import AppriseChannel
    from market_pipeline.notifications.webhook import Webhook

    return [
        *_channels("webhook_urls", _addresses(settings.webhook_urls), Webhook),
        *_channels("apprise_urls", _addresses(settings.apprise_urls), AppriseChannel),
    ]


def channel_name(kind: str, url: str) -> str:
    """Name a channel: its kind and eight hex digits of the address's SHA-256."""
    return f"{kind}-{hashlib.sha256(url.encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"


def scheme_of(url: str) -> str | None:
    """Give the scheme of an address in lower case, None where none can be read."""
    scheme, separator, rest = url.partition("://")
    is_read = separator and rest and _SCHEME.fullmatch(scheme)
    return scheme.lower() if is_read else None


def _addresses(setting: object) -> list[str]:
    text = setting.get_secret_value() if hasattr(setting, "get_secret_value") else ""
    return list(dict.fromkeys(text.split()))


def _channels(setting: str, urls: list[str], make: Callable[[str], Channel]) -> list[Channel]:
    made: list[Channel] = []
    faults: list[str] = []
    for place, url in enumerate(urls, start=1):
        try:
            made.append(make(url))
        except ValueError as error:  # its text is our own and shows no address
            faults.append(f"address {place} of {len(urls)} {error}")
    if faults:
        raise ConfigurationError(f"{ENV_PREFIX}{setting.upper()}: {'; '.join(faults)}")
    return made
