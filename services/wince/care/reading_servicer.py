"""The part of CareService that reads questions, verdicts and pauses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1 import question_state_pb2
from wince.api.care.v1.care_service_pb2_grpc import CareServiceServicer
from wince.api.grade.v1 import grade_pb2
from wince.care.reading import PAUSES, QUESTIONS, VERDICTS, Asked, CareReader, OpenQuestion, Slice
from wince.codec import checks
from wince.codec.care import bed_pause_to_message, verdict_to_message
from wince.codec.grade import at_bedside, question_to_message
from wince.errors import MessageError
from wince.rpc.auth import caller
from wince.rpc.filters import Column, conditions
from wince.rpc.pages import Page, Pages
from wince.rpc.workers import Workers

_STATES = {
    "open": question_state_pb2.QUESTION_STATE_OPEN,
    "answered": question_state_pb2.QUESTION_STATE_ANSWERED,
    "superseded": question_state_pb2.QUESTION_STATE_SUPERSEDED,
}


class ReadingServicer(CareServiceServicer):
    """Over care's reader; mixed into care's servicer."""

    _reader: CareReader
    _pages: Pages
    workers: Workers

    async def ListQuestions(self, request: pb.ListQuestionsRequest, context: Any) -> pb.ListQuestionsResponse:  # noqa: N802
        """See the proto."""
        page, part = await self._asked(request, QUESTIONS)
        found = await self.workers.run(self._reader.questions, part, caller().name)
        rows, token = page.cut(found, lambda one: (one.question.start_us, str(one.question.id)))
        return pb.ListQuestionsResponse(questions=map(_question, rows), next_page_token=token)

    async def GetQuestion(self, request: pb.GetQuestionRequest, context: Any) -> pb.GetQuestionResponse:  # noqa: N802
        """See the proto."""
        found: Asked = await self.workers.run(self._reader.question, checks.identity(request.id, "id"), caller().name)
        verdict = "" if found.verdict is None else str(found.verdict)
        return pb.GetQuestionResponse(question=_question(found.question), state=_STATES[found.state], verdict_id=verdict)

    async def ListVerdicts(self, request: pb.ListVerdictsRequest, context: Any) -> pb.ListVerdictsResponse:  # noqa: N802
        """See the proto."""
        page, part = await self._asked(request, VERDICTS, by="at_us")
        found = await self.workers.run(self._reader.verdicts, part, caller().name)
        rows, token = page.cut(found, lambda one: (one.at_us, str(one.id)))
        return pb.ListVerdictsResponse(verdicts=map(verdict_to_message, rows), next_page_token=token)

    async def GetVerdict(self, request: pb.GetVerdictRequest, context: Any) -> pb.GetVerdictResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._reader.verdict, checks.identity(request.id, "id"), caller().name)
        return pb.GetVerdictResponse(verdict=verdict_to_message(found))

    async def ListPauses(self, request: pb.ListPausesRequest, context: Any) -> pb.ListPausesResponse:  # noqa: N802
        """See the proto."""
        page, part = await self._asked(request, PAUSES)
        found = await self.workers.run(self._reader.pauses, part, caller().name)
        rows, token = page.cut(found, lambda one: (one.start_us, str(one.id)))
        return pb.ListPausesResponse(pauses=map(bed_pause_to_message, rows), next_page_token=token)

    async def GetPause(self, request: pb.GetPauseRequest, context: Any) -> pb.GetPauseResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._reader.pause, checks.identity(request.id, "id"), caller().name)
        return pb.GetPauseResponse(pause=bed_pause_to_message(found))

    async def _asked(self, request: Any, columns: Mapping[str, Column], *, by: str = "start_us") -> tuple[Page, Slice]:
        """A list's page, and what is asked for of it. Raises MessageError."""
        if request.bed and request.ward:
            raise MessageError("not together with a bed", field="ward", remedy="give the bed, the ward, or neither for all")
        wanted = conditions(request.filter, columns)
        page = await self._pages.begin(request, int, str, by=by)
        after = None if page.after is None else (page.after[0], UUID(page.after[1]))
        return page, Slice(request.bed, request.ward, wanted, page.limit, after, page.descending)


def _question(found: OpenQuestion) -> grade_pb2.Question:
    message = question_to_message(found.question)
    if found.about is None:
        message.ClearField("assessment_id")
    at_bedside(message, found.place)
    return message
