"""The generator's cast: which tickers exist and how each hangs on the factors.

Belongs here: names, loadings, yields, price levels, split dates. None of it is a forecast or a
record of the companies; it is made to look plausible. Does not: any random path.
"""

import re
from dataclasses import dataclass
from datetime import date

from market_pipeline.sandbox.market import Listing
from market_pipeline.sandbox.randomness import stream, unit

STYLES = ("value", "size", "momentum", "quality", "calm")
SECTORS = (
    "tech", "communications", "financials", "health", "staples",
    "discretionary", "energy", "utilities", "industrials", "materials",
)  # fmt: skip
FACTORS = ("market", "rates", *STYLES, *SECTORS)

_IN_FINVIZ_WORDS = {
    "tech": ("Technology", "Software - Infrastructure"),
    "communications": ("Communication Services", "Internet Content & Information"),
    "financials": ("Financial", "Banks - Diversified"),
    "health": ("Healthcare", "Drug Manufacturers - General"),
    "staples": ("Consumer Defensive", "Household & Personal Products"),
    "discretionary": ("Consumer Cyclical", "Internet Retail"),
    "energy": ("Energy", "Oil & Gas Integrated"),
    "utilities": ("Utilities", "Utilities - Regulated Electric"),
    "industrials": ("Industrials", "Specialty Industrial Machinery"),
    "materials": ("Basic Materials", "Specialty Chemicals"),
}
"""Sector and an industry of it; every ticker of a sector is said to be of the same one."""
_FUND = ("Financial", "Exchange Traded Fund")

_WELL_FORMED = re.compile(r"[A-Z]{1,5}(?:\.[A-Z])?")
_UNKNOWN_PREFIX = "ZZ"


@dataclass(frozen=True, slots=True)
class Instrument:
    """A ticker's make-up: factor loadings, own daily volatility, price in mid-2026, yield a year.

    `splits` holds (date, new shares, old shares).
    """

    symbol: str
    name: str
    kind: str
    exchange: str
    loadings: tuple[tuple[str, float], ...]
    own_volatility: float
    price_usd: float
    dividend_yield: float
    splits: tuple[tuple[date, int, int], ...] = ()

    @property
    def listing(self) -> Listing:
        """How a reference list shows it."""
        if self.kind == "ETF":
            sector, industry = _FUND
        else:
            own = next((factor for factor, _ in self.loadings if factor in SECTORS), "")
            sector, industry = _IN_FINVIZ_WORDS.get(own, ("", ""))
        return Listing(self.symbol, self.name, self.kind, self.exchange, sector, industry)


_SPLITS = {
    "AAPL": ((date(2014, 6, 9), 7, 1), (date(2020, 8, 31), 4, 1)),
    "AMZN": ((date(2022, 6, 6), 20, 1),),
    "AVGO": ((date(2024, 7, 15), 10, 1),),
    "GE": ((date(2021, 8, 2), 1, 8),),
    "GOOGL": ((date(2014, 4, 3), 2, 1), (date(2022, 7, 18), 20, 1)),
    "NEE": ((date(2020, 10, 27), 4, 1),),
    "NFLX": ((date(2015, 7, 15), 7, 1), (date(2025, 11, 17), 10, 1)),
    "NVDA": ((date(2021, 7, 20), 4, 1), (date(2024, 6, 10), 10, 1)),
    "TSLA": ((date(2020, 8, 31), 5, 1), (date(2022, 8, 25), 3, 1)),
    "WMT": ((date(2024, 2, 26), 3, 1),),
}

