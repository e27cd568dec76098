"""What a view is: rows of a table, told in one sentence, and the columns a person reads first."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class View:
    """One thing a person can look at: rows of `table`, told in one sentence, called `rows`.

    `date_column` is the partition (None: rows have no one date); `is_by_session` whether its
    dates are sessions; `subject` the column that names symbols, `lists_symbols` whether it holds
    several, comma-joined. Newest first where `newest` names a column. `made_by` is the asset that
    owes rows to every date; where there is none, no rows are an answer too. `day_column` is what a
    date asked for narrows where rows of every date are shown.
    """

    name: str
    rows: str
    told: str
    table: str
    for_people: tuple[str, ...]
    date_column: str | None = "session_date"
    is_by_session: bool = True
    subject: str = "symbol"
    lists_symbols: bool = False
    newest: str | None = None
    made_by: str = ""
    default_limit: int | None = None
    day_column: str | None = None

    @property
    def is_of_portfolios(self) -> bool:
        """Whether rows belong to portfolios rather than to symbols alone."""
        return "portfolio_id" in self.for_people


def columns(names: str) -> tuple[str, ...]:
    """Give names that are written with blanks between them."""
    return tuple(names.split())
