"""Reports through the graph: files of their session, what the UI shows of them, what is checked."""

import base64
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from market_pipeline.assets.report import REPORTED
from market_pipeline.assets.report_summary import positions_table, reports_table
from market_pipeline.automation.jobs import range_tags
from market_pipeline.reports.portfolio_view import portfolio_view
from market_pipeline.settings import current_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.fakes import FakePrices
from market_pipeline_tests.reports.holdings import (
    BREAKOUT,
    CALENDAR,
    SESSION,
    store_hostile,
)
from market_pipeline_tests.reports.showcase import store_showcase

REPORT = "portfolio_report"


@pytest.fixture
def graph(state_dir: Path, warehouse: Warehouse) -> Graph:
    """Give the graph over a warehouse with three portfolios, one of them without its risk."""
    assert state_dir
    store_showcase(warehouse)
    return Graph(warehouse, FakePrices({}))


def told(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Give the metadata of each partition that was made."""
    made = result.asset_materializations_for_node(REPORT)
    return {str(each.partition): each.metadata for each in made}


def test_a_run_writes_a_file_a_portfolio_and_its_check_passes(graph: Graph) -> None:
    """In the session's folder, missing risk said and no failure; a rerun changes no byte."""
    result = graph.run(SESSION, only=[REPORT])
    assert result.success
    folder = current_settings().reports_of(SESSION)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(files) == ["empty.html", "index.html", "large.html", "stale.html"]
    assert b"The risk of this session is missing" in files["stale.html"]
    assert b"The risk of this session is missing" not in files["large.html"]
    (verdict,) = result.get_asset_check_evaluations()
    assert (verdict.check_name, verdict.passed) == ("reports_are_whole", True)
    assert verdict.description == (
        "3 portfolios in the session of 2026-11-20, 0 faults in their reports"
    )
    assert graph.run(SESSION, only=[REPORT]).success
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_the_ui_is_told_of_paths_plots_and_positions(graph: Graph) -> None:
    """A line a portfolio, largest first, its value drawn; the largest positions as a table."""
    metadata = told(graph.run(SESSION, only=[REPORT]))[SESSION.isoformat()]
    index = current_settings().reports_of(SESSION) / "index.html"
    assert metadata["index"] == dg.MetadataValue.path(str(index))
    lines = metadata["portfolios"].md_str.splitlines()[4:]
    assert [line.split("|")[1].strip() for line in lines] == ["`large`", "`stale`", "`empty`"]
    assert "| $201,400 | `market_down_10_pct` −$1,204,300 | 0 | 0 |" in lines[0]
    drawn = re.search(r"data:image/svg\+xml;base64,([^)]+)\)", lines[0])
    assert drawn is not None
    assert base64.b64decode(drawn[1]).startswith(b'<svg xmlns="http://www.w3.org/2000/svg"')
    assert "data:" not in lines[1], "one session is no line"
    rows = [record.data for record in metadata["positions"].records]
    assert [row["symbol"] for row in rows if row["portfolio"] == "stale"][:2] == ["OLD12", "OLD11"]
    assert len(rows) == 20 + 16
    assert metadata["dagster/partition_row_count"].value == 3


def test_of_a_long_range_the_newest_sessions_have_reports(graph: Graph) -> None:
    """Each a folder; the others are told of by the history in these."""
    first = CALENDAR.shift(SESSION, -7)
    metadata = told(graph.run(first, SESSION, only=[REPORT]))
    assert len(metadata) == 8
    newest = [day.isoformat() for day in CALENDAR.sessions(first, SESSION)[-REPORTED:]]
    folders = sorted(path.name for path in current_settings().reports_dir.iterdir())
    assert folders == newest
    assert [day for day, each in metadata.items() if "index" in each] == newest


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda path: path.unlink(), "large: there is no file"),
        (lambda path: path.write_text("<html></html>"), "large: it is of the session None"),
    ],
)
def test_a_report_that_is_gone_or_another_fails_its_check(
    graph: Graph, spoil: Any, fault: str
) -> None:
    """The check looks at the file, not at what was said of it."""
    assert graph.run(SESSION, only=[REPORT]).success
    spoil(current_settings().reports_of(SESSION) / "large.html")
    job = graph.definitions().resolve_implicit_global_asset_job_def()
    check = dg.AssetCheckKey(dg.AssetKey(REPORT), "reports_are_whole")
    result = job.get_subset(asset_check_selection={check}).execute_in_process(
        instance=graph.instance, tags=range_tags(SESSION.isoformat(), SESSION.isoformat())
    )
    (verdict,) = result.get_asset_check_evaluations()
    assert not verdict.passed
    assert fault in str(verdict.metadata["faults"].value)


def test_text_of_others_is_no_markup_in_the_ui(warehouse: Warehouse) -> None:
    """Ids and names of factors stand in code spans; positions are records."""
    store_hostile(warehouse)
    view = portfolio_view(warehouse, "p", SESSION)
    table = reports_table([view])
    assert "`down_2_sigma:<script>alert(1)</script>`" in table
    assert "| `p` | – |" in table
    assert BREAKOUT in [record.data["symbol"] for record in positions_table([view]).records]


def test_no_portfolio_is_said_in_words() -> None:
    """An empty table would tell nothing."""
    assert reports_table([]) == "No portfolio has a snapshot of this session."
