"""Reports stand alone: nothing loads, nothing hostile comes alive, equal data is equal bytes."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.reports import report
from market_pipeline.reports.portfolio_rows import HeadlineRow
from market_pipeline.reports.portfolio_view import portfolio_view
from market_pipeline.reports.report import file_name, write_report, write_reports
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.reports.holdings import (
    BREAKOUT,
    CALENDAR,
    SCRIPT,
    SESSION,
    position,
    snapshot,
    store_book,
    store_headlines,
    store_hostile,
    store_positions,
    store_risk,
    store_snapshot,
    store_snapshots,
    store_stress,
    store_transactions,
)
from market_pipeline_tests.reports.showcase import store_showcase

_LOADS = {
    "src",
    "srcset",
    "href",
    "data",
    "action",
    "formaction",
    "poster",
    "background",
    "xlink:href",
}
_VOID = {"meta", "link", "img"}


@dataclass
class Page(HTMLParser):
    """A parsed page: its tags with their attributes, its text, and whether it nests properly."""

    html: str
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Give the attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """All text on one line."""
        return " ".join(" ".join(self.words).split())

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """Everything that could be loaded or followed, as (tag, address)."""
        return [
            (tag, value or "")
            for tag, attributes in self.tags
            for name, value in attributes.items()
            if name in _LOADS
        ]


def read(path: Path) -> Page:
    """Parse a written page."""
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def hostile(warehouse: Warehouse, tmp_path: Path) -> Path:
    """Write the reports of a portfolio whose every text tries something; give its page."""
    store_hostile(warehouse)
    _, page = write_reports(warehouse, SESSION, tmp_path / "reports")
    return page


def test_nothing_hostile_becomes_markup(hostile: Path) -> None:
    """Tags in names, headlines, sources, factors and notes are shown as text, and do nothing."""
    page = read(hostile)
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint({"script", "img", "iframe", "object", "embed", "form", "base"})
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    assert page.unclosed == []
    assert page.text.count(SCRIPT) >= 5
    assert page.text.count(BREAKOUT) >= 5
    # No control character, no direction override, in text or attributes.
    assert page.html.replace("\n", "").isprintable()


def test_only_web_addresses_of_headlines_become_links(hostile: Path) -> None:
    """`javascript:` stays text; a quote in an address is encoded."""
    links = [link for link in read(hostile).named("a") if link["href"] != "index.html"]
    assert [link["href"] for link in links] == ["https://example.com/?q=%22onmouseover=%22alert(1)"]
    assert [link["rel"] for link in links] == ["noopener noreferrer nofollow"]


HARM = st.one_of(
    st.text(max_size=30),
    st.sampled_from([SCRIPT, BREAKOUT, "' onload=alert(1) x='", "</li></ol><form>", "{{ 7*7 }}",
                     "&lt;b&gt;", "<!--", "]]>", "\x1b[2J", "\u202e"]),
)  # fmt: skip


@given(st.lists(HARM, max_size=4).map("".join), HARM, st.lists(HARM, max_size=4).map("".join))
def test_no_headline_publisher_or_address_becomes_markup(
    headline: str, publisher: str, address: str
) -> None:
    """Of any text: the page of news has our tags and attributes, and links to the web alone."""
    row = HeadlineRow(
        datetime(2026, 11, 20, 17, 0, tzinfo=UTC), headline, publisher,
        f"https://n.example/{address}", (publisher,), publisher, 2, 0.0, 0.9, "neutral",
    )  # fmt: skip
    module: Any = report._environment().get_template("parts.html").make_module({})
    page = Page(str(module.news(SimpleNamespace(headlines=[row]))))
    assert page.unclosed == []
    assert {tag for tag, _ in page.tags} <= {"ol", "li", "p", "a", "div", "time", "span"}
    allowed = {"class", "href", "rel", "datetime"}
    assert {name for _, attributes in page.tags for name in attributes} <= allowed
    for link in page.named("a"):
        assert str(link["href"]).startswith("https://n.example/")
        assert not set(str(link["href"])) & set('"<>`\\ ')


def test_a_page_loads_nothing_and_forbids_loading(hostile: Path) -> None:
    """Its own index, an empty icon and headline links are all the addresses there are."""
    for path in (hostile, hostile.with_name("index.html")):
        page = read(path)
        assert {tag for tag, _ in page.addresses} <= {"a", "link"}
        assert [href for tag, href in page.addresses if tag == "link"] == ["data:,"]
        assert "url(" not in page.html
        assert "@import" not in page.html
        (policy,) = [m["content"] for m in page.named("meta") if m.get("http-equiv")]
        assert policy is not None
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


def test_the_same_data_gives_the_same_bytes(warehouse: Warehouse, tmp_path: Path) -> None:
    """A second run changes no byte of any file, and leaves no other file behind."""
    store_hostile(warehouse)
    first = {path.name: path.read_bytes() for path in write_reports(warehouse, SESSION, tmp_path)}
    second = {path.name: path.read_bytes() for path in write_reports(warehouse, SESSION, tmp_path)}
    assert first == second
    assert {path.name for path in tmp_path.glob("*.html")} == set(first) == {"index.html", "p.html"}
    assert not list(tmp_path.glob(".*"))


def test_what_is_stale_missing_or_in_doubt_is_called_out(hostile: Path) -> None:
    """Stale and unpriced positions, quarantine and notes each have their line."""
    text = read(hostile).text
    assert "Stale, missing or in doubt" in text
    assert "GONE has no price: 1 held, counted nowhere." in text
    assert "MSFT is valued at its price of 2026-11-18" in text
    assert "AAPL high below low, rejected (market_data_cache, yahoo):" in text
    assert "AAPL:market skipped (factor_exposures):" in text


def test_numbers_say_of_which_session_and_from_where(warehouse: Warehouse, tmp_path: Path) -> None:
    """Money is exact to the cent and grouped, with session and source beside it."""
    store_book(warehouse)
    store_snapshot(
        warehouse, "1234567.89", daily_pnl_usd=Decimal("-1234.5"), daily_return_pct=-0.1,
        invested_usd=Decimal(1),
    )  # fmt: skip
    store_risk(warehouse)
    store_positions(warehouse, [position(1, "AAPL", "1234567.89", source="yahoo:sandbox")])
    page = read(write_report(portfolio_view(warehouse, "p", SESSION), tmp_path / "one.html"))
    assert "$1,234,567.89" in page.text
    assert "\N{MINUS SIGN}$1,234.50" in page.text
    assert "Session 2026-11-20 · from portfolio_snapshots · prices: yahoo:sandbox" in page.text
    assert "index.html" not in [href for _, href in page.addresses]
    assert "Stale, missing or in doubt" not in page.text


def test_the_snapshots_returns_and_risk_are_shown(warehouse: Warehouse, tmp_path: Path) -> None:
    """Each with what it is; one that is missing says what it needs."""
    store_book(warehouse)
    store_snapshot(
        warehouse, invested_usd=Decimal(900), cumulative_pnl_usd=Decimal("100.25"), twr_pct=12.346,
        mwr_pct=-3.5, realised_pnl_usd=Decimal("-1.5"), unrealised_pnl_usd=Decimal("101.75"),
        dividends_usd=Decimal(4), interest_usd=Decimal("0.5"), fees_usd=Decimal("1.25"),
        volatility_21d_pct=18.04, herfindahl=0.25, effective_positions=4.0,
        top_3_weight_pct=88.8, top_10_weight_pct=100.0, completeness_pct=97.5,
    )  # fmt: skip
    text = read(write_reports(warehouse, SESSION, tmp_path)[1]).text
    for words in (
        "Return since the start +12.35 % time-weighted",
        "Return a year \N{MINUS SIGN}3.50 % money-weighted",
        "P&L since the start +$100.25 of $900.00 put in", "Unrealised +$101.75",
        "Realised \N{MINUS SIGN}$1.50", "Income this session +$4.00 dividends; interest +$0.50",
        "Fees this session $1.25", "Volatility, a month 18.0 %",
        "Volatility, a quarter \N{EN DASH} needs 42 of 63 sessions",
        "Effective positions 4.0 Herfindahl index 0.250",
        "Largest three 88.8 % of gross value; ten: 100.0 %", "Priced 97.5 % of positions",
    ):  # fmt: skip
        assert words in text, words


def test_a_snapshot_of_before_says_how_to_make_it_anew(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Its figures are missing, which is no news about the portfolio."""
    store_book(warehouse)
    store_snapshot(warehouse)
    text = read(write_reports(warehouse, SESSION, tmp_path)[1]).text
    assert "market-pipeline backfill --from 2026-11-20 --to 2026-11-20 makes it anew" in text


