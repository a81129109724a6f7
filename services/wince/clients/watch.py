"""Client of the record service's live stream: what is committed, without a gap and without doubles, over whatever happens to the stream."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import grpc

from wince.api.care.v1 import question_state_pb2
from wince.api.grade.v1 import grade_pb2
from wince.api.record.v1 import record_pb2, watch_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.backoff import Backoff
from wince.clients.unary import ServiceClient
from wince.codec.care import bed_pause_from_message, verdict_from_message
from wince.codec.grade import alert_from_message, assessment_from_message
from wince.codec.record import acknowledgement_from_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.care import BedPause
from wince.errors import Unavailable
from wince.rpc import client
from wince.rpc.status import error_of

_AGAIN = Backoff(0.1, 5.0)


@dataclass(frozen=True, slots=True)
class QuestionNow:
    """A question, and how far it has come."""

    question: grade_pb2.Question
    """Without `assessment_id` where record asks who lies there."""
    state: question_state_pb2.QuestionState.ValueType


Committed = Assessment | Alert | QuestionNow | Verdict | BedPause | record_pb2.Entry | Acknowledgement


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
        """What is committed, until the caller closes the iterator. `kinds`: such as "alert" and "question" (WatchKind); none: all.
        `resume`: `token` of the last that was taken in.

        Where the stream ends (its age, a restart, the network), a new one goes on behind the last answer. Only a snapshot that was cut off
        begins again. Raises NotFound (no camera watches it), OutOfRange (the token lies too far back), and as ServiceClient._call.
        """
        wanted = [watch_pb2.WatchKind.Value(f"WATCH_KIND_{kind.upper()}") for kind in kinds]
        request = watch_pb2.WatchRequest(bed=bed, ward=ward, kinds=wanted, resume_token=resume, snapshot=snapshot and not resume)
        failures = 0
        while True:
            try:
                for answer in self._once(request):
                    failures = 0
                    if answer.resume_token:
                        request.resume_token, request.snapshot = answer.resume_token, False
                    if answer.WhichOneof("item") is not None:
                        yield _watched(answer)
            except Unavailable:
                failures += 1
            time.sleep(_AGAIN.wait_s(failures))

    def _once(self, request: watch_pb2.WatchRequest) -> Iterator[watch_pb2.WatchResponse]:
        """One stream, until it ends. Raises what error_of makes of its failure."""
        stream = RecordServiceStub(self._channel).Watch(request, metadata=client.metadata(self._config), wait_for_ready=True)
        try:
            yield from stream
        except grpc.RpcError as error:
            raise error_of(error) from None  # type: ignore[arg-type]  # a blocking call's error says the same
        finally:
            stream.cancel()


def _watched(answer: watch_pb2.WatchResponse) -> Watched:
    item: Committed | None = None
    match answer.WhichOneof("item"):
        case "assessment":
            item = assessment_from_message(answer.assessment)
        case "alert":
            item = alert_from_message(answer.alert)
        case "question":
            item = QuestionNow(answer.question.question, answer.question.state)
        case "verdict":
            item = verdict_from_message(answer.verdict)
        case "pause":
            item = bed_pause_from_message(answer.pause)
        case "entry":
            item = answer.entry
        case "acknowledgement":
            item = acknowledgement_from_message(answer.acknowledgement)
    return Watched(item, answer.bed, answer.snapshot, answer.resume_token, answer.heartbeat.told_until_us, answer)
