"""All subjects at once, each bounded in time: one dead part never hides the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from wince.errors import WinceError
from wince.serve.status.anchors import anchors
from wince.serve.status.audit import audit
from wince.serve.status.beds import beds
from wince.serve.status.cameras import cameras
from wince.serve.status.census import census
from wince.serve.status.credentials import credentials
from wince.serve.status.database import database
from wince.serve.status.disk import disk
from wince.serve.status.hl7 import hl7
from wince.serve.status.imaging import imaging
from wince.serve.status.installation import installation
from wince.serve.status.interface import Look, Row, State, Subject
from wince.serve.status.lag import lag
from wince.serve.status.models import models
from wince.serve.status.outbox import outbox
from wince.serve.status.record import record
from wince.serve.status.retention import retention
from wince.serve.status.services import services
from wince.serve.status.switches import switches

SUBJECTS: Mapping[str, Subject] = {
    "installation": installation,
    "database": database,
    "services": services,
    "cameras": cameras,
    "beds": beds,
    "census": census,
    "switches": switches,
    "hl7": hl7,
    "imaging": imaging,
    "lag": lag,
    "record": record,
    "outbox": outbox,
    "audit": audit,
    "anchors": anchors,
    "retention": retention,
    "credentials": credentials,
    "models": models,
    "disk": disk,
}
"""In the order in which they are shown."""
BEHIND = {"lag": "Kafka "}
"""Whose answer a subject waits for, where its name doesn't say it."""
SECONDS = 3.0


@dataclass(frozen=True)
class Status:
    """An installation at one moment."""

    at_us: int
    rows: tuple[Row, ...]

    @property
    def state(self) -> State:
        """The worst of the rows; what can't be learned from here counts for nothing."""
        states = {row.state for row in self.rows}
        return next((state for state in (State.BAD, State.WARNING) if state in states), State.OK)


def collect(look: Look, subjects: Mapping[str, Subject] = SUBJECTS, *, seconds: float = SECONDS) -> Status:
    """Ask every subject, on threads of their own. One that raises is a row with the reason; one that takes longer than `seconds` is a
    row that says so, and its thread is left to end by itself."""
    found: dict[str, list[Row]] = {}
    threads = [threading.Thread(target=partial(_ask, name, ask, look, found), daemon=True) for name, ask in subjects.items()]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))
    rows = {name: list(found.get(name, [_late(name, seconds)])) for name in subjects}
    return Status(look.now_us, tuple(row for name in subjects for row in rows[name]))


def _late(name: str, seconds: float) -> Row:
    reason = f"{BEHIND.get(name, '')}gave no answer within {seconds:g} s"
    return Row(name, name, State.WARNING, reason=reason, remedy="ask again; `wince doctor` tries what stands behind it, and says more")


def _ask(name: str, ask: Subject, look: Look, found: dict[str, list[Row]]) -> None:
    try:
        found[name] = ask(look)
    except Exception as error:
        found[name] = [_failed(name, error, look)]


def _failed(name: str, error: Exception, look: Look) -> Row:
    if error is look.trouble:
        return Row(name, name, State.UNKNOWN, reason="the database does not answer")
    if isinstance(error, WinceError):
        reason = f"{error.field}: {error.message}" if error.field else error.message
        return Row(name, name, State.BAD, reason=reason, remedy=error.remedy)
    reason = f"could not be looked at: {type(error).__name__}"
    return Row(name, name, State.BAD, reason=reason, remedy="report this: it is a fault of Wince")
