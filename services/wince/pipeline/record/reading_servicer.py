"""The part of RecordService that reads what was found and charted of patients, and takes that an alert was seen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from wince.api.record.v1 import acknowledgement_pb2
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceServicer
from wince.codec import checks
from wince.codec.hospital import encounter_text
from wince.codec.record import acknowledgement_to_message, entry_to_message
from wince.errors import MessageError
from wince.pipeline.record.reading import ALERTS, ASSESSMENTS, ENTRIES, RecordReader, Scope, Slice
from wince.rpc.auth import caller
from wince.rpc.filters import conditions
from wince.rpc.pages import Page, Pages
from wince.rpc.requests import given, under
from wince.rpc.workers import Workers

EVER_US = 1 << 62


class ReadingServicer(RecordServiceServicer):
    """Over the record's reader; mixed into record's servicer."""

    _reader: RecordReader
    _pages: Pages
    workers: Workers

    async def ListAssessments(self, request: pb.ListAssessmentsRequest, context: Any) -> pb.ListAssessmentsResponse:  # noqa: N802
        """See the proto."""
        page, of, part = await self._asked(request, ASSESSMENTS)
        found = await self.workers.run(self._reader.assessments, of, part, caller().name)
        rows, token = page.cut(found, lambda one: (one.start_us, one.id))
        return pb.ListAssessmentsResponse(assessments=rows, next_page_token=token)

    async def GetAssessment(self, request: pb.GetAssessmentRequest, context: Any) -> pb.GetAssessmentResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._reader.assessment, checks.identity(request.id, "id"), caller().name)
        return pb.GetAssessmentResponse(assessment=found)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:  # noqa: N802
        """See the proto."""
        page, of, part = await self._asked(request, ALERTS)
        found, seen = await self.workers.run(self._reader.alerts, of, part, caller().name)
        rows, token = page.cut(found, lambda one: (one.start_us, one.id))
        told = [acknowledgement_to_message(seen[UUID(one.id)]) for one in rows if UUID(one.id) in seen]
        return pb.ListAlertsResponse(alerts=rows, next_page_token=token, acknowledgements=told)

    async def GetAlert(self, request: pb.GetAlertRequest, context: Any) -> pb.GetAlertResponse:  # noqa: N802
        """See the proto."""
        found, seen = await self.workers.run(self._reader.alert, checks.identity(request.id, "id"), caller().name)
        return pb.GetAlertResponse(alert=found, acknowledgement=None if seen is None else acknowledgement_to_message(seen))

    async def AcknowledgeAlert(  # noqa: N802 - the proto's name
        self, request: acknowledgement_pb2.AcknowledgeAlertRequest, context: Any
    ) -> acknowledgement_pb2.AcknowledgeAlertResponse:
        """See the proto."""
        alert, nurse = checks.identity(request.alert_id, "alert_id"), checks.author(request.nurse, "nurse").strip()
        found = await self.workers.run(self._reader.acknowledge, alert, nurse, caller().name)
        return acknowledgement_pb2.AcknowledgeAlertResponse(acknowledgement=acknowledgement_to_message(found))

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Any) -> pb.ListEntriesResponse:  # noqa: N802
        """See the proto."""
        page, of, part = await self._asked(request, ENTRIES)
        found = await self.workers.run(self._reader.entries, of, part, caller().name)
        rows, token = page.cut(found, lambda one: (one[0], str(one[1].id)))
        return pb.ListEntriesResponse(entries=[entry_to_message(entry) for _, entry in rows], next_page_token=token)

    async def GetEntry(self, request: pb.GetEntryRequest, context: Any) -> pb.GetEntryResponse:  # noqa: N802
        """See the proto."""
        if request.revision >= 1 << 31:
            raise MessageError("lies beyond every revision", field="revision")
        found = await self.workers.run(self._reader.entry, checks.identity(request.id, "id"), request.revision, caller().name)
        return pb.GetEntryResponse(entry=entry_to_message(found))

    async def _asked(self, request: Any, columns: Any) -> tuple[Page, Scope, Slice]:
        """A list's page, its scope and what is asked for of it. Raises MessageError."""
        with under("scope"):
            of = scope_of(given(request, "scope"))
        wanted = conditions(request.filter, columns)
        page = await self._pages.begin(request, int, str)
        after = None if page.after is None else (page.after[0], UUID(page.after[1]))
        return page, of, Slice(wanted, page.limit, after, page.descending)


def scope_of(message: pb.Scope) -> Scope:
    """Whose data a request is about. Raises MessageError."""
    which = message.WhichOneof("of")
    if which is None or (which == "all" and not message.all):
        raise MessageError("a bed, a ward, an encounter, or all must be given", field="bed")
    kind = which.removesuffix("_id")
    name = encounter_text(message) if kind == "encounter" else "" if which == "all" else checks.text(getattr(message, which), which)
    start_us = checks.moment(message.start_us, "start_us") if message.HasField("start_us") else 0
    end_us = checks.moment(message.end_us, "end_us") if message.HasField("end_us") else EVER_US
    if end_us < start_us:
        raise MessageError("must not be before start_us", field="end_us")
    return Scope(kind, name, start_us, end_us)