def test_a_flood_of_gaps_is_cut_and_still_names_every_position(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Eight lines of each kind, then the rest in one."""
    store_showcase(warehouse)
    pages = {path.stem: read(path) for path in write_reports(warehouse, SESSION, tmp_path)}
    assert "stale 12 stale, 2 without a price $81,234.56" in pages["index"].text
    # Twelve stale and two without a price, and of the index no other cells.
    assert [c.get("class") for c in pages["index"].named("td")].count("num loss") >= 2
    assert {c.get("class") for c in pages["index"].named("td")} <= {
        "num",
        "num gain",
        "num loss",
        "num even",
    }
    text = pages["stale"].text
    assert text.count("none came for this session.") == 8
    assert "4 more at an earlier price: OLD4 (2026-11-17) , OLD3 (2026-11-17) , OLD2" in text
    assert text.count("skipped (factor_exposures)") == 8
    assert "4 more numbers without an answer: market-pipeline show notes lists them." in text
    assert "12.5 % of 16 positions have a price of this session or a manual value." in text
    assert all(page.unclosed == [] for page in pages.values())


def test_losses_and_stress_tests_are_those_stored(warehouse: Warehouse, tmp_path: Path) -> None:
    """Both ways of measuring, in dollars and of equity, with table and session; the worst first."""
    store_book(warehouse)
    store_snapshot(warehouse, "10000", invested_usd=Decimal(1))
    store_positions(warehouse, [position(1, "AAPL", "10000")])
    store_risk(
        warehouse, historical_var_95_usd=210.0, historical_es_99_usd=450.5, factor_var_95_usd=199.0,
        beta_market=0.93, uncovered_symbols="FUNDCO,NEWCO",
    )  # fmt: skip
    store_stress(
        warehouse,
        [("market_down_10_pct", "market", -10.0, -930.0),
         *((f"down_2_sigma:f{n}", f"f{n}", -3.0, 10.0 * n) for n in range(9))],
    )  # fmt: skip
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    shown = page.text[page.text.index("What a day may cost") : page.text.index("Factor exposures")]
    assert "Session 2026-11-20 · from portfolio_risk" in shown
    assert "History 252 sessions $210 2.1 % $0 0.0 % $0 0.0 % $450 4.5 % 100.0 %" in shown
    assert "Factors normal moves $199 2.0 %" in shown
    assert "Beta to the market 0.93" in shown
    assert "Left out of at least one of these: FUNDCO, NEWCO" in shown
    minus = "\N{MINUS SIGN}"
    assert f"Market down 10 % SPY {minus}10.0 % {minus}$930 {minus}9.3 % 100.0 %" in shown
    assert "2 more, each of a smaller loss or a gain" in shown
    assert "Vega" not in shown, "it holds no option"


def test_a_report_without_risk_says_so_and_how_to_make_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """In each of the three sections, and first of all."""
    store_book(warehouse)
    store_snapshot(warehouse, invested_usd=Decimal(1))
    text = read(write_reports(warehouse, SESSION, tmp_path)[1]).text
    how = "market-pipeline backfill --from 2026-11-20 --to 2026-11-20 makes it."
    assert text.count(f"Not measured for this session: {how}") == 3
    assert "The risk of this session is missing" in text


def test_many_factors_are_grouped_by_kind(warehouse: Warehouse, tmp_path: Path) -> None:
    """A card for the market and for rates; styles, spreads and sectors are a table each."""
    store_showcase(warehouse)
    page = read(
        next(path for path in write_reports(warehouse, SESSION, tmp_path) if "large" in path.name)
    )
    assert len(page.named("article")) == 2
    labels = [each.get("aria-label") for each in page.named("div")]
    assert [label for label in labels if label and label.startswith("Exposures")] == [
        "Exposures: style", "Exposures: spread", "Exposures: sector",
    ]  # fmt: skip
    assert "Momentum over market MTUM less SPY" in page.text
    shown = page.text[page.text.index("Factor exposures") :]
    assert shown.count("Sector energy") == 1
    assert "Sectors, each alone: 11 of them, largest sector" in shown


def test_pnl_by_position_adds_up_to_the_portfolio(warehouse: Warehouse, tmp_path: Path) -> None:
    """Gains first, what is gone in a line of its own, the snapshot's own total below."""
    store_book(warehouse)
    store_snapshot(
        warehouse, daily_pnl_usd=Decimal("-2.5"), realised_pnl_usd=Decimal(40),
        invested_usd=Decimal(1),
    )  # fmt: skip
    store_positions(
        warehouse,
        [
            position(1, "DOWN", "10", daily_pnl_usd=Decimal("-10")),
            position(2, "UP", "10", daily_pnl_usd=Decimal("7.5"), realised_pnl_usd=Decimal(15)),
        ],
    )
    text = read(write_reports(warehouse, SESSION, tmp_path)[1]).text
    shown = text[text.index("P&L by position") : text.index("Sectors")]
    minus = "\N{MINUS SIGN}"
    assert f"UP +$7.50 – +$15.00 – – DOWN {minus}$10.00 – – – – What ended before" in shown
    assert f"What ended before, and cash $0.00 – +$25.00 – – Portfolio {minus}$2.50" in shown


def test_sandbox_data_carries_a_banner_and_live_data_none(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """On the report and on the index, and only where it is true."""
    store_book(warehouse)
    store_snapshot(warehouse)
    for path in write_reports(warehouse, SESSION, tmp_path):
        assert "SANDBOX DATA" not in read(path).text
    warehouse.claim_data_kind("sandbox")
    for path in write_reports(warehouse, SESSION, tmp_path):
        page = read(path)
        assert "SANDBOX DATA" in page.text
        assert f"{SESSION} (sandbox data)" in page.text


def test_the_line_is_drawn_with_words_for_those_who_cannot_see_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Each drawing is an image with a title, a description, and labels on both axes."""
    store_book(warehouse)
    for day, equity in ((18, "1000"), (19, "1100"), (20, "1050")):
        store_snapshot(warehouse, equity, date(2026, 11, day))
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    drawings = [svg for svg in page.named("svg") if svg.get("role") == "img"]
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert len(drawings) == 2
    for drawing in drawings:
        assert set((drawing["aria-labelledby"] or "").split()) <= ids
    assert "from $1,000.00 on 2026-11-18 to $1,050.00 on 2026-11-20" in page.text
    assert "$1,100" in page.text


def test_a_long_line_is_drawn_to_its_end(warehouse: Warehouse, tmp_path: Path) -> None:
    """A year of sessions is more text than any text of others may be."""
    store_book(warehouse)
    days = CALENDAR.sessions(date(2026, 1, 2), SESSION)
    store_snapshots(warehouse, [snapshot(str(1000 + at), day) for at, day in enumerate(days)])
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    lines = [path["d"] or "" for path in page.named("path") if path.get("class") == "line"]
    assert [line.count("L") for line in lines] == [len(days) - 1] * 2
    assert len(lines[0]) > 2000


def test_an_empty_portfolio_has_a_report_that_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    """No positions, no line, no exposures, no headlines: each in words."""
    store_book(warehouse, lots=0)
    store_snapshot(warehouse, "0")
    store_risk(warehouse, scenario_days=0, beta_market=None)
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    for words in (
        "It holds nothing in this session.", "Nothing is held, and nothing can be lost.",
            "One session is no line yet",
        "None: nothing that is held has a beta.", "None found in the last 30 days.",
    ):  # fmt: skip
        assert words in page.text
    assert page.unclosed == []


def test_three_hundred_positions_are_all_there_largest_first(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """Every position has its row, in one table."""
    store_book(warehouse)
    store_snapshot(warehouse, "45150")
    rows = [position(n, f"SY{n:03d}", str(n)) for n in range(1, 301)]
    store_positions(warehouse, rows)
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    listed = page.words[page.words.index("Positions") :]
    symbols = [word for word in listed if word.startswith("SY") and len(word) == 5]
    assert symbols == [f"SY{n:03d}" for n in range(300, 0, -1)]


def test_a_portfolio_without_a_snapshot_is_named_in_the_index(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """The others get their reports all the same."""
    store_book(warehouse, "a", "Has one")
    store_book(warehouse, "b", "Has none")
    store_snapshot(warehouse, portfolio_id="a")
    paths = write_reports(warehouse, SESSION, tmp_path)
    assert [path.name for path in paths] == ["index.html", "a.html"]
    index = read(paths[0])
    assert "Has none" in index.text
    assert "there is no snapshot of b in the session of 2026-11-20 yet" in index.text
    assert [href for tag, href in index.addresses if tag == "a"] == ["a.html"]


def test_a_portfolio_of_transactions_only_has_a_report(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    """The index links it, or says what it lacks, as of any other."""
    store_transactions(warehouse, "trader", f"{BREAKOUT}.csv")
    store_transactions(warehouse, "newcomer")
    store_snapshot(warehouse, portfolio_id="trader")
    paths = write_reports(warehouse, SESSION, tmp_path)
    assert [path.name for path in paths] == ["index.html", "trader.html"]
    index, page = (read(path) for path in paths)
    assert [href for tag, href in index.addresses if tag == "a"] == ["trader.html"]
    assert "there is no snapshot of newcomer" in index.text
    assert f"portfolio trader · transactions of {BREAKOUT}.csv" in page.text
    assert "book as of" not in page.text


@pytest.mark.parametrize(
    "portfolio_id", ["../../etc/passwd", "index", "Long", "a/b", "..", "", "CON ", "a" * 65, "é"]
)
def test_a_file_stays_in_its_folder_and_collides_with_none(portfolio_id: str) -> None:
    """An id that is no plain lower-case name gets a hash, which tells it from every other."""
    name = file_name(portfolio_id)
    assert Path(name).name == name
    assert name.endswith(".html")
    assert name.isascii()
    assert name == name.lower()
    assert name not in {"index.html", file_name("long"), file_name("a-b"), file_name("portfolio")}


def test_a_plain_id_names_its_file() -> None:
    """Most ids are file names already."""
    assert file_name("long_short-2") == "long_short-2.html"


def test_a_write_that_fails_leaves_the_old_report(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody meets half a file, and no litter stays behind."""
    store_book(warehouse)
    store_snapshot(warehouse)
    folder = tmp_path / "reports"
    path = write_report(portfolio_view(warehouse, "p", SESSION), folder / "p.html")
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    store_snapshot(warehouse, "2000")
    with pytest.raises(OSError, match="no space left"):
        write_report(portfolio_view(warehouse, "p", SESSION), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in folder.iterdir()] == ["p.html"]


def test_headlines_show_source_and_new_york_time(warehouse: Warehouse, tmp_path: Path) -> None:
    """17:00 UTC on a November day is noon in New York."""
    store_book(warehouse)
    store_snapshot(warehouse)
    store_positions(warehouse, [position(1, "AAPL", "1")])
    noon = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    store_headlines(warehouse, [(noon, "AAPL,MSFT", "Plain news")], source_count=2)
    page = read(write_reports(warehouse, SESSION, tmp_path)[1])
    assert (
        "Fri 2026-11-20 12:00 Wire AAPL, MSFT neutral 0.00, 90 % sure "
        "told by 2 publishers, first via finviz_export" in page.text
    )
    assert page.named("time") == [{"datetime": "2026-11-20T17:00:00Z"}]
