"""AuditEvents that are no entry's own (searches, failures) on their way to the server: kept in memory until it takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from uuid import uuid4

from wince.clock import Clock
from wince.delivery.fhir.audit import MINOR, SERIOUS, SUCCESS, Deed, audit_event
from wince.delivery.fhir.parts import Software
from wince.delivery.interface import Answer, Outcome
from wince.fhir.invariants import Resource, check
from wince.telemetry.logs import get

MOST = 2000
"""Most AuditEvents that wait; beyond that the oldest are dropped. Wince's own audit trail holds every attempt of a delivery."""

_log = get("wince.delivery.fhir")


class AuditFeed:
    """What is still to be said to the server. Thread-safe."""

    def __init__(self, software: Software, clock: Clock) -> None:
        """`clock`: microseconds UTC."""
        self._software, self._clock = software, clock
        self._on = "AuditEvent" in software.writing.profile.beside
        self._waiting: deque[Resource] = deque(maxlen=MOST)
        self._lock = Lock()

    def searched(self, kind: str, query: str, failure: Answer | None, patient: str) -> None:
        """A search was answered. `query`: as it was sent; `failure`: None where it succeeded; `patient`: whom it found, where one alone."""
        self._say(Deed(uuid4(), "search-type", kind, self._clock(), patient=patient, query=query), failure)

    def refused(self, resource: Resource, what: str, failure: Answer, request: str) -> None:
        """A create or update of a resource failed."""
        patient = (resource.get("subject") or resource.get("for") or {}).get("reference", "")
        deed = Deed(uuid4(), what, resource["resourceType"], self._clock(), identifier=resource["identifier"][0], patient=patient)
        self._say(deed, failure, request)

    def _say(self, deed: Deed, failure: Answer | None, request: str = "") -> None:
        if not self._on:
            return
        outcome = SUCCESS if failure is None else SERIOUS if failure.outcome is Outcome.DEAD else MINOR
        detail = "" if failure is None else failure.detail
        made = Deed(
            deed.id, deed.what, deed.kind, deed.at_us, outcome, detail, deed.place, deed.identifier, deed.patient, deed.query, request
        )
        event = check(audit_event(made, self._software))
        with self._lock:
            self._waiting.append(event)

    def flush(self, send: Callable[[Resource], Answer | None]) -> None:
        """Send what waits; `send` gives None where it was taken. What can't be sent now waits; what the server refuses is logged."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            failed = send(event)
            if failed is None:
                continue
            if failed.outcome is not Outcome.DEAD:
                with self._lock:
                    if len(self._waiting) < MOST:
                        self._waiting.appendleft(event)
                return
            _log.error("the EHR refused an AuditEvent", detail=failed.detail)
