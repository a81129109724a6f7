"""RecordService: what was found, charted, delivered and proven."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from wince.api.grade.v1 import grade_pb2
from wince.api.record.v1 import record_pb2
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceServicer, add_RecordServiceServicer_to_server
from wince.codec import checks
from wince.codec.hospital import encounter_text
from wince.codec.record import audit_to_message, entry_to_message
from wince.delivery.books import Backlog
from wince.domain.audit import Verified
from wince.errors import IntegrityError, MessageError
from wince.pipeline.record.live import Live
from wince.pipeline.record.queries import After, Delivered, PostgresRecord, Scope
from wince.rpc.auth import Role, caller
from wince.rpc.requests import given, page_size, page_token, read_token, under
from wince.rpc.server import Registration, Workers
from wince.store.database import Database

NAME = "wince.api.record.v1.RecordService"
_READ = frozenset({Role.READER, Role.NURSE})
_OPERATE = frozenset({Role.OPERATOR})
ROLES = {
    "ListAssessments": _READ,
    "ListAlerts": _READ,
    "WatchAssessments": _READ,
    "ListEntries": _READ,
    "GetDeliveries": _READ | _OPERATE,
    "ListDeadLetters": _OPERATE,
    "ReplayDeadLetter": _OPERATE,
    "ListTargets": _OPERATE,
    "ReleaseTarget": _OPERATE,
    "QueryAudit": _OPERATE,
    "VerifyAudit": _OPERATE,
}
_STATES = {
    "pending": record_pb2.DELIVERY_STATE_PENDING,
    "written": record_pb2.DELIVERY_STATE_WRITTEN,
    "dead": record_pb2.DELIVERY_STATE_DEAD,
    "held": record_pb2.DELIVERY_STATE_HELD,
}


class RecordServicer(RecordServiceServicer):
    """Over the record's tables."""

    def __init__(self, database: Database, verify: Callable[[], Verified], *, threads: int = 4) -> None:
        """`verify`: recomputes the whole audit chain; raises IntegrityError where it does not hold."""
        self._record, self._verify = PostgresRecord(database), verify
        self.workers = Workers(threads, "record-rpc")
        self._live = Live(database, self.workers.run)
        self._verifying = asyncio.Lock()

    async def ListAssessments(self, request: pb.ListAssessmentsRequest, context: Any) -> pb.ListAssessmentsResponse:  # noqa: N802
        """See the proto."""
        found, token = await self._page(self._record.assessments, request)
        return pb.ListAssessmentsResponse(assessments=found, next_page_token=token)

    async def ListAlerts(self, request: pb.ListAlertsRequest, context: Any) -> pb.ListAlertsResponse:  # noqa: N802
        """See the proto."""
        found, token = await self._page(self._record.alerts, request)
        return pb.ListAlertsResponse(alerts=found, next_page_token=token)

    async def ListEntries(self, request: pb.ListEntriesRequest, context: Any) -> pb.ListEntriesResponse:  # noqa: N802
        """See the proto."""
        found, token = await self._page(self._record.entries, request)
        return pb.ListEntriesResponse(entries=[entry_to_message(entry) for entry in found], next_page_token=token)

    async def _page(self, ask: Callable[..., Any], request: Any) -> tuple[list[Any], str]:
        size = page_size(request.page_size)
        with under("scope"):
            of = _scope(given(request, "scope"))
        token = read_token(request.page_token, int, str)
        after: After = None
        if token is not None:
            with under("page_token"):
                checks.identity(token[1], "")
            after = (token[0], token[1])
        found = await self.workers.run(ask, of, size + 1, after, caller().name)
        more = page_token((found[size - 1].start_us, str(found[size - 1].id))) if len(found) > size else ""
        return found[:size], more

    async def WatchAssessments(  # noqa: N802 - the proto's name
        self, request: pb.WatchAssessmentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchAssessmentsResponse]:
        """See the proto."""
        await self.workers.run(self._record.watched, request.bed, caller().name)
        watcher = await self._live.begin(request.bed)
        try:
            await context.send_initial_metadata(())  # a client that has it sees every commit from now on
            async for item in self._live.items(watcher):
                if item.is_alert:
                    yield pb.WatchAssessmentsResponse(alert=grade_pb2.Alert.FromString(item.body))
                else:
                    yield pb.WatchAssessmentsResponse(assessment=grade_pb2.Assessment.FromString(item.body))
        finally:
            self._live.end(watcher)

    async def GetDeliveries(self, request: pb.GetDeliveriesRequest, context: Any) -> pb.GetDeliveriesResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._record.deliveries, checks.identity(request.entry_id, "entry_id"), caller().name)
        return pb.GetDeliveriesResponse(deliveries=[_delivery(delivered) for delivered in found])

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:  # noqa: N802
        """See the proto."""
        size, token = page_size(request.page_size), read_token(request.page_token, int)
        found = await self.workers.run(self._record.dead_letters, request.target, size + 1, token[0] if token else 0, caller().name)
        more = page_token((found[size - 1].made,)) if len(found) > size else ""
        return pb.ListDeadLettersResponse(deliveries=[_delivery(delivered) for delivered in found[:size]], next_page_token=more)

    async def ReplayDeadLetter(self, request: pb.ReplayDeadLetterRequest, context: Any) -> pb.ReplayDeadLetterResponse:  # noqa: N802
        """See the proto."""
        entry, target = checks.identity(request.entry_id, "entry_id"), checks.text(request.target, "target")
        if not 0 < request.revision < 1 << 31:
            raise MessageError("must be 1 or more", field="revision")
        found = await self.workers.run(self._record.replay, entry, request.revision, target, caller().name)
        return pb.ReplayDeadLetterResponse(delivery=_delivery(found))

    async def ListTargets(self, request: pb.ListTargetsRequest, context: Any) -> pb.ListTargetsResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._record.targets, caller().name)
        return pb.ListTargetsResponse(targets=[_backlog(backlog) for backlog in found])

    async def ReleaseTarget(self, request: pb.ReleaseTargetRequest, context: Any) -> pb.ReleaseTargetResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._record.release, checks.text(request.target, "target"), caller().name)
        return pb.ReleaseTargetResponse(target=_backlog(found))

    async def QueryAudit(self, request: pb.QueryAuditRequest, context: Any) -> pb.QueryAuditResponse:  # noqa: N802
        """See the proto."""
        entry = checks.identity(request.entry_id, "entry_id") if request.entry_id else None
        if request.from_sequence >= 1 << 63:
            raise MessageError("lies beyond every chain", field="from_sequence")
        rows = await self.workers.run(self._record.audit, entry, request.from_sequence, page_size(request.page_size), caller().name)
        return pb.QueryAuditResponse(entries=[audit_to_message(row) for row in rows])

    async def VerifyAudit(self, request: pb.VerifyAuditRequest, context: Any) -> pb.VerifyAuditResponse:  # noqa: N802
        """See the proto. One verification at a time."""
        async with self._verifying:
            try:
                found: Verified = await self.workers.run(self._verify)
            except IntegrityError as error:
                return pb.VerifyAuditResponse(verified=False, head=bytes(32), broken=f"{error.field}: {error.message}")
        return pb.VerifyAuditResponse(
            verified=True, entries=found.count, head=found.head, checkpoint=found.checkpoint or None, tail=found.tail, erased=found.erased,
            compared=found.compared, unproven=found.unproven,
        )  # fmt: skip


