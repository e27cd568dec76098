"""The picture of the asset graph in the README, taken with a headless Chromium."""

from collections.abc import Collection
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

# The graph at its own size: zoomed out, the UI shortens names and leaves out what each asset says.
WIDTH, HEIGHT = 5400, 5300
PATIENCE_MS, SETTLE_MS = 60_000, 4_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
EXPAND_ALL, ZOOM_TO_FIT = "Alt+e", "Alt+9"


MARGIN = {"left": 40, "top": 130, "right": 220, "bottom": 170}
"""What lies around the names of assets: their boxes, and the boxes of their groups."""


def take(url: str, chromium: str, assets: Collection[str], file: Path) -> None:
    """Open the lineage page at `url` and keep the graph, groups open and zoomed to fit.

    `assets` are the names in the graph; the picture is cut to where they stand.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(url, timeout=PATIENCE_MS)
        page.get_by_text("universe").last.wait_for(timeout=PATIENCE_MS)
        page.wait_for_timeout(SETTLE_MS)
        page.get_by_text("Hide navigation").click()
        page.get_by_placeholder("Jump to").locator("xpath=following::button[1]").click()
        page.keyboard.press(EXPAND_ALL)
        page.get_by_text("portfolio_snapshots").first.wait_for(timeout=PATIENCE_MS)
        page.keyboard.press(ZOOM_TO_FIT)
        page.wait_for_timeout(SETTLE_MS)
        file.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=file, clip=_around(page, assets))
        browser.close()


def _around(page: Page, assets: Collection[str]) -> FloatRect:
    boxes = [page.get_by_text(name, exact=True).first.bounding_box() for name in assets]
    shown = [box for box in boxes if box is not None]
    assert len(shown) == len(assets), "an asset is not in the picture"
    left = max(min(box["x"] for box in shown) - MARGIN["left"], 0)
    top = max(min(box["y"] for box in shown) - MARGIN["top"], 0)
    right = min(max(box["x"] for box in shown) + MARGIN["right"], WIDTH)
    bottom = min(max(box["y"] for box in shown) + MARGIN["bottom"], HEIGHT)
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
