"""Of which day a file of positions is, where a comment above its header or the importer says it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from market_pipeline.domain.portfolio_csv.cells import parse_date
from market_pipeline.domain.portfolio_csv.columns import TRANSACTIONS, Layout
from market_pipeline.domain.portfolio_csv.report import ProblemReport

AS_OF = "As of"

_COMMENT = re.compile(r"#+\s*as[ -]of\s*:(?P<day>.*)", re.IGNORECASE | re.DOTALL)
_PADDING = " \t\r\n,"


@dataclass(frozen=True, slots=True)
class Dating:
    """What says of which day a file is: `today`, when nobody does.

    `asked` is the date the importer gave, `comments` those above the header, with their rows.
    """

    today: date
    asked: date | None = None
    comments: Sequence[tuple[int, str]] = ()

    def stated(self, layout: Layout, report: ProblemReport) -> date | None:
        """Give the day that was stated, None where none was; what is wrong goes to `report`."""
        if layout is TRANSACTIONS:
            if self.asked is not None:
                expected = "each transaction has its own date; expected a file of positions"
                report.add(expected, column=AS_OF, value=self.asked.isoformat())
            return None
        found = None
        if self.asked is not None:
            found = self._possible(self.asked, None, report)
        for row, text in self.comments:
            match = _COMMENT.match(text.strip())
            day = match and self._read(match["day"].strip(_PADDING), row, report)
            if day and found and day != found:
                expected = f"another date is stated for the file as well, {found}; expected one"
                report.add(expected, row=row, column=AS_OF, value=day.isoformat())
            found = found or day or None
        return found

    def _read(self, text: str, row: int, report: ProblemReport) -> date | None:
        try:
            day = parse_date(text)
        except ValueError as error:
            report.add(str(error), row=row, column=AS_OF, value=text)
            return None
        return self._possible(day, row, report)

    def _possible(self, day: date, row: int | None, report: ProblemReport) -> date | None:
        if day <= self.today:
            return day
        expected = f"expected a date not after {self.today}, the day of the import"
        report.add(expected, row=row, column=AS_OF, value=day.isoformat())
        return None
