"""An image archive as a target: each entry leaves exactly one Structured Report there, and a new one for each revision.

A report's SOP Instance UID is made from entry, revision and target, and the same facts give the same bytes. So whatever failed in between,
sending it again leaves one object. A revision names the report that it replaces (Predecessor Documents Sequence); one that withdraws says
so (Completion Flag Description, a comment, no numbers), and with `rejects` a rejection note follows. Answers: `answers.STATUSES`.

With commitment asked for, a report that the archive stored but does not answer for yet stands as written with the words NOT_COMMITTED.
`tend` asks again about those. What the archive says it has not is sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from wince.clock import Clock, wall_us
from wince.delivery.interface import Answer, Outcome, Taken
from wince.delivery.sr import commitments
from wince.delivery.sr.answers import judged, probed
from wince.delivery.sr.evidence import Evidence, Find, of_camera
from wince.delivery.sr.report import Report, Writing, report
from wince.dicom.scu.client import Sent
from wince.dicom.scu.commitment import Commitment, Heard
from wince.domain.entry import Entry, TaskEntry
from wince.errors import ConfigError, Refused, Unavailable
from wince.parts import StartStop
from wince.protocols.rules import ClinicalProtocol
from wince.store.database import Database
from wince.store.plain import dump, load
from wince.telemetry import logs

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

log = logs.get(__name__)

Born = Callable[[str, str], str]
"""A patient's birth date (YYYY-MM-DD) by system and value; empty where unknown."""
ASK_S = 60.0
"""Before the archive is asked again about what it has not committed to."""


class Archive(Protocol):
    """How an archive is reached: DICOM (`dicom.scu.client`) or DICOMweb (`dicom.scu.stow`)."""

    def echo(self) -> Sent:
        """A harmless request. Raises Refused, Unavailable."""
        ...

    def lacks(self, *, key_objects: bool, commitment: bool) -> list[str]:
        """Names of what it does not accept of that which is sent to it. Raises Refused, Unavailable."""
        ...

    def store(self, objects: Sequence[Any], *, commit_s: float = 0.0) -> Sent:
        """Store pydicom Datasets of one study, in order. Raises Refused, Unavailable."""
        ...

    def ask(self, instances: Sequence[tuple[str, str]], *, commit_s: float) -> Commitment | None:
        """Ask whether it answers for (SOP class, SOP instance). Raises Refused, Unavailable."""
        ...

    def interrupt(self) -> None:
        """See `Interruptible`."""
        ...


@dataclass(frozen=True, slots=True)
class Ways:
    """What the site wants of its archive."""

    organization: str
    """Stands beside a nurse who verified."""
    zone: tzinfo = UTC
    """The site's, for studies that say none."""
    key_objects: bool = False
    """A Key Object Selection of key frames beside a report whose source is a DICOM object."""
    rejects: bool = False
    """A rejection note beside a report that withdraws."""
    commit_s: float = 0.0
    """For how long a delivery waits for the archive's commitment, seconds; 0: it is not asked."""


class SrTarget:
    """The writer of one archive: delivery/interface.Target. Thread-safe."""

    def __init__(
        self,
        archive: Archive,
        protocols: Mapping[str, ClinicalProtocol],
        writing: Writing,
        ways: Ways,
        *,
        born: Born = lambda _system, _value: "",
        find: Find = of_camera,
        heard: Heard | None = None,
        listener: StartStop | None = None,
        wall: Clock = wall_us,
    ) -> None:
        """born: birth dates that the hospital's feed gave. find: the DICOM object that a source is. heard: what the archive commits to.
        listener: hears that on the archive's own associations; it runs while the target is tended, until `stop`."""
        self.name = writing.target
        self._archive, self._protocols, self._writing, self._ways = archive, protocols, writing, ways
        self._born, self._find, self._heard = born, find, heard or Heard()
        self._listener, self._listening, self._wall = listener, False, wall
        self._ask_at = 0.0

    def render(self, entry: Entry | TaskEntry) -> str | Taken:
        """The report's facts as canonical JSON; NOTHING of a question. Pure. Raises MessageError where it can't be reported."""
        if isinstance(entry, TaskEntry):
            return Taken.NOTHING
        return dump(report(entry, self._protocols, self._writing))

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """See `Target`. Blocks for one association, or one HTTP exchange."""
        facts = load(Report, body)
        if facts.withdrawn and not location:
            return Answer(Outcome.WRITTEN, "nothing of it is there to take back")
        evidence = self._find(facts.source)
        objects = self._objects(facts, evidence, replaces=bool(location))
        sops = tuple(str(one.SOPInstanceUID) for one in objects)
        try:
            sent = self._archive.store(objects, commit_s=self._ways.commit_s)
        except (Refused, ConfigError) as error:
            return Answer(Outcome.HELD, error.message, remedy=error.remedy)
        except Unavailable as error:
            return Answer(Outcome.RETRY, error.message, retry_after_s=error.retry_after_s)
        return judged(sent, sops, committed=self._ways.commit_s > 0)

    def probe(self) -> Answer:
        """C-ECHO, or a search that finds nothing: changes nothing."""
        try:
            return probed(self._archive.echo())
        except (Refused, ConfigError) as error:
            return Answer(Outcome.HELD, error.message, remedy=error.remedy)
        except Unavailable as error:
            return Answer(Outcome.RETRY, error.message)

    def interrupt(self) -> None:
        """Break off what is in hand; see `Interruptible`."""
        self._archive.interrupt()

    def stop(self) -> None:
        """End what `tend` began. Idempotent."""
        if self._listener is not None:
            self._listener.stop()

    def tend(self, database: Database) -> None:
        """Ask about what is not committed to, and keep what archives said; see `Tended`. Raises StoreError, Unavailable."""
        if self._ways.commit_s <= 0:
            return
        if self._listener is not None and not self._listening:
            self._listener.start()
            self._listening = True
        for said in self._heard.drain():
            self._settle(database, said)
        if time.monotonic() < self._ask_at:
            return
        self._ask_at = time.monotonic() + ASK_S
        with database.transaction() as tx:
            open_ = commitments.waiting(tx, self.name)
        if open_:
            self._ask(database, open_)

    def _ask(self, database: Database, sops: Sequence[str]) -> None:
        from wince.delivery.sr.document import SR_CLASS

        try:
            answer = self._archive.ask([(SR_CLASS, sop) for sop in sops], commit_s=self._ways.commit_s)
        except Refused as error:
            log.warning("the archive can't be asked for its commitment", target=self.name, error=error)
            return
        if answer is not None:
            self._settle(database, answer)

    def _settle(self, database: Database, said: Commitment) -> None:
        with database.transaction() as tx:
            commitments.settle(tx, self.name, said, self._wall())
        if said.failed:
            log.warning(
                "the archive does not commit to reports; they are sent again, a few times", target=self.name, count=len(said.failed)
            )

    def _objects(self, facts: Report, evidence: Evidence | None, *, replaces: bool) -> list[Dataset]:
        """The report, and what stands beside it."""
        from wince.delivery.sr import key_objects
        from wince.delivery.sr.document import Circumstances, document

        now = Circumstances(
            self.name,
            self._ways.organization,
            self._writing.version,
            born=self._born(facts.patient.system, facts.patient.value),
            evidence=evidence,
            replaces=replaces,
            zone=self._ways.zone,
        )
        made = [document(facts, now)]
        if self._ways.key_objects and evidence is not None and key_objects.has_key_frames(facts):
            made.append(key_objects.selection(facts, now, evidence))
        if self._ways.rejects and facts.withdrawn:
            made.append(key_objects.rejection(facts, now))
        return made
