"""Reports in a headless Chromium: no request, no complaint, no sideways scrolling, both themes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from market_pipeline.reports.report import write_reports
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import SESSION
from market_pipeline_tests.reports.showcase import store_showcase

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
DARK_PAGE = "rgb(14, 17, 22)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Give a headless Chromium, or skip where there is none."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=executable, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write the index and the reports of an empty, a large and a stale portfolio."""
    folder = tmp_path_factory.mktemp("showcase")
    opened = Warehouse.open(f"sqlite:///{folder / 'warehouse.db'}")
    opened.upgrade()
    store_showcase(opened)
    written = write_reports(opened, SESSION, folder / "reports")
    opened.dispose()
    return written


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_request_complaint_or_sideways_scrolling(
    browser: Any, reports: list[Path], width: int, scheme: str
) -> None:
    """Empty, of 300 positions, stale; hostile text in all that can hold it."""
    assert [path.name for path in reports] == [
        "index.html", "empty.html", "large.html", "stale.html",
    ]  # fmt: skip
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    drawings = {}
    for path in reports:
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == DARK_PAGE) == (scheme == "dark")
        drawings[path.stem] = page.locator("svg[role=img]:visible").count()
    context.close()
    # Chromium reports the data: icon as a request; it never leaves the page.
    assert [url for url in requests if not url.startswith("data:")] == [p.as_uri() for p in reports]
    assert complaints == []
    # Equity and return, each in the size that fits.
    assert drawings == {"index": 0, "empty": 0, "large": 2, "stale": 0}
