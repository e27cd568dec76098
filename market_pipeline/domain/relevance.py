"""What a headline is about: which symbols it keeps, and how much it concerns each.

Belongs here: dropping what only looks like a symbol, weighing where a company is named. Does not:
finding companies nobody tagged, tone (`sentiment`), stories (`stories`).
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

from market_pipeline.domain.symbols import parse_symbol

MAX_SYMBOLS = 10
"""Symbols an item or a story is tied to at most; a longer list says little of any of them."""

_CRYPTO = frozenset({"ADA", "BCH", "BNB", "BTC", "DOGE", "DOT", "ETH", "LTC", "SOL", "XRP"})
# What sources tag, or write in capitals, that is no instrument.
_CURRENCIES = frozenset(
    """
    USD EUR GBP JPY CHF CAD AUD NZD CNY CNH HKD SGD INR KRW BRL MXN RUB ZAR SEK NOK DKK TRY USDT
    USDC BUSD TUSD DAI
    """.split()  # noqa: SIM905 -- a list of words reads better as words
)
_NO_SYMBOLS = _CURRENCIES | frozenset(
    """
    NE.WS NEWS NYSE NASDAQ AMEX OTC OTCMKTS CBOE LSE TSX ASX XNYS XNAS ETF ETFS IPO IPOS SPAC CEO
    CFO USA UK EU UN SEC FDA FTC DOJ FED ECB IMF OPEC GDP CPI PPI PMI EPS EBITDA YOY QOQ
    YTD FY ESG REIT REITS M.A Q1 Q2 Q3 Q4 H1 H2 DJIA FTSE DAX VIX WSJ CNBC BBC CNN NULL NONE N.A
    TBD
    """.split()  # noqa: SIM905 -- as above
)
# Tickers that are also words, even in capitals: they name a company only as $ALL or (NYSE: ALL).
_ENGLISH_WORDS = frozenset(
    """
    A AI ALL AM AN AND ANY ARE AS AT BE BIG BUY BY CAN CAR CASH COST DAY DD DO EAT EDIT EV EVER FAST
    FOR FREE FUN FUND GO GOLD GOOD GROW HAS HE HOLD HOPE HOT I IN IS IT JOB KEY LAND LIFE LIVE LOVE
    LOW MAIN MAN ME MEN MOVE MY NEW NEXT NICE NO NOW OF OLD ON ONE OPEN OR OUR OUT PAY PC PLAY PM
    POST REAL RUN SAFE SAVE SEE SELL SO STAY SUN TECH THE TO TOP TRUE TV UP US VERY WAS WE WELL WHO
    WORK YOU
    """.split()  # noqa: SIM905 -- as above
)
_LEGAL_FORMS = frozenset(
    """
    inc incorporated corp corporation co company companies plc llc ltd limited lp sa ag nv se ab asa
    spa holding holdings group class cl a b c common stock ordinary shares adr ads trust the
    """.split()  # noqa: SIM905 -- as above
)
# First words of names that many companies or people share: alone they name no company.
_SHARED_FIRST_WORDS = frozenset(
    """
    advanced air allied american applied associated atlantic bank best big blue british canadian
    capital central charles china city consolidated delta digital dominion eagle eastern energy
    fidelity first five general global gold golden grand great green henry home host independent
    international johnson liberty live main martin michael mid morgan national new news next
    norfolk north northern old pacific palo public ralph raymond real red regional republic royal
    silver simon south southern southwest sun texas thomas union united universal utah valley
    wells west western white world
    """.split()  # noqa: SIM905 -- as above
)
# Names that are words of every other headline: they name the company where they begin the text,
# own something ("Target's") or carry their legal form ("Gap Inc").
_EVERYDAY_NAMES = frozenset(
    """
    block carnival carrier chart core entity exact fox gap key loews match now open opera peak
    progress realty root sprout sun target toast unity
    """.split()  # noqa: SIM905 -- as above
)
_WORD = re.compile(r"\w+(?:['\u2019&.-]\w+)*")

_IN_HEADLINE, _IN_DESCRIPTION, _ONLY_TAGGED = 0.7, 0.4, 0.1
_SOLE_SYMBOL = 0.3


def clean_symbols(
    symbols: Iterable[str], known: Collection[str], headline: str = "", description: str = ""
) -> tuple[str, ...]:
    """Choose at most 10 symbols of an item, the most fitting first; noise is dropped.

    Known ones (held, watched, in the universe) come first, then those the headline names, then
    those the description names, each in alphabetical order. Currencies, exchanges, agencies
    and vendors' filler tags (`usd`, `ne-ws`, `ETF`) are no symbols, unless known. May be empty.
    """
    found = set()
    for text in symbols:
        try:
            symbol = parse_symbol(text)
        except ValueError:
            continue
        if symbol in known or not _is_noise(symbol):
            found.add(symbol)

    def fitness(symbol: str) -> tuple[bool, bool, bool, str]:
        return (
            symbol not in known,
            not _names(headline, symbol, ""),
            not _names(description, symbol, ""),
            symbol,
        )

    return tuple(sorted(found, key=fitness)[:MAX_SYMBOLS])


def relevance(
    symbol: str, headline: str, description: str, tagged_count: int, company_name: str = ""
) -> float:
    """Weigh how much an item concerns a symbol, from 0 to 1.

    | named in        | sole tag | one of 2 | one of 5 | one of 10 |
    |-----------------|----------|----------|----------|-----------|
    | headline        |     1.00 |     0.85 |     0.76 |      0.73 |
    | description     |     0.70 |     0.55 |     0.46 |      0.43 |
    | neither (a tag) |     0.40 |     0.25 |     0.16 |      0.13 |

    That is 0.7, 0.4 or 0.1, and 0.3 shared among all tagged. A text names a symbol by `$AAPL`,
    `(NASDAQ: AAPL)`, `(AAPL)`, by the bare ticker in capitals (two letters or more, no English
    word, the text not all in capitals), or by the first words of the company's name without
    `Inc`, `plc` and the like. A `tagged_count` below 1 raises ValueError.
    """
    if tagged_count < 1:
        raise ValueError(f"an item is tagged with at least one symbol, not {tagged_count}")
    if _names(headline, symbol, company_name):
        base = _IN_HEADLINE
    elif _names(description, symbol, company_name):
        base = _IN_DESCRIPTION
    else:
        base = _ONLY_TAGGED
    return base + _SOLE_SYMBOL / tagged_count


def _is_noise(symbol: str) -> bool:
    """Tell currencies, their pairs (`BTC.USD`, `EURUSD`) and abbreviations from symbols."""
    if symbol in _NO_SYMBOLS:
        return True
    _, dot, quote = symbol.rpartition(".")
    if dot:
        return quote in _CURRENCIES
    return any(
        symbol.endswith(quote) and symbol.removesuffix(quote) in _CURRENCIES | _CRYPTO
        for quote in _CURRENCIES
    )


def _names(text: str, symbol: str, company_name: str) -> bool:
    if not text:
        return False
    # Patterns of a symbol are made once, which takes longer than ruling most texts out.
    if symbol.partition(".")[0].casefold() in text.casefold():
        tagged, bare = _ticker_patterns(symbol)
        if tagged.search(text):
            return True
        if bare is not None and not text.isupper() and bare.search(text):
            return True
    name = _short_name(company_name)
    return name is not None and name.search(text) is not None


@lru_cache(maxsize=20_000)
def _ticker_patterns(symbol: str) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """Give how a text tags a ticker, and how it may write it bare, None where it may not."""
    ticker = re.escape(symbol).replace(r"\.", "[.-]")
    tags = [rf"(?i:\${ticker}(?![\w])(?![.-]\w)|[(\[][\w .]+:\s*{ticker}[)\],;])"]
    is_word = symbol in _ENGLISH_WORDS or symbol in _NO_SYMBOLS
    if not is_word:
        tags.append(rf"[(\[]{ticker}[)\],;]")
    bare = rf"(?<![\w$.&-]){ticker}(?![\w&])(?![.-]\w)"
    can_stand_bare = len(symbol) > 1 and not is_word
    return re.compile("|".join(tags)), re.compile(bare) if can_stand_bare else None


@lru_cache(maxsize=20_000)
def _short_name(company_name: str) -> re.Pattern[str] | None:
    """Give what texts call a company: `Apple` for Apple Inc., `General Motors` in full.

    The first word, where it is long and few share it; else the first two.
    """
    words = _significant(company_name)
    if not words or len("".join(words[:2])) < 2:
        return None
    first = words[0].casefold()
    if len(words) == 1 and first in _EVERYDAY_NAMES:
        forms = "|".join(sorted(_LEGAL_FORMS))
        own = rf"{re.escape(words[0])}(?:['\u2019]s|,? (?i:{forms}))(?!\w)"
        return re.compile(rf"^{re.escape(words[0])}(?!(?i: price))(?!\w)|(?<!\w){own}")
    is_telling = len(first) >= 4 and first not in _SHARED_FIRST_WORDS | _EVERYDAY_NAMES
    chosen = words[: 1 if is_telling else 2]
    name = r"[\s&-]+".join(re.escape(word) for word in chosen)
    # Short and shared words alone are names only as they are written.
    flags = re.IGNORECASE if is_telling or len(chosen) > 1 else re.NOFLAG
    return re.compile(rf"(?<!\w){name}(?!\w)", flags)


def _significant(company_name: str) -> list[str]:
    """Give the words of a name before its legal form, without a leading article."""
    words = _WORD.findall(company_name)
    while words and words[0].casefold() in ("the", "walt"):
        words = words[1:]
    found: list[str] = []
    for word in words:
        if found and word.casefold() in _LEGAL_FORMS:
            break
        found.append(word)
    if found and found[0].casefold().endswith(".com"):
        found[0] = found[0][: -len(".com")]
    return found
