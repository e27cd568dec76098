"""Splits and dividends beside Polygon's bars: one basis, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from market_pipeline.domain.ports import CollectedBatch, FetchedFrame, PriceSource
from market_pipeline.sandbox import SandboxServer, create_app, replayed
from market_pipeline.vendors.policy import CallPolicy
from market_pipeline.vendors.polygon import PolygonClient, PolygonStocks
from market_pipeline.vendors.polygon_actions import with_actions
from market_pipeline.vendors.polygon_payloads import parse_page
from market_pipeline.vendors.polygon_reference import parse_dividends, parse_splits
from market_pipeline.vendors.yahoo import YahooClient
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.fakes import steady_bars
from market_pipeline_tests.vendors.recorded import reply_of

NOW = datetime(2021, 4, 5, 22, tzinfo=UTC)
FIRST, LAST = date(2014, 5, 1), date(2021, 3, 31)
POLICY = CallPolicy(attempts=1)


@pytest.fixture
def sandbox(market_history: Path, tmp_path: Path) -> Iterator[str]:
    """Serve the recorded decade of AAPL as it was traded: two splits and all dividends."""
    name = "raw_with_actions_2012_2021.csv.gz"
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / name).symlink_to(market_history / name)
    with SandboxServer(create_app(replayed(folder), lambda: NOW)) as server:
        yield server.url


def both(url: str) -> tuple[PriceSource, PriceSource]:
    client = PolygonClient(f"{url}/polygon", SecretStr("any"), policy=POLICY)
    return YahooClient(f"{url}/yahoo", policy=POLICY), PolygonStocks(client, lambda: NOW)


def test_both_vendors_tell_the_same_actions(sandbox: str) -> None:
    """Dividends on the basis of the bars, in which two later splits are undone."""
    yahoo, polygon = (source.daily_bars("AAPL", FIRST, LAST) for source in both(sandbox))
    assert polygon.rejected == ()
    for name in ("close", "split_ratio", "dividend_usd"):
        np.testing.assert_allclose(polygon.frame[name], yahoo.frame[name], atol=1e-6)
    assert (polygon.frame["split_ratio"] > 0).sum() == 2
    assert (polygon.frame["dividend_usd"] > 0).sum() > 20


def test_actions_of_polygon_become_corporate_actions(sandbox: str, tmp_path: Path) -> None:
    """A symbol priced by Polygon has the actions that Yahoo would have brought, under its name."""
    stored = []
    for number, source in enumerate(both(sandbox)):
        warehouse = Warehouse.open(f"sqlite:///{tmp_path / f'{number}.db'}")
        warehouse.upgrade()
        bars = source.daily_bars("AAPL", FIRST, LAST).frame
        frame = bars.assign(source=source.name, fetched_at=pd.Timestamp(NOW))
        warehouse.commit_batch("equity_bars", CollectedBatch(frame))
        stored.append(warehouse.read("corporate_actions"))
        warehouse.dispose()
    by_yahoo, by_polygon = stored
    key = ["ex_date", "symbol", "kind"]
    pd.testing.assert_frame_equal(by_polygon[key], by_yahoo[key])
    np.testing.assert_allclose(by_polygon["value"], by_yahoo["value"], atol=1e-6)
    assert set(by_polygon["source"]) == {"polygon"}


def test_closes_alone_cost_one_request(sandbox: str) -> None:
    """Who looks at closes only, as a second opinion does, is told of no action."""
    client = PolygonClient(f"{sandbox}/polygon", SecretStr("any"), policy=POLICY)
    frame = PolygonStocks(client).daily_bars("AAPL", FIRST, LAST).frame
    assert (frame[["split_ratio", "dividend_usd"]] == 0).all(axis=None)


# -- what is refused -----------------------------------------------------------------------

WEEK = steady_bars("KO", date(2026, 11, 9), date(2026, 11, 13))
TODAY = date(2026, 11, 20)


def acted(splits: list[dict[str, object]], dividends: list[dict[str, object]]) -> FetchedFrame:
    split_rows = [{"ticker": "KO", **row} for row in splits]
    paid_rows = [{"ticker": "KO", **row} for row in dividends]
    told = parse_splits(split_rows), parse_dividends(paid_rows)
    return with_actions(FetchedFrame(WEEK), *told, "KO", TODAY)


def split(day: str, ratio: int = 2) -> dict[str, object]:
    return {"execution_date": day, "split_from": 1, "split_to": ratio}


def paid(day: str, amount: float = 0.5, **more: object) -> dict[str, object]:
    return {"ex_dividend_date": day, "cash_amount": amount, **more}


def test_a_dividend_before_a_later_split_is_divided_by_it() -> None:
    """The split of Monday after the range divides all before; one that is announced does not."""
    found = acted([split("2026-11-16", 4), split("2026-12-01", 3)], [paid("2026-11-10", 1.0)])
    assert found.frame["dividend_usd"].tolist() == [0, 0.25, 0, 0, 0]
    assert found.frame["split_ratio"].tolist() == [0.0] * 5


def test_two_payments_of_a_day_add_up_and_a_day_without_bar_waits_for_the_next() -> None:
    """A regular and a special dividend; an ex-date on Saturday, a payment before the range."""
    rows = [paid("2026-11-10"), paid("2026-11-10", 2.0), paid("2026-11-14"), paid("2026-11-06")]
    found = acted([], rows)
    assert found.frame["dividend_usd"].tolist() == [0, 2.5, 0, 0, 0]


def test_a_dividend_in_another_currency_is_refused() -> None:
    """It would be taken for dollars; no currency told is USD."""
    found = acted([], [paid("2026-11-10", currency="CAD"), paid("2026-11-11", currency="usd")])
    assert found.frame["dividend_usd"].tolist() == [0, 0, 0.5, 0, 0]
    assert [(one.rule, one.value) for one in found.rejected] == [("foreign_currency", "0.5 CAD")]


def test_a_split_told_twice_within_days_counts_once(vendor_payloads: Path) -> None:
    """As Polygon's recorded list has it of SHOP, 10 for 1 on 22 and on 29 June 2022."""
    page = parse_page(reply_of(vendor_payloads, "polygon", "splits.json").body, "splits")
    recorded = parse_splits([row for row in page.rows if row["ticker"] == "SHOP"])
    bars = steady_bars("SHOP", date(2022, 6, 20), date(2022, 6, 30))
    found = with_actions(
        FetchedFrame(bars), recorded, parse_dividends([]), "SHOP", date(2022, 7, 1)
    )
    days = found.frame.loc[found.frame["split_ratio"] > 0, ["session_date", "split_ratio"]]
    assert days.to_numpy().tolist() == [[pd.Timestamp("2022-06-29"), 10.0]]
    assert [one.rule for one in found.rejected] == ["doubled_split"]
