"""Takes objects in (port `wince.dicom.scp.interface.Keeper`): looked at, put on the shelf, and into the database, before anybody hears so.

What is on the shelf has a row, or is taken away again: the row is committed last, and a file without one is nobody's (`shelf.sweep`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

from wince.clock import Clock, wall_us
from wince.dicom.scp.interface import Received
from wince.dicom.scp.pdu import uid
from wince.dicom.scp.tables import Status, syntaxes
from wince.domain.stay import Identifier
from wince.domain.study import AT_ONCE, Held, StudyFacts, alone
from wince.errors import MessageError
from wince.pipeline.capture.studies import content, header
from wince.pipeline.capture.studies.interface import Identify, Shelf, sync
from wince.store import studies
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

WAITS = Held.UNKNOWN_PATIENT
"""What an object is held for until it was looked up in the census, which is done beside."""


class Intake:
    """Thread-safe. `zone`: the site's, for times without an offset. `told`: what became of each, by a word of ours."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        identify: Identify,
        zone: tzinfo,
        *,
        ahead_us: int = 0,
        clock: Clock = wall_us,
        told: Callable[[str], None] = lambda _what: None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """`ahead_us`: how far ahead of now an object's time may lie. `wake`: something new is to be looked up."""
        self._database, self._shelf, self._identify, self._zone = database, shelf, identify, zone
        self._ahead_us, self._clock, self._told, self._wake = ahead_us, clock, told, wake
        self._names: set[str] = set()
        self._free = threading.Condition()

    def keep(self, received: Received) -> Status:
        """See Keeper.keep. Raises StoreError, Unavailable, OSError: then nothing is kept."""
        try:
            found = header.read(received.path)
        except MessageError as error:
            log.warning("an object can't be read", sender=received.sender, error=error)
            return self._said(Status.NOT_UNDERSTOOD)
        facts = header.facts(found, self._zone)
        named = (facts.sop_class, facts.instance) == (received.sop_class, received.instance) and uid(facts.instance)  # its file's name, too
        if not named or facts.syntax not in syntaxes(facts.sop_class):
            return self._said(Status.NO_MATCH)
        digest = content.digest(received.path, found)
        with self._alone(facts.instance):
            return self._said(*self._take(received, facts, digest))

    def kept(self, references: Sequence[tuple[str, str]]) -> list[bool]:
        """See Keeper.kept."""
        with self._database.transaction() as tx:
            return studies.kept(tx, references)

    def _take(self, received: Received, facts: StudyFacts, digest: bytes) -> tuple[Status, str]:
        now_us = self._clock()
        patient, held = self._whose(facts, now_us)
        with self._database.transaction() as tx:
            known = studies.of(tx, facts.instance)
        moved = None if known is not None else self._put(received.path, facts.instance)
        looked_us = 0 if held is WAITS else now_us
        row = studies.Study(
            facts, received.bytes, self._shelf.place, received.sender, now_us, patient, None, "held", held.value, looked_us, 0, None, None,
            None, by_hand=False,
        )  # fmt: skip
        with self._database.transaction() as tx:  # where its outcome is unknown the file stays: a row without its file would be a loss
            outcome = studies.take(tx, row, digest)
        if outcome == studies.OTHER:
            if moved is not None:
                moved.unlink(missing_ok=True)
            log.error("another object under a known UID; the first stands", source=facts.instance)
            return Status.OTHER_CONTENT, "other_content"
        if outcome == studies.KNOWN:
            return Status.SUCCESS, "known"
        self._wake()
        return (Status.WARNING_CLASS if held in AT_ONCE else Status.SUCCESS), "received"

    def _whose(self, facts: StudyFacts, now_us: int) -> tuple[Identifier | None, Held]:
        """(patient, why it waits)."""
        wrong = alone(facts, now_us=now_us, ahead_us=self._ahead_us)
        named = self._identify(facts) if facts.patient else Held.NO_PATIENT_ID
        if isinstance(named, Held):
            return None, wrong or named
        return named, wrong or WAITS

    def _put(self, path: Path, instance: str) -> Path:
        """Onto the shelf; the folder knows its name when this returns."""
        target = self._shelf.file(instance)
        with self._shelf.moving:
            os.utime(path)  # its age on the shelf begins now
            os.replace(path, target)
        sync(self._shelf.folder)
        return target

    @contextmanager
    def _alone(self, instance: str) -> Iterator[None]:
        """One object of a UID at a time: of two that come at once the second must not take the first one's place on the shelf."""
        with self._free:
            while instance in self._names:
                self._free.wait()
            self._names.add(instance)
        try:
            yield
        finally:
            with self._free:
                self._names.discard(instance)
                self._free.notify_all()

    def _said(self, status: Status, what: str = "refused") -> Status:
        self._told(what)
        return status
