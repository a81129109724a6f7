"""HospitalService: who lies where, as of when. Every call is written to the audit trail."""

from __future__ import annotations

import functools
from typing import Any
from uuid import UUID

from wince.api.hospital.v1 import hospital_service_pb2 as pb
from wince.api.hospital.v1.hospital_service_pb2_grpc import HospitalServiceServicer, add_HospitalServiceServicer_to_server
from wince.clock import Clock, wall_us
from wince.codec import checks
from wince.codec.census import difference_to_message, doubt_to_message
from wince.codec.hospital import identifier_from_message, stay_to_message
from wince.domain.binding import in_bed
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.domain.trust import InDoubt
from wince.errors import InputError, MessageError, Refused
from wince.rpc.auth import caller
from wince.rpc.errors import NotFound
from wince.rpc.filters import Column, conditions, where
from wince.rpc.pages import Pages
from wince.rpc.server import Registration, Workers
from wince.store import comparisons, scope, stay_pages, token_key, trust
from wince.store.access import note
from wince.store.database import Database
from wince.store.stays import PostgresCensus

NAME = "wince.api.hospital.v1.HospitalService"


COLUMNS = {
    "ward": Column("ward"),
    "start_us": Column("start_us", "number"),
    "end_us": Column("end_us", "number"),
    "recorded_us": Column("recorded_us", "number"),
}
"""What a filter of stays may name."""


