"""How much a whole portfolio moves with a factor: its positions' dollars times their betas.

Linear in positions and in betas. Belongs here: which position counts with how many dollars, and
which cannot be counted and why. Does not: how a symbol's beta is measured (`factors`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import fsum, isfinite

import pandas as pd

from market_pipeline.domain.books import CASH, OPTION, PRIVATE
from market_pipeline.domain.symbols import parse_occ, stock_delivered


@dataclass(frozen=True, slots=True)
class Contribution:
    """What all positions in one symbol add: `base_usd` times `beta` is `exposure_usd`.

    `base_usd` is signed: the market value of a stock, the delta-equivalent of an option.
    """

    symbol: str
    base_usd: float
    beta: float
    exposure_usd: float
    quality: str


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A symbol whose positions could not be counted, and why; None: not even a value."""

    symbol: str
    market_value_usd: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class FactorExposure:
    """A portfolio's exposure to one factor: dollars that move one for one with it.

    `beta` is exposure / equity (None where equity is not positive), `covered_share` the part of
    the gross value, cash aside, that is counted (None without any). Contributions and uncovered
    stand largest first.
    """

    factor: str
    exposure_usd: float
    beta: float | None
    covered_share: float | None
    contributions: tuple[Contribution, ...]
    uncovered: tuple[Uncovered, ...]


@dataclass(frozen=True, slots=True)
class _Holding:
    """All lots of one symbol: what they are worth, and what moves with which symbol's returns."""

    symbol: str
    moves_with: str
    value: float | None
    base: float | None
    fault: str


def portfolio_exposures(
    positions: pd.DataFrame, betas: pd.DataFrame, market_data: pd.DataFrame, equity_usd: float
) -> tuple[FactorExposure, ...]:
    """Add one portfolio's positions up to its exposure to every factor in `betas`.

    Takes rows of one session: `portfolio_positions` of the portfolio, `symbol_factor_exposures`
    and `market_data_cache` of its symbols and of its options' underlyings. A stock counts with its
    market value, an option with delta x underlying price x multiplier x quantity, each times the
    (underlying's) beta; cash counts nowhere. The largest exposure comes first.
    """
    holdings = _holdings(positions, market_data)
    by_factor: dict[str, dict[str, tuple[float, str]]] = {}
    for symbol, factor, beta, quality in zip(
        betas["symbol"], betas["factor"], betas["beta"], betas["quality"], strict=True
    ):
        known = by_factor.setdefault(factor, {})
        if not pd.isna(beta):  # collinear: there is a row, and no number
            known[symbol] = (float(beta), quality)
    found = [_exposure(factor, known, holdings, equity_usd) for factor, known in by_factor.items()]
    return tuple(sorted(found, key=lambda each: (-abs(each.exposure_usd), each.factor)))


def underlying_of(symbol: str) -> str:
    """Give the symbol whose returns move `symbol`: an option's underlying, else itself."""
    contract = parse_occ(symbol)
    return symbol if contract is None else contract.stock


def _exposure(
    factor: str,
    betas: Mapping[str, tuple[float, str]],
    holdings: Iterable[_Holding],
    equity_usd: float,
) -> FactorExposure:
    counted: list[Contribution] = []
    uncovered: list[Uncovered] = []
    gross: list[float] = []
    covered: list[float] = []
    for each in holdings:
        gross.append(abs(each.value or 0.0))
        if each.base is None:
            uncovered.append(Uncovered(each.symbol, each.value, each.fault))
        elif each.moves_with not in betas:
            reason = f"no {factor} beta of {each.moves_with}"
            uncovered.append(Uncovered(each.symbol, each.value, reason))
        else:
            beta, quality = betas[each.moves_with]
            dollars = each.base * beta
            counted.append(Contribution(each.symbol, each.base, beta, dollars, quality))
            covered.append(gross[-1])
    exposure = fsum(each.exposure_usd for each in counted)
    whole = fsum(gross)
    return FactorExposure(
        factor,
        exposure,
        exposure / equity_usd if equity_usd > 0 else None,
        fsum(covered) / whole if whole > 0 else None,
        tuple(sorted(counted, key=lambda each: (-abs(each.exposure_usd), each.symbol))),
        tuple(sorted(uncovered, key=lambda each: (-abs(each.market_value_usd or 0), each.symbol))),
    )


def _holdings(positions: pd.DataFrame, market_data: pd.DataFrame) -> list[_Holding]:
    """Join the lots of each symbol and asset class; cash is left out."""
    prices = dict(zip(market_data["symbol"], market_data["price_usd"], strict=True))
    deltas = dict(zip(market_data["symbol"], market_data["delta"], strict=True))
    lots: dict[tuple[str, str], list[tuple[float | None, float]]] = {}
    delivers_shares: dict[str, bool] = {}
    for symbol, asset_class, quantity, multiplier, value in zip(
        positions["symbol"], positions["asset_class"], positions["quantity"],
        positions["multiplier"], positions["market_value_usd"], strict=True,
    ):  # fmt: skip
        if asset_class != CASH:
            delivers_shares[symbol] = stock_delivered(symbol, multiplier) is not None
            worth = None if pd.isna(value) else float(value)
            units = float(quantity) * float(multiplier)
            lots.setdefault((symbol, asset_class), []).append((worth, units))
    holdings = []
    for (symbol, asset_class), each in sorted(lots.items()):
        known = [worth for worth, _ in each if worth is not None]
        value = fsum(known) if known else None
        mover = underlying_of(symbol) if asset_class == OPTION else symbol
        base, fault = value, "no price"
        if asset_class == PRIVATE:
            base, fault = None, "held privately, at its manual value: no market moves it"
        elif asset_class == OPTION and value is not None:
            units = fsum(units for _, units in each)
            base, fault = _delta_equivalent(units, deltas.get(symbol), mover, prices.get(mover))
            if not delivers_shares[symbol]:
                base, fault = None, "its contract delivers something else than the shares"
        holdings.append(_Holding(symbol, mover, value, base, fault))
    return holdings


def _delta_equivalent(
    units: float, delta: float | None, underlying: str, price: float | None
) -> tuple[float | None, str]:
    """Give the dollars of underlying that move like the option, or None and why not."""
    if delta is None or not isfinite(delta):
        return None, "its quote has no delta"
    if price is None or not isfinite(price):
        return None, f"no price of {underlying}"
    return units * delta * price, ""
