"""POST /studies and /studies/{study}: a Starlette application that spools each part to disk while it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wince.dicom.scp.interface import Keeper, Received
from wince.dicom.scp.pdu import uid
from wince.dicom.scp.tables import Status
from wince.dicom.spool import NoRoomError, Room, Spool
from wince.dicom.stow.multipart import Begin, End, Multipart, Piece, parameters
from wince.errors import MessageError, WinceError
from wince.telemetry import logs

log = logs.get(__name__)

KIND = "application/dicom"
DROPPED_BYTES = 5 << 30
"""How much of a body is read and dropped: parts that are no objects, the rest of what is too large, what stands behind the end."""
TAKEN = (Status.SUCCESS, Status.WARNING_CLASS)

Authenticate = Callable[[list[str]], Awaitable[str]]
"""The caller's name, of the `authorization` headers. Raises PermissionError where it may not store, LookupError where it isn't known."""
Describe = Callable[[Spool], tuple[str, str, str, str]]
"""(SOP class, SOP instance, transfer syntax, study) of a spooled file. Raises MessageError where it is no object."""


@dataclass
class _Stored:
    """What came of a request's objects."""

    kept: list[tuple[str, str, Status]] = field(default_factory=list)
    failed: list[tuple[str, str, Status]] = field(default_factory=list)

    def add(self, sop_class: str, instance: str, status: Status) -> None:
        (self.kept if status in TAKEN else self.failed).append((sop_class, instance, status))


class Stow:
    """The endpoint. `requests`: how many at a time."""

    def __init__(
        self,
        keeper: Keeper,
        room: Room,
        authenticate: Authenticate,
        describe: Describe,
        *,
        requests: int = 8,
        idle_s: float = 60.0,
        told: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._keeper, self._room, self._authenticate, self._describe = keeper, room, authenticate, describe
        self._free, self._idle_s, self._told = requests, idle_s, told
        self.app = Starlette(
            routes=[
                Route("/studies", self._store, methods=["POST"]),
                Route("/studies/{study}", self._store, methods=["POST"]),
            ]
        )
        """ASGI."""

    async def _store(self, request: Request) -> Response:
        try:
            caller = await self._authenticate(request.headers.getlist("authorization"))
        except LookupError:
            return _plain(401, "who calls is not known", {"WWW-Authenticate": "Bearer"})
        except PermissionError:
            return _plain(403, "this caller may not store")
        study = request.path_params.get("study", "")
        said = parameters(request.headers.get("content-type", ""))
        if study and not uid(study):
            return _plain(400, "the study is no UID")
        if said[""] != "multipart/related" or said.get("type", KIND).lower() != KIND:
            return _plain(415, f'send multipart/related; type="{KIND}"')
        if self._free <= 0:
            self._told("busy")
            return _plain(503, "too many requests at a time", {"Retry-After": "5"})
        self._free -= 1
        try:
            return await self._take(request, said.get("boundary", ""), caller, study)
        finally:
            self._free += 1

    async def _take(self, request: Request, boundary: str, caller: str, study: str) -> Response:
        stored, spool, dropped = _Stored(), None, 0
        try:
            body = Multipart(boundary)
            stream = request.stream().__aiter__()
            while True:
                try:
                    piece = await asyncio.wait_for(anext(stream), self._idle_s)
                except StopAsyncIteration:
                    break
                if spool is None and (dropped := dropped + len(piece)) > DROPPED_BYTES:
                    raise MessageError("the body holds too much that is no object", field="body", remedy="send objects alone")
                for event in body.feed(piece):
                    if isinstance(event, Begin):
                        spool = await run_in_threadpool(self._begin, stored, event.kind)
                    elif isinstance(event, Piece) and spool is not None:
                        try:
                            await run_in_threadpool(spool.write, memoryview(event.content))
                        except NoRoomError:
                            stored.add("", "", Status.OUT_OF_RESOURCES)
                            spool = None
                    elif isinstance(event, End) and spool is not None:
                        whole, spool = spool, None
                        stored.add(*await run_in_threadpool(self._keep, whole, caller, study))
            body.close()
        except (MessageError, TimeoutError, ClientDisconnect) as error:
            self._told("invalid" if isinstance(error, MessageError) else "lost")
            what = error.diagnostics() if isinstance(error, WinceError) else "the body did not come"
            log.warning("a body of STOW-RS can't be used", sender=caller, error=error)
            if not stored.kept and not stored.failed:
                return _plain(400, what)
            stored.add("", "", Status.NOT_UNDERSTOOD)  # whatever else lay in it: nobody may take the answer for "all were kept"
        finally:
            if spool is not None:
                spool.discard()
        return _answer(stored)

    def _begin(self, stored: _Stored, kind: str) -> Spool | None:
        if kind not in ("", KIND):
            stored.add("", "", Status.NOT_UNDERSTOOD)
            return None
        try:
            return Spool(self._room)
        except NoRoomError:
            stored.add("", "", Status.OUT_OF_RESOURCES)
            return None

    def _keep(self, spool: Spool, caller: str, study: str) -> tuple[str, str, Status]:
        """On a thread: bring it to the disk, look what it is, have it kept."""
        sop_class = instance = ""
        try:
            spool.keep()
            sop_class, instance, syntax, of = self._describe(spool)
            if not uid(instance) or (study and of != study):
                return sop_class, instance, Status.NO_MATCH
            return sop_class, instance, self._keeper.keep(Received(spool.path, sop_class, instance, syntax, caller, spool.bytes))
        except NoRoomError:
            return sop_class, instance, Status.OUT_OF_RESOURCES
        except MessageError:
            return sop_class, instance, Status.NOT_UNDERSTOOD
        except Exception as error:
            log.error("an object could not be kept; its sender is told to send it again", error=error)
            return sop_class, instance, Status.NOT_KEPT_NOW
        finally:
            spool.discard()


def _answer(stored: _Stored) -> Response:
    """PS3.18 section 10.5.3: 200 all kept; 202 some; 409 none; 503 none for want of room."""
    body: dict[str, Any] = {"00081190": {"vr": "UR"}}  # Retrieve URL, type 2: nothing is retrieved here
    if stored.kept:
        body["00081199"] = {"vr": "SQ", "Value": [_item(*one) for one in stored.kept]}
    if stored.failed:
        body["00081198"] = {"vr": "SQ", "Value": [_item(*one) for one in stored.failed]}
    busy = {Status.OUT_OF_RESOURCES, Status.NOT_KEPT_NOW}
    if not stored.failed:
        status = 200 if stored.kept else 400
    elif stored.kept:
        status = 202
    else:
        status = 503 if {one[2] for one in stored.failed} <= busy else 409
    return JSONResponse(body, status, media_type="application/dicom+json")


def _item(sop_class: str, instance: str, status: Status) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if sop_class and uid(sop_class):
        item["00081150"] = {"vr": "UI", "Value": [sop_class]}
    if instance and uid(instance):
        item["00081155"] = {"vr": "UI", "Value": [instance]}
    if status is Status.WARNING_CLASS:
        item["00081196"] = {"vr": "US", "Value": [int(status)]}
    if status is Status.WARNING_CLASS or status is Status.SUCCESS:
        item["00081190"] = {"vr": "UR"}
    else:
        item["00081197"] = {"vr": "US", "Value": [int(status)]}
    return item


def _plain(status: int, what: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": what}, status, headers)