# symbol | name | exchange | market beta | loading on rates | sector | own vol, % a day |
# price, USD | yield, % a year
_STOCKS = """
AAPL|Apple Inc.|XNAS|1.10|-0.05|tech|1.0|245|0.5
MSFT|Microsoft Corporation|XNAS|1.05|-0.05|tech|0.9|460|0.7
NVDA|NVIDIA Corporation|XNAS|1.60|-0.10|tech|1.9|170|0.1
AVGO|Broadcom Inc.|XNAS|1.35|-0.05|tech|1.5|330|1.0
ORCL|Oracle Corporation|XNYS|1.05|-0.05|tech|1.3|210|1.0
CRM|Salesforce, Inc.|XNYS|1.20|-0.05|tech|1.4|260|0.6
ADBE|Adobe Inc.|XNAS|1.20|-0.05|tech|1.4|390|0
INTC|Intel Corporation|XNAS|1.15|-0.05|tech|1.7|28|1.5
CSCO|Cisco Systems, Inc.|XNAS|0.90|-0.05|tech|0.9|66|2.5
IBM|International Business Machines Corporation|XNYS|0.80|-0.05|tech|0.9|255|2.7
GOOGL|Alphabet Inc. Class A|XNAS|1.10|-0.05|communications|1.1|190|0.4
META|Meta Platforms, Inc.|XNAS|1.25|-0.05|communications|1.5|640|0.3
NFLX|Netflix, Inc.|XNAS|1.20|-0.05|communications|1.7|105|0
DIS|The Walt Disney Company|XNYS|1.05|-0.05|communications|1.1|112|0.9
T|AT&T Inc.|XNYS|0.60|0.05|communications|0.9|27|4.2
VZ|Verizon Communications Inc.|XNYS|0.45|0.10|communications|0.8|43|6.2
JPM|JPMorgan Chase & Co.|XNYS|1.10|-0.30|financials|0.9|285|2.1
BAC|Bank of America Corporation|XNYS|1.20|-0.40|financials|1.0|47|2.4
GS|The Goldman Sachs Group, Inc.|XNYS|1.25|-0.30|financials|1.1|640|1.9
WFC|Wells Fargo & Company|XNYS|1.15|-0.35|financials|1.0|78|2.2
BRK.B|Berkshire Hathaway Inc. Class B|XNYS|0.85|-0.10|financials|0.6|490|0
V|Visa Inc.|XNYS|0.95|-0.05|financials|0.8|345|0.7
MA|Mastercard Incorporated|XNYS|1.00|-0.05|financials|0.8|560|0.5
JNJ|Johnson & Johnson|XNYS|0.55|0.05|health|0.7|158|3.2
UNH|UnitedHealth Group Incorporated|XNYS|0.70|0.00|health|1.2|320|2.4
PFE|Pfizer Inc.|XNYS|0.65|0.00|health|1.0|25|6.5
MRK|Merck & Co., Inc.|XNYS|0.60|0.00|health|0.9|84|3.8
LLY|Eli Lilly and Company|XNYS|0.70|0.00|health|1.4|780|0.7
ABBV|AbbVie Inc.|XNYS|0.65|0.00|health|1.0|190|3.4
KO|The Coca-Cola Company|XNYS|0.55|0.12|staples|0.6|70|2.9
PEP|PepsiCo, Inc.|XNAS|0.55|0.10|staples|0.7|138|4.0
PG|The Procter & Gamble Company|XNYS|0.50|0.12|staples|0.6|160|2.6
WMT|Walmart Inc.|XNYS|0.60|0.02|staples|0.8|98|1.0
COST|Costco Wholesale Corporation|XNAS|0.85|0.00|staples|0.9|960|0.5
PM|Philip Morris International Inc.|XNYS|0.60|0.08|staples|0.8|172|3.1
AMZN|Amazon.com, Inc.|XNAS|1.25|-0.05|discretionary|1.3|225|0
TSLA|Tesla, Inc.|XNAS|1.80|-0.05|discretionary|2.8|330|0
HD|The Home Depot, Inc.|XNYS|1.00|0.02|discretionary|0.8|370|2.5
MCD|McDonald's Corporation|XNYS|0.60|0.05|discretionary|0.7|300|2.4
NKE|NIKE, Inc.|XNYS|1.05|0.00|discretionary|1.3|72|2.2
SBUX|Starbucks Corporation|XNAS|0.95|0.00|discretionary|1.1|92|2.6
XOM|Exxon Mobil Corporation|XNYS|0.90|-0.15|energy|0.9|110|3.6
CVX|Chevron Corporation|XNYS|0.95|-0.15|energy|0.9|148|4.6
COP|ConocoPhillips|XNYS|1.15|-0.15|energy|1.2|92|3.3
SLB|Schlumberger N.V.|XNYS|1.25|-0.15|energy|1.4|35|3.2
NEE|NextEra Energy, Inc.|XNYS|0.55|0.25|utilities|0.9|74|3.0
DUK|Duke Energy Corporation|XNYS|0.40|0.28|utilities|0.6|118|3.6
SO|The Southern Company|XNYS|0.40|0.28|utilities|0.6|92|3.2
CAT|Caterpillar Inc.|XNYS|1.15|-0.12|industrials|1.1|380|1.5
BA|The Boeing Company|XNYS|1.30|-0.05|industrials|1.6|205|0
GE|General Electric Company|XNYS|1.15|-0.08|industrials|1.2|250|0.5
HON|Honeywell International Inc.|XNAS|0.95|-0.05|industrials|0.8|225|2.0
UPS|United Parcel Service, Inc.|XNYS|0.95|-0.05|industrials|1.0|100|6.2
LIN|Linde plc|XNAS|0.85|-0.05|materials|0.7|460|1.3
FCX|Freeport-McMoRan Inc.|XNYS|1.50|-0.15|materials|1.7|42|0.7
"""

