"""The part of RecordService that tells what is committed, as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1 import watch_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceServicer
from wince.errors import MessageError
from wince.pipeline.record.live import Live
from wince.pipeline.record.told import Item, Kind, Place
from wince.pipeline.record.watch_messages import answer, heartbeat, kinds_of
from wince.pipeline.record.watching import Wanted, Watching
from wince.rpc.auth import caller
from wince.rpc.pages import Pages
from wince.rpc.tokens import seal, unseal
from wince.rpc.workers import Workers

HEARTBEAT_S = 5.0
"""How often a watcher is told that all was told."""
_APART = ("resume_token", "snapshot")


class WatchServicer(RecordServiceServicer):
    """Over the trail; mixed into record's servicer."""

    _live: Live
    _watching: Watching
    _pages: Pages
    watchers: Workers

    async def Watch(self, request: watch_pb2.WatchRequest, context: Any) -> AsyncIterator[watch_pb2.WatchResponse]:  # noqa: N802
        """See the proto."""
        if request.bed and request.ward:
            raise MessageError("not together with a bed", field="ward", remedy="give the bed, the ward, or neither for all")
        if request.snapshot and request.resume_token:
            raise MessageError("not together with a resume token", field="snapshot", remedy="give one of them")
        wanted = Wanted(request.bed, request.ward, kinds_of(request.kinds))
        who, key = caller().name, await self._pages.key()
        resumed = unseal(key, request, request.resume_token, (int, str), field="resume_token", apart=_APART)

        def token(place: Place) -> str:
            return seal(key, request, (place.seq, place.hash.hex()), apart=_APART)

        await self.watchers.run(self._watching.begin, wanted, who, "Watch")
        async with self._live.watcher() as newest:
            place, held = newest, list[Item]()
            if resumed is not None:
                place = Place(resumed[0], bytes.fromhex(resumed[1]))
                await self.watchers.run(self._watching.resumable, place)
            elif request.snapshot:
                place, held = await self.watchers.run(self._watching.snapshot, wanted)
            await context.send_initial_metadata(())  # a client that has it is told every commit from now on
            for item in held:
                yield answer(item, snapshot=True)
            async for told in self._behind(place, wanted):
                if isinstance(told, Item):
                    yield answer(told, token(told.place))
                else:
                    yield heartbeat(token(told[0]), told[1])

    async def WatchAssessments(  # noqa: N802 - the proto's name
        self, request: pb.WatchAssessmentsRequest, context: Any
    ) -> AsyncIterator[pb.WatchAssessmentsResponse]:
        """See the proto."""
        wanted = Wanted(request.bed, "", frozenset({Kind.ASSESSMENT, Kind.ALERT}))
        await self.watchers.run(self._watching.note, wanted, caller().name, "WatchAssessments")
        async with self._live.watcher() as place:
            await context.send_initial_metadata(())
            async for told in self._behind(place, wanted):
                if not isinstance(told, Item):
                    continue
                message = answer(told)
                if told.kind is Kind.ALERT:
                    yield pb.WatchAssessmentsResponse(alert=message.alert)
                else:
                    yield pb.WatchAssessmentsResponse(assessment=message.assessment)

    async def _behind(self, place: Place, wanted: Wanted) -> AsyncIterator[Item | tuple[Place, int]]:
        """What is wanted of what lies behind a place; and at the begin and every few seconds (place, moment up to which all was told)."""
        clock = asyncio.get_running_loop().time
        due_s = clock()
        while True:
            found = await self._live.behind(place)
            for item in found.items:
                if item in wanted:
                    yield item
            place = found.place
            if clock() >= due_s and found.until_us:
                due_s = clock() + HEARTBEAT_S
                yield place, found.until_us
            await self._live.moved(place, max(0.0, due_s - clock()))
