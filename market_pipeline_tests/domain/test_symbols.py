"""Names of instruments: one form inside, vendors' forms at the edge."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.domain.symbols import (
    OptionContract,
    from_polygon,
    is_option,
    parse_occ,
    parse_symbol,
    to_dashed,
    to_polygon,
    underlying_of,
)

contracts = st.builds(
    OptionContract,
    underlying=st.sampled_from(["A", "AAPL", "BRK.B", "GOOGL", "SPXW"]),
    expiration_date=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    option_type=st.sampled_from(["call", "put"]),
    strike_usd=st.integers(1, 99_999_999).map(lambda n: Decimal(n) / 1000),
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("AAPL", "AAPL"),
        ("  brk-b ", "BRK.B"),
        ("BRK.B", "BRK.B"),
        ("^gspc", "^GSPC"),
        ("A", "A"),
        ("ABCDEFGHIJKL", "ABCDEFGHIJKL"),
        ("X2", "X2"),
    ],
)
def test_a_ticker_has_one_canonical_form(written: str, canonical: str) -> None:
    """Case, outer spaces and the kind of separator do not matter."""
    assert parse_symbol(written) == canonical


@pytest.mark.parametrize(
    "text",
    ["", " ", "=A1", "+A", "-A", "@A", "\tA", "1A", "A B", "A..B", "A.", "-", "^", "ABCDEFGHIJKLM",
     "A\n", "A\x00", "AAPL251219C00150000", "\u00df", "\u0391APL", "A\u0661", "A/B", "A;B", "^^A"],
)  # fmt: skip
def test_what_is_no_ticker_is_refused(text: str) -> None:
    """Formula-like text, look-alike letters and anything over 12 characters raise ValueError."""
    with pytest.raises(ValueError, match="a ticker has"):
        parse_symbol(text)


def test_vendors_forms_differ_by_vendor() -> None:
    """Yahoo and Finviz part the class with a dash, Polygon with a dot and marks options."""
    assert to_dashed("BRK.B") == "BRK-B"
    assert to_polygon("BRK.B") == "BRK.B"
    assert to_polygon("AAPL251219C00150000") == "O:AAPL251219C00150000"
    assert from_polygon("O:AAPL251219C00150000") == "AAPL251219C00150000"
    assert from_polygon("BRK.B") == "BRK.B"


def test_polygon_has_no_name_for_an_index_in_our_form() -> None:
    """An index is refused rather than sent under a name that means nothing there."""
    with pytest.raises(ValueError, match="other names"):
        to_polygon("^GSPC")


@pytest.mark.parametrize(
    "text",
    [
        "AAPL251219C00150000",
        "O:AAPL251219C00150000",
        "AAPL  251219C00150000",
        " aapl251219c00150000 ",
    ],
)
def test_every_usual_writing_of_an_occ_symbol_is_one_contract(text: str) -> None:
    """Compact, prefixed, padded and lower-case forms name the same contract."""
    contract = parse_occ(text)
    assert contract == OptionContract("AAPL", date(2025, 12, 19), "call", Decimal(150))
    assert contract is not None
    assert contract.occ == "AAPL251219C00150000"


@pytest.mark.parametrize(
    "text",
    ["AAPL", "", "AAPL251319C00150000", "AAPL250230P00150000", "AAPL251219C00000000",
     "AAPL251219X00150000", "AAPL251219C0015000", "=AAPL251219C00150000",
     "TOOLONG251219C00150000", "AAPL251219C0015000\u0660"],
)  # fmt: skip
def test_what_is_no_contract_reads_as_none(text: str) -> None:
    """Impossible dates, zero strikes, foreign digits and plain tickers are no options."""
    assert parse_occ(text) is None
    assert not is_option(text)


@given(contracts)
def test_a_contract_survives_its_symbol(contract: OptionContract) -> None:
    """Writing and reading an OCC symbol gives the contract back, share class included."""
    assert parse_occ(contract.occ) == contract
    assert parse_occ(f"{contract.root:<6}{contract.occ[-15:]}") == contract
    assert len(contract.occ) == len(contract.root) + 15


@given(st.text(max_size=30))
def test_any_text_is_a_ticker_or_a_value_error(text: str) -> None:
    """A ticker read once reads the same again; nothing else comes out but ValueError."""
    assert parse_occ(text) is None or is_option(text)
    try:
        symbol = parse_symbol(text)
    except ValueError:
        return
    assert parse_symbol(symbol) == symbol
    assert parse_symbol(to_dashed(symbol)) == symbol


@pytest.mark.parametrize(
    ("underlying", "expiration", "option_type", "strike"),
    [
        ("AAPL", date(2027, 6, 17), "call", "0"),
        ("AAPL", date(2027, 6, 17), "call", "100000"),
        ("AAPL", date(2027, 6, 17), "call", "1.0005"),
        ("AAPL", date(1999, 6, 17), "call", "1"),
        ("AAPL", date(2027, 6, 17), "CALL", "1"),
        ("^SPX", date(2027, 6, 17), "call", "1"),
        ("", date(2027, 6, 17), "call", "1"),
    ],
)
def test_a_contract_without_an_occ_symbol_cannot_exist(
    underlying: str, expiration: date, option_type: str, strike: str
) -> None:
    """What an OCC symbol cannot say is refused when the contract is made."""
    with pytest.raises(ValueError, match=r"option|strike"):
        OptionContract(underlying, expiration, option_type, Decimal(strike))


def test_a_root_that_ends_in_a_digit_is_an_adjusted_contract() -> None:
    """After a split or merger a contract no longer stands for plainly 100 shares."""
    adjusted, plain = parse_occ("AAPL1251219C00150000"), parse_occ("AAPL251219C00150000")
    assert adjusted is not None
    assert adjusted.is_adjusted
    assert plain is not None
    assert not plain.is_adjusted


def test_an_option_moves_with_its_underlying_and_a_stock_with_itself() -> None:
    """The root's share class is found, too."""
    assert underlying_of("BRKB280121C00300000") == "BRK.B"
    assert underlying_of("BRK.B") == "BRK.B"
