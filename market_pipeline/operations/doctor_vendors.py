"""Each vendor: is its key there, does it answer, what is it for. Never the key itself.

Asked all at once, each once and outside rate and breaker; whoever has not answered in time
counts as unreachable.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import SecretStr

from market_pipeline.domain.errors import Blocked, NotEntitled, QuotaEnded, Throttled, VendorError
from market_pipeline.domain.ports import BreakerRule, Clock, Coordination
from market_pipeline.operations.findings import BROKEN, NOTE, OK, Finding, in_short
from market_pipeline.resources import clients
from market_pipeline.settings import ENV_PREFIX, Settings

PATIENCE_S = 12.0
AREA = "vendor"


class Probed(Protocol):
    """What the doctor needs of a vendor client."""

    @property
    def name(self) -> str: ...

    def probe(self) -> str: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor as the doctor sees it; `setting` names the key's setting, where it takes one."""

    title: str
    used_for: str
    client: Probed
    setting: str | None = None
    key: SecretStr | None = None

    @property
    def lacks_key(self) -> bool:
        """Whether it takes a key and has none."""
        return self.setting is not None and self.key is None


def vendors(settings: Settings, coordination: Coordination, clock: Clock) -> tuple[Vendor, ...]:
    """List the vendors as configured; nothing is connected."""
    return (
        Vendor(
            "Yahoo",
            "daily and hourly bars of stocks, ETFs and indices",
            clients.yahoo(settings, coordination),
        ),
        Vendor(
            "Polygon",
            "option quotes, and bars where Yahoo gives none; without it options stay unpriced",
            clients.polygon(settings, coordination),
            "polygon_api_key",
            settings.polygon_api_key,
        ),
        Vendor(
            "Alpha Vantage",
            "daily bars where Yahoo and Polygon give none",
            clients.alpha_vantage(settings, coordination, clock),
            "alpha_vantage_api_key",
            settings.alpha_vantage_api_key,
        ),
        Vendor(
            "Finviz export",
            "headlines; without it the public page is read",
            clients.finviz_export(settings, coordination),
            "finviz_elite_key",
            settings.finviz_elite_key,
        ),
        Vendor(
            "Finviz page",
            "headlines where the export gives none",
            clients.finviz_page(settings, coordination, clock),
        ),
        Vendor(
            "Tiingo",
            "headlines of the wire, with descriptions",
            clients.tiingo(settings, coordination),
            "tiingo_api_key",
            settings.tiingo_api_key,
        ),
        Vendor(
            "Finnhub",
            "headlines of the wire where Tiingo gives none",
            clients.finnhub(settings, coordination, clock),
            "finnhub_api_key",
            settings.finnhub_api_key,
        ),
    )


def findings(
    known: Sequence[Vendor],
    settings: Settings,
    coordination: Coordination,
    *,
    offline: bool,
    patience_s: float = PATIENCE_S,
) -> list[Finding]:
    """Look at every vendor, in the order given; all are asked at once."""
    described = [_described(vendor, settings, coordination) for vendor in known]
    asked = [
        vendor for vendor in known if not offline and (settings.sandbox_url or not vendor.lacks_key)
    ]
    answers = _ask(asked, patience_s)
    return [
        _judged(found, answers[vendor.title]) if vendor.title in answers else found
        for vendor, found in zip(known, described, strict=True)
    ]


def _described(vendor: Vendor, settings: Settings, coordination: Coordination) -> Finding:
    state, key, detail = OK, "not needed", "not asked"
    if settings.sandbox_url:
        key, detail = "not needed (sandbox)", f"not asked; the sandbox at {settings.sandbox_url}"
    elif vendor.lacks_key:
        state, key = NOTE, "missing"
        detail = f"not asked: set {ENV_PREFIX}{str(vendor.setting).upper()} to use it"
    elif vendor.setting:
        key = "present"
    # Only read here: the rule a breaker opens by matters to those who count failures.
    breaker = coordination.breaker(vendor.client.name, BreakerRule()).status()
    if breaker.state != "closed":
        state = NOTE
    return Finding(
        AREA, vendor.title, state, detail, key, "not asked", breaker.state, vendor.used_for
    )


def _judged(found: Finding, answer: str | Exception) -> Finding:
    if isinstance(answer, str):
        return replace(found, reachable="yes", detail=answer)
    if isinstance(answer, Throttled | QuotaEnded):
        return replace(found, state=NOTE, reachable="yes", detail=f"asks to wait: {answer.detail}")
    detail = answer.detail if isinstance(answer, VendorError) else in_short(answer)
    answers_but_refuses = isinstance(answer, NotEntitled | Blocked)
    reachable = "yes, refuses" if answers_but_refuses else "no"
    # A machine without a network is no fault: only what a person set up can be broken.
    is_broken = answers_but_refuses or found.key != "not needed"
    state = BROKEN if is_broken else NOTE
    return replace(found, state=state, reachable=reachable, detail=detail)


def _ask(asked: Sequence[Vendor], patience_s: float) -> dict[str, str | Exception]:
    """Probe all at once; give each one's words or its error, by title."""
    heard: queue.SimpleQueue[tuple[str, str | Exception]] = queue.SimpleQueue()
    for vendor in asked:
        # Daemons: a probe that hangs must not keep the command from ending.
        threading.Thread(target=_probe, args=(vendor, heard.put), daemon=True).start()
    answers: dict[str, str | Exception] = {
        vendor.title: TimeoutError(f"no answer within {patience_s:g} s") for vendor in asked
    }
    deadline = time.monotonic() + patience_s
    for _ in asked:
        try:
            title, answer = heard.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        answers[title] = answer
    return answers


def _probe(vendor: Vendor, put: Callable[[tuple[str, str | Exception]], None]) -> None:
    try:
        put((vendor.title, vendor.client.probe()))
    except Exception as error:  # whatever goes wrong is the finding
        put((vendor.title, error))
    finally:
        vendor.client.close()
