"""A channel Apprise speaks: Slack, PagerDuty, Amazon SNS, mail and some hundred more.

Apprise is imported with the first message (it takes a second or two). What it logs may hold
addresses and tokens, so nothing of it gets past this module; of a failure the status is kept.
"""

import logging
import re
import threading
from typing import Any

from market_pipeline.domain.errors import DeliveryFailed
from market_pipeline.domain.notice_texts import as_text
from market_pipeline.domain.notices import ALERT_CLOSED, ALERT_OPENED, Message
from market_pipeline.notifications.channels import channel_name, scheme_of
from market_pipeline.notifications.deadline import within

DEADLINE_S = 8.0
_STATUS = re.compile(r"error=(\d{3})\b")
_TYPES = {ALERT_CLOSED: "success"}
_TYPES_BY_SEVERITY = {"critical": "failure", "error": "failure", "warning": "warning"}


class AppriseChannel:
    """Tells one Apprise address. Synchronous and thread-safe."""

    def __init__(self, url: str, deadline_s: float = DEADLINE_S) -> None:
        """Keep the address; raise ValueError, which does not repeat it, where it has no scheme."""
        scheme = scheme_of(url)
        if scheme is None:
            raise ValueError("is no address in Apprise's form, such as slack://...")
        self._url, self._deadline_s = url, deadline_s
        self.name = channel_name(scheme, url)
        self._plugin: Any = None
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name})"

    def check(self) -> None:
        """Let Apprise read the address; raise ValueError where it does not understand it."""
        try:
            self._loaded()
        except DeliveryFailed:
            raise ValueError("is none that Apprise understands") from None

    def send(self, message: Message) -> None:
        """Tell the message in words; raise DeliveryFailed where it is not taken in time."""
        plugin = self._loaded()
        title, body = as_text(message)
        severity = str(message.payload.get("severity"))
        is_alert = message.topic == ALERT_OPENED
        kind = _TYPES_BY_SEVERITY.get(severity, "warning") if is_alert else "info"
        kind = _TYPES.get(message.topic, kind)
        outcome: list[tuple[bool, str]] = []

        def notify() -> None:
            said = _overheard.listen()
            taken = plugin.notify(title=title, body=body, notify_type=kind, body_format="text")
            outcome.append((bool(taken), " ".join(said)))

        failure = within(self._deadline_s, notify)
        if isinstance(failure, TimeoutError):
            raise DeliveryFailed(self.name, f"no answer within {self._deadline_s:g} s")
        if failure is not None:
            raise DeliveryFailed(self.name, f"Apprise failed ({type(failure).__name__})")
        taken, said = outcome[0]
        if not taken:
            status = _STATUS.search(said)
            told = f"answered {status[1]}" if status else "Apprise could not deliver"
            raise DeliveryFailed(self.name, told)

    def _loaded(self) -> Any:
        with self._turn:
            if self._plugin is None:
                _overheard.take_over()
                import apprise

                asset = apprise.AppriseAsset(
                    app_id="market_pipeline",
                    app_desc="market_pipeline notices",
                    storage_mode=apprise.PersistentStoreMode.MEMORY,
                )
                found = apprise.Apprise.instantiate(self._url, asset=asset)
                if found is None:
                    raise DeliveryFailed(self.name, "Apprise does not understand this address")
                self._plugin = found
            return self._plugin


class _Overheard(logging.Handler):
    """Takes the place of every handler of Apprise's logger: hears, and passes nothing on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._here = threading.local()

    def take_over(self) -> None:
        """Let nothing of Apprise's log reach another handler."""
        logger = logging.getLogger("apprise")
        logger.handlers[:], logger.propagate = [self], False
        logger.setLevel(logging.WARNING)
        # What its services are asked with logs addresses too, in warnings as well.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def listen(self) -> list[str]:
        """Give a list that fills with what is logged on this thread from now on."""
        self._here.said = []
        said: list[str] = self._here.said
        return said

    def emit(self, record: logging.LogRecord) -> None:
        """Remember a line for the thread that caused it."""
        said = getattr(self._here, "said", None)
        if said is not None:
            said.append(record.getMessage())


_overheard = _Overheard()
