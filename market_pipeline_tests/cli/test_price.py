"""`market-pipeline price` and the symbol cache as typed."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from market_pipeline.domain.collection import UNKNOWN_SYMBOL
from market_pipeline.domain.companies import CompanyProfile
from market_pipeline.domain.frames import typed_frame
from market_pipeline.domain.ports import CollectedBatch, Coverage
from market_pipeline.warehouse import Warehouse
from market_pipeline.warehouse.company_store import profile_rows
from market_pipeline.warehouse.tables import metadata
from market_pipeline_tests.cli.conftest import Run


def test_the_latest_price_is_shown_with_its_betas(run: Run, stored: Warehouse) -> None:
    """In the order asked for, once each, however the symbol is written."""
    shown = run("price", "msft", "AAPL", "MSFT", "-f", "json")
    assert shown.exit_code == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert [row["symbol"] for row in found] == ["MSFT", "AAPL"]
    kept = stored.read("market_data_cache", symbols=["AAPL"]).iloc[-1]
    assert found[1]["price_usd"] == kept["price_usd"]
    assert found[1]["session_date"] == kept["session_date"].date().isoformat()
    betas = stored.read("symbol_factor_exposures", symbols=["AAPL"])
    for factor, beta in zip(betas["factor"], betas["beta"], strict=True):
        assert found[1][f"beta_{factor}"] == beta
    assert "AAPL" in run("price", "AAPL").stdout


def test_a_symbol_without_a_price_is_named_and_the_rest_shown(run: Run, stored: Warehouse) -> None:
    """The exit code says that something is missing."""
    shown = run("price", "AAPL", "NOSUCH", "-f", "json")
    assert (shown.exit_code, len(json.loads(shown.stdout))) == (1, 1)
    assert "NOSUCH: no price" in shown.stderr
    assert run("price", "=1+1").exit_code == 2


def test_readiness_and_hits_are_told(run: Run, stored: Warehouse) -> None:
    """Cold, filled, and outdated by the next change."""
    assert "not ready, never filled" in run("cache", "stats").stderr
    cold = run("cache", "status", "-f", "json")
    assert (cold.exit_code, json.loads(cold.stdout)[0]["is_ready"]) == (1, False)
    shown = run("cache", "fill")
    assert (shown.exit_code, shown.stdout.strip().split()[-2:]) == (0, ["symbols", "kept"])
    run("price", "AAPL")
    found = json.loads((told := run("cache", "stats", "-f", "json")).stdout)
    row = next(row for row in found if row["kind"] == "symbol")
    assert (row["hits"], row["misses"], row["hit_share"]) == (1, 0, 1.0)
    assert "symbols: ready" in told.stderr
    warm = run("cache", "status", "-f", "json")
    (standing,) = json.loads(warm.stdout)
    assert (warm.exit_code, standing["is_ready"], standing["hit_share"]) == (0, True, 1.0)
    assert standing["entries"] == stored.read("market_data_cache")["symbol"].nunique()
    assert 0 <= standing["age_s"] < 600
    assert "symbols: ready" in warm.stderr
    prices = stored.read("market_data_cache")
    stored.merge("market_data_cache", prices.assign(price_usd=prices["price_usd"] + 1))
    assert "not ready, rows changed since" in run("cache", "stats").stderr
    before = prices.loc[prices["symbol"] == "AAPL", "price_usd"].iloc[-1]
    (now,) = json.loads(run("price", "AAPL", "-f", "json").stdout)
    assert now["price_usd"] == before + 1


def test_without_a_warehouse_nothing_is_made(run: Run, state_dir: Path) -> None:
    """Looking says how to begin, and creates no file."""
    assert run("price", "AAPL").exit_code != 0
    assert not (state_dir / "warehouse.db").exists()


def test_symbols_are_shown_with_first_and_last_session(run: Run, stored: Warehouse) -> None:
    """Who left is inactive and still there, delisted or not."""
    universe = stored.read("symbol_universe")
    newest = universe["session_date"].max()
    before = newest - pd.Timedelta(days=1)
    stored.merge("symbol_universe", universe.assign(session_date=before))
    gone = universe[universe["symbol"] == "MSFT"].assign(symbol="GONE", session_date=before)
    stored.merge("symbol_universe", gone)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    unknown = Coverage("equity_bars", "GONE", at.date(), at.date(), "s", at, UNKNOWN_SYMBOL)
    stored.commit_batch(
        "equity_bars", CollectedBatch(stored.read("equity_bars").head(0), coverage=(unknown,))
    )
    shown = run("symbols", "-f", "json")
    assert shown.exit_code == 0, shown.stderr
    found = {row["symbol"]: row for row in json.loads(shown.stdout)}
    assert list(found)[-1] == "GONE"
    kept = found["AAPL"]
    assert (kept["first_seen_date"], kept["last_seen_date"]) == (
        before.date().isoformat(), newest.date().isoformat(),
    )  # fmt: skip
    assert (kept["is_active"], kept["is_known"], kept["reasons"]) == (True, True, "held")
    left = found["GONE"]
    assert left["first_seen_date"] == left["last_seen_date"] == before.date().isoformat()
    assert (left["is_active"], left["is_known"]) == (False, False)
    active = json.loads(run("symbols", "--active", "-f", "json").stdout)
    assert {row["symbol"] for row in active} == set(universe["symbol"])


def test_companies_and_their_figures_are_shown(run: Run, stored: Warehouse) -> None:
    """What is not known is null, never zero."""
    at = datetime(2026, 11, 20, tzinfo=UTC)
    profile = CompanyProfile("KO", "Coca-Cola", "yahoo", "stock", "XNYS", "Staples")
    stored.merge("company_profiles", profile_rows([profile], at))
    columns = metadata.tables["fundamentals"].columns.keys()
    row = {
        "symbol": "KO", "as_of_date": pd.Timestamp("2026-11-20"), "market_cap": 3e11,
        "source": "yahoo", "fetched_at": at,
    }  # fmt: skip
    stored.merge("fundamentals", typed_frame([row], columns))
    (company,) = json.loads(run("show", "companies", "-f", "json").stdout)
    assert (company["symbol"], company["exchange"], company["industry"]) == ("KO", "XNYS", None)
    (figures,) = json.loads(run("show", "fundamentals", "-s", "KO", "-f", "json").stdout)
    assert (figures["market_cap"], figures["trailing_pe"]) == (3e11, None)
