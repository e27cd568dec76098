"""Prices as traded, adjusted for splits, and adjusted for splits and dividends, from actions.

Bars are kept split-adjusted (`equity_bars`), actions on the same basis; everything else follows
from the two, so that a new split or dividend restates history by computing it again. Vectorised,
one symbol at a time: arrays of sessions, rising, and of actions by ex-date, in any order.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market_pipeline.domain.frames import Floats

Days = npt.NDArray[np.datetime64]

DIVIDEND, SPLIT = "dividend", "split"


@dataclass(frozen=True, slots=True)
class Actions:
    """The corporate actions of one symbol, on the split basis of its bars.

    Ex-dates as `datetime64`; `split_ratios` new shares for each old one, `dividends_usd` cash a
    share. Several dividends may share an ex-date.
    """

    split_dates: Days
    split_ratios: Floats
    dividend_dates: Days
    dividends_usd: Floats


@dataclass(frozen=True, slots=True)
class AdjustedCloses:
    """Three closes a session, USD a share: as traded, split-adjusted, total-return adjusted."""

    raw: Floats
    split_adjusted: Floats
    total_return: Floats


def adjusted_closes(days: Days, closes: Floats, actions: Actions) -> AdjustedCloses:
    """Derive the three closes of rising sessions `days` from split-adjusted `closes`.

    The last session is the anchor of the total-return series: there all that is adjusted for
    dividends equals the split-adjusted close. NaN closes stay NaN.
    """
    return AdjustedCloses(
        raw=closes * later_splits(days, actions.split_dates, actions.split_ratios),
        split_adjusted=closes,
        total_return=closes
        * later_dividends(days, closes, actions.dividend_dates, actions.dividends_usd),
    )


def later_splits(days: Days, ex_dates: Days, ratios: Floats) -> Floats:
    """Give for each day the product of the split ratios with a later ex-date: 1 without any.

    A price as traded is the split-adjusted one times this, a number of shares is divided by it.
    Ratios that are not positive and finite say nothing and count as 1.
    """
    usable = np.where(np.isfinite(ratios) & (ratios > 0), ratios, 1.0)
    return _product_after(days, ex_dates, usable)


def later_dividends(days: Days, closes: Floats, ex_dates: Days, amounts: Floats) -> Floats:
    """Give for each day the product of `1 - dividend / previous close` of later ex-dates.

    The convention of CRSP and Yahoo: the return of a session across its ex-date is
    close / (previous close - dividend) - 1, the dividend reinvested at the previous close less
    itself. The previous close is the last one known before the ex-date; without one there is
    nothing to adjust. Dividends of one ex-date count as their sum. Where a dividend is not below
    the previous close no factor exists, and all before it is NaN. A dividend that goes ex after
    the last of `days` is no part of the series yet, and is left out.
    """
    paid_on, which = np.unique(ex_dates, return_inverse=True)
    paid = np.zeros(len(paid_on))
    np.add.at(paid, which, np.nan_to_num(amounts))
    if len(days):
        within = paid_on <= days[-1]
        paid_on, paid = paid_on[within], paid[within]
    known_days, known = days[np.isfinite(closes)], closes[np.isfinite(closes)]
    before = np.searchsorted(known_days, paid_on) - 1
    has_before = before >= 0
    previous = np.where(has_before, known[np.maximum(before, 0)] if len(known) else 1.0, 1.0)
    factors = np.where(has_before, 1.0 - paid / previous, 1.0)
    return _product_after(days, paid_on, np.where(factors > 0, factors, np.nan))


def total_returns(days: Days, closes: Floats, actions: Actions) -> Floats:
    """Give each session's total return from the session before, NaN for the first.

    Computed from that session alone, without a chain of factors: what the returns of the
    total-return series must equal. `days` without gaps in `closes`.
    """
    paid = np.zeros(len(days))
    at = np.searchsorted(days, actions.dividend_dates)
    inside = (at > 0) & (at < len(days))
    np.add.at(paid, at[inside], np.nan_to_num(actions.dividends_usd[inside]))
    returns = np.full(len(days), np.nan)
    returns[1:] = closes[1:] / (closes[:-1] - paid[1:]) - 1
    return returns


def _product_after(days: Days, ex_dates: Days, factors: Floats) -> Floats:
    """Multiply for each day the factors whose ex-date is after it."""
    order = np.argsort(ex_dates, kind="stable")
    suffix = np.append(np.cumprod(factors[order][::-1])[::-1], 1.0)
    at: Floats = suffix[np.searchsorted(ex_dates[order], days, side="right")]
    return at
