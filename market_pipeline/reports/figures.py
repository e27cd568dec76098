"""Numbers, days and names as people read them in a report: money, shares, betas, New York time.

For eyes only, in terminal and HTML alike; machines get `rendering`. Text of others is cleaned
here, too: no control or direction characters, one line.
"""

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from market_pipeline.domain.factor_definitions import SPREAD
from market_pipeline.domain.headlines import clean_text
from market_pipeline.domain.sentiment import is_low, label_of
from market_pipeline.domain.sessions import NEW_YORK
from market_pipeline.domain.symbols import parse_occ
from market_pipeline.settings import current_settings

MISSING = "–"
MINUS = "\N{MINUS SIGN}"
_MAX_TEXT = 2000
_COMPACT: tuple[tuple[int, str], ...] = (
    (10**12, "T"),
    (10**9, "B"),
    (10**6, "M"),
    (10**3, "K"),
    (1, ""),
)

Number = Decimal | float | int


def money(value: Number | None, *, signed: bool = False, places: int = 2) -> str:
    """Write US dollars: `$1,234.50`, a minus before losses; `signed` puts a plus before gains."""
    return _grouped(value, places, prefix="$", signed=signed)


def number(value: Number | None, *, signed: bool = False, places: int = 2) -> str:
    """Write a number with thousands apart and `places` decimals."""
    return _grouped(value, places, signed=signed)


def percent(value: Number | None, *, signed: bool = False, places: int = 2) -> str:
    """Write a percentage that is one already: `1.25 %`."""
    text = _grouped(value, places, signed=signed)
    return text if text == MISSING else f"{text}\N{NO-BREAK SPACE}%"


def share(part: Number | None, whole: Number | None = 1) -> str:
    """Write `part` of `whole` as a percentage; missing where the whole is not positive."""
    if part is None or whole is None or whole <= 0:
        return MISSING
    return percent(float(part) / float(whole) * 100, places=1)


def quantity(value: Number | None) -> str:
    """Write a quantity with the decimals it has and no more."""
    if value is None:
        return MISSING
    digits = f"{abs(Decimal(value)).normalize():,f}"
    return f"{MINUS}{digits}" if value < 0 else digits


def price(value: Number | None) -> str:
    """Write a price: cents, and four decimals below a dollar."""
    if value is None:
        return MISSING
    is_small = 0 < abs(float(value)) < 1
    return _grouped(value, 4 if is_small else 2)


def compact(value: float, step: float, size: float) -> str:
    """Write dollars short, as an axis does: `$1.25M`.

    `size` picks the unit (the same for a whole axis), `step` says how many decimals tell one label
    from the next.
    """
    unit, letter = next(pair for pair in _COMPACT if size >= pair[0] or pair[0] == 1)
    places = next((n for n in range(4) if round(step / unit, n) == round(step / unit, 6)), 4)
    return _grouped(value / unit, places, prefix="$") + letter


def long_day(day: date) -> str:
    """Write a date in words: `Friday, 20 November 2026`."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def new_york(instant: datetime) -> str:
    """Write an instant as New York clocks show it: `Fri 2026-11-20 14:32`."""
    return f"{instant.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M}"


def tone(score: float, confidence: float) -> str:
    """Write how a headline reads and how sure that is: `positive +0.82, 91 % sure`.

    A confidence that is low is said before the number, for half the readers stop there.
    """
    label, sure = label_of(score), percent(confidence * 100, places=0)
    said = f"{label} {number(score, signed=True)}"
    return f"{said}, low confidence: {sure}" if is_low(confidence) else f"{said}, {sure} sure"


def sign(value: Number | None) -> str:
    """Say whether a change is a `gain`, a `loss` or `even`."""
    if value is None or not value:
        return "even"
    return "gain" if value > 0 else "loss"


def described(symbol: str) -> str:
    """Say in words what an option's symbol says; nothing for any other."""
    contract = parse_occ(symbol)
    if contract is None:
        return ""
    strike, day = quantity(contract.strike_usd), contract.expiration_date
    return f"{contract.underlying} {contract.option_type} {strike}, {day.day} {day:%b %Y}"


def factor_title(factor: str) -> str:
    """Name a factor for people: `Interest rate`, `Style VTV`."""
    text = clean(factor).replace("_", " ")
    return text[:1].upper() + text[1:]


def scenario_title(scenario: str) -> str:
    """Name a stress test for people: `Market down 10 %`, `Sector energy down 2 sigma`."""
    kind, _, factor = scenario.partition(":")
    said = f"{factor_title(factor)} {words(kind)}" if factor else words(kind)
    for unit, shown in ((" pct", " %"), (" bp", " bp"), (" sigma", " sigma")):
        said = said.replace(unit, shown.replace(" ", "\N{NO-BREAK SPACE}"))
    return said[:1].upper() + said[1:]


def factor_proxy(factor: str) -> str | None:
    """Name what a factor is measured against, as the settings define it: `SPY`, `VUG less VTV`."""
    for definition in current_settings().definitions:
        if definition.kind == SPREAD and factor == definition.name:
            return " less ".join(definition.proxies)
        if factor in definition.factors:
            return definition.proxies[definition.factors.index(factor)]
    return None


def factor_kinds() -> dict[str, str]:
    """Give the kind of every factor the settings define: `market`, `style`, `sector`."""
    definitions = current_settings().definitions
    return {factor: one.kind for one in definitions for factor in one.factors}


def words(code: str) -> str:
    """Write a code such as `high_below_low` as words."""
    return clean(code).replace("_", " ")


def clean(text: str) -> str:
    """Make text of others safe to show: no control or format characters, one line."""
    return clean_text(text, _MAX_TEXT)


def _grouped(value: Number | None, places: int, *, prefix: str = "", signed: bool = False) -> str:
    if value is None or (isinstance(value, float) and not abs(value) < float("inf")):
        return MISSING
    exact = Decimal(value) if isinstance(value, int | Decimal) else Decimal(repr(value))
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    mark = MINUS if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{mark}{prefix}{abs(rounded):,f}"
