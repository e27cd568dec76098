"""What a split of the stock does to options on it, by the rule of the Options Clearing Corporation.

Quotes of options stay in the terms of their day, so a holding changes its name and its count on
the ex-date: the old series up to it, the new one from it on. docs/options.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pandas as pd

from market_pipeline.domain.books import OPTION, Book, Position
from market_pipeline.domain.symbols import OptionContract, parse_occ

Splits = Mapping[str, Sequence[tuple[date, float]]]
"""Ex-date and new shares per old of every split known, by symbol, dates rising."""

_CENT = Decimal("0.01")
# Vendors derive some ratios from rounded prices: 7 for 1 has been seen as 6.999997.
_SPLIT_ROUNDING = Fraction(5, 1_000_000)
_LARGEST_OLD_SHARES = 50


@dataclass(frozen=True, slots=True)
class Series:
    """The contract a holding stands in from `since` on, and how many of it one has become."""

    since: date
    symbol: str
    ratio: Fraction = Fraction(1)


def split_ratio(number: float) -> Fraction:
    """Read a vendor's new shares per old: the plain ratio it is a rounding of, else as it is."""
    ratio = Fraction(repr(float(number)))
    plain = ratio.limit_denominator(_LARGEST_OLD_SHARES)
    return plain if abs(plain - ratio) <= ratio * _SPLIT_ROUNDING else ratio


def split_contract(contract: OptionContract, ratio: Fraction) -> OptionContract | None:
    """Give the contract that one becomes by a split of `ratio` new shares per old.

    A whole split (2 for 1, 7 for 1) makes `ratio` contracts of each, the strike divided by it and
    rounded to the cent. None for any other (3 for 2, 1 for 10): count, strike and the hundredfold
    of the premium stay, the deliverable changes, and the root gets a digit the OCC chooses.
    """
    if ratio.denominator != 1 or ratio <= 1:
        return None
    strike = (contract.strike_usd / ratio.numerator).quantize(_CENT, ROUND_HALF_UP)
    if strike <= 0:
        return None
    return OptionContract(
        contract.underlying, contract.expiration_date, contract.option_type, strike
    )


def series_of(position: Position, as_of_date: date, splits: Splits) -> tuple[Series, ...]:
    """Give the series a position stands in over time, the book's own first.

    The book counts as of `as_of_date`: splits with a later ex-date, up to the expiration, apply. A
    position that is no option has one series.
    """
    found = [Series(date.min, position.symbol)]
    contract = parse_occ(position.symbol) if position.asset_class == OPTION else None
    if contract is None:
        return tuple(found)
    for ex_date, number in sorted(splits.get(contract.stock, ())):
        if not as_of_date < ex_date <= contract.expiration_date:
            continue
        ratio = split_ratio(number)
        after = split_contract(contract, ratio)
        if after is not None:
            contract = after
            found.append(Series(ex_date, contract.occ, found[-1].ratio * ratio))
    return tuple(found)


def series_on(series: Sequence[Series], day: date) -> Series:
    """Give the series in force on `day`."""
    return [each for each in series if each.since <= day][-1]


def splits_by_symbol(splits: pd.DataFrame) -> Splits:
    """Read splits (session_date = ex-date, symbol, split_ratio) by symbol; 0 and 1 are none."""
    found: dict[str, list[tuple[date, float]]] = {}
    if splits.empty:
        return found
    real = splits[(splits["split_ratio"] > 0) & (splits["split_ratio"] != 1)]
    for day, symbol, ratio in zip(
        real["session_date"].dt.date, real["symbol"], real["split_ratio"], strict=True
    ):
        found.setdefault(symbol, []).append((day, ratio))
    return found


def in_present_series(
    universe: pd.DataFrame, books: Sequence[Book], splits: Splits
) -> pd.DataFrame:
    """Name each held option of a universe as it is called in its session.

    `universe` has `UNIVERSE_COLUMNS`. From a split's ex-date on, a holding's row bears the symbol
    of its new series; the old symbol stays where another book means it, or it is watched.
    """
    lots = [
        (lot, series_of(lot, book.as_of_date, splits)) for book in books for lot in book.positions
    ]
    renamed = {lot.symbol for lot, series in lots if len(series) > 1}
    if not renamed:
        return universe
    is_touched = universe["symbol"].isin(renamed) & (universe["asset_class"] == OPTION)
    rows = []
    for row in universe[is_touched].to_dict("records"):
        day = row["session_date"].date()
        names = {
            series_on(series, day).symbol for lot, series in lots if lot.symbol == row["symbol"]
        }
        if "watched" in row["reasons"]:
            names.add(row["symbol"])
        rows += [{**row, "symbol": name} for name in sorted(names)]
    changed = pd.DataFrame(rows, columns=universe.columns).astype(universe.dtypes.to_dict())
    joined = pd.concat([universe[~is_touched], changed], ignore_index=True)
    joined = joined.drop_duplicates(["session_date", "symbol", "asset_class"])
    return joined.sort_values(["session_date", "symbol"], kind="stable", ignore_index=True)
