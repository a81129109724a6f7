"""RecordService: what was found, charted, delivered and proven."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wince.api.record.v1 import record_pb2
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import add_RecordServiceServicer_to_server
from wince.clock import Clock, wall_us
from wince.codec import checks
from wince.codec.record import audit_to_message
from wince.delivery.books import Backlog
from wince.domain.audit import Verified
from wince.errors import IntegrityError, MessageError
from wince.pipeline.record.live import Live
from wince.pipeline.record.queries import Delivered, PostgresRecord
from wince.pipeline.record.reading import RecordReader
from wince.pipeline.record.reading_servicer import ReadingServicer
from wince.pipeline.record.report_servicer import ReportServicer
from wince.pipeline.record.watch_servicer import WatchServicer
from wince.pipeline.record.watching import Watching
from wince.protocols.rules import ClinicalProtocol
from wince.rpc.auth import caller
from wince.rpc.pages import Pages
from wince.rpc.server import Registration, Workers
from wince.store import token_key
from wince.store.database import Database

NAME = "wince.api.record.v1.RecordService"
_STATES = {
    "pending": record_pb2.DELIVERY_STATE_PENDING,
    "written": record_pb2.DELIVERY_STATE_WRITTEN,
    "dead": record_pb2.DELIVERY_STATE_DEAD,
    "held": record_pb2.DELIVERY_STATE_HELD,
}


class RecordServicer(ReadingServicer, ReportServicer, WatchServicer):
    """Over the record's tables."""

    def __init__(
        self,
        database: Database,
        verify: Callable[[], Verified],
        *,
        threads: int = 4,
        clock: Clock = wall_us,
        watches: int = 256,
        protocols: Mapping[str, ClinicalProtocol] = MappingProxyType({}),
    ) -> None:
        """`verify`: recomputes the whole audit chain; raises IntegrityError where it does not hold. `watches`: most streams that watch.
        `protocols`: whose labels stand in reports."""
        self._record, self._reader, self._verify = PostgresRecord(database), RecordReader(database, clock), verify
        self.workers, self.watchers = Workers(threads, "record-rpc"), Workers(2, "record-watch")
        self._pages = Pages(functools.partial(token_key.read, database), self.workers.run)
        self._protocols = protocols
        self._watching, self._live = Watching(database, clock), Live(database, self.watchers.run, clock, most=watches)
        self._verifying = asyncio.Lock()

    def close(self) -> None:
        """Ends its threads after what they have in hand."""
        self.watchers.close()
        self.workers.close()

    async def GetDeliveries(self, request: pb.GetDeliveriesRequest, context: Any) -> pb.GetDeliveriesResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._record.deliveries, checks.identity(request.entry_id, "entry_id"), caller().name)
        return pb.GetDeliveriesResponse(deliveries=[_delivery(delivered) for delivered in found])

    async def ListDeadLetters(self, request: pb.ListDeadLettersRequest, context: Any) -> pb.ListDeadLettersResponse:  # noqa: N802
        """See the proto."""
        page = await self._pages.begin(request, int)
        after = page.after[0] if page.after else 0
        found = await self.workers.run(self._record.dead_letters, request.target, page.limit, after, caller().name)
        rows, token = page.cut(found, lambda one: (one.made,))
        return pb.ListDeadLettersResponse(deliveries=[_delivery(delivered) for delivered in rows], next_page_token=token)

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
        page = await self._pages.begin(request, int, int)
        first, last = page.after or (request.from_sequence, None)
        found, last = await self.workers.run(self._record.audit, entry, first, last, page.limit, caller().name)
        rows, token = page.cut(found, lambda row: (row.seq + 1, last))
        return pb.QueryAuditResponse(entries=[audit_to_message(row) for row in rows], next_page_token=token, last_sequence=last)

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
        slow=frozenset({"VerifyAudit"}),
        close=servicer.close,
    )
