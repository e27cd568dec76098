"""What a factor is, as data: its proxies, how exposure to it is measured, and what is shipped.

Nothing is computed here, and nothing slow imported: settings are made of these. What each number
means stands in docs/factors.md.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from market_pipeline.domain.regression import Model

OLS, RIDGE, EWLS = "ols", "ridge", "ewls"
METHODS = (OLS, RIDGE, EWLS)
MARKET_KIND, MACRO, STYLE, SPREAD, SECTOR = "market", "macro", "style", "spread", "sector"
KINDS = (MARKET_KIND, MACRO, STYLE, SPREAD, SECTOR)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")
LONGEST_WINDOW = 2_520
"""Ten years of sessions."""


@dataclass(frozen=True, slots=True)
class FactorDefinition:
    """A factor and how exposure to it is measured: over `window` sessions against its proxies.

    Several proxies are fitted jointly and give an exposure each; a spread's two are one factor, the
    first's return less the second's. `version` counts the definitions that ever bore the name; two
    that differ in nothing else are equal. Raises ValueError for what cannot be computed.
    """

    name: str
    proxies: tuple[str, ...]
    window: int = 90
    min_observations: int = 30
    cap: float = 5.0
    method: str = OLS
    kind: str = MACRO
    penalty: float = 0.0
    half_life: float | None = None
    version: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"{self.name[:40]!r} is no name: at most 24 small letters, digits or _, a letter "
                "first"
            )
        for name, value, known in (("method", self.method, METHODS), ("kind", self.kind, KINDS)):
            if value not in known:
                raise ValueError(f"{self.name}: {name} {value!r} is none of {', '.join(known)}")
        if not self.proxies or len(set(self.proxies)) < len(self.proxies):
            raise ValueError(f"{self.name}: needs proxies, each once")
        if self.kind == SPREAD and len(self.proxies) != 2:
            raise ValueError(
                f"{self.name}: a spread has two proxies, and there are {len(self.proxies)}"
            )
        self._check_sessions()
        self._check_numbers()

    def _check_sessions(self) -> None:
        least = len(self.factors) + 2
        if not least <= self.min_observations <= self.window:
            raise ValueError(
                f"{self.name}: min_observations is {self.min_observations}, and must be from "
                f"{least} (the factors and two) to window, which is {self.window}"
            )
        if self.window > LONGEST_WINDOW:
            raise ValueError(
                f"{self.name}: window is {self.window}, and must be at most {LONGEST_WINDOW}"
            )

    def _check_numbers(self) -> None:
        if not 0 < self.cap < inf:
            raise ValueError(f"{self.name}: cap is {self.cap}, and must be a number above 0")
        if not (0 < self.penalty < inf if self.method == RIDGE else self.penalty == 0):
            raise ValueError(
                f"{self.name}: penalty is {self.penalty}; method {RIDGE!r} needs one above 0, and "
                "no other has one"
            )
        half_life = self.half_life
        if not (half_life is None if self.method != EWLS else half_life and 0 < half_life < inf):
            raise ValueError(
                f"{self.name}: half_life is {half_life}; method {EWLS!r} needs one above 0, and "
                "no other has one"
            )

    @property
    def factors(self) -> tuple[str, ...]:
        """Name the factors that are answered, one a column of the regression.

        Names are small letters and symbols are not: no two definitions answer to one.
        """
        if self.kind == SPREAD or len(self.proxies) == 1:
            return (self.name,)
        return tuple(f"{self.name}_{proxy}" for proxy in self.proxies)

    @property
    def proxy(self) -> str:
        """Give the only proxy; the first of several."""
        return self.proxies[0]

    def model(self) -> "Model":
        """Give what the regression needs to know."""
        from market_pipeline.domain.regression import Model

        return Model(
            self.window, self.min_observations,
            penalty=self.penalty, half_life=self.half_life, cap=self.cap,
        )  # fmt: skip


STYLE_PROXIES = ("VTV", "VUG", "MTUM", "QUAL", "IWM", "USMV")
_SECTOR_FUNDS = (
    ("communications", "XLC"), ("discretionary", "XLY"), ("energy", "XLE"), ("financials", "XLF"),
    ("health_care", "XLV"), ("industrials", "XLI"), ("materials", "XLB"), ("real_estate", "XLRE"),
    ("staples", "XLP"), ("technology", "XLK"), ("utilities", "XLU"),
)  # fmt: skip


def _spread(name: str, over: str, under: str) -> FactorDefinition:
    return FactorDefinition(name, (over, under), 180, 60, kind=SPREAD)


MARKET = FactorDefinition("market", ("SPY",), kind=MARKET_KIND)
INTEREST_RATE = FactorDefinition("interest_rate", ("TLT",))
DEFAULTS = (
    MARKET,
    INTEREST_RATE,
    # A penalty of 25 works as 25 further sessions, a tenth of the window, without any exposure.
    FactorDefinition("style", STYLE_PROXIES, 252, 60, method=RIDGE, kind=STYLE, penalty=25.0),
    _spread("growth_over_value", "VUG", "VTV"),
    _spread("momentum_over_market", "MTUM", "SPY"),
    _spread("small_over_market", "IWM", "SPY"),
    _spread("quality_over_market", "QUAL", "SPY"),
    *(
        FactorDefinition(f"sector_{sector}", (fund,), 180, 60, kind=SECTOR)
        for sector, fund in _SECTOR_FUNDS
    ),
)
"""What is measured where the settings say nothing else."""


def proxies_of(definitions: Iterable[FactorDefinition]) -> tuple[str, ...]:
    """Name the symbols without which some factor cannot be measured, each once."""
    return tuple(dict.fromkeys(proxy for each in definitions for proxy in each.proxies))


def longest_window(definitions: Iterable[FactorDefinition]) -> int:
    """Give the sessions of the longest window; 1 without any definition."""
    return max((definition.window for definition in definitions), default=1)


def columns_of(definition: FactorDefinition) -> tuple[str, ...]:
    """Name the columns of the regression by their proxies."""
    if definition.kind == SPREAD:
        return ("-".join(definition.proxies),)
    return definition.proxies
