"""Profiles and fundamentals: recorded bodies, the real yfinance over the sandbox, failing over."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from market_pipeline.domain.companies import CompanyProfile, Fundamentals
from market_pipeline.domain.errors import (
    BadPayload,
    Blocked,
    LayoutChanged,
    NotEntitled,
    Throttled,
    Unavailable,
    UnknownSymbol,
    VendorError,
)
from market_pipeline.sandbox import SandboxServer, create_app, generated
from market_pipeline.vendors.company_chain import CompanyChain
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon_company import (
    PolygonCompanyClient,
    details_fundamentals,
    details_profile,
    parse_details,
)
from market_pipeline.vendors.yahoo_company import (
    YahooCompanyClient,
    fundamentals_of,
    profile_of,
    quote_facts,
    summary_facts,
)
from market_pipeline_tests.fakes import FakeCompanies
from market_pipeline_tests.vendors.loopback import Answer, Asked, serving
from market_pipeline_tests.vendors.recorded import reply_of

NOW = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
ONCE = CallPolicy(timeout_s=5.0, attempts=1)
TWICE = CallPolicy(timeout_s=5.0, attempts=2, first_wait_s=0.01)

# -- recorded ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("price", {"currency": "USD", "market_cap": 3688676720640.0}),
        ("summaryDetail", {
            "trailing_pe": 38.91442, "forward_pe": 29.548735, "price_to_sales": 9.320489,
            "beta": 1.2, "dividend_yield_pct": pytest.approx(0.41), "currency": "USD",
            "market_cap": 3688676720640.0,
        }),
        ("defaultKeyStatistics", {
            "price_to_book": 55.328976, "shares_outstanding": 15022100480.0, "trailing_eps": 6.31,
            "forward_eps": 8.31, "forward_pe": 29.80388, "beta": 1.2,
            "profit_margin_pct": pytest.approx(24.295),
        }),
        ("financialData", {
            "total_revenue": 395760009216.0, "profit_margin_pct": pytest.approx(24.295),
        }),
        ("quoteType", {}),
    ],
)  # fmt: skip
def test_recorded_modules_give_their_figures_and_no_other(
    vendor_payloads: Path, module: str, told: dict[str, object]
) -> None:
    """Each module fills what it carries; everything else is unknown, not zero."""
    body = reply_of(vendor_payloads, "yahoo", f"quoteSummary_{module}_AAPL.json").body
    figures = fundamentals_of(summary_facts(body, "AAPL"), "AAPL")
    known = {
        name: value
        for name in Fundamentals.__dataclass_fields__
        if name != "symbol" and (value := getattr(figures, name)) is not None
    }
    assert known == told


def test_the_recorded_quote_type_says_what_the_symbol_is(vendor_payloads: Path) -> None:
    """NMS is Nasdaq's identifier in Yahoo's words."""
    body = reply_of(vendor_payloads, "yahoo", "quoteSummary_quoteType_AAPL.json").body
    assert profile_of(summary_facts(body, "AAPL"), "AAPL", "yahoo") == CompanyProfile(
        "AAPL", "Apple Inc.", "yahoo", "stock", "XNAS"
    )


def test_recorded_quotes_give_profiles_and_figures(vendor_payloads: Path) -> None:
    """Two symbols in one body; a yield in percent; earnings dated in New York."""
    told = quote_facts(reply_of(vendor_payloads, "yahoo", "quote_AAPL_BABA.json").body)
    assert list(told) == ["AAPL", "BABA"]
    assert profile_of(told["BABA"], "BABA", "yahoo").exchange == "XNYS"
    apple = fundamentals_of(told["AAPL"], "AAPL")
    assert apple.dividend_yield_pct == 0.41
    assert apple.price_to_book == 55.114914
    assert apple.trailing_eps == 6.31
    assert apple.next_earnings_date == date(2025, 4, 30)


def test_the_recorded_404_is_an_unknown_symbol(vendor_payloads: Path) -> None:
    """Not an outage: nobody is asked again for it soon."""
    reply = reply_of(vendor_payloads, "yahoo", "quoteSummary_404_ADH.json")
    with pytest.raises(UnknownSymbol, match="No fundamentals data"):
        summary_facts(reply.body, "ADH")
    with serving(_yahoo(Answer(reply.body, 404))) as server:
        client = YahooCompanyClient(server.url, policy=ONCE)
        with pytest.raises(UnknownSymbol, match="ADH"):
            client.profile("ADH")
        asked = [one.path for one in server.asked if "quoteSummary" in one.path]
        assert len(asked) == 1
        client.close()


def test_recorded_details_give_profile_and_size(vendor_payloads: Path) -> None:
    """Polygon's industry is its SIC description; it tells no sector and no ratio."""
    body = reply_of(vendor_payloads, "polygon", "ticker_details_AAPL.json").body
    details = parse_details(body, "AAPL")
    assert details_profile(details, "polygon") == CompanyProfile(
        "AAPL", "Apple Inc.", "polygon", "stock", "XNAS", None, "ELECTRONIC COMPUTERS"
    )
    assert details_fundamentals(details) == Fundamentals(
        "AAPL", "USD", market_cap=2488795282370.0, shares_outstanding=16319440000.0
    )
    with pytest.raises(BadPayload, match="asked for KO"):
        parse_details(body, "KO")
    empty = reply_of(vendor_payloads, "polygon", "empty_results_200.json").body
    with pytest.raises(UnknownSymbol):
        parse_details(empty, "KO")


