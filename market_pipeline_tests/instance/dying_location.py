"""A code location whose server dies when it is asked to begin a run, as one that is killed then."""

import os
from typing import NoReturn

import dagster as dg
from dagster._grpc.server import DagsterApiServer


def _die(*_: object) -> NoReturn:
    os._exit(1)


DagsterApiServer.StartRun = _die  # type: ignore[assignment, method-assign]


@dg.asset
def work() -> None:
    """Make nothing."""


defs = dg.Definitions(assets=[work], jobs=[dg.define_asset_job("work_job", selection=[work])])
