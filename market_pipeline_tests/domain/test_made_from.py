"""Digests of what portfolios were made from: the future leaves them, a change to the past does not.

That nothing may be chained over a change is a law over stored snapshots, in
`warehouse/test_made_from.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from market_pipeline.domain.bookkeeping import ledger_of
from market_pipeline.domain.books import Book, Position
from market_pipeline.domain.ledger import ManualValues
from market_pipeline.domain.made_from import made_from
from market_pipeline.domain.option_splits import Splits
from market_pipeline.domain.transactions import Transaction, cash_effect

DAYS = [date(2026, 3, 2) + timedelta(days=n) for n in range(12)]
AS_OF = DAYS[0]
CALL = "KO260918C00070000"


def position(no: int, symbol: str = "KO", quantity: int = 10, **rest: Any) -> Position:
    entry, kind = rest.pop("entry_date", AS_OF), rest.pop("asset_class", "stock")
    return Position(no, symbol, kind, Decimal(quantity), Decimal(50), entry, **rest)


def traded(day: date, kind: str, quantity: int, symbol: str | None = "KO") -> Transaction:
    price = None if symbol is None else Decimal("41.5")
    amount = cash_effect(kind, Decimal(quantity), price, 1, Decimal(0))
    asset_class = None if symbol is None else "stock"
    return Transaction(
        0, day, kind, Decimal(quantity), amount, Decimal(0), price, symbol, asset_class
    )


def digests(
    *rows: Position | Transaction,
    splits: Splits | None = None,
    dividends: Mapping[str, Sequence[tuple[date, Decimal]]] | None = None,
    values: ManualValues | None = None,
    as_of: date = AS_OF,
) -> list[str]:
    """Give the digest of each of `DAYS`."""
    held = tuple(row for row in rows if isinstance(row, Position))
    done = sorted(
        (row for row in rows if isinstance(row, Transaction)), key=lambda one: one.trade_date
    )
    book = Book("p", "p", as_of, "p.csv", "hash", held) if held else None
    ledger = ledger_of("p", book, done, splits or {}, dividends or {}, values or {})
    past = made_from(ledger)
    return [past.on(day) for day in DAYS]


def first_other(one: Sequence[str], other: Sequence[str]) -> date | None:
    """Give the first of `DAYS` on which two lists of digests differ; from there on all must."""
    differs = [a != b for a, b in zip(one, other, strict=True)]
    if not any(differs):
        return None
    at = differs.index(True)
    assert all(differs[at:])
    return DAYS[at]


MADE = st.builds(
    traded, st.sampled_from(DAYS[1:]), st.sampled_from(["buy", "sell", "short", "cover"]),
    st.integers(1, 9), st.sampled_from(["KO", "PEP"]),
)  # fmt: skip
RATIOS = st.sampled_from([2.0, 3.0, 1.5, 0.1])


@settings(deadline=None)
@given(st.lists(MADE, max_size=8), st.lists(MADE, min_size=1, max_size=4), st.booleans(), RATIOS)
def test_what_is_added_later_leaves_the_digests_before(
    done: list[Transaction], more: list[Transaction], is_of_file: bool, ratio: float
) -> None:
    """Trades, exits, dividends and splits: nothing moves before the first of them."""
    cut = min(one.trade_date for one in more)
    held = [one for one in done if one.trade_date < cut]
    opening: list[Position | Transaction] = [traded(DAYS[0], "deposit", 900, None)]
    before, after = [*opening, *held], [*opening, *held, *more]
    if is_of_file:
        before.append(position(1))
        after.append(position(1, exit_date=DAYS[11], exit_price_usd=Decimal(60)))
    late = {name: [(DAYS[11], ratio)] for name in ("KO", "PEP")}
    changed = first_other(digests(*before), digests(*after, splits=late))
    assert changed == cut


@settings(deadline=None)
@given(st.lists(MADE, min_size=2, max_size=8), st.integers(0, 7), st.integers(0, 11))
def test_a_moved_row_changes_the_digests_from_the_earlier_of_its_days_on(
    done: list[Transaction], at: int, to: int
) -> None:
    """And of no day before."""
    opening = traded(DAYS[0], "deposit", 900, None)
    here = done[at % len(done)]
    there = replace(here, trade_date=DAYS[to])
    moved = [there if one is here else one for one in done]
    changed = first_other(digests(opening, *done), digests(opening, *moved))
    if here.trade_date == there.trade_date:
        assert changed in (None, here.trade_date)  # a row more or less early within its day
    else:
        assert changed == min(here.trade_date, there.trade_date)


def test_exits_and_lapses_count_from_their_day_on() -> None:
    """Whether something is left to lapse is told by rows up to that day."""
    stays = digests(position(1))
    sold = digests(position(1, exit_date=DAYS[4], exit_price_usd=Decimal(60)))
    left = digests(position(1, exit_date=DAYS[4]))
    assert first_other(stays, sold) == first_other(stays, left) == DAYS[4]
    assert first_other(sold, left) == DAYS[4]


def test_values_by_hand_count_from_their_day_on_and_the_first_from_the_entry() -> None:
    """The first one also tells what the holding was worth before."""
    house = position(1, "HOUSE", asset_class="private")
    worth = {("HOUSE", AS_OF): [(DAYS[2], Decimal(70))]}
    more = {("HOUSE", AS_OF): [(DAYS[2], Decimal(70)), (DAYS[6], Decimal(80))]}
    known = digests(house, values=worth)
    assert first_other(known, digests(house, values=more)) == DAYS[6]
    assert first_other(known, digests(house)) == DAYS[0]


def test_a_split_that_is_learned_late_counts_from_its_ex_date_on() -> None:
    """Stocks and options are counted in terms of the day, whatever came later."""
    call = position(2, CALL, 1, asset_class="option", multiplier=100)
    call = replace(call, underlying="KO", expiration_date=date(2026, 9, 18))
    known: Splits = {"KO": [(DAYS[5], 2.0)]}
    more: Splits = {"KO": [(DAYS[5], 2.0), (DAYS[8], 3.0)]}
    for rows in ([position(1)], [call], [traded(DAYS[1], "buy", 3)]):
        none = digests(*rows)
        assert first_other(none, digests(*rows, splits=known)) == DAYS[5]
        assert first_other(digests(*rows, splits=known), digests(*rows, splits=more)) == DAYS[8]


def test_declared_dividends_count_from_their_ex_date_on() -> None:
    """One that is learned of late changes what every day since was made from."""
    paid = {"KO": [(DAYS[3], Decimal("0.5"))]}
    assert first_other(digests(position(1)), digests(position(1), dividends=paid)) == DAYS[3]


def test_a_file_sorted_otherwise_was_made_from_the_same() -> None:
    """Numbers of lots come from their place, and mean nothing to what they are worth."""
    one = digests(position(1), position(2, "PEP", entry_date=AS_OF))
    other = digests(position(1, "PEP"), position(2, entry_date=AS_OF))
    assert first_other(one, other) is None


def test_lots_cannot_change_places_unseen() -> None:
    """Of two lots of a day the dearer is sold, or the cheaper: the same events, of other lots."""
    cheap, dear = position(1), replace(position(2), entry_price_usd=Decimal(90))
    out: dict[str, Any] = {"exit_date": DAYS[3], "exit_price_usd": Decimal(95)}
    one = digests(replace(cheap, **out), dear)
    other = digests(cheap, replace(dear, **out))
    assert first_other(one, other) == DAYS[3]


def test_the_first_deposit_changes_all_that_was_before() -> None:
    """From then on trades are paid from the balance, as if they always had been."""
    bought = traded(DAYS[1], "buy", 3)
    with_cash = digests(bought, traded(DAYS[9], "deposit", 100, None))
    assert first_other(digests(bought), with_cash) == DAYS[0]
