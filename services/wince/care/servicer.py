"""CareService: what nurses see and decide. Every call that changes something is committed before it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1.care_service_pb2_grpc import add_CareServiceServicer_to_server
from wince.care.postgres import PostgresCare
from wince.care.reading_servicer import ReadingServicer
from wince.care.withholding import Withholding
from wince.care.withholding_servicer import WithholdingServicer
from wince.codec import checks
from wince.codec.care import (
    bed_pause_from_message,
    bed_pause_to_message,
    encounter_state_from_message,
    encounter_state_to_message,
    verdict_from_message,
    verdict_to_message,
)
from wince.codec.hospital import encounter_text
from wince.rpc.auth import caller
from wince.rpc.pages import Pages
from wince.rpc.requests import given, lived, under
from wince.rpc.server import Registration, Workers

NAME = "wince.api.care.v1.CareService"


def _nothing() -> None:
    """Nobody waits for what was committed."""


class CareServicer(ReadingServicer, WithholdingServicer):
    """Over care's store."""

    def __init__(self, care: PostgresCare, withholding: Withholding, *, committed: Callable[[], None] = _nothing, threads: int = 4) -> None:
        """`committed`: called after every COMMIT that is to be told (`Relay.wake`)."""
        self._care, self._withholding, self._committed = care, withholding, committed
        self.workers = Workers(threads, "care")
        self._reader, self._pages = care.reader, Pages(care.token_key, self.workers.run)

    async def _write(self, work: Callable[..., Any], *arguments: object) -> Any:
        made = await self.workers.run(work, *arguments, caller().name)
        self._committed()
        return made

    async def GiveVerdict(self, request: pb.GiveVerdictRequest, context: Any) -> pb.GiveVerdictResponse:  # noqa: N802
        """See the proto."""
        with under("verdict"):
            verdict = verdict_from_message(given(request, "verdict"))
            return pb.GiveVerdictResponse(verdict=verdict_to_message(await self._write(self._care.give, verdict)))

    async def StartPause(self, request: pb.StartPauseRequest, context: Any) -> pb.StartPauseResponse:  # noqa: N802
        """See the proto."""
        with under("pause"):
            pause = bed_pause_from_message(given(request, "pause"))
            lived(pause.start_us, "start_us")
            return pb.StartPauseResponse(pause=bed_pause_to_message(await self._write(self._care.start_pause, pause)))

    async def EndPause(self, request: pb.EndPauseRequest, context: Any) -> pb.EndPauseResponse:  # noqa: N802
        """See the proto."""
        identity, nurse = checks.identity(request.pause_id, "pause_id"), checks.text(request.nurse, "nurse")
        return pb.EndPauseResponse(pause=bed_pause_to_message(await self._write(self._care.end_pause, identity, nurse)))

    async def SetPatientState(self, request: pb.SetPatientStateRequest, context: Any) -> pb.SetPatientStateResponse:  # noqa: N802
        """See the proto."""
        with under("state"):
            state = encounter_state_from_message(given(request, "state"))
            lived(state.since_us, "since_us")
            return pb.SetPatientStateResponse(state=encounter_state_to_message(await self._write(self._care.set_state, state)))

    async def GetPatientState(self, request: pb.GetPatientStateRequest, context: Any) -> pb.GetPatientStateResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._care.state, encounter_text(request), caller().name)
        return pb.GetPatientStateResponse(state=encounter_state_to_message(found))


def registration(servicer: CareServicer) -> Registration:
    """The service, to be served."""
    return Registration(NAME, lambda server: add_CareServiceServicer_to_server(servicer, server), close=servicer.workers.close)
