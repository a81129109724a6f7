"""Client of the record service's live stream: what is committed, without a gap and without doubles, over whatever happens to the stream."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wince.api.record.v1 import watch_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.backoff import Backoff
from wince.clients.unary import ServiceClient
from wince.codec.asked import asked_from_message
from wince.codec.care import bed_pause_from_message, verdict_from_message
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.codec.record import acknowledgement_from_message, entry_from_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.asked import AskedQuestion
from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.care import BedPause
from wince.domain.entry import Entry
from wince.errors import MessageError, Unavailable, choices

KINDS = ("assessment", "alert", "question", "verdict", "pause", "entry", "acknowledgement")
"""What can be watched."""
_AGAIN = Backoff(0.1, 5.0)


Committed = Assessment | Alert | AskedQuestion | Verdict | BedPause | Entry | Acknowledgement


@dataclass(frozen=True, slots=True)
class Watched:
    """Something that was committed, or (item is None) the word that all was told up to a moment."""

    item: Committed | None
    bed: str
    snapshot: bool
    """It held before the watch began."""
    token: str
    """Give it to the next watch to go on behind this one; empty within a snapshot."""
    until_us: int
    """Of a heartbeat: everything that was committed before this moment was told, microseconds UTC."""
    answer: watch_pb2.WatchResponse
    """As it came."""


class WatchClient(ServiceClient):
    """The caller needs the role `reader` or `nurse`."""

    def watch(
        self, bed: str = "", *, ward: str = "", kinds: Sequence[str] = (), resume: str = "", snapshot: bool = False
    ) -> Iterator[Watched]:
        """What is committed, until the caller closes the iterator. `kinds`: of KINDS, such as "alert"; none: all.
        `resume`: `token` of the last that was taken in.

        Where the stream ends (its age, a restart, the network), a new one goes on behind the last answer. Only a snapshot that was cut off
        begins again. Raises NotFound (no camera watches it), OutOfRange (the token lies too far back), and as ServiceClient._call.
        """
        wanted = [_kind(kind) for kind in kinds]
        request = watch_pb2.WatchRequest(bed=bed, ward=ward, kinds=wanted, resume_token=resume, snapshot=snapshot and not resume)
        method = RecordServiceStub(self._channel).Watch
        failures = 0
        while True:
            try:
                for answer in self._stream(method, request, endless=True, wait_for_ready=True):
                    failures = 0
                    if answer.resume_token:
                        request.resume_token, request.snapshot = answer.resume_token, False
                    if answer.WhichOneof("item") is not None:
                        yield _watched(answer)
            except Unavailable:
                failures += 1
            time.sleep(_AGAIN.wait_s(failures))


def _kind(name: str) -> watch_pb2.WatchKind.ValueType:
    if name not in KINDS:
        raise MessageError("is no kind", field="kinds", remedy=choices(name, KINDS))
    return watch_pb2.WatchKind.Value(f"WATCH_KIND_{name.upper()}")


def _watched(answer: watch_pb2.WatchResponse) -> Watched:
    item: Committed | None = None
    match answer.WhichOneof("item"):
        case "assessment":
            item = assessment_from_message(answer.assessment)
        case "alert":
            item = alert_from_message(answer.alert)
        case "question":
            item = asked_from_message(answer.question.question, answer.question.state)
        case "verdict":
            item = verdict_from_message(answer.verdict)
        case "pause":
            item = bed_pause_from_message(answer.pause)
        case "entry":
            item = entry_from_message(answer.entry)
        case "acknowledgement":
            item = acknowledgement_from_message(answer.acknowledgement)
    return Watched(item, answer.bed, answer.snapshot, answer.resume_token, answer.heartbeat.told_until_us, answer)
