"""How a command ends: one clear line on stderr and an exit code, never a traceback.

0 all was done; 1 it was not; 2 the input was wrong (a date, a name, an option); 130 interrupted.
`--debug` adds the traceback. Secrets are taken out of either.
"""

import re
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from market_pipeline.domain.errors import InputError, MarketPipelineError, PortfolioFileError

FAILED, WRONG_INPUT = 1, 2
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40


class GuardedGroup(TyperGroup):
    """A group whose commands end as the module's charter says."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse words that are no text, of this group and of every command below it.

        Bytes that are not of the terminal's encoding come as lone surrogates, which no database
        stores and no output writes; nor does PostgreSQL store NUL.
        """
        for word in args:
            if "\0" in word or _SURROGATE.search(word):
                raise typer.BadParameter(
                    f"{word[:_SHOWN]!a} is no text: write UTF-8, without NUL", ctx=ctx
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what it raises into a line and an exit code."""
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe is noticed here, not while the interpreter ends
        except (typer.Exit, typer.Abort, typer.TyperException, BrokenPipeError):
            raise  # typer knows what to do with its own, and with a reader that went away
        except Exception as error:  # the edge: whatever it is, a person reads it
            raise typer.Exit(_report(error, is_debug=bool(ctx.params.get("debug")))) from None
        return outcome


def exit_code_of(error: BaseException) -> int:
    """Give the exit code an error stands for."""
    is_input = isinstance(error, InputError) and not isinstance(error, PortfolioFileError)
    return WRONG_INPUT if is_input else FAILED


def _report(error: Exception, *, is_debug: bool) -> int:
    from market_pipeline.operations.rendering import harmless

    if is_debug:
        told = "".join(traceback.format_exception(error)).rstrip()
    elif isinstance(error, MarketPipelineError):
        told = f"error: {str(error).strip() or type(error).__name__}"
    else:
        told = f"error: {_unexpected(error)}"
    for line in _without_secrets(told).splitlines():
        typer.echo(harmless(line), err=True)
    return exit_code_of(error)


def _unexpected(error: Exception) -> str:
    first_line = (str(error).strip().splitlines() or [""])[0][:300]
    if isinstance(error, OSError):
        return first_line or type(error).__name__
    if type(error).__module__.startswith("sqlalchemy.") and hasattr(error, "orig"):
        return f"the database refused or did not answer: {first_line}"
    said = f": {first_line}" if first_line else ""
    return f"unexpected {type(error).__name__}{said} (--debug shows where)"


def _without_secrets(text: str) -> str:
    from market_pipeline.logs import Redaction
    from market_pipeline.settings import current_settings

    try:
        secrets = current_settings().secrets()
    except ValueError:
        return text  # the settings cannot be read, so no secret has been either
    return Redaction(secrets).text(text)