def _scope(message: pb.Scope) -> Scope:
    which = message.WhichOneof("of")
    if which is None:
        raise MessageError("a bed or an encounter must be given", field="bed")
    text = checks.text(message.bed, "bed") if which == "bed" else encounter_text(message)
    start_us = checks.moment(message.start_us, "start_us") if message.HasField("start_us") else 0
    end_us = checks.moment(message.end_us, "end_us") if message.HasField("end_us") else 1 << 62
    if end_us < start_us:
        raise MessageError("must not be before start_us", field="end_us")
    return Scope(text if which == "bed" else "", text if which != "bed" else "", start_us, end_us)


def _delivery(delivered: Delivered) -> record_pb2.Delivery:
    return record_pb2.Delivery(
        entry_id=str(delivered.entry),
        revision=delivered.revision,
        target=delivered.target,
        state=_STATES[delivered.state],
        attempts=delivered.attempts,
        detail=delivered.detail,
        location=delivered.location,
        next_us=delivered.next_us,
    )


def _backlog(backlog: Backlog) -> record_pb2.TargetBacklog:
    hold = None
    if backlog.hold:
        times = {"since_us": backlog.hold.since_us, "next_probe_us": backlog.hold.next_probe_us}
        hold = record_pb2.TargetHold(detail=backlog.hold.detail, remedy=backlog.hold.remedy, probes=backlog.hold.probes, **times)
    return record_pb2.TargetBacklog(
        target=backlog.target,
        waiting=backlog.waiting,
        sending=backlog.leased,
        held=backlog.held,
        off=backlog.off,
        stuck=backlog.stuck,
        dead=backlog.dead,
        oldest_seconds=backlog.oldest_s or None,
        hold=hold,
    )


def registration(servicer: RecordServicer) -> Registration:
    """The service, to be served."""
    return Registration(
        NAME,
        lambda server: add_RecordServiceServicer_to_server(servicer, server),
        ROLES,
        slow=frozenset({"VerifyAudit"}),
        close=servicer.workers.close,
    )
