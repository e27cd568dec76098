"""Portfolio files spoilt at random: good ones of every kind, cut, mixed and stuffed.

The same seed makes the same files. What an importer may do with them is judged in the tests.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from market_pipeline_tests.domain import test_broker_profiles as exports
from market_pipeline_tests.domain.test_transactions_csv import GOOD, HEADER

_POSITIONS = """\
Symbol,Quantity,Entry Price Per Share,Entry Date,Investment Class,Investment Subtype,Underlying Symbol,Strike Price,Expiration Date,Option Type,Exit Date,Exit Price Per Share
AAPL,-1.5,2,2025-01-13,,,,,,,2025-02-03,3
AAPL,1,2,2025-01-13,OPTIONS,wing,AAPL,250,2027-06-17,CALL,,
AAPL270617C00250000,-1,"1,002.5",1/13/2025,,,,,,,,
A name,1,0,2025-01-13,PRIVATE,,,,,,,
CASH,-1,,2025-01-13,,,,,,,,
"""  # noqa: E501
SEEDS = (
    _POSITIONS, "\n".join([HEADER, *GOOD.values()]), exports.SCHWAB_TRANSACTIONS,
    exports.FIDELITY_ACTIVITY, exports.FLEX_TRADES, exports.ROBINHOOD, exports.SCHWAB_POSITIONS,
    exports.FIDELITY_POSITIONS,
)  # fmt: skip
_CELLS = (
    "", " ", "0", "-0", "1", "-1", "(1)", "(-1)", "1e5", "NaN", "-Infinity", "9" * 18, "9" * 400,
    "0." + "0" * 10 + "1", "1,00", "$", "$-.", "--", "n/a", "=1+1", "@x", "\t", "\r", "'=1",
    "\uff1d1", "\u00a0-1", "2025-02-30", "99999-01-01", "0001-01-01", "2/29/2023", "as of 1/1/2025",
    "11/20/2026 as of 99/99/9999", "AAPL", "BRK/B", "BRK B", "^GSPC", "CASH", "EUR", "USD", "buy",
    "sell", "split", "expiry", "fee", "dividend", "Sell to Open", "YOU BOUGHT", "STO", "OEXP",
    "AAPL261218C00250000", "-AAPL270115C150", "AAPL 1/16/2026 Call $99,999.999",
    "AAPL 02/30/2026 1 C", "AAPL1261218C00250000", "SPAXX**", "Pending Activity", "1S", "\0",
    "\ud800", "\u0661", "\u202e", "\x1b[31m", '"', '""', '"x', "a\nb", "#",
    "Date downloaded Feb-31-2026 x y",
    "Transactions Total", "x" * 300,
)  # fmt: skip
_BYTES = (b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b";", b"#", b"\t")

Rows = list[list[str]]


def spoilt_files(count: int, seed: int) -> Iterator[bytes]:
    """Give `count` files, each a good one or one spoilt in up to five ways."""
    dice = random.Random(seed)
    tables = [_table(text) for text in SEEDS]
    for _ in range(count):
        above, header, rows, below = dice.choice(tables)
        kept = [list(row) for row in dice.sample(rows, dice.randint(0, min(4, len(rows))))]
        table = [list(header), *kept]
        for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
            dice.choice(_OF_CELLS)(table, dice)
        lines = [",".join(map(_quoted, row)) for row in table]
        text = "\n".join([*above, *lines, *below]) + "\n"
        content = text.encode("utf-8", "surrogatepass")
        for _ in range(dice.choice((0, 0, 0, 1, 2))):
            content = dice.choice(_OF_BYTES)(content, dice)
        yield content


def _table(text: str) -> tuple[list[str], list[str], Rows, list[str]]:
    """Split a good file into lines above, header, rows and lines below."""
    import csv

    rows = [row for row in csv.reader(text.splitlines(keepends=True)) if any(row)]
    at = next(n for n, row in enumerate(rows) if sum(map(bool, row)) > 3)
    body = [row for row in rows[at + 1 :] if sum(map(bool, row)) > 1]
    below = [_quoted(row[0]) for row in rows[at + 1 :] if len(row) == 1 and row[0]]
    return [_quoted(row[0]) for row in rows[:at]], rows[at], body, below


def _quoted(cell: str) -> str:
    plain = cell.isascii() and cell.replace(".", "").replace("-", "").isalnum()
    return cell if plain else '"' + cell.replace('"', '""') + '"'


def _a_cell(table: Rows, dice: random.Random) -> tuple[list[str], int]:
    row = dice.choice(table[1:] or table)
    return row, dice.randrange(len(row)) if row else 0


def _replace(table: Rows, dice: random.Random) -> None:
    row, at = _a_cell(table, dice)
    row[at : at + 1] = [dice.choice(_CELLS)]


def _glue(table: Rows, dice: random.Random) -> None:
    row, at = _a_cell(table, dice)
    row[at : at + 1] = [(row[at] if row else "") + dice.choice(_CELLS)]


def _drop(table: Rows, dice: random.Random) -> None:
    row, at = _a_cell(table, dice)
    del row[at : at + 1]


def _repeat(table: Rows, dice: random.Random) -> None:
    table.append(list(dice.choice(table)))


def _column(table: Rows, dice: random.Random) -> None:
    """Take a column out everywhere, or swap two headers."""
    at = dice.randrange(max(1, len(table[0])))
    if dice.random() < 0.5:
        for row in table:
            del row[at : at + 1]
    else:
        dice.shuffle(table[0])


def _header(table: Rows, dice: random.Random) -> None:
    table[0] = _table(dice.choice(SEEDS))[1]


def _cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _flip(content: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(max(1, len(content)))
    return content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :]


def _stuff(content: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(content) + 1)
    return content[:at] + dice.choice(_BYTES) * dice.choice((1, 1, 2, 50)) + content[at:]


def _line_ends(content: bytes, dice: random.Random) -> bytes:
    return content.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\n\n")))


_OF_CELLS: Sequence[Callable[[Rows, random.Random], None]] = (
    _replace, _replace, _replace, _glue, _drop, _repeat, _column, _header,
)  # fmt: skip
_OF_BYTES: Sequence[Callable[[bytes, random.Random], bytes]] = (_cut, _flip, _stuff, _line_ends)
