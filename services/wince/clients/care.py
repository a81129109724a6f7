"""Client of the care service: what a nurse is asked, and what she says."""

from __future__ import annotations

from collections.abc import Iterator

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.care import verdict_from_message, verdict_to_message
from wince.codec.grade import question_from_message
from wince.domain.assessment import Question, Verdict

PAGE = 200


class CareClient(ServiceClient):
    """The caller needs the role `nurse`; to read, `reader` is enough. Every method raises as ServiceClient._call."""

    def questions(self, bed: str = "") -> Iterator[Question]:
        """Open questions about an assessment, of a bed or of all (empty), oldest first; asked for page by page. What record itself asks
        (who lies there?) is about no assessment and is left out."""
        token = ""
        while True:
            request = pb.ListQuestionsRequest(bed=bed, page_size=PAGE, page_token=token)
            answer = self._call(CareServiceStub(self._channel).ListQuestions, request)
            for question in answer.questions:
                if question.assessment_id:
                    yield question_from_message(question)
            token = answer.next_page_token
            if not token:
                return

    def give(self, verdict: Verdict) -> Verdict:
        """A nurse's verdict; as it stands once it is committed. The same again gives the same: its id is the caller's."""
        answer = self._call(CareServiceStub(self._channel).GiveVerdict, pb.GiveVerdictRequest(verdict=verdict_to_message(verdict)))
        return verdict_from_message(answer.verdict)
