"""Apple's 7-for-1 split of June 2014 over the recorded chain: a held option keeps its worth.

The sandbox replays recorded prices and quotes to the real Yahoo and Polygon clients; the graph
collects, prices and values as it would have on those evenings.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from market_pipeline.coordination import open_coordination
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.resources import clients
from market_pipeline.sandbox import SandboxServer, create_app, replayed
from market_pipeline.settings import Settings, current_settings, forget_settings
from market_pipeline.warehouse import Warehouse
from market_pipeline_tests.assets.graph import Graph, failed_steps
from market_pipeline_tests.fakes import FakeClock

pytestmark = [
    pytest.mark.real_history,
    pytest.mark.filterwarnings("ignore"),  # yfinance uses forms that pandas 3 deprecates
]

THURSDAY, FRIDAY, EX, TUESDAY, WEDNESDAY = (date(2014, 6, day) for day in (5, 6, 9, 10, 11))
FILES = ("raw_with_actions_2012_2021.csv.gz", "options_chain_aapl_2014-06.csv.gz")
ASSETS = (
    "symbol_universe", "equity_bars", "option_quotes", "option_values", "market_data_cache",
    "portfolio_snapshots",
)  # fmt: skip

# Deep in the money, where worth is all but the share itself; at the money, a put, a short one.
HELD = {
    "AAPL140621C00490000": (2, "AAPL140621C00070000"),
    "AAPL140621C00500000": (-1, "AAPL140621C00071430"),
    "AAPL140621C00650000": (3, "AAPL140621C00092860"),
    "AAPL140621P00640000": (-4, "AAPL140621P00091430"),
}
EXPIRED = "AAPL140606C00490000"


def lot(number: int, occ: str, quantity: int) -> Position:
    terms = parse_occ(occ)
    assert terms is not None
    return Position(
        number, occ, "option", Decimal(quantity), Decimal(10), date(2014, 5, 5), 100,
        underlying=terms.stock, strike_usd=terms.strike_usd,
        expiration_date=terms.expiration_date, option_type=terms.option_type,
    )  # fmt: skip


@pytest.fixture
def history(market_history: Path, tmp_path: Path) -> Path:
    """Give a folder with prices as traded, splits and Apple's chain, up to the end of June 2014.

    So bars are adjusted for the split of that month, and not yet for the one of 2020.
    """
    folder = tmp_path / "history"
    folder.mkdir()
    prices = pd.read_csv(market_history / FILES[0])
    prices[prices["date"] <= "2014-06-30"].to_csv(folder / FILES[0], index=False)
    (folder / FILES[1]).symlink_to(market_history / FILES[1])
    return folder


@pytest.fixture
def stored(state_dir: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """Give a warehouse with a book of Thursday, before the split."""
    assert state_dir
    monkeypatch.setenv("MARKET_PIPELINE_FIRST_SESSION", "2014-05-01")
    # Bills paid next to nothing in 2014; at 4 % calls far in the money would imply nothing.
    monkeypatch.setenv("MARKET_PIPELINE_OPTION_RATE", "0.001")
    forget_settings()
    lots = [lot(n, occ, quantity) for n, (occ, (quantity, _)) in enumerate(HELD.items(), 1)]
    lots.append(lot(9, EXPIRED, 1))
    book = Book("options", "options", THURSDAY, "options.csv", "hash", tuple(lots))
    warehouse.import_book(book, datetime(2014, 6, 5, 22, tzinfo=UTC))
    return warehouse


def graph_at(url: str, warehouse: Warehouse, day: date) -> Graph:
    """Give the graph over the real clients, on the evening of `day`."""
    settings: Settings = current_settings().model_copy(update={"sandbox_url": url})
    clock = FakeClock(datetime(day.year, day.month, day.day, 23, 30, tzinfo=UTC))
    coordination = open_coordination(None, settings.state_dir, clock)
    yahoo, polygon = clients.yahoo(settings, coordination), clients.polygon(settings, coordination)
    return Graph(warehouse, yahoo, options=polygon, clock=clock)  # type: ignore[arg-type]  # the real ones


def run(
    history: Path, as_of: date, warehouse: Warehouse, first: date, last: date, *faults: Any
) -> None:
    with SandboxServer(create_app(replayed(history, as_of), lambda: datetime.now(UTC))) as server:
        for fault in faults:
            httpx.post(f"{server.url}/_sandbox/faults", json=fault).raise_for_status()
        result = graph_at(server.url, warehouse, last).run(first, last, only=ASSETS)
        assert failed_steps(result) == []


def positions(warehouse: Warehouse, day: date) -> dict[int, dict[Any, Any]]:
    rows = warehouse.read("portfolio_positions", first=day, last=day).to_dict("records")
    return {row["position_no"]: row for row in rows}


def held(warehouse: Warehouse, day: date) -> set[int]:
    """Give the numbers of the positions that are still there; one that has left says so."""
    return {n for n, row in positions(warehouse, day).items() if row["status"] != "closed"}


def quotes_of(history: Path, day: date) -> dict[str, tuple[float, float]]:
    """Read bid and ask of the recorded chain by compact OCC symbol."""
    frame = pd.read_csv(history / FILES[1]).query("date == @day.isoformat()").dropna(subset="bid")
    return {
        f"AAPL{row['expiration'][2:].replace('-', '')}{row['right'][0].upper()}"
        f"{round(row['strike'] * 1000):08d}": (row["bid"], row["ask"])
        for row in frame.to_dict("records")
    }


def test_chains_of_both_evenings_value_a_book_continuously(
    history: Path, stored: Warehouse
) -> None:
    """Seven times the contracts at a seventh of the strike; worth moves with the share alone.

    Deep in the money the change is the share's own, within the width of both quotes.
    """
    run(history, FRIDAY, stored, THURSDAY, FRIDAY)
    run(history, EX, stored, EX, EX)
    before, after = positions(stored, FRIDAY), positions(stored, EX)
    old_quotes, new_quotes = quotes_of(history, FRIDAY), quotes_of(history, EX)
    raw = pd.read_csv(history / FILES[0]).query("symbol == 'AAPL'").set_index("date")["close"]
    move = 7 * raw[EX.isoformat()] - raw[FRIDAY.isoformat()]
    for number, (occ, (count, successor)) in enumerate(HELD.items(), 1):
        was, now = before[number], after[number]
        assert (was["symbol"], was["quantity"], was["status"]) == (occ, count, "priced")
        assert (now["symbol"], now["quantity"], now["status"]) == (successor, 7 * count, "priced")
        (bid, ask), (new_bid, new_ask) = old_quotes[occ], new_quotes[successor]
        assert float(was["market_value_usd"]) == pytest.approx(count * 100 * (bid + ask) / 2)
        expected = count * 700 * (new_bid + new_ask) / 2
        assert float(now["market_value_usd"]) == pytest.approx(expected)
        change = float(now["market_value_usd"] - was["market_value_usd"])
        assert float(now["daily_pnl_usd"]) == pytest.approx(change)
        width = abs(count) * 100 * ((ask - bid) + 7 * (new_ask - new_bid))
        if number <= 2:
            assert abs(change - count * 100 * move) <= width
        else:
            assert abs(change) <= abs(count) * 100 * abs(move) + width
        cost = count * 100 * 10
        assert float(now["unrealised_pnl_usd"]) == pytest.approx(expected - cost)


def test_a_recorded_chain_without_greeks_gets_ours(history: Path, stored: Warehouse) -> None:
    """The file has no volatility and no greek: what is worth more than its exercise gets them.

    Of calls and puts at the money both days imply about 20 % to 30 %, across the split.
    """
    run(history, FRIDAY, stored, FRIDAY, FRIDAY)
    run(history, EX, stored, EX, EX)
    rows = stored.read("option_values")
    assert len(rows) > 6000
    alive = rows[(rows["price_kind"] == "mid") & (rows["expiration_date"] > rows["session_date"])]
    implied = alive["implied_volatility"]
    sign = alive["option_type"].map({"call": 1.0, "put": -1.0})
    intrinsic = (sign * (alive["underlying_price"] - alive["strike_usd"])).clip(lower=0)
    has_time_value = alive["price_usd"] > intrinsic + 0.01
    assert implied[has_time_value].notna().mean() > 0.96
    assert implied[alive["price_usd"] < intrinsic].isna().all()
    assert alive.loc[implied.notna(), "computed"].str.contains("implied_volatility").all()
    near = (alive["strike_usd"] / alive["underlying_price"] - 1).abs() < 0.02
    months = alive["expiration_date"] == "2014-07-19"
    for day in (FRIDAY, EX):
        middle = implied[near & months & (alive["session_date"] == pd.Timestamp(day))]
        assert len(middle) > 8
        assert middle.between(0.18, 0.32).all()


def test_a_plan_without_quotes_is_valued_by_trades_and_computed(
    history: Path, stored: Warehouse
) -> None:
    """No bid, no ask, no share price: the last trade and the bar of the share give the rest."""
    run(history, EX, stored, EX, EX, {"vendor": "polygon", "kind": "delayed_plan"})
    rows = stored.read("option_values", symbols=["AAPL140621C00092860"])
    (row,) = rows.to_dict("records")
    assert pd.isna([row["bid"], row["ask"]]).all()
    assert (row["price_kind"], row["underlying_price"]) == ("last", 93.7)
    assert 0.18 < row["implied_volatility"] < 0.32
    assert set(row["computed"].split(",")) == {
        "implied_volatility", "delta", "gamma", "theta", "vega", "underlying_price",
    }  # fmt: skip
    cached = stored.read("market_data_cache", first=EX, symbols=["AAPL140621C00092860"])
    assert cached["delta"].tolist() == [row["delta"]]


def test_an_expired_contract_counts_to_its_last_session(history: Path, stored: Warehouse) -> None:
    """2014-06-06 was its last; the file still lists it on the 9th, and no value comes of it."""
    run(history, FRIDAY, stored, FRIDAY, FRIDAY)
    run(history, EX, stored, EX, EX)
    assert 9 in held(stored, FRIDAY)
    assert held(stored, EX) == set(range(1, len(HELD) + 1))
    left = positions(stored, EX)[9]
    assert (left["quantity"], left["market_value_usd"]) == (0, 0)
    assert left["flows_usd"] == -positions(stored, FRIDAY)[9]["market_value_usd"]
    later = stored.read("market_data_cache", first=EX, last=EX)
    assert EXPIRED not in set(later["symbol"])
    priced = later[later["asset_class"] == "option"]
    assert set(priced["symbol"]) == {successor for _, successor in HELD.values()}


def test_one_run_over_the_split_values_by_trades_what_traded(
    history: Path, stored: Warehouse
) -> None:
    """A backfill of 5 to 11 June knows daily bars: last trades of both series, then stale ones."""
    run(history, WEDNESDAY, stored, THURSDAY, WEDNESDAY)
    rows = stored.read("portfolio_positions").query("position_no == 3")
    found = {row["session_date"].date(): row for row in rows.to_dict("records")}
    assert found[THURSDAY]["status"] == "unpriced"
    assert [found[day]["symbol"] for day in (FRIDAY, EX)] == [
        "AAPL140621C00650000", "AAPL140621C00092860",
    ]  # fmt: skip
    assert found[FRIDAY]["market_value_usd"] == 3 * 100 * Decimal("9.9")
    assert found[EX]["quantity"] == 21
    assert found[EX]["status"] == "priced"
    for day in (TUESDAY, WEDNESDAY):
        assert found[day]["status"] == "stale"
        assert found[day]["market_value_usd"] == found[EX]["market_value_usd"]
    snapshots = stored.read("portfolio_snapshots").set_index("session_date")
    for before, after in zip(snapshots.index[:-1], snapshots.index[1:], strict=True):
        told = snapshots.loc[after, ["daily_pnl_usd", "flows_usd", "gap_usd"]].fillna(0).sum()
        assert snapshots.loc[after, "equity_usd"] == snapshots.loc[before, "equity_usd"] + told


def test_a_saturday_expiration_is_in_the_book_to_its_friday(
    history: Path, stored: Warehouse
) -> None:
    """Before February 2015 contracts bear the Saturday after their last trading day."""
    run(history, date(2014, 6, 23), stored, date(2014, 6, 18), date(2014, 6, 23))
    rows = stored.read("portfolio_positions").query("status != 'closed'")
    days = {day.date() for day in rows["session_date"]}
    assert days == {date(2014, 6, 18), date(2014, 6, 19), date(2014, 6, 20)}