class HospitalServicer(HospitalServiceServicer):
    """Over the stays in the database."""

    def __init__(self, database: Database, *, clock: Clock = wall_us, threads: int = 2) -> None:
        self._database, self._clock = database, clock
        self._census = PostgresCensus(database, clock)
        self.workers = Workers(threads, "hospital-rpc")
        self._pages = Pages(functools.partial(token_key.read, database), self.workers.run)

    async def GetOccupancy(self, request: pb.GetOccupancyRequest, context: Any) -> pb.GetOccupancyResponse:  # noqa: N802
        """See the proto."""
        bed = checks.text(request.bed, "bed")
        at_us = checks.moment(request.at_us, "at_us") if request.HasField("at_us") else self._clock()
        known_us = checks.moment(request.known_us, "known_us") if request.HasField("known_us") else None
        found: tuple[Stay | Reason, list[InDoubt]] = await self.workers.run(self._lying, bed, at_us, known_us, caller().name)
        who, doubts = found
        if isinstance(who, Stay):
            return pb.GetOccupancyResponse(stay=stay_to_message(who), doubts=[doubt_to_message(one) for one in doubts])
        return pb.GetOccupancyResponse(ambiguous=who is Reason.TWO_PATIENTS)

    async def ListStays(self, request: pb.ListStaysRequest, context: Any) -> pb.ListStaysResponse:  # noqa: N802
        """See the proto."""
        kind = request.WhichOneof("scope")
        if kind is None or (kind == "all" and not request.all):
            raise MessageError("a bed, a ward, an encounter, or all must be given", field="bed")
        values: tuple[str, ...] = ()
        if kind == "encounter":
            encounter = identifier_from_message(request.encounter, "encounter")
            values = (encounter.system, encounter.value)
        elif kind != "all":
            values = (checks.text(getattr(request, kind), kind),)
        known_us = checks.moment(request.known_us, "known_us") if request.HasField("known_us") else None
        more, asked = where(conditions(request.filter, COLUMNS))
        page = await self._pages.begin(request, int, int, int)
        after = None if page.after is None else (page.after[0], page.after[1])
        as_of_us = known_us if page.after is None else page.after[2]
        part = stay_pages.Part(page.limit, after, page.descending, more, asked)
        found, doubts, now_us = await self.workers.run(self._page, kind, values, as_of_us, part, caller().name)
        rows, token = page.cut(found, lambda row: (row[1].start_us, row[0], now_us if as_of_us is None else as_of_us))
        told = [stay for _, stay in rows]
        beds = {stay.bed for stay in told}
        return pb.ListStaysResponse(
            stays=[stay_to_message(stay) for stay in told],
            next_page_token=token,
            doubts=[doubt_to_message(one) for one in doubts if one.bed in beds],
        )

    async def GetStay(self, request: pb.GetStayRequest, context: Any) -> pb.GetStayResponse:  # noqa: N802
        """See the proto."""
        known_us = checks.moment(request.known_us, "known_us") if request.HasField("known_us") else None
        found = await self.workers.run(self._stay, checks.identity(request.id, "id"), known_us, caller().name)
        return pb.GetStayResponse(stay=stay_to_message(found))

    async def ListDoubts(self, request: pb.ListDoubtsRequest, context: Any) -> pb.ListDoubtsResponse:  # noqa: N802
        """See the proto."""
        doubts: list[InDoubt] = await self.workers.run(self._doubts, caller().name)
        return pb.ListDoubtsResponse(doubts=[doubt_to_message(one) for one in doubts])

    async def ConfirmOccupancy(self, request: pb.ConfirmOccupancyRequest, context: Any) -> pb.ConfirmOccupancyResponse:  # noqa: N802
        """See the proto."""
        bed = checks.text(request.bed, "bed")
        encounter = identifier_from_message(request.encounter, "encounter")
        found: Stay = await self.workers.run(self._confirm, bed, encounter, caller().name)
        return pb.ConfirmOccupancyResponse(stay=stay_to_message(found))

    async def ListDifferences(self, request: pb.ListDifferencesRequest, context: Any) -> pb.ListDifferencesResponse:  # noqa: N802
        """See the proto."""
        answer: pb.ListDifferencesResponse = await self.workers.run(self._differences, caller().name)
        return answer

    def _doubts(self, who: str) -> list[InDoubt]:
        with self._database.transaction() as tx:
            found = trust.in_doubt(tx, self._clock())
            note(tx, who, "ListDoubts", {}, self._clock())
        return found

    def _confirm(self, bed: str, encounter: Identifier, who: str) -> Stay:
        try:
            with self._database.transaction() as tx:
                (found,) = trust.confirm(tx, [bed], who, self._clock(), encounter=encounter)
        except InputError as error:
            raise Refused(error.message, field="bed", remedy=error.remedy) from None
        return found

    def _differences(self, who: str) -> pb.ListDifferencesResponse:
        with self._database.transaction() as tx:
            last, differing = comparisons.latest(tx), comparisons.differing(tx)
            note(tx, who, "ListDifferences", {}, self._clock())
        if last is None:
            return pb.ListDifferencesResponse()
        return pb.ListDifferencesResponse(
            compared_us=last.at_us,
            moment_us=last.moment_us,
            failure=last.failure,
            agreed=last.agreed,
            differences=[difference_to_message(one) for one in differing],
        )

    def _lying(self, bed: str, at_us: int, known_us: int | None, who: str) -> tuple[Stay | Reason, list[InDoubt]]:
        with self._database.transaction() as tx:
            if not scope.bed_is_known(tx, bed):
                raise NotFound("no such bed is known", field="bed", remedy="as in PV1-3: POINTOFCARE^ROOM^BED")
            doubts = [one for one in trust.in_doubt(tx, at_us) if one.bed == bed]
            note(tx, who, "GetOccupancy", {"bed": bed, "at_us": at_us, "known_us": known_us}, self._clock())
        rows = self._census.stays(bed, at_us, at_us + 1, known_us)
        as_of_us = max((row.recorded_us for row in rows), default=0) if known_us is None else known_us
        return in_bed(rows, bed, at_us, as_of_us), doubts

    def _stay(self, identity: UUID, known_us: int | None, who: str) -> Stay:
        with self._database.transaction() as tx:
            found = stay_pages.latest(tx, identity, known_us)
            if found is None:
                raise NotFound("there is no such stay", field="id")
            note(tx, who, "GetStay", {"id": identity, "known_us": known_us}, self._clock())
        return found

    def _page(
        self, kind: str, values: tuple[str, ...], known_us: int | None, part: stay_pages.Part, who: str
    ) -> tuple[list[tuple[int, Stay]], list[InDoubt], int]:
        """(rows, doubts, since when the rows are known as they are)."""
        with self._database.transaction() as tx:
            now_us = self._clock()
            found = stay_pages.page(tx, kind, values, known_us, part)
            doubts = trust.in_doubt(tx, now_us)
            note(tx, who, "ListStays", {kind: "|".join(values) or "all", "known_us": known_us}, now_us)
        return found, doubts, now_us


def registration(servicer: HospitalServicer) -> Registration:
    """The service, to be served."""
    return Registration(NAME, lambda server: add_HospitalServiceServicer_to_server(servicer, server), close=servicer.workers.close)