_FUNDS = (
    ("SPY", "SPDR S&P 500 ETF Trust", {"market": 1.0}, 0.03, 620, 1.2),
    ("QQQ", "Invesco QQQ Trust, Series 1", {"market": 1.1, "tech": 0.45, "value": -0.2}, 0.05, 555,
     0.6),
    ("IWM", "iShares Russell 2000 ETF", {"market": 1.1, "size": 1.0}, 0.08, 222, 1.2),
    ("EEM", "iShares MSCI Emerging Markets ETF", {"market": 0.95, "materials": 0.2}, 0.55, 48, 2.3),
    ("TLT", "iShares 20+ Year Treasury Bond ETF", {"rates": 1.0}, 0.03, 88, 4.3),
    ("VTV", "Vanguard Value Index Fund ETF", {"market": 0.92, "value": 0.6}, 0.04, 178, 2.2),
    ("VUG", "Vanguard Growth Index Fund ETF", {"market": 1.08, "value": -0.7}, 0.04, 440, 0.5),
    ("MTUM", "iShares MSCI USA Momentum Factor ETF", {"market": 1.02, "momentum": 1.0}, 0.06, 240,
     0.9),
    ("QUAL", "iShares MSCI USA Quality Factor ETF", {"market": 0.98, "quality": 0.8}, 0.04, 183,
     1.0),
    ("USMV", "iShares MSCI USA Min Vol Factor ETF", {"market": 0.72, "calm": 0.8, "rates": 0.08},
     0.05, 94, 1.6),
    ("SIZE", "iShares MSCI USA Size Factor ETF", {"market": 1.0, "size": 0.5}, 0.06, 155, 1.4),
    ("VLUE", "iShares MSCI USA Value Factor ETF", {"market": 1.0, "value": 0.9}, 0.06, 116, 2.6),
    ("XLB", "Materials Select Sector SPDR Fund", {"market": 1.0, "materials": 1.0}, 0.06, 92, 1.9),
    ("XLC", "Communication Services Select Sector SPDR Fund",
     {"market": 1.05, "communications": 1.0}, 0.06, 105, 1.0),
    ("XLE", "Energy Select Sector SPDR Fund",
     {"market": 0.95, "energy": 1.0, "rates": -0.12}, 0.06, 88, 3.3),
    ("XLF", "Financial Select Sector SPDR Fund",
     {"market": 1.05, "financials": 1.0, "rates": -0.25}, 0.06, 52, 1.5),
    ("XLI", "Industrial Select Sector SPDR Fund", {"market": 1.05, "industrials": 1.0}, 0.06, 148,
     1.4),
    ("XLK", "Technology Select Sector SPDR Fund",
     {"market": 1.15, "tech": 1.0, "value": -0.3}, 0.06, 255, 0.6),
    ("XLP", "Consumer Staples Select Sector SPDR Fund",
     {"market": 0.6, "staples": 1.0, "rates": 0.06}, 0.06, 80, 2.6),
    # No factor of its own: what moves property here are the market, rates, and itself.
    ("XLRE", "Real Estate Select Sector SPDR Fund", {"market": 0.85, "rates": 0.3}, 0.55, 42, 3.4),
    ("XLU", "Utilities Select Sector SPDR Fund", {"market": 0.5, "utilities": 1.0, "rates": 0.25},
     0.06, 80, 2.9),
    ("XLV", "Health Care Select Sector SPDR Fund", {"market": 0.7, "health": 1.0}, 0.06, 140, 1.6),
    ("XLY", "Consumer Discretionary Select Sector SPDR Fund",
     {"market": 1.2, "discretionary": 1.0}, 0.06, 225, 0.8),
)  # fmt: skip


