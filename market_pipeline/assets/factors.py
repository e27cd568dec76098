"""How much every symbol moves with each factor that is defined."""

import os
from collections.abc import Mapping, Sequence

import dagster as dg
import pandas as pd
from pydantic import Field

from market_pipeline.assets.conditions import FOLLOWS_ITS_INPUTS
from market_pipeline.assets.framework import Work, stored_asset, working
from market_pipeline.domain.books import STOCK
from market_pipeline.domain.derived_exposures import option_exposures, private_exposures
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.factor_definitions import FactorDefinition, longest_window
from market_pipeline.domain.factors import (
    EXPOSURE_COLUMNS,
    exposures,
    returns_for_regression,
    spikes_of,
)
from market_pipeline.domain.frames import empty_frame
from market_pipeline.domain.ports import Clock
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.domain.universe import collectable
from market_pipeline.io_managers import COLUMNS, ROWS, SESSIONS_BEFORE, Derived
from market_pipeline.settings import Settings
from market_pipeline.warehouse import Warehouse

_SHOWN = 10
# A night reads a year of all stocks: of that what regressions need, of its own session more.
_OF_STOCKS = {"asset_class": STOCK}
_OF_RETURNS = ["session_date", "symbol", "return_1d", "flags"]
_OF_PRICES = ["session_date", "symbol", "asset_class", "price_usd", "multiplier", "delta"]


class FactorChoice(dg.Config):
    """Which definitions a run measures."""

    only: list[str] = Field(
        default=[], description="Names of the definitions to measure; empty: all that are active."
    )


def define(
    partitions: dg.TimeWindowPartitionsDefinition, definitions: Sequence[FactorDefinition]
) -> dg.AssetsDefinition:
    """Define `factor_exposures` over the trading sessions; it reads back the longest window."""
    longest = longest_window(definitions)

    @stored_asset(
        "symbol_factor_exposures",
        group="factors",
        kinds={"numpy", "sql"},
        partitions=partitions,
        version="2",
        ins={
            "market_data_cache": dg.AssetIn(
                metadata={SESSIONS_BEFORE: longest, COLUMNS: _OF_RETURNS, ROWS: _OF_STOCKS}
            )
        },
        automation_condition=FOLLOWS_ITS_INPUTS,
    )
    def factor_exposures(
        context: dg.AssetExecutionContext,
        config: FactorChoice,
        symbol_universe: pd.DataFrame,
        market_data_cache: pd.DataFrame,
        warehouse: dg.ResourceParam[Warehouse],
        calendar: dg.ResourceParam[TradingCalendar],
        settings: dg.ResourceParam[Settings],
        clock: dg.ResourceParam[Clock],
    ) -> Derived:
        """Exposure of every symbol to every factor that is defined, with its uncertainty.

        Grain: one row a session, symbol and factor, with the version of its definition. Source:
        rolling regressions of daily price returns on the proxies of `factor_definitions`; options
        through their delta, private holdings by the symbol that stands in; see docs/factors.md.
        Fresh: with market_data_cache. A factor whose proxy has no prices is skipped, and the
        reason kept. With `only` no row of another definition is touched.
        """
        with working(context) as work:
            # Those of the settings are in force from here on, whatever was before.
            settled = warehouse.factors.settle_definitions(settings.definitions, clock())
            chosen = _chosen(settled, config.only)
            begin = calendar.shift(work.first, 1 - longest)
            stocks = market_data_cache.assign(**_OF_STOCKS)
            returns = returns_for_regression(stocks, calendar.sessions(begin, work.last))
            prices = warehouse.read(
                "market_data_cache", first=work.first, last=work.last, columns=_OF_PRICES
            )
            derived = _measure(
                work, chosen, (returns, spikes_of(stocks)), symbol_universe, prices,
                settings.private_proxies,
            )  # fmt: skip
            work.report_rows(derived.frame)
            if not config.only:
                return derived
            # An option that has no delta has none for any factor: that is for a whole run to say.
            names = [definition.name for definition in chosen]
            of_them = [n for n in derived.notes or () if n.subject.rpartition(":")[2] in names]
            return Derived(
                derived.frame, notes=tuple(of_them), versions=derived.versions, notes_about=names
            )

    return factor_exposures


def _chosen(
    settled: Sequence[FactorDefinition], only: Sequence[str]
) -> tuple[FactorDefinition, ...]:
    """Keep the definitions named, all where none is."""
    unknown = sorted(set(only) - {definition.name for definition in settled})
    if unknown:
        raise ConfigurationError(
            f"no active factor definition is called {', '.join(unknown)}; there are "
            f"{', '.join(definition.name for definition in settled)}"
        )
    return tuple(each for each in settled if not only or each.name in only)


def _measure(
    work: Work,
    definitions: Sequence[FactorDefinition],
    known: tuple[pd.DataFrame, pd.DataFrame],
    universe: pd.DataFrame,
    prices: pd.DataFrame,
    stand_ins: Mapping[str, str],
) -> Derived:
    """Measure what has prices of its own, and derive from it what has none."""
    returns, spikes = known
    measured = exposures(
        returns, definitions, work.first, work.last, collectable(universe),
        workers=os.cpu_count() or 1, spikes=spikes,
    )  # fmt: skip
    options = option_exposures(measured.frame, prices)
    private = private_exposures(measured.frame, universe, stand_ins)
    parts = [part for part in (measured.frame, options.frame, private) if not part.empty]
    frame = pd.concat(parts or [empty_frame(EXPOSURE_COLUMNS)])
    frame = frame.sort_values(["session_date", "symbol", "factor"], ignore_index=True)
    notes = (*measured.notes, *options.notes)
    skipped = sorted({n.reason for n in measured.notes if n.outcome == "skipped"})
    work.report(
        definitions=", ".join(f"{each.name} v{each.version}" for each in definitions),
        notes=len(notes),
        skipped="; ".join(skipped[:_SHOWN]),
    )
    versions = {definition.name: definition.version for definition in definitions}
    return Derived(frame, notes=notes, versions=versions)
