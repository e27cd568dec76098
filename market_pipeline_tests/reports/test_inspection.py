"""What is wrong with a written report is found and named, and a right one has no fault."""

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from market_pipeline.reports.inspection import faults_of
from market_pipeline.reports.report import file_name, report_session
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import SESSION, store_hostile
from market_pipeline_tests.reports.showcase import store_showcase


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Write reports: empty, of 300 positions, stale, and `p`, full of what is markup elsewhere."""
    folder = tmp_path_factory.mktemp("written")
    opened = Warehouse.open(f"sqlite:///{folder / 'warehouse.db'}")
    opened.upgrade()
    store_hostile(opened)
    store_showcase(opened)
    files = report_session(opened, SESSION, folder / "reports").files
    opened.dispose()
    return files


@pytest.fixture
def hostile(written: Mapping[str, Path], tmp_path: Path) -> Path:
    """Give a copy of the report in which every text of others tries something."""
    return Path(shutil.copy(written["p"], tmp_path))


@pytest.mark.parametrize("name", ["empty", "large", "p", "stale"])
def test_a_report_has_no_fault_whatever_it_holds(written: Mapping[str, Path], name: str) -> None:
    """All that a template writes is known, and no text of others became more than text."""
    assert faults_of(written[name], name, SESSION) == []


@pytest.mark.parametrize(
    ("found", "becomes", "fault"),
    [
        ("<main>", "<main><script>alert(1)</script>", "it holds a <script>"),
        ("<main>", '<main><img src="https://a.example/x.png">', "it holds src="),
        ("<main>", "<main><b>bold</b>", "it holds a <b>"),
        ("<main>", '<main onclick="x()">', "it holds onclick="),
        ("<main>", '<main><a href="javascript:alert(1)">', "it links to javascript:alert(1)"),
        ("<main>", '<main><a href="../../secret">', "it links to ../../secret"),
        (":root {", "@import 'x'; :root {", "its style loads"),
        ("default-src 'none'", "default-src *", "nothing forbids it to load"),
        ('content="2026-11-20"', 'content="2026-11-19"', "it is of the session 2026-11-19"),
        ('name="portfolio" content="p"', 'name="portfolio" content="q"', "of the portfolio q"),
        ("</html>", "", "it is cut off"),
    ],
)
def test_each_fault_is_named(hostile: Path, found: str, becomes: str, fault: str) -> None:
    """One thing changed in a right report is found."""
    text = hostile.read_text(encoding="utf-8")
    assert found in text
    hostile.write_text(text.replace(found, becomes, 1), encoding="utf-8")
    assert fault in "; ".join(faults_of(hostile, "p", SESSION))


def test_a_missing_and_an_empty_file_are_named(hostile: Path, tmp_path: Path) -> None:
    """And a report of another session is none of this one."""
    assert faults_of(tmp_path / file_name("gone"), "gone", SESSION) == ["there is no file"]
    assert faults_of(hostile, "p", date(2026, 11, 19)) == ["it is of the session 2026-11-20"]
    hostile.write_text("", encoding="utf-8")
    assert faults_of(hostile, "p", SESSION) == ["it is cut off"]