def _stock(line: str) -> Instrument:
    symbol, name, exchange, beta, rates, sector, volatility, price, dividend = line.split("|")
    loadings = {"market": float(beta), "rates": float(rates), sector: 1.0}
    # The styles differ from ticker to ticker but not from seed to seed.
    loadings |= {style: round(1.2 * (unit(0, symbol, style) - 0.5), 2) for style in STYLES}
    return Instrument(
        symbol, name, "CS", exchange, tuple(loadings.items()), float(volatility) / 100,
        float(price), float(dividend) / 100, _SPLITS.get(symbol, ()),
    )  # fmt: skip


def _built_in() -> dict[str, Instrument]:
    cast = [_stock(line) for line in _STOCKS.split("\n") if line]
    cast += [
        Instrument(symbol, name, "ETF", "ARCX", tuple(loadings.items()), volatility / 100,
                   float(price), dividend / 100)
        for symbol, name, loadings, volatility, price, dividend in _FUNDS
    ]  # fmt: skip
    return {one.symbol: one for one in sorted(cast, key=lambda one: one.symbol)}


BUILT_IN = _built_in()


def find_instrument(seed: int, symbol: str) -> Instrument | None:
    """Give the make-up of a symbol in dot form, or None where the sandbox does not know it.

    Any ticker of one to five letters (a share class may follow) exists; those beginning with
    ZZ do not, so that an unknown symbol can be had.
    """
    if symbol in BUILT_IN:
        return BUILT_IN[symbol]
    if not _WELL_FORMED.fullmatch(symbol) or symbol.startswith(_UNKNOWN_PREFIX):
        return None
    draw = stream(seed, "instrument", symbol)
    sector = SECTORS[int(draw.integers(len(SECTORS)))]
    loadings = {
        "market": round(float(draw.uniform(0.5, 1.6)), 2),
        "rates": round(float(draw.uniform(-0.3, 0.2)), 2),
        sector: 1.0,
    }
    loadings |= {style: round(float(draw.uniform(-0.6, 0.6)), 2) for style in STYLES}
    pays = draw.random() < 0.6
    return Instrument(
        symbol,
        f"{symbol} Holdings, Inc.",
        "CS",
        "XNYS" if draw.random() < 0.5 else "XNAS",
        tuple(loadings.items()),
        float(draw.uniform(0.008, 0.022)),
        round(float(draw.lognormal(4.2, 0.7)), 2),
        round(float(draw.uniform(0.005, 0.04)), 4) if pays else 0.0,
    )
