"""What one value must be before either dialect may hold it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_pipeline.warehouse.values import canonical, clean_text, fault_in_text, is_exact

LARGEST = Decimal("999999999999999999.9999999999")


@given(st.decimals(-LARGEST, LARGEST, places=10))
def test_a_number_of_ten_decimals_keeps_its_value_and_has_one_spelling(value: Decimal) -> None:
    """Canonical form changes no value and is the same for every spelling of a number."""
    written = canonical(value)
    assert written == value
    assert is_exact(value)
    assert str(canonical(Decimal(f"{value:f}00"))) == str(written)
    assert "E" not in str(written) or abs(value) < Decimal("1e-6")


@pytest.mark.parametrize(
    ("given_", "stored"),
    [("0.00000000005", "0"), ("0.00000000015", "2E-10"), ("1.23456789015", "1.2345678902"),
     ("-0.00000000001", "0"), ("1E+3", "1000"), ("-0", "0"), ("5.00", "5")],
)  # fmt: skip
def test_further_decimals_are_rounded_half_to_even(given_: str, stored: str) -> None:
    """The eleventh decimal is rounded half to even, and zero has no sign."""
    assert str(canonical(Decimal(given_))) == stored


@pytest.mark.parametrize("text", ["1e18", "-1e18", "NaN", "sNaN", "Infinity", "1e400",
                                  "999999999999999999.99999999995"])  # fmt: skip
def test_a_number_the_column_cannot_hold_is_refused(text: str) -> None:
    """What overflows 18 digits, even by rounding, or is no number raises ValueError."""
    with pytest.raises(ValueError, match="18 digits"):
        canonical(Decimal(text))


@given(st.text(st.characters(codec=None, categories=None), max_size=40))
def test_a_cleaned_remark_is_storable(text: str) -> None:
    """Whatever a vendor sends, its cleaned form has no fault and only shrinks at the end."""
    cleaned = clean_text(text, 20)
    assert fault_in_text(cleaned, 20) is None
    assert len(cleaned) == min(len(text), 20)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("a\0b", "NUL"), ("a\ud800", "surrogate"), ("\udfff", "surrogate"), ("abcd", "3 at most")],
)
def test_faults_are_named(text: str, fault: str) -> None:
    """NUL, lone surrogates and overlong text each have their own words."""
    assert fault in (fault_in_text(text, 3) or "")
