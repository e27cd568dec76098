"""The Finviz clients: the export and the page, what each asks and how it reads the answer."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    NotEntitled,
    Throttled,
    Unavailable,
    VendorError,
)
from market_pipeline.domain.news import Company, FetchedNews, NewsQuery
from market_pipeline.vendors.finviz import FinvizExportClient, FinvizPageClient
from market_pipeline.vendors.finviz_csv import (
    parse_companies,
    parse_news_export,
    parse_screener,
)
from market_pipeline.vendors.finviz_page import parse_quote_page
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline_tests.vendors.loopback import Answer, Asked, Loopback, serving

ONCE = CallPolicy(attempts=1)
NOW = datetime(2026, 8, 1, 2, 30, tzinfo=UTC)  # still 31 July in New York
SCREENER_HEADER = '"No.","Ticker","Company","Sector","Industry","Country"\n'
HEADER = '"Title","Source","Date","Url","Category","Ticker"\n'


def about(*symbols: str, portfolio: str | None = None) -> NewsQuery:
    return NewsQuery(symbols, NOW, portfolio)


def csv_row(title: str = "T", when: str = "2026-07-31 04:12:27", tickers: str = "KO") -> str:
    return f'"{title}","Reuters",{when},"https://news.example/{title}",Stock,"{tickers}"\n'


def export(*rows: str) -> bytes:
    return (HEADER + "".join(rows)).encode()


def page(*rows: tuple[str, str], link: str = "https://news.example/a") -> bytes:
    """A quote page of 2025 with (time cell, headline) rows."""
    body = "".join(
        f'<tr><td>\r\n {when} \n</td><td><a class="tab-link-news" href="{link}">{title}</a>'
        f'<div class="news-link-right"><span>(Wire)</span></div></td></tr>'
        for when, title in rows
    )
    return f'<html><body><table id="news-table">{body}</table></body></html>'.encode()


def read_page(body: bytes, status: int = 200) -> FetchedNews:
    return parse_quote_page(
        body, status, "KO", now=NOW, site="https://finviz.com/", source="finviz_page"
    )


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving(Answer(export(csv_row()))) as running:
        yield running


@pytest.fixture
def elite(server: Loopback) -> Iterator[FinvizExportClient]:
    made = FinvizExportClient(server.url + "/elite", SecretStr("canarytoken"), policy=ONCE)
    yield made
    made.close()


@pytest.fixture
def public(server: Loopback) -> Iterator[FinvizPageClient]:
    made = FinvizPageClient(server.url + "/finviz", clock=lambda: NOW, policy=ONCE)
    yield made
    made.close()


# -- the export ----------------------------------------------------------------------------


def test_the_export_is_asked_in_batches_of_fifty(
    elite: FinvizExportClient, server: Loopback
) -> None:
    """120 symbols are three requests; an article that comes in each is one item."""
    symbols = [f"A{number}" for number in range(119)] + ["BRK.B"]
    news = elite.headlines(about(*symbols))
    asked = [asked.query["t"][0].split(",") for asked in server.asked]
    assert [len(batch) for batch in asked] == [50, 50, 20]
    assert asked[2][-1] == "BRK-B"
    assert server.asked[0].path == "/elite/news_export.ashx"
    assert (server.asked[0].query["v"], server.asked[0].query["auth"]) == (["3"], ["canarytoken"])
    assert len(news.items) == 1


def test_a_portfolio_known_at_finviz_is_asked_for_by_its_id(server: Loopback) -> None:
    """One request, and what it holds beyond the symbols asked for is kept; others go by ticker."""
    made = FinvizExportClient(
        server.url, SecretStr("canarytoken"), policy=ONCE, portfolio_ids={"growth": 123}
    )
    server.script = lambda _asked: Answer(export(csv_row("a"), csv_row("b", tickers="PEP")))
    news = made.headlines(about("KO", portfolio="growth"))
    made.headlines(about("KO", portfolio="income"))
    made.headlines(about("KO"))
    made.close()
    assert [item.symbols for item in news.items] == [("KO",), ("PEP",)]
    asked = [{k: v for k, v in one.query.items() if k in ("pid", "t")} for one in server.asked]
    assert asked == [{"pid": ["123"]}, {"t": ["KO"]}, {"t": ["KO"]}]


def test_an_export_by_id_without_tickers_has_no_use(server: Loopback) -> None:
    """Without that column nobody knows what an item concerns."""
    made = FinvizExportClient(server.url, SecretStr("k" * 9), policy=ONCE, portfolio_ids={"g": 1})
    server.script = lambda _asked: Answer(b"Title,Source,Date,Url,Category\n")
    with pytest.raises(LayoutChanged, match="'Ticker'"):
        made.headlines(about("KO", portfolio="g"))
    made.close()


def test_companies_come_from_the_screener_export(
    elite: FinvizExportClient, server: Loopback
) -> None:
    """Four columns are asked for, 50 symbols a request."""
    row = '1,"BRK-B","Berkshire Hathaway, Inc.","Financial","Insurance","USA"\n'
    server.script = lambda _asked: Answer((SCREENER_HEADER + row).encode())
    found = elite.companies([f"A{number}" for number in range(50)] + ["BRK.B"])
    assert found[0] == Company(
        "BRK.B", "Berkshire Hathaway, Inc.", "Financial", "Insurance", "finviz_export"
    )
    assert [asked.path for asked in server.asked] == ["/elite/export.ashx"] * 2
    assert (server.asked[1].query["v"], server.asked[1].query["t"]) == (["152"], ["BRK-B"])


def test_companies_are_looked_up_once_and_cost_no_news(server: Loopback) -> None:
    """With the news come the companies not heard of yet; where that fails the news still comes."""
    made = FinvizExportClient(
        server.url, SecretStr("canarytoken"), policy=ONCE, describes_companies=True
    )
    screener = Answer((SCREENER_HEADER + "1,KO,Coca-Cola,Consumer,Beverages,USA\n").encode())

    def script(asked: Asked) -> Answer:
        return Answer(export(csv_row())) if "news" in asked.path else screener

    server.script = script
    told = [made.headlines(about("KO")).companies for _ in range(2)]
    assert told == [(Company("KO", "Coca-Cola", "Consumer", "Beverages", "finviz_export"),), ()]
    screener = Answer(b"canarytoken is no good", 403)
    with capture_logs() as events:
        news = made.headlines(about("PEP"))
    made.close()
    assert (len(news.items), news.companies) == (1, ())
    assert [event["event"] for event in events if event["log_level"] == "warning"] == [
        "companies_not_described"
    ]
    assert "canarytoken" not in repr(events)


def test_a_company_whose_ticker_cannot_be_read_is_left_out() -> None:
    """Numbers are not looked at; an empty cell is an unknown."""
    body = SCREENER_HEADER + '1,"=x()",A,B,C,D\n2,KO,,,,\n'
    assert parse_companies(body.encode(), "s") == (Company("KO", "", "", "", "s"),)
    with pytest.raises(LayoutChanged, match="'Sector'"):
        parse_companies(b"Ticker,Company\nKO,x\n", "s")


def test_a_market_view_has_no_tickers(elite: FinvizExportClient, server: Loopback) -> None:
    """View 1 has no such column."""
    body = b"Title,Source,Date,Url,Category\nHi,BBC,4/11/2026 8:20,https://b.example/,Market\n"
    server.script = lambda _asked: Answer(body)
    (item,) = elite.market_headlines().items
    assert (item.symbols, item.source) == ((), "finviz_export")
    assert item.published_at == datetime(2026, 4, 11, 12, 20, tzinfo=UTC)
    with pytest.raises(LayoutChanged, match="'Ticker'"):
        elite.headlines(about("KO"))


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (Answer(b"<!DOCTYPE html><title>Login</title>"), Blocked, "is the token valid"),
        (Answer(b""), BadPayload, "empty body"),
        (Answer(b" \n\n"), BadPayload, "empty body"),
        (Answer(b"Headline,Date\nx,y\n"), LayoutChanged, "'Title'"),
        (Answer(export(csv_row()) + b'"cut off in the mid'), BadPayload, "broken"),
        (Answer(b"\xff\xfe" + export()), BadPayload, "UTF-8"),
        (Answer(b"no", 403), NotEntitled, "MARKET_PIPELINE_FINVIZ_ELITE_KEY"),
        (Answer(b"moved", 404), BadPayload, "404"),
    ],
)
def test_a_bad_export_is_a_typed_error(
    elite: FinvizExportClient,
    server: Loopback,
    answer: Answer,
    error: type[VendorError],
    words: str,
) -> None:
    """A login page with status 200 is no empty export."""
    server.script = lambda _asked: answer
    with pytest.raises(error, match=words) as caught:
        elite.headlines(about("KO"))
    assert type(caught.value) is error
    assert "canarytoken" not in str(caught.value)


def test_bad_export_rows_are_rejected_and_the_rest_kept() -> None:
    """Each with its rule, and the ticker where one can be read."""
    body = export(
        csv_row("good"),
        csv_row("when", when="yesterday"),
        csv_row("month", when="2026-13-01 00:00:00"),
        csv_row("hour", when="2026-07-31 25:00:00"),
        csv_row(""),
        '"js","X",2026-07-31 04:12:27,"javascript:alert(1)",Stock,"PEP"\n',
        '"short","X"\n',
        csv_row("long").strip() + ",more,more\n",
        csv_row("also good", tickers="BRK-B,not a ticker,^x y,KO"),
    )
    news = parse_news_export(body, "finviz_export", needs_ticker=True)
    assert [item.headline for item in news.items] == ["good", "also good"]
    assert news.items[1].symbols == ("BRK.B", "KO")
    assert [(row.rule, row.symbol) for row in news.rejected] == [
        ("bad_time", "KO"),
        ("bad_time", "KO"),
        ("bad_time", "KO"),
        ("empty_headline", "KO"),
        ("bad_url", "PEP"),
        ("bad_row", None),
        ("bad_row", "KO"),
    ]


def test_hostile_titles_are_cleaned() -> None:
    """NUL, escape sequences, bidi overrides and length are taken off a headline."""
    title = "A\x00B\u202eC " + "x" * 900
    (item,) = parse_news_export(export(csv_row(title)), "s").items
    assert item.headline.startswith("A BC x")
    assert len(item.headline) == 500


def test_markup_in_an_export_becomes_text() -> None:
    """Tags go, references are resolved once, and what then looks like a tag is text."""
    title = "<b>AT&amp;T</b> says &lt;i&gt; &amp;amp; <script>alert(1)</script>EPS < 3"
    (item,) = parse_news_export(export(csv_row(title)), "s").items
    assert item.headline == "AT&T says <i> &amp; EPS < 3"


def test_a_crowd_of_tickers_is_cut_with_the_wanted_ones_first() -> None:
    """Thirty at most, and those asked for among them."""
    crowd = ",".join(f"A{number:02d}" for number in range(60))
    (item,) = parse_news_export(export(csv_row(tickers=crowd)), "s", wanted={"A59"}).items
    assert (len(item.symbols), item.symbols[0]) == (30, "A59")


def test_a_screener_row_that_cannot_be_read_is_rejected() -> None:
    """Words where a number belongs; and a renamed column is a changed layout."""
    columns = (
        "Ticker,Company,Sector,Industry,Country,Market Cap,Sales,Income,Shares Outstanding,"
        "Average Volume,Volume,Price,Prev Close,Beta,P/E,P/B,Employees,Dividend Yield,"
        "Return on Equity,Change"
    )
    good = "KO,Coca-Cola,S,I,USA,1,2,3,4,5,6,7,8,9,10,11,12,1.5%,-3%,-"
    bad = good.replace("KO,", "PEP,").replace(",7,", ",seven,")
    fetched = parse_screener(f"{columns}\n{good}\n{bad}\n".encode())
    assert fetched.frame["symbol"].tolist() == ["KO"]
    assert fetched.frame["return_on_equity_pct"].tolist() == [-3.0]
    assert fetched.frame["change_pct"].isna().all()
    assert [(row.symbol, row.rule) for row in fetched.rejected] == [("PEP", "bad_value")]
    with pytest.raises(LayoutChanged, match="'Price'"):
        parse_screener(f"{columns.replace('Price', 'Cost')}\n{good}\n".encode())


# -- the page ------------------------------------------------------------------------------


def test_times_are_carried_down_the_page() -> None:
    """`Today` in New York, times alone below it, then an earlier day; 24-hour clocks too."""
    news = read_page(
        page(
            ("Today 11:17AM", "a"),
            ("12:04AM", "b"),
            ("Nov-21-22 02:50", "c"),
            ("12:57PM", "d"),
            ("Mar-09-23 08:10PM&nbsp;&nbsp;", "e"),
        )
    )
    assert news.rejected == ()
    assert [item.published_at for item in news.items] == [
        datetime(2026, 7, 31, 15, 17, tzinfo=UTC),
        datetime(2026, 7, 31, 4, 4, tzinfo=UTC),
        datetime(2022, 11, 21, 7, 50, tzinfo=UTC),
        datetime(2022, 11, 21, 17, 57, tzinfo=UTC),
        datetime(2023, 3, 10, 1, 10, tzinfo=UTC),
    ]


def test_a_date_that_cannot_be_read_dates_nothing_below() -> None:
    """Times under it are rejected rather than given the day above."""
    news = read_page(
        page(
            ("Jul-30-26 09:00AM", "a"),
            ("Jly-29-26 09:00AM", "b"),
            ("08:00AM", "c"),
            ("Feb-30-26 09:00AM", "d"),
            ("07:00AM", "e"),
            ("whenever", "f"),
            ("Jul-27-26 13:00PM", "g"),
            ("06:00AM", "h"),
        )
    )
    assert [item.headline for item in news.items] == ["a", "h"]
    assert [row.rule for row in news.rejected] == [
        "bad_time", "no_date", "bad_time", "no_date", "bad_time", "bad_time",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"<html><title>Just a moment...</title></html>", 200, Blocked),
        (b"<html><title>KO</title><table id='other'></table></html>", 200, LayoutChanged),
        (b"", 200, BadPayload),
        (b" \r\n", 200, BadPayload),
        (page(("??", "a"), ("!!", "b")), 200, LayoutChanged),
        (page(("Today 11:17AM", "a"), link="javascript:alert(1)"), 200, LayoutChanged),
    ],
)
def test_a_page_that_cannot_be_read_is_a_typed_error(
    body: bytes, status: int, error: type[VendorError]
) -> None:
    """A captcha is a refusal; a table gone, or unreadable throughout, is a changed layout."""
    with pytest.raises(error) as caught:
        read_page(body, status)
    assert type(caught.value) is error


def test_a_page_without_news_is_no_error() -> None:
    """A small company may have an empty table."""
    assert read_page(page()) == FetchedNews(())


def test_a_redirect_within_the_site_is_followed(public: FinvizPageClient, server: Loopback) -> None:
    """`quote.ashx` answers 301 to `/quote` with an empty body; a browser's name is given."""

    def script(asked: Asked) -> Answer:
        if asked.path.endswith("quote.ashx"):
            return Answer(
                status=301, headers={"Location": f"/finviz/quote?t={asked.query['t'][0]}"}
            )
        return Answer(page(("Today 09:00AM", "a"), link="/news/1"))

    server.script = script
    (item,) = public.headlines(about("BRK.B")).items
    assert (item.symbols, item.url) == (("BRK.B",), f"{server.url}/news/1")
    assert server.asked[1].query == {"t": ["BRK-B"]}
    assert server.asked[1].headers["user-agent"].startswith("Mozilla/")


