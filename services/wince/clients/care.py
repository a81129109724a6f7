"""Client of the care service: what a nurse is asked, and what she says."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.clients.unary import ServiceClient, order
from wince.codec.care import bed_pause_from_message, verdict_from_message, verdict_to_message
from wince.codec.grade import question_from_message
from wince.domain.assessment import Question, Verdict
from wince.domain.care import BedPause


class CareClient(ServiceClient):
    """The caller needs the role `nurse`; to read, `reader` is enough. Every method raises as ServiceClient._call."""

    def questions(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[Question]:
        """Open questions about an assessment, of a bed, a ward or all, by begin; asked for page by page. What record itself asks (who lies
        there?) is about no assessment and is left out."""
        request = pb.ListQuestionsRequest(bed=bed, ward=ward, filter=where, order_by=order(latest))
        for answer in self._pages(CareServiceStub(self._channel).ListQuestions, request):
            yield from (question_from_message(question) for question in answer.questions if question.assessment_id)

    def question(self, identity: UUID) -> pb.GetQuestionResponse:
        """A question, how far it has come, and which verdict answered it. Raises NotFound."""
        found: pb.GetQuestionResponse = self._call(CareServiceStub(self._channel).GetQuestion, pb.GetQuestionRequest(id=str(identity)))
        return found

    def verdicts(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[Verdict]:
        """Verdicts about a bed, a ward or all, by when they were decided."""
        request = pb.ListVerdictsRequest(bed=bed, ward=ward, filter=where, order_by=order(latest, "at_us"))
        for answer in self._pages(CareServiceStub(self._channel).ListVerdicts, request):
            yield from map(verdict_from_message, answer.verdicts)

    def verdict(self, identity: UUID) -> Verdict:
        """One verdict. Raises NotFound."""
        answer = self._call(CareServiceStub(self._channel).GetVerdict, pb.GetVerdictRequest(id=str(identity)))
        return verdict_from_message(answer.verdict)

    def pauses(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[BedPause]:
        """Pauses of a bed, a ward or all, as they hold now, by begin."""
        request = pb.ListPausesRequest(bed=bed, ward=ward, filter=where, order_by=order(latest))
        for answer in self._pages(CareServiceStub(self._channel).ListPauses, request):
            yield from map(bed_pause_from_message, answer.pauses)

    def pause(self, identity: UUID) -> BedPause:
        """One pause as it holds now. Raises NotFound."""
        answer = self._call(CareServiceStub(self._channel).GetPause, pb.GetPauseRequest(id=str(identity)))
        return bed_pause_from_message(answer.pause)

    def give(self, verdict: Verdict) -> Verdict:
        """A nurse's verdict; as it stands once it is committed. The same again gives the same: its id is the caller's."""
        answer = self._call(CareServiceStub(self._channel).GiveVerdict, pb.GiveVerdictRequest(verdict=verdict_to_message(verdict)))
        return verdict_from_message(answer.verdict)
