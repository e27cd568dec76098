"""An option's name in a broker's writing to its contract, at the edge of the importer."""

import re
from datetime import date
from decimal import Decimal

from market_pipeline.domain.symbols import OptionContract, parse_occ

_STRIKE = r"(?P<strike>(?:[0-9]{1,5}|[1-9][0-9]?,[0-9]{3})(?:\.[0-9]{1,3})?)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # -AAPL260116C150, the minus of a broker that marks options with it; strike in dollars
        rf"-?(?P<root>[A-Z][A-Z0-9]{{0,5}})(?P<y>[0-9]{{2}})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}})"
        rf"(?P<side>[CP]){_STRIKE}",
        # AAPL 01/16/2026 150.00 C
        rf"(?P<root>[A-Z][A-Z0-9.]{{0,6}}) (?P<m>[0-9]{{1,2}})/(?P<d>[0-9]{{1,2}})/"
        rf"(?P<y>[0-9]{{4}}) \$?{_STRIKE} (?P<side>[CP])(?:ALL|UT)?",
        # AAPL 1/16/2026 Call $150.00
        rf"(?P<root>[A-Z][A-Z0-9.]{{0,6}}) (?P<m>[0-9]{{1,2}})/(?P<d>[0-9]{{1,2}})/"
        rf"(?P<y>[0-9]{{4}}) (?P<side>[CP])(?:ALL|UT)? \$?{_STRIKE}",
    )
)


def parse_option(text: str) -> OptionContract | None:
    """Read an option: OCC in any writing, or one of the forms brokers print; else None.

    The forms: `-AAPL260116C150`, `AAPL 01/16/2026 150.00 C`, `AAPL 1/16/2026 Call $150.00`.
    """
    text = " ".join(text.split()) if text.isascii() else ""
    contract = parse_occ(text)
    if contract is not None:
        return contract
    match = next((found for form in _FORMS if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    year = int(match["y"])
    strike = Decimal(match["strike"].replace(",", ""))
    side = match["side"].upper()
    try:
        expiration = date(year if year > 99 else 2000 + year, int(match["m"]), int(match["d"]))
        written = OptionContract(
            match["root"].upper(), expiration, "call" if side == "C" else "put", strike
        )
    except ValueError:
        return None
    # By its OCC symbol, which knows the share classes whose dot a root has lost.
    return parse_occ(written.occ)
