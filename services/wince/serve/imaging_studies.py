"""Objects that are bound to a patient are graded: their pictures go through detect and estimate here, and onto the bus as a camera's do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wince.bus.interface import Bus
from wince.clock import Clock, wall_us
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.domain.study import Held
from wince.errors import MediaError, MessageError, ResourceError
from wince.parts import PASSING, WatchedThread
from wince.pipeline.capture.guarded import GuardedClip
from wince.pipeline.capture.studies.interface import Shelf
from wince.pipeline.capture.studies.opened import OpenedStudy
from wince.runners.front import Front
from wince.serve import chain
from wince.serve.begin import closed
from wince.serve.chain import Chain
from wince.serve.protocols import ProtocolSet
from wince.settings import Settings
from wince.store import stay_rows, studies
from wince.store.database import Database
from wince.store.studies import Study
from wince.store.withheld import withheld
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S, WAIT_S = 0.5, 5.0
"""How often it is looked for objects; how long after a failure that may pass."""
TRIES = 3
"""A study whose grading ended this process, or failed, so often is held: it may be what breaks it."""
LOST_US = 600 * US
"""The record has the last window of a study this long after its pictures were scored, or it is graded again."""
ASK_S = 2.0
"""How often it is asked whether a patient may still be watched."""


class StudyGrader:
    """A part of a process: grades one object after the other."""

    name = "studies"

    def __init__(
        self, database: Database, bus: Bus, shelf: Shelf, settings: Settings, protocols: ProtocolSet, clock: Clock = wall_us
    ) -> None:
        self._database, self._bus, self._shelf, self._settings, self._protocols = database, bus, shelf, settings, protocols
        self._clock = clock
        self._chains: dict[tuple[str, ...], Chain] = {}
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._front: Front | None = None
        self._spared = ""
        self._thread = WatchedThread(self.name, self._run, self._stopped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the message in hand; the next start goes on with that object."""
        self._stopped.set()
        self._wake.set()
        if (front := self._front) is not None:
            front.stop()
        if self._thread.is_alive():
            self._thread.join(30)

    def failed(self) -> BaseException | None:
        """What ended it for good."""
        return self._thread.failed()

    def wake(self) -> None:
        """Something may be there to be graded."""
        self._wake.set()

    def _run(self) -> None:
        begun = False
        while not self._stopped.is_set():
            try:
                if not begun:
                    with self._database.transaction() as tx:  # what was in flight when the process before ended
                        studies.send_again(tx, self._shelf.place, self._clock() + 1)
                    begun = True
                if not self.step():
                    self._wake.wait(LOOK_S)
                    self._wake.clear()
            except PASSING as error:
                log.warning("a study could not be graded now; trying again", error=error)
                self._stopped.wait(WAIT_S)

    def step(self) -> bool:
        """Settle what the record has, grade the next object; False: there is none. Raises what passes."""
        now_us = self._clock()
        with self._database.transaction() as tx:
            studies.settle(tx, self._shelf.place, now_us)
            studies.send_again(tx, self._shelf.place, now_us - LOST_US)
            study = studies.to_grade(tx, self._shelf.place)
            if study is None:
                return False
            if study.attempts >= TRIES:
                studies.hold(tx, study, Held.FAILED, now_us)
                return True
            if study.instance != self._spared:
                studies.begun(tx, study)
        self._spared = ""
        try:
            ended_us = self._grade(study)
        except PASSING:
            self._spared = study.instance  # not its fault: this try doesn't count
            raise
        except (MediaError, MessageError, FileNotFoundError) as error:
            log.error("a study's pictures can't be decoded", source=study.instance, error=error)
            with self._database.transaction() as tx:
                studies.hold(tx, study, Held.UNREADABLE, self._clock())
            return True
        with self._database.transaction() as tx:
            if ended_us is None:  # we end, so this try doesn't count
                studies.begun(tx, study, -1)
            else:
                studies.sent(tx, study, ended_us, self._clock())
        return True

    def _grade(self, study: Study) -> int | None:
        """When its last picture ends; None where it was stopped before."""
        assert study.origin_us is not None
        origin_us, source = study.origin_us, study.instance
        lying = self._stays(study)
        looking = self._protocols.of_bed(lying[0].bed if lying else "")
        rate_hz = looking[0].detect.rate_hz
        closed_us = closed(self._database, [source], list(self._protocols.every)).get(source, origin_us)
        from_us = max(origin_us, closed_us - self._protocols.before_us)
        ended: list[int] = []

        def seen(message: object) -> None:
            if isinstance(message, Beat) and message.ended:
                ended.append(message.time_us)

        with self._opened(study) as opened:
            clip = GuardedClip(
                lambda at_us: opened.source(source, rate_hz=rate_hz, origin_us=origin_us, from_us=at_us),
                Asking(lambda: self._why_not(study)),
                origin_us=origin_us,
                from_us=from_us,
            )
            names = tuple(protocol.name for protocol in looking)
            if names not in self._chains:
                self._chains[names] = chain.build(self._settings, looking)
            self._front = Front(clip, self._chains[names].anew(), self._bus, seen)
            if not self._stopped.is_set():
                self._front.run()
            self._front.check()
        return ended[-1] if ended else None

    def _opened(self, study: Study) -> OpenedStudy:
        try:
            return OpenedStudy(self._shelf.file(study.instance), study.facts, self._shelf.folder)
        except FileNotFoundError:
            raise
        except OSError as error:  # no room for its stream, say
            raise ResourceError(error.strerror or "can't be read", field="dicom_folder", remedy="check the disk of the objects") from None

    def _stays(self, study: Study) -> list[Stay]:
        person = study.person
        assert person is not None
        with self._database.transaction() as tx:
            where = "superseded_us IS NULL AND encounter_system = %s AND encounter = %s ORDER BY start_us"
            found = stay_rows.read(tx, where, (person.encounter.system, person.encounter.value))
        at_us = study.facts.at_us or 0
        return [stay for stay in found if stay.start_us <= at_us and (stay.end_us is None or at_us < stay.end_us)]

    def _why_not(self, study: Study) -> Callable[[int], Reason | None]:
        """Whether this patient may be watched, as known now."""
        lying, required = self._stays(study), self._settings.consent_required
        with self._database.transaction() as tx:
            held = withheld(tx, lying, study.origin_us or 0, required=required)

        def why_not(at_us: int) -> Reason | None:
            if not lying:
                return Reason.CONSENT if required else None
            return held.during(lying[0], at_us, at_us + 1)

        return why_not


class Asking:
    """Asks anew every ASK_S; where the database is away, what was known last goes on."""

    def __init__(self, ask: Callable[[], Callable[[int], Reason | None]]) -> None:
        """Raises what `ask` does, here only."""
        self._ask, self._known, self._at = ask, ask(), time.monotonic()

    def __call__(self, at_us: int) -> Reason | None:
        """The reason for a moment."""
        if time.monotonic() - self._at > ASK_S:
            try:
                self._known = self._ask()
            except PASSING as error:
                log.warning("whether a patient may be watched could not be asked; what was known goes on", error=error)
            self._at = time.monotonic()
        return self._known(at_us)