# -- what a vendor may send ----------------------------------------------------------------


def _yahoo(*answers: Answer) -> Callable[[Asked], Answer]:
    """Script: cookie and crumb are served, summaries get the answers in turn, the last stays."""
    left = list(answers)

    def script(asked: Asked) -> Answer:
        if "quoteSummary" in asked.path:
            return left.pop(0) if len(left) > 1 else left[0]
        return Answer(b"Crumb1")

    return script


def summary(**modules: object) -> bytes:
    return json.dumps({"quoteSummary": {"result": [modules], "error": None}}).encode()


GOOD = summary(
    quoteType={"symbol": "KO", "quoteType": "EQUITY", "exchange": "NYQ", "longName": "Coca-Cola"}
)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"Too Many Requests\r\n", 429), Throttled),
        (Answer(b"busy", 503), Unavailable),
        (Answer(b"<html><body>consent</body></html>"), BadPayload),
        (Answer(b'{"quoteSummary": {"result": [{'), BadPayload),
        (Answer(b'{"finance": {}}'), LayoutChanged),
        (Answer(b'{"quoteSummary": {"result": [], "error": null}}'), LayoutChanged),
        (Answer(b"<html>no</html>", 404), BadPayload),
        (Answer(b"<html>Forbidden</html>", 403), Blocked),
        (Answer(summary(price={"symbol": "PEP"})), BadPayload),
    ],
    ids=["429", "503", "html", "cut", "shape", "empty", "html404", "403", "another"],
)  # fmt: skip
def test_faults_of_the_summary_are_typed(answer: Answer, error: type[VendorError]) -> None:
    """yfinance would swallow, rename or retry them; here each has its name."""
    with serving(_yahoo(answer)) as server:
        client = YahooCompanyClient(server.url, policy=ONCE)
        with pytest.raises(error):
            client.profile("KO")
        client.close()


def test_a_stale_crumb_is_asked_for_anew() -> None:
    """401 about the crumb costs one more try, not the vendor."""
    refused = Answer(
        b'{"finance":{"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}', 401
    )
    with serving(_yahoo(refused, Answer(GOOD))) as server:
        client = YahooCompanyClient(server.url, policy=TWICE)
        assert client.profile("KO").exchange == "XNYS"
        crumbs = [one for one in server.asked if "getcrumb" in one.path]
        assert len(crumbs) == 2
        client.close()


