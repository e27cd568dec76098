"""Option chains read from a folder of recorded history: quotes, trades, open interest.

The file's quirks pass through: Saturday expirations, two series on a split day, contracts listed
after they expired. Does not: compute greeks or volatilities the file does not have.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.symbols import OptionContract, parse_symbol
from market_pipeline.sandbox.market import Bars, OptionQuote
from market_pipeline.sandbox.replay_prices import read_history

CHAINS = "options_chain_*.csv*"
_COLUMNS = (
    "date", "underlying", "expiration", "right", "strike", "bid", "bid_size", "ask", "ask_size",
    "open", "high", "low", "close", "volume", "open_interest",
)  # fmt: skip
_STRIKE_UNIT = Decimal("0.001")

UnderlyingClose = Callable[[str, np.datetime64], float | None]


class RecordedChains:
    """The option chains of a folder; the present is `as_of` (None: the last day with quotes)."""

    def __init__(self, directory: Path, as_of: date | None, close_of: UnderlyingClose) -> None:
        self._directory, self._asked, self._close_of = directory, as_of, close_of
        self._chain = lru_cache(maxsize=64)(self._read_chain)

    @cached_property
    def as_of(self) -> date | None:
        """The session snapshots speak of; None where the folder has no chain.

        Raises ConfigurationError where the folder has no chain on the day asked for.
        """
        rows = self._rows
        if rows.empty:
            return None
        if self._asked is None:
            quoted = rows.loc[rows["bid"].notna() | rows["ask"].notna(), "date"]
            return _day((quoted if len(quoted) else rows["date"]).max())
        if not (rows["date"] == pd.Timestamp(self._asked)).any():
            first, last = _day(rows["date"].min()), _day(rows["date"].max())
            raise ConfigurationError(
                f"no option chain is recorded on {self._asked}: the days lie in {first} to {last}"
            )
        return self._asked

    def chain(self, underlying: str) -> Sequence[OptionQuote]:
        """Give the chain of the present session, by OCC symbol."""
        return list(self._by_occ(underlying).values())

    def quote(self, contract: OptionContract) -> OptionQuote | None:
        """Give one contract of the present session's chain."""
        return self._by_occ(contract.underlying).get(contract.occ)

    def bars(self, contract: OptionContract) -> Bars | None:
        """Give the sessions in which the contract traded; None where it is not recorded."""
        rows = self._rows[self._rows["occ"] == contract.occ]
        if rows.empty:
            return None
        traded = rows[rows["close"].notna()]
        prices = {n: traded[n].to_numpy(dtype=np.float64) for n in ("open", "high", "low", "close")}
        nothing = np.zeros(len(traded))
        return Bars(
            days=traded["date"].to_numpy().astype("datetime64[D]"),
            **prices,
            adj_close=prices["close"],
            volume=traded["volume"].to_numpy(dtype=np.float64),
            dividends=nothing,
            splits=nothing,
        )

    def contracts(
        self, underlying: str, day: date | None, *, expired: bool
    ) -> Sequence[OptionContract]:
        """List what was alive on the last recorded session up to `day`, or had expired by it."""
        rows = self._rows[self._rows["underlying"] == underlying]
        day = day or self.as_of
        rows = rows[rows["date"] <= pd.Timestamp(day)] if day else rows
        if rows.empty or day is None:
            return []
        if expired:
            found = {one for one in rows["contract"] if one.expiration_date < day}
        else:
            listed = rows.loc[rows["date"] == rows["date"].max(), "contract"]
            found = {one for one in listed if one.expiration_date >= day}
        return sorted(found, key=lambda one: one.occ)

    @cached_property
    def _rows(self) -> pd.DataFrame:
        frame = read_history(self._directory, CHAINS, _COLUMNS)
        if frame is None:
            return pd.DataFrame(columns=[*_COLUMNS, "contract", "occ"])
        names = {text: parse_symbol(text) for text in frame["underlying"].unique()}
        frame["underlying"] = frame["underlying"].map(names)
        contracts = [
            OptionContract(
                underlying,
                date.fromisoformat(expiration),
                right,
                Decimal(str(strike)).quantize(_STRIKE_UNIT),
            )
            for underlying, expiration, right, strike in zip(
                frame["underlying"], frame["expiration"], frame["right"], frame["strike"],
                strict=True,
            )
        ]  # fmt: skip
        frame["contract"] = pd.Series(contracts, index=frame.index, dtype=object)
        frame["occ"] = [contract.occ for contract in contracts]
        return frame.sort_values("date", kind="stable", ignore_index=True)

    def _by_occ(self, underlying: str) -> dict[str, OptionQuote]:
        as_of = self.as_of
        return {} if as_of is None else self._chain(underlying, as_of)

    def _read_chain(self, underlying: str, session: date) -> dict[str, OptionQuote]:
        rows = self._rows[self._rows["underlying"] == underlying]
        today = rows[rows["date"] == pd.Timestamp(session)]
        earlier = rows.loc[rows["date"] < pd.Timestamp(session), "date"]
        before = rows[rows["date"] == earlier.max()] if len(earlier) else rows.iloc[:0]
        closes = {one.occ: _known(c) for one, c in zip(before["contract"], before["close"],
                                                       strict=True)}  # fmt: skip
        spot = self._close_of(underlying, np.datetime64(session))
        quotes = (_quote(row, session, closes, spot) for row in today.to_dict("records"))
        return {quote.contract.occ: quote for quote in sorted(quotes, key=_occ)}


def _quote(
    row: dict[Any, Any], session: date, closes: dict[str, float | None], spot: float | None
) -> OptionQuote:
    known = {name: _known(row[name]) for name in _COLUMNS[5:]}
    bid_size, ask_size = _count(known["bid_size"]), _count(known["ask_size"])
    # A size of nought says that nobody bids; only an empty size would leave it open.
    bid = 0.0 if known["bid"] is None and bid_size == 0 else known["bid"]
    contract: OptionContract = row["contract"]
    return OptionQuote(
        contract=contract,
        session=session,
        **{name: known[name] for name in ("open", "high", "low", "close", "volume")},
        vwap=None,
        previous_close=closes.get(contract.occ),
        bid=bid,
        ask=known["ask"],
        bid_size=bid_size,
        ask_size=ask_size,
        open_interest=_count(known["open_interest"]),
        implied_volatility=None,
        delta=None,
        gamma=None,
        theta=None,
        vega=None,
        underlying_price=spot,
    )


def _occ(quote: OptionQuote) -> str:
    return quote.contract.occ


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def _day(stamp: pd.Timestamp) -> date:
    return stamp.date()
