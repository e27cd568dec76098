"""What a factor is, as data: its proxies, how exposure to it is measured, and what is shipped.

Nothing is computed here. What each number means stands in docs/factors.md.
"""

from dataclasses import dataclass

from market_pipeline.domain.regression import Model

OLS, RIDGE, EWLS = "ols", "ridge", "ewls"
METHODS = (OLS, RIDGE, EWLS)
MARKET_KIND, MACRO, STYLE, SPREAD, SECTOR = "market", "macro", "style", "spread", "sector"
KINDS = (MARKET_KIND, MACRO, STYLE, SPREAD, SECTOR)


@dataclass(frozen=True, slots=True)
class FactorDefinition:
    """A factor and how exposure to it is measured: over `window` sessions against its proxies.

    Several proxies are fitted jointly and give an exposure each; a spread's two are one factor, the
    first's return less the second's. Raises ValueError for what cannot be computed.
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

    def __post_init__(self) -> None:
        for value, known in ((self.method, METHODS), (self.kind, KINDS)):
            if value not in known:
                raise ValueError(f"{self.name}: {value!r} is none of {', '.join(known)}")
        if not self.proxies or len(set(self.proxies)) < len(self.proxies):
            raise ValueError(f"{self.name}: needs proxies, each once")
        if self.kind == SPREAD and len(self.proxies) != 2:
            raise ValueError(f"{self.name}: a spread has two proxies")
        if (self.penalty > 0) != (self.method == RIDGE):
            raise ValueError(f"{self.name}: a penalty belongs to {RIDGE!r}, which needs one")
        if (self.half_life is not None) != (self.method == EWLS):
            raise ValueError(f"{self.name}: a half_life belongs to {EWLS!r}, which needs one")
        if self.min_observations < len(self.factors) + 2:
            least = len(self.factors) + 2
            raise ValueError(f"{self.name}: min_observations must be at least {least}")
        try:
            self.model()
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    @property
    def factors(self) -> tuple[str, ...]:
        """Name the factors that are answered, one a column of the regression."""
        if self.kind == SPREAD or len(self.proxies) == 1:
            return (self.name,)
        return tuple(f"{self.name}_{proxy}" for proxy in self.proxies)

    @property
    def proxy(self) -> str:
        """Give the only proxy; the first of several."""
        return self.proxies[0]

    def model(self) -> Model:
        """Give what the regression needs to know."""
        return Model(
            self.window, self.min_observations,
            penalty=self.penalty, half_life=self.half_life, cap=self.cap,
        )  # fmt: skip


MARKET = FactorDefinition("market", ("SPY",), kind=MARKET_KIND)
INTEREST_RATE = FactorDefinition("interest_rate", ("TLT",))
DEFAULTS = (MARKET, INTEREST_RATE)
