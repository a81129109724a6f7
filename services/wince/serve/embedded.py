"""The whole road on one machine, in one process: database, EHR, HL7 listener, bus, stages, delivery.

with Embedded(settings, cameras, begin, on_event) as road:
    ...                      # ADT to road.listener.port
    road.play()              # every clip to its end
    road.settle()            # everything committed, everything delivered that can be
    road.verify()            # the audit chain
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC
from types import TracebackType
from typing import Any, Self

from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ALL, CARE, STAYS
from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.clock import wall_us
from wince.delivery import books
from wince.delivery.interface import Target
from wince.delivery.worker import Delivery
from wince.domain.assessment import Verdict
from wince.domain.audit import Verified
from wince.domain.estimate import Estimate
from wince.domain.frame import Beat
from wince.domain.snapshot import Graded
from wince.domain.stay import Occupancy, Watch
from wince.domain.window_label import window_label
from wince.hospital.listener import AdtListener
from wince.parts import Part, Watched, cause, first_failed
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.guarded import GuardedClip
from wince.pipeline.record.retraction import Retractor
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.undoing import Undoer
from wince.runners.ahead import Ahead
from wince.runners.front import Front
from wince.runners.grade import Grading
from wince.runners.record import Recording, Writer
from wince.serve import anchors, chain, mllp, sandbox, scoring, setup, site
from wince.serve.ahead import ahead, latest_event
from wince.serve.begin import SourceStart
from wince.serve.ehr_reading import reading, sink_rules
from wince.serve.permission import Permission
from wince.serve.protocols import protocol_set
from wince.serve.record import TEND_S, tending
from wince.serve.service import Repeated
from wince.serve.state_dir import Owner, Places
from wince.serve.targets import every
from wince.serve.writing import refuse_what_can_not_work
from wince.settings import Camera, Settings
from wince.store import answers, checkpoints, stays, trust
from wince.store.database import Database
from wince.telemetry import logs
from wince.telemetry.key import hash_key
from wince.testing.ehr import EhrSandbox

log = logs.get(__name__)

LOOK_S = 1.0
"""How often it is looked whether the embedded database lives."""
SETTLE_S = 60.0
"""How long `settle` waits for an EHR that takes nothing at all; what it then left open is sent by the next start."""

FRONTS_S = 1.5
"""How long fronts may take for the message in hand when all ends; one that waits for the bus ends when that closes."""

OnEvent = Callable[[str, dict[str, Any]], None]
"""Told what happened: name and fields (no PHI). Called from several threads, one call at a time."""


class Embedded:
    """Everything started in order, stopped in reverse; a context manager."""

    def __init__(self, settings: Settings, cameras: Sequence[Camera], begin: Callable[[Database], int], on_event: OnEvent) -> None:
        """`begin`: says, once the database is there, at which moment (microseconds UTC) the clips begin."""
        self._settings, self._cameras, self._choose = settings, tuple(cameras), begin
        self.origin_us = 0
        """Media time 0 of every clip, microseconds UTC."""
        self._on_event, self._telling = on_event, threading.Lock()
        self._stack = ExitStack()
        self._places = Places.of(settings)
        self.protocols = protocol_set(settings)
        """The protocols that are set."""
        self._fronts: list[Front] = []
        self._looked = time.monotonic()
        self.sandbox: EhrSandbox | None = None
        """The EHR sandbox; None where an EHR is configured."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for front in self._fronts:
            front.stop()
        deadline = time.monotonic() + FRONTS_S
        for front in self._fronts:  # one that still computes when the interpreter ends aborts it
            if front.is_alive():
                front.join(max(0.0, deadline - time.monotonic()))
        self._stack.close()

    def tell(self, event: str, **fields: Any) -> None:
        """Pass an event on."""
        with self._telling:
            self._on_event(event, fields)

    def _start(self) -> None:
        enter = self._stack.enter_context
        self._places.make()
        enter(Owner(self._places))
        key = hash_key(self._places.logs_key, make=self._settings.logs_key_file is None)
        logs.configure(self._settings.log_level, json=self._settings.log_json, key=key)
        every = self.protocols.every.values()
        scoring.fetch_models(self._settings, lambda name, what: self.tell("models", detail=f"{name}: {what}"), *every)
        self._opened = enter(setup.database(self._settings, self._places))
        self.database, self.server = self._opened.database, self._opened.server
        self.origin_us = self._choose(self.database)
        self.tell("database", origin_us=self.origin_us, data=self._opened.place)
        self._key = checkpoints.signing_key(self._places.audit_key, self.database)
        self._site_keys = self._settings.audit_earlier_keys
        self._checkpointer = checkpoints.Checkpointer(self.database, self._places.checkpoints, self._key, site_keys=self._site_keys)
        self._senders = anchors.senders(self._settings, self.database, checkpoints.public_hex(self._key))
        for sender in self._senders:
            sender.start()
            self._stack.callback(sender.stop)
        self._stack.callback(self._checkpointer.stop)
        self._checkpointer.start()
        targets = self._targets()
        refuse_what_can_not_work(targets)
        self._watch()
        self._bus = MemoryBus()
        self._stack.callback(self._bus.close)
        self._bus.ensure_topics(ALL)
        self._delivery = Delivery(self.database, targets, alone=self._settings.pg_dsn is None)
        self._writer = Writer(self._sink(targets), self._delivery.wake)
        self._recording = Recording(self._bus, self._writer.commit, self._committed)
        self._begin = SourceStart(self.database, scoring.setups(self.protocols, self._settings.site), self.origin_us)
        default, bound, rules = self.protocols.default.name, self._bound(), self.protocols.rules
        undone = self._begin.undone
        self._grading = Grading(self._bus, self._begin, default=default, ahead=bound, rules=rules, undone=undone)
        self._permission = Permission(self.database, required=self._settings.consent_required, from_us=lambda: self.origin_us)
        with self.database.transaction() as tx:  # clips have a time of their own, and no feed that could be silent
            trust.forget_feed(tx)
        place, ours = mllp.place(self._settings), site.of(self._settings, zone=UTC)  # our own feed sends offsets
        census, parking = stays.PostgresCensus(self.database, window_us=ours.window_us), mllp.parking(self._settings, self.database)
        scored = mllp.results(self._settings, self.database, census, ours)
        latest, occupied = latest_event(self._settings, self.origin_us), self._occupied
        listener = AdtListener(
            census, ours, watches=self._watches, publish=occupied, latest_us=latest, parking=parking, results=scored, **place
        )
        self.listener = enter(listener)
        again = mllp.replayer(self._settings, self.database, self.listener)
        again.start()
        self._stack.callback(again.stop)
        self.tell("listening", port=self.listener.port)
        with self.database.transaction() as tx:  # who starts has looked at what held it; a hold that is still right comes back at once
            for target in targets:
                books.release(tx, target.name, "start", wall_us())
        relay = Relay(self.database, self._bus.publish)
        care = PostgresCare(self.database, self.protocols.recorded)
        self._beside: list[Part] = [relay, *reading(self._reached, self.database, care, relay.wake, self._stack)]
        self._beside += tending(self.database, targets)
        self._retraction = Repeated("retraction", 1.0, Retractor(self.database, targets, self._delivery.wake).run)
        self._undoing = Repeated("undoing", 1.0, Undoer(self.database, targets, self._delivery.wake).run)
        self._tending = Repeated("tend", TEND_S, self._writer.tend)
        begun: list[Part] = [self._permission, self._retraction, self._undoing, self._recording, self._grading, self._delivery]
        begun += [self._tending, *self._beside]
        for part in begun:
            part.start()
            self._stack.callback(part.stop)

    def _bound(self) -> Ahead:
        return ahead(self._settings, self.origin_us, database=self.database)

    def _sink(self, targets: Sequence[Target]) -> PostgresSink:
        return PostgresSink(self.database, self.protocols.recorded, targets, **sink_rules(self._settings))

    def _targets(self) -> list[Target]:
        settings = self._settings
        if settings.ehr_url is None:
            self.sandbox, reached = sandbox.start(settings, self._places, self._stack)
            settings = settings.model_copy(update=reached)
        self.tell("ehr", url=settings.ehr_url)
        self._reached = settings
        return every.targets(settings, self.protocols.recorded, self._stack, self.database)

    def _watch(self) -> None:
        self._watches = tuple(
            Watch(camera.id, camera.bed, self.origin_us, None, self.origin_us, camera.region, camera.rotation) for camera in self._cameras
        )
        stays.save_watches(self.database, self._watches)

    def _occupied(self, changes: Sequence[Occupancy]) -> None:
        for change in changes:
            schema, value = codec.encode(change)
            self._bus.publish(STAYS, change.source, value, {"schema": schema.encode()}).result(timeout=60)

    def play(self) -> None:
        """Play every clip to its end, each from where the last run left off. Raises what ended a front or a stage."""
        resumed = self._begin.closed([camera.id for camera in self._cameras])
        for camera in self._cameras:
            looking = self.protocols.of_bed(camera.bed)
            # Grade ignores what it closed; the first clips of members that see them are whole.
            from_us = max(self.origin_us, resumed.get(camera.id, self.origin_us) - self.protocols.before_us)
            source = self._clip(camera, looking[0].detect.rate_hz, from_us)
            front = Front(source, chain.build(self._settings, looking, camera.region), self._bus, self._seen)
            self._fronts.append(front)
        for front in self._fronts:
            front.start()
        for front in self._fronts:
            while front.is_alive():
                front.join(0.2)
                self._check()
            front.check()
        self._check()

    def _clip(self, camera: Camera, rate_hz: float, from_us: int) -> GuardedClip:
        assert camera.clip is not None
        clip, source, origin_us, turn = camera.clip, camera.id, self.origin_us, camera.rotation
        return GuardedClip(
            lambda at_us: open_source(clip, source, rate_hz=rate_hz, origin_us=origin_us, from_us=at_us, rotation=turn),
            lambda at_us: self._permission.why_not(source, at_us),
            origin_us=origin_us,
            from_us=from_us,
        )

    def settle(self) -> None:
        """Wait until everything is delivered that can be, as long as the EHR takes something every SETTLE_S.

        What it refuses or leaves open stays in the outbox and is counted.
        """
        waiting, deadline = self._delivery.waiting(), time.monotonic() + SETTLE_S
        while time.monotonic() < deadline and not self._delivery.drain(0.25):
            left = self._delivery.waiting()
            if left < waiting:
                deadline = time.monotonic() + SETTLE_S
            waiting = left
            self.tell("delivering", waiting=left)
            self._check()
        self.tell("delivered", waiting=self._delivery.waiting())

    def verify(self) -> Verified:
        """Sign a last checkpoint and verify the whole chain against all of them. Raises IntegrityError."""
        self._checkpointer.tick(force=True)
        public = checkpoints.public_hex(self._key)
        return checkpoints.verify(self.database, self._places.checkpoints, public, site_keys=self._site_keys)

    def _check(self) -> None:
        """Raise what ended a stage for good; bring the embedded database up again where it died."""
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            if self._opened.ensure():
                log.warning("the embedded database was gone and was started again")
                self.tell("database again")
        road = (self._recording, self._grading, self._delivery, self._tending, self._checkpointer, self.listener)
        parts: tuple[Watched, ...] = (*self._beside, *self._senders, self._permission, self._retraction, self._undoing, *road)
        if (found := first_failed(parts if self.sandbox is None else (*parts, self.sandbox))) is not None:
            name, error = found
            log.error("a part failed; the process ends", task=name, error=error)
            raise cause(name, error)

    def _seen(self, message: Estimate | Beat) -> None:
        if isinstance(message, Beat):
            self.tell("beat", source=message.source, media_s=(message.time_us - self.origin_us) / 1e6, ended=message.ended)

    def decide(self, verdict: Verdict) -> None:
        """A nurse's verdict. Returns when it is committed; raises as the sink does, and then it was not. Grade is told of it behind
        that; what it was not told when this process died, the next start tells it."""
        self._writer.write([verdict])
        with self.database.transaction() as tx:
            source = answers.source_of(tx, verdict.assessment)
        if source is not None:
            schema, value = codec.encode(verdict)
            self._bus.publish(CARE, source, value, {"schema": schema.encode()})

    def _committed(self, batch: Sequence[Graded]) -> None:
        for graded in batch:
            for one in graded.assessments:
                self.tell(
                    "window", source=one.source, protocol=one.protocol, start_s=(one.start_us - self.origin_us) / 1e6,
                    grade=one.grade_name, reason=one.reason, share=round(one.assessable_share, 3), shadow=one.shadow,
                    label=window_label(one, graded.alerts),
                )  # fmt: skip
            for alert in graded.alerts:
                start_s, end_s = ((at_us - self.origin_us) / 1e6 for at_us in (alert.start_us, alert.end_us))
                self.tell("alert", source=alert.source, protocol=alert.protocol, start_s=start_s, end_s=end_s, grade=alert.grade_name)
            for question in graded.questions:
                self.tell("question", source=question.source, protocol=question.protocol, reason=question.reason)
