"""Tables in a pipe: as wide as asked, nothing cut, no number or name torn."""

import io
from contextlib import redirect_stdout

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.cli.edge import Format
from market_pipeline.cli.output import print_rows

SENTENCE = "Something long happened to a company that did not expect it, and more of it follows"
ROW = {
    "published_at": pd.Timestamp("2026-11-20T17:00:01", tz="UTC"), "headline": SENTENCE,
    "name": "a1b2c3d4" * 4, "score": 1234.56789, "publisher": "Reuters",
}  # fmt: skip


def printed(frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Print a table to a pipe; give its lines."""
    print_rows(frame, Format.table)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(("asked", "width"), [(None, 120), ("150", 150), ("x", 120), ("0", 120)])
def test_a_table_in_a_pipe_fits_its_width(
    asked: str | None,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """120 cells unless COLUMNS says another; every word is there, and numbers on one line."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if asked is not None:
        monkeypatch.setenv("COLUMNS", asked)
    lines = printed(pd.DataFrame([ROW]), capsys)
    assert max(map(len, lines)) <= width
    text = " ".join(lines).split()
    assert set(SENTENCE.split()) <= set(text)
    assert {"1,234.5679", ROW["name"], "Reuters"} <= set(text)
    assert any("2026-11-20 17:00:01Z" in line for line in lines)


def test_a_row_is_one_line_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For those who search lines, COLUMNS may be as wide as they like; nothing is filled up."""
    monkeypatch.setenv("COLUMNS", "2000")
    lines = printed(pd.DataFrame([ROW]), capsys)
    (line,) = [line for line in lines if SENTENCE in line]
    assert "Reuters" in line
    assert len(line) < 250


def test_many_columns_make_a_wider_table_and_not_torn_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forty numbers do not fit; they are all whole."""
    monkeypatch.delenv("COLUMNS", raising=False)
    row = {f"figure_{number}": 1000.5 + number for number in range(40)}
    lines = printed(pd.DataFrame([row]), capsys)
    assert {f"{value:,.4f}" for value in row.values()} <= set(" ".join(lines).split())
    assert {*row} <= set(lines[1].split())


@given(st.lists(st.lists(st.text(max_size=60), min_size=3, max_size=3), min_size=1, max_size=4))
def test_any_text_is_laid_out(texts: list[list[str]]) -> None:
    """Whatever a vendor wrote, of whatever width, makes rows that steer no terminal."""
    frame = pd.DataFrame(texts, columns=["a", "b", "c"])
    for form in Format:
        with redirect_stdout(io.StringIO()) as out:
            print_rows(frame, form)
        assert out.getvalue().replace("\n", "").isprintable()
