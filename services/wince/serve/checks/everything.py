"""All checks, side by side, each with a limit."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from wince.errors import WinceError
from wince.serve.checks import anchors, callers, cameras, database, hospital, imaging, insecure, kafka, keys, machine, models, served
from wince.serve.checks.finding import Check, Finding, failed, missing
from wince.serve.targets import every
from wince.settings import Settings
from wince.telemetry import logs

log = logs.get(__name__)

MACHINE: tuple[tuple[str, Check], ...] = (
    ("python", machine.python),
    ("protocol", machine.protocol),
    ("face models", models.check),
    ("disk", machine.disk),
)
"""What is so on this machine."""
CONFIGURED: tuple[tuple[str, Check], ...] = (
    ("hospital", hospital.check),
    ("keys", keys.check),
    ("callers", callers.check),
    ("database", database.check),
    ("anchors", anchors.check),
    ("kafka", kafka.check),
    *((kind.name, kind.look) for kind in every.KINDS),
    ("serving", served.check),
    ("cameras", cameras.check),
    ("imaging", imaging.check),
    ("insecure settings", insecure.check),
)
"""What settings name, and is tried."""
LIMIT_S = 30.0
"""For each check. All run at the same time, so this is the longest that all of them take."""


@dataclass
class _Running:
    name: str
    findings: list[Finding] = field(default_factory=list)
    thread: threading.Thread | None = None


def run(settings: Settings, checks: Sequence[tuple[str, Check]], *, limit_s: float = LIMIT_S) -> list[Finding]:
    """What the checks found, in their order. Never raises; a check that is not over within `limit_s` is itself a finding.

    What libraries log meanwhile is left out, but at the level debug: the findings say it once.
    """
    before = logging.root.manager.disable
    if settings.log_level != "debug":
        logging.disable(logging.CRITICAL)
    try:
        return _run(settings, checks, limit_s)
    finally:
        logging.disable(before)


def _run(settings: Settings, checks: Sequence[tuple[str, Check]], limit_s: float) -> list[Finding]:
    running = [_Running(name) for name, _ in checks]
    for one, (_, check) in zip(running, checks, strict=True):
        one.thread = threading.Thread(target=_collect, args=(one, check, settings), name=f"check-{one.name}", daemon=True)
        one.thread.start()
    deadline = time.monotonic() + limit_s
    findings: list[Finding] = []
    for one in running:
        assert one.thread is not None
        one.thread.join(max(0.0, deadline - time.monotonic()))
        findings += list(one.findings)
        if one.thread.is_alive():
            remedy = "is it reachable at all? A firewall that drops packets looks like this"
            findings.append(missing(one.name, f"no answer within {limit_s:g} s", remedy))
    return findings


def _collect(one: _Running, check: Check, settings: Settings) -> None:
    try:
        for finding in check(settings):
            one.findings.append(finding)
    except WinceError as error:
        one.findings.append(failed(one.name, error))
    except Exception as error:  # a fault of ours must hide no other finding
        log.error("a check failed", task=one.name, error=error)
        one.findings.append(missing(one.name, f"could not be looked at ({type(error).__name__})", "report this as a fault of Wince"))
