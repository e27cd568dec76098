"""`show adjusted`, `show prices --as-known-on`, `show actions`, `show restatements`."""

import json
from datetime import UTC, datetime

import pandas as pd

from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.cli.conftest import Run
from market_pipeline_tests.operations import rows
from market_pipeline_tests.operations.test_price_history import commit


def test_the_commands_show_adjusted_and_known(run: Run, stored: Warehouse) -> None:
    """Rows as JSON, a sentence and code where there are none."""
    bars = pd.DataFrame(
        {
            "session_date": pd.to_datetime(["2026-11-19", "2026-11-20"]).astype("datetime64[s]"),
            "symbol": "KO", "open": 9.0, "high": 11.0, "low": 9.0, "close": [10.0, 9.0],
            "adj_close": [9.0, 9.0], "volume": 5.0, "dividend_usd": [0.0, 1.0], "split_ratio": 0.0,
        }
    )  # fmt: skip
    commit(stored, bars, rows.AT)
    shown = json.loads(run("show", "adjusted", "-s", "KO", "-f", "json").stdout)
    assert [row["total_return_close"] for row in shown] == [9.0, 9.0]
    known = run("show", "prices", "-s", "KO", "--as-known-on", "2026-11-21", "-f", "json")
    assert [row["close"] for row in json.loads(known.stdout)] == [9.0, 10.0]
    nothing = run("show", "prices", "-s", "KO", "--as-known-on", "2026-11-20")
    assert nothing.exit_code != 0
    assert "was known on 2026-11-20" in nothing.stderr
    actions = json.loads(run("show", "actions", "-f", "json").stdout)
    assert [(row["kind"], row["value"]) for row in actions] == [("dividend", 1.0)]
    assert "no restatements" in run("show", "restatements").stderr


def test_what_was_known_before_on_and_after_the_day_of_a_restatement(
    run: Run, stored: Warehouse
) -> None:
    """A day counts as it ended in UTC: the day of the change shows what was changed to."""
    told = pd.DataFrame(
        {
            "session_date": pd.to_datetime(["2026-11-18", "2026-11-19"]).astype("datetime64[s]"),
            "symbol": "KO", "open": 9.0, "high": 11.0, "low": 9.0, "close": [10.0, 10.5],
            "adj_close": [10.0, 10.5], "volume": 5.0, "dividend_usd": 0.0, "split_ratio": 0.0,
        }
    )  # fmt: skip
    commit(stored, told, datetime(2026, 11, 20, 1, tzinfo=UTC))
    changed = told.assign(close=[9.5, 10.5], adj_close=[9.5, 10.5])
    commit(stored, changed, datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC))
    commit(stored, told, datetime(2026, 11, 25, 0, 0, 0, tzinfo=UTC))

    def known(day: str) -> list[float]:
        options = ("-s", "KO", "--as-known-on", day, "-f", "json")
        return [row["close"] for row in json.loads(run("show", "prices", *options).stdout)]

    days = {day: known(f"2026-11-{day}") for day in (20, 22, 23, 24, 25, 26)}
    first, second = [10.5, 10.0], [10.5, 9.5]
    assert days == {20: first, 22: first, 23: second, 24: second, 25: first, 26: first}
    changes = json.loads(run("show", "restatements", "-s", "KO", "-f", "json").stdout)
    closes = [row for row in changes if row["field"] == "close"]
    assert sorted((row["old_value"], row["new_value"]) for row in closes) == [
        (9.5, 10.0), (10.0, 9.5)
    ]  # fmt: skip