def test_one_bad_page_stops_no_other(public: FinvizPageClient, server: Loopback) -> None:
    """Unknown, changed and failing pages are rejected by kind; an article on two is one item."""
    answers = {
        "KO": Answer(page(("Today 09:00AM", "a"))),
        "XXX": Answer(b"<html>", 404),
        "PEP": Answer(page(("Today 09:00AM", "a"))),
        "NEW": Answer(b"<html>other</html>"),
        "ERR": Answer(b"", 500),
    }
    server.script = lambda asked: answers[asked.query["t"][0]]
    news = public.headlines(about("KO", "XXX", "=cmd()", "NEW", "ERR", "PEP", "KO"))
    assert [item.symbols for item in news.items] == [("KO", "PEP")]
    assert [(row.symbol, row.rule) for row in news.rejected] == [
        ("=cmd()", "unknown_symbol"),
        ("XXX", "unknown_symbol"),
        ("NEW", "layout_changed"),
        ("ERR", "unavailable"),
    ]


def test_a_refusal_ends_the_asking(public: FinvizPageClient, server: Loopback) -> None:
    """After a 403 nothing more is asked; what was read before is kept."""
    server.script = lambda asked: (
        Answer(page(("Today 09:00AM", "a"))) if asked.query["t"] == ["A"] else Answer(b"", 403)
    )
    news = public.headlines(about("A", "B", "C"))
    assert len(news.items) == 1
    assert [(row.symbol, row.rule) for row in news.rejected] == [("B", "blocked"), ("C", "blocked")]
    assert len(server.asked) == 2
    with pytest.raises(Blocked):
        public.headlines(about("B"))


