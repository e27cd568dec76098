"""How instruments are named: our tables' form, and the forms vendors use for the same thing.

Stocks, ETFs and indices stand in dot form (`BRK.B`, `^GSPC`), options as compact OCC
(`AAPL251219C00150000`). Dashes, `O:` and padding exist only at the edges. US listings only:
a dash and a dot both part the share class from the ticker.
"""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

MAX_TICKER_LENGTH = 12

# ASCII classes on purpose: `\w` and `\d` would let look-alike letters and digits through.
_TICKER = re.compile(r"\^?[A-Z][A-Z0-9]*(?:[.-][A-Z0-9]+)*")
_ROOT = re.compile(r"[A-Z][A-Z0-9]{0,5}")
_OCC = re.compile(
    rf"(?:O:)?({_ROOT.pattern}) {{0,5}}([0-9]{{2}})([0-9]{{2}})([0-9]{{2}})([CP])([0-9]{{8}})"
)

# OCC roots have no room for a dot, so the share class must be known to be put back.
_SHARE_CLASS_ROOTS = {
    "BFA": "BF.A",
    "BFB": "BF.B",
    "BRKB": "BRK.B",
    "HEIA": "HEI.A",
    "LENB": "LEN.B",
    "MOGA": "MOG.A",
}

_STRIKE_UNIT = Decimal("0.001")
_STRIKE_LIMIT = Decimal(100_000)


def parse_symbol(text: str) -> str:
    """Read a ticker and return it in canonical form: upper case, share class after a dot.

    Up to 12 letters, digits, dots and dashes, a letter first; `^` may lead (an index).
    Raises ValueError for anything else, formula-like text included.
    """
    ticker = text.strip(" ")
    # Before upper(): it turns some non-ASCII letters into ASCII ones.
    if not ticker.isascii():
        raise ValueError("a ticker has only ASCII letters, digits, dots and dashes")
    ticker = ticker.upper()
    if len(ticker.removeprefix("^")) > MAX_TICKER_LENGTH or not _TICKER.fullmatch(ticker):
        raise ValueError(
            f"a ticker has up to {MAX_TICKER_LENGTH} letters, digits, dots and dashes, "
            "a letter first (^ may lead an index)"
        )
    return ticker.replace("-", ".")


def to_dashed(symbol: str) -> str:
    """Write a canonical symbol as Yahoo and Finviz do: `BRK.B` becomes `BRK-B`."""
    return symbol.replace(".", "-")


def to_polygon(symbol: str) -> str:
    """Write a canonical symbol as Polygon does: `O:` before an option, stocks unchanged.

    Raises ValueError for an index: Polygon names those differently (`I:SPX` for `^GSPC`).
    """
    if symbol.startswith("^"):
        raise ValueError(f"{symbol}: Polygon knows indices by other names")
    return f"O:{symbol}" if is_option(symbol) else symbol


def from_polygon(ticker: str) -> str:
    """Read a Polygon stock or option ticker into canonical form; ValueError if it is neither."""
    contract = parse_occ(ticker)
    return contract.occ if contract is not None else parse_symbol(ticker)


