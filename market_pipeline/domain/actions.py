"""Corporate actions as holdings meet them: splits and dividends by symbol, from stored rows."""

from datetime import date
from decimal import Decimal

import pandas as pd

from market_pipeline.domain.exact import of_float
from market_pipeline.domain.ledger import Dividends
from market_pipeline.domain.option_splits import Splits, splits_by_symbol


def splits_of_actions(rows: pd.DataFrame) -> Splits:
    """Read splits (ex_date, symbol, value: new shares per old) by symbol."""
    return splits_by_symbol(
        rows.rename(columns={"ex_date": "session_date", "value": "split_ratio"})
    )


def dividends_by_symbol(rows: pd.DataFrame) -> Dividends:
    """Read dividends (ex_date, symbol, value: USD a share on the prices' basis) by symbol."""
    found: dict[str, list[tuple[date, Decimal]]] = {}
    told = zip(rows["ex_date"].dt.date, rows["symbol"], rows["value"], strict=True)
    for day, symbol, value in told:
        if value > 0:
            found.setdefault(symbol, []).append((day, of_float(value)))
    return {symbol: sorted(each) for symbol, each in found.items()}
