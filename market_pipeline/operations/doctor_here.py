"""What runs here: warehouse, storages, coordination, who is asked and told, inbox, dates."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.ports import Clock, Coordination
from market_pipeline.domain.sessions import NEW_YORK, TradingCalendar
from market_pipeline.notifications import channels_of
from market_pipeline.operations.findings import BROKEN, NOTE, OK, Finding, database_reason
from market_pipeline.operations.opening import UPGRADE, sqlite_file
from market_pipeline.partitions import next_key_at
from market_pipeline.resources import clients, coordination_of
from market_pipeline.settings import ENV_PREFIX, Settings, unknown_settings
from market_pipeline.warehouse import Warehouse

AREA = "here"
_CONNECT_TIMEOUT_S = 5


def findings(
    settings: Settings, coordination: Coordination, clock: Clock, redis: Finding
) -> Iterator[Finding]:
    """Look at everything that runs on this side of the network; `redis` was looked at before."""
    yield names()
    yield from warehouse_findings(settings)
    yield dagster_storage(settings)
    yield redis
    yield from news_sources(settings, coordination, clock)
    yield channels(settings)
    yield inbox(settings)
    yield from dates(settings, clock())


def warehouse_findings(settings: Settings) -> Iterator[Finding]:
    """Look at the warehouse and at the kind of data it is dedicated to."""
    try:
        file = sqlite_file(settings.warehouse_url)
        if file is not None and not file.is_file():
            yield _here("warehouse", NOTE, f"not made yet; the first import makes {file}")
            yield _here("data kind", OK, f"would be {settings.data_kind}")
            return
        warehouse = Warehouse.open(settings.warehouse_url)
        ping_ms = warehouse.ping()
        revision = warehouse.current_revision()
        is_current = warehouse.is_current()
        held = warehouse.meta_get("data_kind") if is_current else None
    except ConfigurationError as error:
        yield _here("warehouse", BROKEN, str(error))
        return
    except sa.exc.SQLAlchemyError as error:
        yield _here("warehouse", BROKEN, f"does not answer: {database_reason(error)}")
        return
    told = f"{warehouse.display_url}, revision {revision or 'none'}, answers in {ping_ms:.1f} ms"
    warehouse.dispose()
    if not is_current:
        # The graph brings a SQLite file up to date by itself, PostgreSQL it leaves alone.
        state = NOTE if file is not None else BROKEN
        yield _here("warehouse", state, f"{told}; `{UPGRADE}` brings it up to date")
        return
    yield _here("warehouse", OK, told)
    yield _data_kind(settings, held)


def _data_kind(settings: Settings, held: str | None) -> Finding:
    if held is None:
        return _here("data kind", OK, f"not decided yet; would be {settings.data_kind}")
    if held == settings.data_kind:
        return _here("data kind", OK, held)
    return _here(
        "data kind",
        BROKEN,
        f"the warehouse holds {held} data but the settings ask for {settings.data_kind}: "
        "the two are never mixed",
    )


def dagster_storage(settings: Settings) -> Finding:
    """Look at where Dagster keeps its own state."""
    item = "Dagster storage"
    if settings.dagster_database_url is None:
        return _here(item, OK, f"SQLite files in {settings.state_dir}")
    url = sa.make_url(settings.dagster_database_url.get_secret_value())
    shown = url.set(query={}).render_as_string(hide_password=True)
    engine = sa.create_engine(
        url, hide_parameters=True, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S}
    )
    try:
        with engine.connect() as connection:
            connection.execute(sa.select(1))
    except sa.exc.SQLAlchemyError as error:
        return _here(item, BROKEN, f"{shown} does not answer: {database_reason(error)}")
    finally:
        engine.dispose()
    return _here(item, OK, f"PostgreSQL, {shown}")


def coordinated(settings: Settings) -> tuple[Coordination, Finding]:
    """Look at where rates, breakers and locks are kept; give what the rest of the look may use."""
    item, coordination = "Redis", coordination_of(settings)
    if settings.redis_url is None:
        told = "not configured: rates, breakers and locks are in a local file"
        return coordination, _here(item, OK, told)
    parts = urlsplit(settings.redis_url.get_secret_value())
    place = f"{parts.hostname}:{parts.port or 6379}"
    try:
        coordination.get("doctor")
    except ConfigurationError as error:
        local = coordination_of(settings.model_copy(update={"redis_url": None}))
        return local, _here(item, BROKEN, f"{place}: {error}")
    if coordination.kind == "redis":
        return coordination, _here(item, OK, f"{place} answers")
    told = f"{place} does not answer; a local file stands in meanwhile"
    return coordination, _here(item, BROKEN, told)


def names() -> Finding:
    """Look for names that are near to settings and are none."""
    unknown = unknown_settings()
    if unknown:
        return _here("settings", NOTE, "; ".join(unknown))
    return _here("settings", OK, "every name is known")


def news_sources(settings: Settings, coordination: Coordination, clock: Clock) -> Iterator[Finding]:
    """Say who is asked for headlines, in which order, and who is left out for want of a key."""
    chains = (
        ("Finviz sources", "finviz_sources", clients.finviz(settings, coordination, clock)),
        ("wire sources", "wire_sources", clients.wire(settings, coordination, clock)),
    )
    for item, setting, chain in chains:
        order: tuple[str, ...] = getattr(settings, setting)
        asked = [name.removesuffix(clients.SANDBOX_SUFFIX) for name in chain.sources]
        chain.close()
        left_out = ", ".join(name for name in order if name not in asked)
        if not order:
            yield _here(item, NOTE, f"none, as {ENV_PREFIX}{setting.upper()} says: nobody is asked")
        elif not asked:
            yield _here(item, NOTE, f"nobody is asked: no key for {left_out}")
        else:
            without = f"; left out for want of a key: {left_out}" if left_out else ""
            yield _here(item, OK, f"{', then '.join(asked)}{without}")


def channels(settings: Settings) -> Finding:
    """Read every address that notices go to; connects to none, shows none."""
    item = "notice channels"
    try:
        found = channels_of(settings, is_thorough=True)
    except ConfigurationError as error:
        return _here(item, BROKEN, str(error))
    if not found:
        return _here(item, NOTE, "none: nobody is told of headlines and alerts")
    return _here(item, OK, ", ".join(channel.name for channel in found))


def inbox(settings: Settings) -> Finding:
    """Look at the folder watched for portfolio files."""
    folder = settings.inbox
    if not folder.is_dir():
        return _here("inbox", OK, f"{folder} (made when first looked into)")
    refused = len(list(folder.glob("*.problems.txt")))
    told = f"{folder}, {len(list(folder.glob('*.csv')))} CSV files"
    if refused:
        return _here("inbox", NOTE, f"{told}, {refused} refused: see *.problems.txt there")
    return _here("inbox", OK, told)


def dates(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Say when the exchange opens next and when the next partition appears."""
    calendar = TradingCalendar.xnys(settings.extra_closures)
    session = calendar.session_on_or_after(now.astimezone(NEW_YORK).date())
    if calendar.open_at(session) <= now:
        session = calendar.next(session)
    yield _here("next session opens", OK, f"{session}: {_both(calendar.open_at(session))}")
    appears = next_key_at(calendar, now)
    key = (appears.astimezone(UTC) - timedelta(days=1)).date()
    yield _here("next partition", OK, f"{key} appears {_both(appears)}")


def _both(instant: datetime) -> str:
    new_york = instant.astimezone(NEW_YORK)
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {new_york:%Y-%m-%d %H:%M} New York"


def _here(item: str, state: str, detail: str) -> Finding:
    return Finding(AREA, item, state, detail)
