"""How every portfolio moves with the factors, and what it may lose."""

from datetime import date

import dagster as dg
import pandas as pd

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import stored_asset, working
from market_pipeline.assets.position_blocks import position_blocks
from market_pipeline.domain.moving_dollars import moving_dollars
from market_pipeline.domain.portfolio_risk import SESSIONS_BEFORE, Risk, portfolio_risk
from market_pipeline.domain.ports import WriteCounts
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.io_managers import Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

BLOCK_POSITIONS = 40_000
"""So many positions, each of a session, are measured at once: a row a factor of each, and a year's
returns of what they move with."""

_POSITION = [
    "session_date", "portfolio_id", "symbol", "asset_class", "quantity", "multiplier",
    "market_value_usd", "status",
]  # fmt: skip
_PRICE = ["session_date", "symbol", "price_usd", "delta", "return_1d", "flags"]
_BETA = ["session_date", "symbol", "factor", "beta", "quality"]
_GREEKS = ["session_date", "symbol", "gamma", "theta", "vega"]


def define(partitions: dg.TimeWindowPartitionsDefinition) -> dg.AssetsDefinition:
    """Define `portfolio_risk` over the trading sessions."""

    @stored_asset(
        "portfolio_risk",
        group="portfolios",
        kinds={"numpy", "sql"},
        partitions=partitions,
        deps=[
            "symbol_universe", "option_values", "market_data_cache", "factor_exposures",
            "portfolio_snapshots",
        ],
        automation_condition=FOLLOWS_ITS_INPUTS,
    )  # fmt: skip
    def portfolio_risk(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
    ) -> Derived:
        """Greeks, sectors, value at risk and expected shortfall of every portfolio.

        Beside it exposures to factors (`position_factor_exposures`, `portfolio_factor_exposures`)
        and stress tests (`portfolio_stress`). Grain: one row a session and portfolio. Source: the
        snapshots' positions, symbol_factor_exposures and a year of returns; definitions in
        docs/factors.md. Fresh: with its inputs.
        """
        with working(context) as work:
            # Each is stored whole before the next is begun: what is held in memory does not grow
            # with the range, and a session is complete or absent all the same.
            blocks = position_blocks(warehouse, calendar, work.first, work.last, BLOCK_POSITIONS)
            days, exposures, scenarios, stored = [], 0, 0, WriteCounts()
            for first, last in blocks:
                risk = _measure(warehouse, calendar, settings, first, last)
                days.append(risk.portfolios[["session_date"]])
                exposures += len(risk.positions)
                scenarios += len(risk.stress)
                if last != work.last:
                    stored += warehouse.replace_ranges(_tables(risk), first, last)
            work.report_rows(pd.concat(days))
            work.report(exposures=exposures, scenarios=scenarios, blocks=len(blocks))
            tables = _tables(risk)
            return Derived(
                tables.pop("portfolio_risk"), alongside=tables, first=blocks[-1][0], stored=stored
            )

    return portfolio_risk


def _tables(risk: Risk) -> dict[str, pd.DataFrame]:
    return {
        "portfolio_risk": risk.portfolios,
        "position_factor_exposures": risk.positions,
        "portfolio_factor_exposures": risk.factors,
        "portfolio_stress": risk.stress,
    }


def _measure(
    warehouse: Warehouse, calendar: TradingCalendar, settings: Settings, first: date, last: date
) -> Risk:
    """Read what the range's portfolios hold, and the returns of a year before it."""

    def rows(table: str, columns: list[str], symbols: list[str] | None = None) -> pd.DataFrame:
        return warehouse.read(table, first=first, last=last, symbols=symbols, columns=columns)

    positions = rows("portfolio_positions", _POSITION)
    symbols = _symbols(positions, settings)
    begin = calendar.shift(first, -SESSIONS_BEFORE)
    prices = warehouse.read(
        "market_data_cache", first=begin, last=last,
        symbols=sorted({*symbols, *settings.factor_proxies}), columns=_PRICE,
    )  # fmt: skip
    return portfolio_risk(
        moving_dollars(
            positions, prices, rows("option_values", _GREEKS, symbols), settings.private_proxies
        ),
        rows("portfolio_snapshots", ["session_date", "portfolio_id", "equity_usd"]),
        rows("symbol_factor_exposures", _BETA, symbols),
        prices,
        rows("symbol_universe", ["session_date", "symbol", "sector"], symbols),
        settings.definitions,
        sessions=calendar.sessions(begin, last),
        first=first,
        last=last,
        duration=settings.rate_proxy_duration,
    )


def _symbols(positions: pd.DataFrame, settings: Settings) -> list[str]:
    """Name what is held, and what it moves with."""
    held = set(positions["symbol"])
    contracts = [contract for contract in map(parse_occ, held) if contract is not None]
    return sorted({*held, *(each.stock for each in contracts), *settings.private_proxies.values()})