@dataclass(frozen=True, slots=True)
class OptionContract:
    """A listed option: what its OCC symbol says, no more.

    `underlying` is in dot form, `option_type` call or put, `strike_usd` a positive multiple of
    0.001 below 100,000, the year 2000 to 2099. Raises ValueError otherwise.
    """

    underlying: str
    expiration_date: date
    option_type: str
    strike_usd: Decimal

    def __post_init__(self) -> None:
        if not _ROOT.fullmatch(self.root):
            raise ValueError(f"{self.underlying!r}: an option's underlying has 1 to 6 characters")
        if self.option_type not in ("call", "put"):
            raise ValueError(f"{self.option_type!r}: an option is a call or a put")
        if not 2000 <= self.expiration_date.year <= 2099:
            raise ValueError(f"{self.expiration_date}: an option expires in 2000 to 2099")
        if not 0 < self.strike_usd < _STRIKE_LIMIT or self.strike_usd % _STRIKE_UNIT:
            raise ValueError(f"{self.strike_usd}: a strike is 0.001 to 99999.999, in thousandths")

    @property
    def root(self) -> str:
        """The OCC root: the underlying without its dot."""
        return self.underlying.replace(".", "")

    @property
    def is_adjusted(self) -> bool:
        """Whether the root ends in a digit: after a corporate action, so not plainly 100 shares."""
        return self.root[-1].isdigit()

    @property
    def stock(self) -> str:
        """The symbol of the stock it is written on: an adjusted root less its digit."""
        if not self.is_adjusted:
            return self.underlying
        root = self.root.rstrip("0123456789")
        return _SHARE_CLASS_ROOTS.get(root, root)

    @property
    def occ(self) -> str:
        """The compact OCC symbol, such as `AAPL251219C00150000`."""
        thousandths = int(self.strike_usd / _STRIKE_UNIT)
        side = self.option_type[0].upper()
        return f"{self.root}{self.expiration_date:%y%m%d}{side}{thousandths:08d}"


def parse_occ(text: str) -> OptionContract | None:
    """Read an OCC symbol: compact, `O:` before it, or padded to 21 characters; any case.

    Returns None for anything else, an impossible date or a zero strike included.
    """
    text = text.strip(" ")
    match = _OCC.fullmatch(text.upper()) if text.isascii() else None
    if match is None:
        return None
    root, year, month, day, side, thousandths = match.groups()
    try:
        return OptionContract(
            underlying=_SHARE_CLASS_ROOTS.get(root, root),
            expiration_date=date(2000 + int(year), int(month), int(day)),
            option_type="call" if side == "C" else "put",
            strike_usd=Decimal(int(thousandths)) / 1000,
        )
    except ValueError:
        return None


STANDARD, MINI, ADJUSTED = "standard", "mini", "adjusted"
PLAIN = (STANDARD, MINI)
"""Kinds that deliver nothing but shares, so that the share prices a contract."""

_STANDARD_SHARES, _MINI_SHARES, _MINI_DIGIT = 100, 10, "7"


def stock_delivered(symbol: str, multiplier: int) -> str | None:
    """Name the stock whose shares a contract delivers; None where it delivers something else."""
    contract = parse_occ(symbol)
    if contract is None or contract_kind(symbol, multiplier) == ADJUSTED:
        return None
    return contract.stock


def contract_kind(symbol: str, multiplier: float) -> str:
    """Tell what a contract stands for: `standard` 100 shares, `mini` 10, or `adjusted`.

    Minis had a 7 after the root (AAPL7, 2013 to 2014). Any other digit, or any other multiplier,
    is a contract that a corporate action has changed. Raises ValueError for no OCC symbol.
    """
    return recognised_kind(symbol, multiplier)[0]


def recognised_kind(
    symbol: str, multiplier: float, *, delivers_more: bool = False
) -> tuple[str, str]:
    """Tell the kind as `contract_kind` does, and by what it was recognised, in words.

    `delivers_more`: the vendor says that it delivers other things than the shares, as contracts do
    that a merger or a spin-off has changed.
    """
    contract = parse_occ(symbol)
    if contract is None:
        raise ValueError(f"{symbol[:40]!r} is no option symbol")
    shares = f"{multiplier:g} shares"
    root = f"root {contract.root}"
    if delivers_more:
        return ADJUSTED, "other deliverables than the shares"
    if multiplier == _MINI_SHARES and (
        not contract.is_adjusted or contract.root[-1] == _MINI_DIGIT
    ):
        return MINI, f"{shares}, {root}"
    if contract.is_adjusted:
        return ADJUSTED, f"{root} ends in a digit"
    return (STANDARD if multiplier == _STANDARD_SHARES else ADJUSTED), shares


def is_option(symbol: str) -> bool:
    """Tell whether a symbol reads as an OCC option."""
    return parse_occ(symbol) is not None


def underlying_of(symbol: str) -> str:
    """Give the symbol whose returns move `symbol`: an option's underlying, else itself."""
    contract = parse_occ(symbol)
    return symbol if contract is None else contract.stock
