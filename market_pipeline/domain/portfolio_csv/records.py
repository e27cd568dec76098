"""Bytes of an untrusted file to numbered records of text cells, within bounds.

Knows lines, quotes, comments, encoding and size; knows nothing of columns.
"""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from market_pipeline.domain.portfolio_csv.report import ProblemReport

MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024

_CHUNK_BYTES = 64 * 1024
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def read_records(
    stream: BinaryIO, report: ProblemReport, heading: list[tuple[int, str]] | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield (row, cells) for every record that is neither blank nor a `#` comment.

    `row` is the 1-based line, as an editor counts, on which the record starts. Bytes that are
    not UTF-8 come through as lone surrogates for the reader of the cell to name. What cannot
    be split into cells goes to `report`; a file past the size limit yields no record. `heading`
    takes up the comments above the first record, with their rows.
    """
    content = _read_bounded(stream, report)
    if content is None:
        return
    feed = _LineFeed(content, report, heading)
    # Spaces after a comma are tolerated even before a quote.
    reader = csv.reader(feed, strict=True, skipinitialspace=True)
    while True:
        feed.is_inside_record = False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report.add(_quoting_problem(error), row=feed.record_row)
            if "field limit" in str(error):
                return  # somewhere inside an unclosed quote: what follows cannot be trusted
            continue
        # A spreadsheet pads with rows of commas, and quotes a comment that has a comma in it.
        if cells and cells[0].lstrip().startswith("#"):
            feed.note(feed.record_row, cells[0])
        elif any(cell.strip() for cell in cells):
            feed.heading = None
            yield feed.record_row, cells


def _quoting_problem(error: csv.Error) -> str:
    text = str(error)
    if "expected after" in text:
        return 'text after a closing quote; a quote inside a quoted cell is written twice ("")'
    if "end of data" in text or "field limit" in text:
        return "unbalanced quotes: a quote opened in this row is never closed"
    return f"the row cannot be read as comma-separated values ({text})"


class _LineFeed:
    """Hands lines to the csv reader, which asks for more than one only inside quotes.

    That is how a `#` or an empty line inside a quoted cell is told from a comment.
    """

    def __init__(
        self, content: BinaryIO, report: ProblemReport, heading: list[tuple[int, str]] | None
    ) -> None:
        self._lines = _split_lines(content)
        self._report = report
        self.heading = heading
        self.row = 0
        self.record_row = 0
        self.is_inside_record = False

    def __iter__(self) -> "_LineFeed":
        return self

    def __next__(self) -> str:
        while True:
            line = next(self._lines)
            self.row += 1
            if self.row == 1:
                line = line.removeprefix(_UTF8_BOM)
                if line.startswith(_UTF16_BOMS):
                    self._report.add("the file is UTF-16; save it as CSV UTF-8", row=1)
                    raise StopIteration
            if len(line) > MAX_LINE_BYTES:
                self._report.add(f"the line is longer than {MAX_LINE_BYTES} bytes", row=self.row)
                continue
            if self.is_inside_record:
                return _decoded(line)
            if line.lstrip().startswith(b"#"):
                self.note(self.row, _decoded(line))
            elif line.strip():
                self.is_inside_record = True
                self.record_row = self.row
                return _decoded(line)

    def note(self, row: int, comment: str) -> None:
        """Keep a comment as long as no record came."""
        if self.heading is not None:
            self.heading.append((row, comment))


def _decoded(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")


def _read_bounded(stream: BinaryIO, report: ProblemReport) -> BinaryIO | None:
    """Take the stream into memory, at most a chunk past the limit, before any of it is parsed.

    Parsing ten megabytes takes seconds; a file that is too large should be refused at once.
    """
    content = io.BytesIO()
    row = 1
    while chunk := stream.read(_CHUNK_BYTES):
        content.write(chunk)
        row += chunk.count(b"\n")
        if content.tell() > MAX_FILE_BYTES:
            report.add(
                f"the file is larger than the size limit of {MAX_FILE_BYTES // 1024**2} MB; "
                f"reading stopped at row {row}",
                row=row,
            )
            return None
    content.seek(0)
    return content


def _split_lines(content: BinaryIO) -> Iterator[bytes]:
    """Split at LF, CRLF and CR as editors do; a line past the limit is cut just above it."""
    pending = b""
    while chunk := content.read(_CHUNK_BYTES):
        pieces = (pending + chunk).splitlines(keepends=True)
        # The last piece may go on in the next chunk, and a CR may be half of a CRLF.
        pending = b"" if pieces[-1].endswith(b"\n") else pieces.pop()
        pending = pending[: MAX_LINE_BYTES + 1]
        yield from pieces
    if pending:
        yield pending
