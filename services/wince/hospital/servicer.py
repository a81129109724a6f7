"""HospitalService: who lies where, as of when. Every call is written to the audit trail."""

from __future__ import annotations

from typing import Any

from wince.api.hospital.v1 import hospital_service_pb2 as pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceServicer, add_HospitalServiceServicer_to_server
from wince.clock import Clock, wall_us
from wince.codec import checks
from wince.codec.hospital import identifier_from_message, stay_to_message
from wince.domain.binding import in_bed
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.errors import MessageError
from wince.rpc.auth import Role, caller
from wince.rpc.errors import NotFound
from wince.rpc.requests import page_size, page_token, read_token
from wince.rpc.server import Registration, Workers
from wince.store import scope, stay_pages
from wince.store.access import note
from wince.store.database import Database
from wince.store.stays import PostgresCensus

NAME = "wince.api.hospital.v1.HospitalService"
_READ = frozenset({Role.READER, Role.NURSE})
ROLES = {"GetOccupancy": _READ, "ListStays": _READ}


class HospitalServicer(HospitalServiceServicer):
    """Over the stays in the database."""

    def __init__(self, database: Database, *, clock: Clock = wall_us, threads: int = 2) -> None:
        self._database, self._clock = database, clock
        self._census = PostgresCensus(database, clock)
        self.workers = Workers(threads, "hospital-rpc")

    async def GetOccupancy(self, request: pb.GetOccupancyRequest, context: Any) -> pb.GetOccupancyResponse:  # noqa: N802
        """See the proto."""
        bed = checks.text(request.bed, "bed")
        at_us = checks.moment(request.at_us, "at_us") if request.HasField("at_us") else self._clock()
        known_us = checks.moment(request.known_us, "known_us") if request.HasField("known_us") else None
        found: Stay | Reason = await self.workers.run(self._lying, bed, at_us, known_us, caller().name)
        if isinstance(found, Stay):
            return pb.GetOccupancyResponse(stay=stay_to_message(found))
        return pb.GetOccupancyResponse(ambiguous=found is Reason.TWO_PATIENTS)

    async def ListStays(self, request: pb.ListStaysRequest, context: Any) -> pb.ListStaysResponse:  # noqa: N802
        """See the proto."""
        size, token = page_size(request.page_size), read_token(request.page_token, int, int)
        kind = request.WhichOneof("scope")
        if kind is None:
            raise MessageError("a bed, a ward or an encounter must be given", field="bed")
        if kind == "encounter":
            encounter = identifier_from_message(request.encounter, "encounter")
            values: tuple[str, ...] = (encounter.system, encounter.value)
        else:
            values = (checks.text(getattr(request, kind), kind),)
        known_us = checks.moment(request.known_us, "known_us") if request.HasField("known_us") else None
        found = await self.workers.run(self._page, kind, values, known_us, size + 1, tuple(token) if token else None, caller().name)
        more = page_token((found[size - 1][1].start_us, found[size - 1][0])) if len(found) > size else ""
        return pb.ListStaysResponse(stays=[stay_to_message(stay) for _, stay in found[:size]], next_page_token=more)

    def _lying(self, bed: str, at_us: int, known_us: int | None, who: str) -> Stay | Reason:
        with self._database.transaction() as tx:
            if not scope.bed_is_known(tx, bed):
                raise NotFound("no such bed is known", field="bed", remedy="as in PV1-3: POINTOFCARE^ROOM^BED")
            note(tx, who, "GetOccupancy", {"bed": bed, "at_us": at_us, "known_us": known_us}, self._clock())
        rows = self._census.stays(bed, at_us, at_us + 1, known_us)
        return in_bed(rows, bed, at_us, max((row.recorded_us for row in rows), default=0) if known_us is None else known_us)

    def _page(
        self, kind: str, values: tuple[str, ...], known_us: int | None, limit: int, after: tuple[int, int] | None, who: str
    ) -> list[tuple[int, Stay]]:
        with self._database.transaction() as tx:
            found = stay_pages.page(tx, kind, values, known_us, limit, after)
            note(tx, who, "ListStays", {kind: "|".join(values), "known_us": known_us}, self._clock())
        return found


def registration(servicer: HospitalServicer) -> Registration:
    """The service, to be served."""
    return Registration(NAME, lambda server: add_HospitalServiceServicer_to_server(servicer, server), ROLES, close=servicer.workers.close)
