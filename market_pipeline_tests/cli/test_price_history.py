"""`show adjusted`, `show prices --as-known-on`, `show actions`, `show restatements`."""

import json

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
