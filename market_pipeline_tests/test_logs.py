"""What is logged: one line an event, with its context, and never a secret."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from market_pipeline.logs import Redaction, bound, configure_logs
from market_pipeline.settings import Settings

CANARY = "canary-5d1e8"
OTHER = "pa ss/w\u00f6rd-5d1e8"


@pytest.fixture(autouse=True)
def fresh_logs(state_dir: Path) -> Iterator[None]:
    """Let each test configure logging, and leave nothing behind."""
    assert state_dir
    root = logging.getLogger()
    handlers, filters = list(root.handlers), {h: list(h.filters) for h in root.handlers}
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    for handler, kept in filters.items():
        handler.filters[:] = kept


def settings(log_format: str = "json", **values: Any) -> Settings:
    return Settings(
        log_format=log_format,
        polygon_api_key=SecretStr(CANARY),
        finviz_elite_key=SecretStr(OTHER),
        **values,
    )


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Give what was logged; nothing of it may go to stdout, where answers stand."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


class Stubborn:
    """An object whose text holds a secret, seen only when it is rendered."""

    def __repr__(self) -> str:
        return f"Stubborn(key={CANARY})"


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Text with line breaks stays within its line; level, UTC instant and event are there."""
    configure_logs(settings())
    structlog.get_logger().warning("fetch_failed", detail="a\nb\r\u2028c", count=3)
    (line,) = lines(capsys)
    event = json.loads(line)
    assert event.pop("at").endswith("Z")
    assert event == {
        "event": "fetch_failed", "level": "warning", "detail": "a\nb\r\u2028c", "count": 3,
    }  # fmt: skip


def test_context_is_bound_around_a_piece_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    """Run, asset and symbol stand on every event inside, nested, and on none after."""
    configure_logs(settings())
    log = structlog.get_logger()
    with bound(run="r1", asset="equity_bars"):
        with bound(symbol="AAPL"):
            log.info("inner")
        log.info("outer")
    log.info("after")
    kept = [
        {k: v for k, v in json.loads(line).items() if k in ("run", "asset", "symbol")}
        for line in lines(capsys)
    ]
    around = {"run": "r1", "asset": "equity_bars"}
    assert kept == [{**around, "symbol": "AAPL"}, around, {}]


def test_events_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    """`log_level` is the least severe event that is shown."""
    configure_logs(settings(log_level="WARNING"))
    log = structlog.get_logger()
    log.info("unseen")
    log.error("seen")
    assert [json.loads(line)["event"] for line in lines(capsys)] == ["seen"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_redacted_wherever_they_stand(
    capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    """In the event's name, values, nested values, exceptions, tracebacks and foreign objects."""
    configure_logs(settings(log_format))
    log = structlog.get_logger()
    log.info(f"asked {CANARY}", url=f"https://h/?apiKey={CANARY}&t={OTHER}")
    log.info("nested", deep={"list": [f"x{OTHER}", (CANARY,)], CANARY: 1}, error=ValueError(OTHER))
    log.info("foreign", thing=Stubborn(), path=Path("/srv") / CANARY, kept={CANARY})
    with bound(vendor=OTHER):
        log.info("bound")
    try:
        raise RuntimeError(f"refused {CANARY}") from ValueError(OTHER)
    except RuntimeError:
        log.exception("broke")
    said = "\n".join(lines(capsys))
    assert said.count("[redacted]") >= 10
    assert CANARY not in said
    assert OTHER not in said
    assert json.dumps(OTHER)[1:-1] not in said
    assert "RuntimeError: refused [redacted]" in said


def test_what_other_libraries_log_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, arguments and tracebacks of the standard library's logging, new secrets too."""
    handler = logging.StreamHandler()
    logging.getLogger().addHandler(handler)
    configure_logs(Settings())
    configure_logs(settings())  # the second configuration's secrets are the ones that count
    other = logging.getLogger("some.library")
    other.warning("GET %s", f"https://h/?key={CANARY}")
    other.warning("wrong %d", CANARY)  # a slip in a library's log line
    try:
        raise ValueError(CANARY)
    except ValueError:
        other.exception("broke")
    logging.getLogger().removeHandler(handler)
    said = capsys.readouterr().err
    assert "GET https://h/?key=[redacted]" in said
    assert "wrong %d" in said
    assert "ValueError: [redacted]" in said
    assert CANARY not in said


def test_libraries_that_log_urls_are_quiet() -> None:
    """httpx logs each request's URL at INFO; only its warnings are let through."""
    configure_logs(settings())
    for name in ("httpx", "httpcore", "yfinance", "alembic"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_a_terminal_gets_readable_lines_and_no_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Vendor text cannot move the cursor, recolour or retitle the window."""
    configure_logs(settings("console"))
    structlog.get_logger().info("fetch_failed", detail="\x1b]0;owned\x07\x1b[2J", n=2)
    said = "\n".join(lines(capsys))
    assert "fetch_failed" in said
    assert "\\x1b]0;owned\\x07\\x1b[2J" in said
    assert "\x1b]" not in said
    assert "\x1b[2J" not in said
    assert "\x07" not in said
    with pytest.raises(json.JSONDecodeError):
        json.loads(said)


def test_auto_means_json_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal on stderr the lines are JSON."""
    configure_logs(settings("auto"))
    structlog.get_logger().info("ran")
    assert json.loads(lines(capsys)[0])["event"] == "ran"


def test_without_secrets_text_stays_as_it_is() -> None:
    """No secret, or an empty one, replaces nothing."""
    assert Redaction(("",)).text("abc") == "abc"
    assert Redaction(("bc", "b")).text("abcb") == "a[redacted][redacted]"
