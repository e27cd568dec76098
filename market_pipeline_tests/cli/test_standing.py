"""`show quotas` and `show breakers`: how vendors stand, for people."""

import json
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.domain.errors import Unavailable
from market_pipeline.resources import clients, coordination_of
from market_pipeline.settings import current_settings, forget_settings
from market_pipeline_tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _state(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a state folder of the test's own, with a quota for two vendors."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_POLYGON_REQUESTS_PER_DAY", "100")
    forget_settings()


def shown(run: Run, view: str) -> list[dict[str, Any]]:
    result = run("show", view, "--format", "json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_quotas_tell_what_is_used_and_left(run: Run) -> None:
    """Counted by whoever asked, in whichever process; vendors without a daily quota say nothing."""
    settings = current_settings()
    quota = coordination_of(settings).quota("alpha_vantage", 25, settings.quota_time_zone)
    for _ in range(3):
        quota.take()
    rows = {row["vendor"]: row for row in shown(run, "quotas")}
    alpha = rows["alpha_vantage"]
    assert (alpha["per_minute"], alpha["per_day"], alpha["used"], alpha["left"]) == (5, 25, 3, 22)
    assert "T00:00:00" in alpha["resets_at"].replace(" ", "T")
    assert (rows["polygon"]["per_day"], rows["polygon"]["left"]) == (100, 100)
    assert rows["yahoo"]["per_day"] is None
    assert rows["yahoo"]["left"] is None


@pytest.mark.parametrize("is_sandboxed", [True, False])
def test_quotas_tell_the_rates_in_force(
    run: Run, monkeypatch: pytest.MonkeyPatch, *, is_sandboxed: bool
) -> None:
    """Every vendor has one, and with a sandbox it is the sandbox's, but for Alpha Vantage."""
    if is_sandboxed:
        monkeypatch.setenv("MARKET_PIPELINE_SANDBOX_URL", "http://127.0.0.1:9")
        forget_settings()
    rows = {row["vendor"].partition(":")[0]: row for row in shown(run, "quotas")}
    told = {name: (row["per_minute"], row["per_hour"]) for name, row in rows.items()}
    live = {
        "yahoo": (60, None), "polygon": (5, None), "alpha_vantage": (5, None),
        "finviz_export": (20, None), "finviz_page": (20, None), "tiingo": (None, 50),
        "finnhub": (60, None),
    }  # fmt: skip
    sandboxed = dict.fromkeys(live, (60_000, None)) | {"alpha_vantage": (5, None)}
    assert told == (sandboxed if is_sandboxed else live)


def test_breakers_tell_state_and_failure_rate(run: Run) -> None:
    """One that opened says when."""
    settings = current_settings()
    breaker = coordination_of(settings).breaker("yahoo", clients.breaker_rule(settings))
    for _ in range(settings.breaker_minimum_calls):
        with pytest.raises(Unavailable), breaker.guard():
            raise Unavailable("yahoo", "chart", "down")
    rows = {row["name"]: row for row in shown(run, "breakers")}
    assert (rows["yahoo"]["state"], rows["yahoo"]["failure_rate"]) == ("open", 1.0)
    assert rows["yahoo"]["opened_at"]
    assert (rows["polygon"]["state"], rows["polygon"]["opened_at"]) == ("closed", None)
