"""The runbook says what is so: its sections, commands, addresses and payloads are tried."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import apprise
import pytest
import typer

from market_pipeline.cli.application import app
from market_pipeline.domain import alert_rules, operation_rules
from market_pipeline.domain.alerts import AlertRule
from market_pipeline.domain.notices import StoredCounts, Watermark, new_headlines_message

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "runbook.md").read_text(encoding="utf-8")
RULES = [
    rule
    for module in (alert_rules, operation_rules)
    for rule in vars(module).values()
    if isinstance(rule, AlertRule)
]
COMMANDS = sorted(
    {line.partition("#")[0].strip() for line in re.findall(r"market-pipeline [^\n`>]+", TEXT)}
)
ADDRESSES = re.findall(r"`([a-z]+://[^`]+)`", TEXT)


def test_every_rule_has_its_section() -> None:
    """The link in an alert leads somewhere."""
    sections = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert len(RULES) >= 9
    assert {rule.section for rule in RULES} <= set(sections)


@pytest.mark.parametrize("command", [*COMMANDS, *(rule.command for rule in RULES)])
def test_every_command_is_one(command: str) -> None:
    """Its name and its options are those of the command line."""
    group: object = typer.main.get_command(app)
    for word in shlex.split(command)[1:]:
        if word.startswith("--"):
            known = {o for p in group.params for o in p.opts}  # type: ignore[attr-defined]
            assert word in known, word
        elif hasattr(group, "commands"):
            group = group.commands[word]
        else:  # an argument, or the value of an option
            assert group.params, word  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_is_one_that_apprise_understands(address: str) -> None:
    """With its placeholders."""
    assert apprise.Apprise.instantiate(address) is not None


def test_the_payload_is_the_one_that_goes_out() -> None:
    """The example reads as the code writes it."""
    example = json.loads(re.findall(r"```json\n(.+?)```", TEXT, re.DOTALL)[0])
    instant = datetime.fromisoformat
    made = new_headlines_message(
        example["id"],
        instant(example["created_at"]),
        StoredCounts(12, 3, 0),
        ["MSFT", "AAPL"],
        Watermark(datetime(2026, 11, 24, 14, 58, 31, tzinfo=UTC),
                  datetime(2026, 11, 24, 14, 59, 58, tzinfo=UTC)),
        "live",
    )  # fmt: skip
    assert dict(made.payload) == example
    assert list(made.payload) == list(example)