def test_hostile_text_and_numbers_are_unknown_or_cleaned() -> None:
    """Control characters go, numbers that are none are unknown, long text is cut."""
    facts = summary_facts(
        summary(
            price={"symbol": "KO", "marketCap": "1e9", "longName": "Co\x00ca\u202e" + "x" * 500},
            assetProfile={"sector": "S" * 500, "industry": ["x"]},
            calendarEvents={"earnings": {"earningsDate": [1e300]}},
        ),
        "KO",
    )
    profile, figures = profile_of(facts, "KO", "yahoo"), fundamentals_of(facts, "KO")
    assert "\x00" not in profile.name
    assert len(profile.name) <= 200
    assert profile.sector is not None
    assert len(profile.sector) == 120
    assert profile.industry is None
    assert (figures.market_cap, figures.next_earnings_date) == (None, None)


# -- over the sandbox ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    market = generated(7, clock=lambda: NOW)
    with SandboxServer(create_app(market, lambda: NOW)) as running:
        yield running


def test_both_vendors_tell_the_same_company(sandbox: SandboxServer) -> None:
    """One market behind two formats: market value and shares agree, a request each."""
    yahoo = YahooCompanyClient(f"{sandbox.url}/yahoo", name="yahoo:sandbox", policy=ONCE)
    polygon = PolygonCompanyClient(f"{sandbox.url}/polygon", SecretStr("any"), policy=ONCE)
    httpx.delete(f"{sandbox.url}/_sandbox/requests", trust_env=False)
    profile = yahoo.profile("BRK.B")
    assert (profile.asset_class, profile.exchange) == ("stock", "XNYS")
    assert (profile.sector, profile.source) == ("Financial", "yahoo:sandbox")
    assert yahoo.profile("SPY").asset_class == "etf"
    figures, source = yahoo.fundamentals("BRK.B")
    size, _ = polygon.fundamentals("BRK.B")
    assert source == "yahoo:sandbox"
    assert figures.market_cap == pytest.approx(size.market_cap, rel=1e-6)
    assert figures.shares_outstanding == size.shares_outstanding
    assert figures.next_earnings_date is not None
    assert figures.next_earnings_date > NOW.date()
    assert polygon.profile("BRK.B").exchange == "XNYS"
    for client in (yahoo, polygon):
        with pytest.raises(UnknownSymbol):
            client.profile("ZZZZ")
        client.close()
    counts = httpx.get(f"{sandbox.url}/_sandbox/requests", trust_env=False).json()["vendors"]
    assert counts["yahoo"]["quote_summary"] == 4
    assert counts["polygon"]["ticker_details"] == 3


# -- failing over --------------------------------------------------------------------------


def test_the_second_source_answers_where_the_first_does_not() -> None:
    """Down or unknown at the first: the second is asked, and named as the source."""
    first, second = FakeCompanies("first"), FakeCompanies("second")
    chain = CompanyChain("companies", [first, second])
    assert chain.profile("KO").source == "first"
    assert second.asked == []
    first.fails["KO"] = [Unavailable("first", "x", "HTTP 503"), UnknownSymbol("first", "x", "KO")]
    assert [chain.profile("KO").source for _ in range(2)] == ["second", "second"]


def test_a_symbol_is_unknown_only_where_nobody_failed() -> None:
    """An outage at one source is no proof that the symbol does not exist."""
    first, second = FakeCompanies("first"), FakeCompanies("second")
    chain = CompanyChain("companies", [first, second])
    unknown, down = UnknownSymbol("v", "x", "KO"), Unavailable("v", "x", "HTTP 503")
    first.fails["KO"], second.fails["KO"] = [unknown], [down]
    with pytest.raises(Unavailable):
        chain.profile("KO")
    first.fails["KO"], second.fails["KO"] = [unknown], [unknown]
    with pytest.raises(UnknownSymbol):
        chain.profile("KO")
    with pytest.raises(NotEntitled, match="PROFILE_SOURCES"):
        CompanyChain("companies", []).profile("KO")
