"""What a portfolio's rows add up to: P&L by holding, value by sector.

Pure: rows in, sums out, money exact. Which rows are read stands in `portfolio_view`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from market_pipeline.domain.books import CASH, PRIVATE
from market_pipeline.domain.symbols import underlying_of
from market_pipeline.reports.portfolio_rows import PositionRow, SnapshotRow

UNKNOWN_SECTOR, PRIVATE_SECTOR, CASH_SECTOR = "No sector known", "Held privately", "Cash"
_ENDS = 12
"""How many holdings stand at each end of a long P&L table."""

Amount = Decimal | None


@dataclass(frozen=True, slots=True)
class HoldingPnl:
    """What all lots of a symbol did: in the session, and (unrealised, realised) so far.

    An amount is None where no lot has one. Realised holds gains of closing and dividends, less
    fees; dividends and fees are those of the session.
    """

    symbol: str
    daily_usd: Amount
    unrealised_usd: Amount
    realised_usd: Amount
    dividends_usd: Amount
    fees_usd: Amount

    @property
    def amounts(self) -> tuple[Amount, ...]:
        """All amounts, in the order of the fields."""
        return (
            self.daily_usd, self.unrealised_usd, self.realised_usd, self.dividends_usd,
            self.fees_usd,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PnlTable:
    """P&L by holding, largest gain of the session first, those without one last.

    `elsewhere` is what the snapshot has beyond these: lots that ended before the session, moves of
    cash; None where nothing is missing. Holdings and it add up to `total`.
    """

    holdings: tuple[HoldingPnl, ...]
    elsewhere: HoldingPnl | None
    total: HoldingPnl

    @property
    def shown(self) -> tuple[HoldingPnl, ...]:
        """Both ends of a long table, all of a short one."""
        if not self.between:
            return self.holdings
        return self.holdings[:_ENDS] + self.holdings[-_ENDS:]

    @property
    def between(self) -> tuple[HoldingPnl, ...]:
        """What a long table leaves out of `shown`."""
        return self.holdings[_ENDS:-_ENDS]

    @property
    def largest_usd(self) -> Decimal:
        """The largest amount of the session, whatever its sign; what bars are measured by."""
        return max(
            (abs(each.daily_usd or Decimal(0)) for each in self.holdings), default=Decimal(0)
        )


@dataclass(frozen=True, slots=True)
class SectorWeight:
    """What is held in a sector: options stand, at their own value, in that of their underlying."""

    sector: str
    net_usd: Decimal
    long_usd: Decimal
    short_usd: Decimal
    symbol_count: int


def pnl_by_holding(rows: Iterable[PositionRow], snapshot: SnapshotRow) -> PnlTable:
    """Add up the P&L of each symbol's lots, those that ended in the session included."""
    lots: dict[str, list[PositionRow]] = {}
    for row in rows:
        lots.setdefault(row.symbol, []).append(row)
    holdings = [_holding(symbol, each) for symbol, each in lots.items()]
    total = HoldingPnl(
        "", snapshot.daily_pnl_usd, snapshot.unrealised_pnl_usd, snapshot.realised_pnl_usd,
        snapshot.dividends_usd, snapshot.fees_usd,
    )  # fmt: skip
    return PnlTable(tuple(sorted(holdings, key=_best_first)), _rest(total, holdings), total)


def weights_by_sector(
    rows: Iterable[PositionRow], sectors: Mapping[str, str]
) -> tuple[SectorWeight, ...]:
    """Add up market values by the sector of each symbol; the largest net value comes first."""
    values: dict[str, list[Decimal]] = {}
    symbols: dict[str, set[str]] = {}
    for row in rows:
        if row.market_value_usd is not None:
            sector = _sector(row, sectors)
            values.setdefault(sector, []).append(row.market_value_usd)
            symbols.setdefault(sector, set()).add(row.symbol)
    weights = [
        SectorWeight(
            sector,
            sum(each, Decimal(0)),
            sum((value for value in each if value > 0), Decimal(0)),
            -sum((value for value in each if value < 0), Decimal(0)),
            len(symbols[sector]),
        )
        for sector, each in values.items()
    ]
    return tuple(sorted(weights, key=lambda each: (-abs(each.net_usd), each.sector)))


def _holding(symbol: str, lots: Sequence[PositionRow]) -> HoldingPnl:
    return HoldingPnl(
        symbol,
        _sum(row.daily_pnl_usd for row in lots),
        _sum(row.unrealised_pnl_usd for row in lots),
        _sum(row.realised_pnl_usd for row in lots),
        _sum(row.dividends_usd for row in lots),
        _sum(row.fees_usd for row in lots),
    )


def _sum(amounts: Iterable[Amount]) -> Amount:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _rest(total: HoldingPnl, holdings: Sequence[HoldingPnl]) -> HoldingPnl | None:
    sums = map(_sum, zip(*(each.amounts for each in holdings), strict=True))
    held = list(sums) if holdings else [None] * len(total.amounts)
    left = [
        None if whole is None else whole - (part or 0)
        for whole, part in zip(total.amounts, held, strict=True)
    ]
    return HoldingPnl("", *left) if any(left) else None


def _best_first(each: HoldingPnl) -> tuple[bool, Decimal, Decimal, str]:
    daily, unrealised = each.daily_usd, each.unrealised_usd or Decimal(0)
    return daily is None, -(daily or Decimal(0)), -unrealised, each.symbol


def _sector(row: PositionRow, sectors: Mapping[str, str]) -> str:
    if row.asset_class == CASH:
        return CASH_SECTOR
    if row.asset_class == PRIVATE:
        return PRIVATE_SECTOR
    return sectors.get(underlying_of(row.symbol)) or UNKNOWN_SECTOR