def test_a_vendor_that_is_down_is_not_asked_for_every_symbol(server: Loopback) -> None:
    """Where nothing was readable within the deadline the next source gets its turn."""
    server.script = lambda _asked: Answer(b"", hang_s=5)
    made = FinvizPageClient(
        server.url, clock=lambda: NOW, policy=CallPolicy(timeout_s=1.0, deadline_s=1.0, attempts=2)
    )
    with pytest.raises(Unavailable):
        made.headlines(about("A", "B", "C", "D"))
    made.close()
    assert len(server.asked) == 1


def test_one_slow_page_stops_no_other(server: Loopback) -> None:
    """Once something was readable, each symbol is asked for."""
    server.script = lambda asked: Answer(
        page(("Today 09:00AM", "a")), hang_s=0 if asked.query["t"] != ["B"] else 5
    )
    made = FinvizPageClient(
        server.url, clock=lambda: NOW, policy=CallPolicy(timeout_s=0.2, deadline_s=0.2, attempts=1)
    )
    news = made.headlines(about("A", "B", "C"))
    made.close()
    assert [item.symbols for item in news.items] == [("A", "C")]
    assert [(row.symbol, row.rule) for row in news.rejected] == [("B", "unavailable")]


def test_a_limit_ends_the_asking(public: FinvizPageClient, server: Loopback) -> None:
    """A vendor that asks to wait is not asked on."""
    server.script = lambda _asked: Answer(b"slow down", 429)
    with pytest.raises(Throttled):
        public.headlines(about("A", "B", "C"))
    assert len(server.asked) == 1


def test_a_page_describes_the_company() -> None:
    """In the layouts of 2025 and of 2022; what is missing is empty, and nothing is no error."""
    links = '<a href="screener.ashx?v=111&f=sec_x">Energy</a><a href="?f=ind_y">Oil &amp; Gas</a>'
    new = (
        f'<h2 class="quote-header_ticker-wrapper_company"><a> Coca\n Cola </a></h2>'
        f'<div class="quote-links">{links}</div>'
    )
    old = f'<table class="fullview-title"><tr><td>{links}</td></tr></table>'
    for header, name in ((new, "Coca Cola"), (old, "")):
        news = read_page(page().replace(b"<body>", f"<body>{header}".encode()))
        assert news.companies == (Company("KO", name, "Energy", "Oil & Gas", "finviz_page"),)
    assert read_page(page()).companies == ()


def test_only_unknown_symbols_are_an_answer(public: FinvizPageClient, server: Loopback) -> None:
    """The vendor works; it knows none of them."""
    server.script = lambda _asked: Answer(b"<html>", 404)
    news = public.headlines(about("XXX"))
    assert (news.items, [row.rule for row in news.rejected]) == ((), ["unknown_symbol"])
