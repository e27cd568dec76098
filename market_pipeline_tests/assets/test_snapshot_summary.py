"""Portfolios in Dagster's UI: a table that says what they are worth, and nothing comes alive."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pandas as pd
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from market_pipeline.assets.snapshot_summary import MOST_ROWS, as_code, portfolio_table
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.conftest import bars_of, book_of, stock
from market_pipeline_tests.assets.graph import Graph
from market_pipeline_tests.reports.holdings import (
    AT,
    BREAKOUT,
    ESCAPES,
    RICH_MARKUP,
    SCRIPT,
    SESSION,
    snapshot,
)

READER = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable("table")
THURSDAY = date(2026, 11, 19)


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    """Build snapshots as the asset has them."""
    made = pd.DataFrame(rows, dtype=object)
    return made.assign(session_date=pd.to_datetime(made["session_date"]))


def cells(text: str) -> list[list[str]]:
    """Read the rows of the only table, as a reader of Markdown understands them."""
    rows: list[list[str]] = []
    for token in READER.parse(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


def test_a_session_is_a_table_largest_value_first() -> None:
    """Money with its cents, returns in percent, and what is stale or unpriced by name."""
    rows = frame(
        snapshot("10.5", portfolio_id="small"),
        snapshot(
            "1234567.891", portfolio_id="large", daily_pnl_usd=Decimal("-12.5"),
            daily_return_pct=-0.001, twr_pct=12.346, stale_count=4, stale_symbols="A,B,C,D",
            unpriced_count=1, unpriced_symbols="GONE",
        ),
        snapshot("9", THURSDAY, portfolio_id="yesterday"),
    )  # fmt: skip
    text = portfolio_table(rows, SESSION)
    assert text.startswith("Session of 2026-11-20, from `portfolio_snapshots`\n\n")
    assert cells(text)[1:] == [
        ["large", "1,234,567.89", "-12.50", "+0.00 %", "+12.35 %", "4 (A, B, C …)", "1 (GONE)"],
        ["small", "10.50", "–", "–", "–", "0", "0"],
    ]
    assert portfolio_table(rows, date(2026, 11, 18)) == "No portfolio has a snapshot of 2026-11-18."


def test_many_portfolios_are_cut_to_the_largest() -> None:
    """The rest is counted."""
    rows = frame(*(snapshot(str(n), portfolio_id=f"p{n}") for n in range(1, MOST_ROWS + 4)))
    text = portfolio_table(rows, SESSION)
    assert len(cells(text)) == 1 + MOST_ROWS
    assert text.endswith("and 3 smaller ones")


@given(st.text(max_size=70), st.text(max_size=20))
@example(f"{SCRIPT}{ESCAPES}", BREAKOUT)
@example(RICH_MARKUP, "![x](https://evil.example/a.png)")
@example("a`b|c\\|d\\", "[x](javascript:alert(1))\n\n# loud")
@example("https://evil.example", "|\n|---|\n``")
def test_text_of_others_is_code_in_its_own_cell_and_nothing_else(name: str, symbol: str) -> None:
    """No tag, link, picture, heading or further column, whatever an id or a symbol says."""
    row = snapshot(portfolio_id=name, stale_count=1, stale_symbols=symbol.replace(",", ""))
    text = portfolio_table(frame(row), SESSION)
    (_, line) = cells(text)
    assert len(line) == 7
    assert line[0] == as_code(name).strip("`").strip() or not line[0].strip("`")
    kinds = {token.type for block in READER.parse(text) for token in block.children or ()}
    assert kinds <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    assert "html_block" not in {token.type for token in READER.parse(text)}


def test_the_asset_shows_the_newest_session_of_its_run(
    state_dir: Path, warehouse: Warehouse
) -> None:
    """One table a run, of its last session, in the materialization's metadata."""
    assert state_dir
    warehouse.import_book(book_of(stock(1, "AAPL"), portfolio_id="mine"), AT)
    result = Graph(warehouse, bars_of("AAPL", "SPY", "TLT")).run(THURSDAY, SESSION)
    event = result.asset_materializations_for_node("portfolio_snapshots")[-1]
    stored = warehouse.read("portfolio_snapshots", first=SESSION, last=SESSION).iloc[0]
    shown = event.metadata["portfolios"].value
    assert str(shown).startswith(f"Session of {SESSION}, from")
    assert cells(str(shown))[1][:2] == ["mine", f"{stored['equity_usd']:,.2f}"]
