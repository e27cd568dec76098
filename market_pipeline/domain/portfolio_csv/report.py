"""Gathers what is wrong with a file, up to a cap, so that a person sees all of it at once."""

from collections.abc import Iterable

from market_pipeline.domain.errors import FileProblem, PortfolioFileError

MAX_LISTED = 100
_MAX_SHOWN = 40


def shown(text: str) -> str:
    """Cut a cell to what fits a message, with bytes that are not UTF-8 written as `\\xff`.

    Expects text decoded with `surrogateescape`; the result holds no lone surrogate, so it can
    be printed, logged and stored.
    """
    cut = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    return cut.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def printable(name: str) -> str:
    """Write a name so that nothing in it can forge a line or steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in name)


class ProblemReport:
    """Keeps the first hundred problems and counts the rest."""

    def __init__(self) -> None:
        self._listed: list[FileProblem] = []
        self._unlisted = 0

    def __bool__(self) -> bool:
        return bool(self._listed)

    def add(
        self,
        expected: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
    ) -> None:
        """Note one problem; `value` is shortened."""
        found = None if value is None else shown(value)
        self.extend([FileProblem(row=row, column=column, value=found, expected=expected)])

    def extend(self, problems: Iterable[FileProblem]) -> None:
        """Note several problems, in the order given."""
        for problem in problems:
            if len(self._listed) < MAX_LISTED:
                self._listed.append(problem)
            else:
                self._unlisted += 1

    def raise_if_any(self, file: str) -> None:
        """Raise PortfolioFileError with everything noted; do nothing when all is well."""
        if self._listed:
            raise PortfolioFileError(printable(file), self._listed, self._unlisted)
