"""`market-pipeline sandbox serve`: the vendors' own formats on this machine, offline."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from market_pipeline.cli.edge import SeedOption, begin, parse_day, utc_now
from market_pipeline.cli.output import SANDBOX_BANNER
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar

if TYPE_CHECKING:
    from market_pipeline.domain.ports import Clock
    from market_pipeline.sandbox import Market
    from market_pipeline.settings import Settings

app = typer.Typer(help="Vendors that work offline.", no_args_is_help=True)

_MOVE_ON = "Ctrl-C ends it."


@app.callback()
def group() -> None:
    """Vendors that work offline."""


@app.command("serve")
def serve(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one.")] = 8765,
    seed: SeedOption = 7,
    replay: Annotated[
        Optional[Path],  # noqa: UP045  # typer reads this form whatever the options
        typer.Option(
            exists=True, file_okay=False, metavar="DIR", help="Serve recorded history instead."
        ),
    ] = None,
    as_of: Annotated[
        Optional[date],  # noqa: UP045  # typer reads this form whatever the parser
        typer.Option(
            parser=parse_day,
            metavar="DATE",
            help="Its today; in a replay, a day with option quotes.",
        ),
    ] = None,
) -> None:
    """Serve the sandbox on 127.0.0.1 until interrupted."""
    settings = begin(ctx, is_quiet=True)
    from market_pipeline.sandbox import Throttle, create_app, serve_forever

    clock = _clock(as_of)
    market = _market(settings, seed, replay, as_of, clock)
    try:
        # Minutes pass though its today may stand still.
        app = create_app(market, clock, Throttle(utc_now))
        serve_forever(app, port, on_ready=_announce)
    except OSError as error:
        raise ConfigurationError(
            f"the sandbox cannot listen on 127.0.0.1:{port}: {error.strerror or error}; "
            "--port names another"
        ) from None


def _market(
    settings: "Settings", seed: int, replay: Path | None, as_of: date | None, clock: "Clock"
) -> "Market":
    from market_pipeline.sandbox import generated, replayed

    calendar = TradingCalendar.xnys(settings.extra_closures)
    if replay is not None:
        return replayed(replay, as_of, calendar=calendar)
    return generated(seed, clock=clock, calendar=calendar)


def _clock(as_of: date | None) -> "Clock":
    """Give the present, or the end of `as_of` in New York, where time then stands still."""
    if as_of is None:
        return utc_now
    frozen = datetime.combine(as_of, time(23, 59), tzinfo=NEW_YORK).astimezone(UTC)
    return lambda: frozen


def _announce(url: str) -> None:
    typer.echo(SANDBOX_BANNER)
    typer.echo(f"serving on {url}; in another terminal:\n")
    typer.echo(f"  export MARKET_PIPELINE_SANDBOX_URL={url}\n")
    typer.echo(_MOVE_ON)
