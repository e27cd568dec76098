"""How the project speaks of itself: structlog, one line an event, never a key.

A person at a terminal gets readable lines, everything else JSON. Context (run, asset, partition,
vendor, symbol) is bound around a piece of work with `bound` and travels with it.
"""

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from market_pipeline.domain.secret_forms import pattern_of
from market_pipeline.settings import Settings

NOISY_LOGGERS = (
    "httpx", "httpcore", "yfinance", "peewee", "urllib3", "asyncio", "alembic", "apprise",
)  # fmt: skip
_REDACTED = "[redacted]"
_ENCODING = frozenset("%+")
_ENCODED = re.compile(r"[%+&\\]")


class Redaction:
    """Replaces every configured secret wherever it stands in an event."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = tuple(
            (secret, not _ENCODING.intersection(secret), re.compile(pattern_of(secret)))
            for secret in secrets
            if secret
        )

    def text(self, value: str) -> str:
        """Give `value` with each secret replaced, however much of it is percent-encoded."""
        for secret, is_plain, pattern in self._secrets:
            # Nearly every text holds no encoded character: then looking for one takes no time.
            if is_plain and not _ENCODED.search(value):
                value = value.replace(secret, _REDACTED)
            else:
                value = pattern.sub(_REDACTED, value)
        return value

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Act as a structlog processor."""
        return {key: self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._clean(item) for item in value]
        return self.text(str(value)) if isinstance(value, BaseException) else value


class _RedactingFilter(logging.Filter):
    """Applies the redaction to what other libraries log through the standard library."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redaction.text(_message_of(record)), None
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            record.exc_info, record.exc_text = None, self._redaction.text(trace)
        return True


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's slip in a log line stops no work
        return f"{record.msg} {record.args}"


_CONTROL = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"
}


def _printable(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Show control characters instead of sending them to a terminal: vendors' text is hostile."""
    return {
        key: value.translate(_CONTROL) if isinstance(value, str) else value
        for key, value in event.items()
    }


def configure_logs(settings: Settings) -> None:
    """Set logging up for this process: call once at the edge, before any work."""
    redaction = Redaction(settings.secrets())
    is_console = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    rendering: list[Any] = [structlog.processors.JSONRenderer()]
    if is_console:
        plain = structlog.dev.plain_traceback
        rendering = [_printable, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            redaction,
            *rendering,
            # Objects become text only when rendered, so the line is looked through once more.
            lambda _logger, _method, line: redaction.text(str(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        for known in [f for f in handler.filters if isinstance(f, _RedactingFilter)]:
            handler.removeFilter(known)
        handler.addFilter(_RedactingFilter(redaction))


@contextmanager
def bound(**context: str) -> Iterator[None]:
    """Bind context to every event logged inside, this thread's and its copied contexts'."""
    with structlog.contextvars.bound_contextvars(**context):
        yield
