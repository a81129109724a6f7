"""The part of CareService that says who must not be watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceServicer
from wince.care.withholding import Withholding
from wince.codec import checks
from wince.codec.care import consent_to_message, scope_from_number, switch_to_message
from wince.codec.hospital import encounter_text
from wince.rpc.auth import caller
from wince.rpc.errors import NotFound
from wince.rpc.pages import Pages
from wince.rpc.requests import given, lived, under
from wince.rpc.server import Workers


class WithholdingServicer(CareServiceServicer):
    """Over the store of switches and consents; mixed into care's servicer."""

    _withholding: Withholding
    _pages: Pages
    workers: Workers

    async def SwitchOff(self, request: pb.SwitchOffRequest, context: Any) -> pb.SwitchOffResponse:  # noqa: N802
        """See the proto."""
        scope = scope_from_number(request.scope)
        with _nothing_more():
            made = await self.workers.run(self._withholding.off, scope, request.name, request.reason, caller().name)
        return pb.SwitchOffResponse(switch=switch_to_message(made))

    async def SwitchOn(self, request: pb.SwitchOnRequest, context: Any) -> pb.SwitchOnResponse:  # noqa: N802
        """See the proto."""
        scope = scope_from_number(request.scope)
        with _nothing_more():
            made = await self.workers.run(self._withholding.on, scope, request.name, request.reason, caller().name)
        return pb.SwitchOnResponse(switch=switch_to_message(made))

    async def ListSwitches(self, request: pb.ListSwitchesRequest, context: Any) -> pb.ListSwitchesResponse:  # noqa: N802
        """See the proto."""
        found = await self.workers.run(self._withholding.switches)
        return pb.ListSwitchesResponse(switches=map(switch_to_message, found))

    async def SetConsent(self, request: pb.SetConsentRequest, context: Any) -> pb.SetConsentResponse:  # noqa: N802
        """See the proto."""
        with under("consent"):
            said = given(request, "consent")
            since_us, nurse = lived(said.since_us, "since_us"), checks.text(said.nurse, "nurse")
            encounter = encounter_text(said) if said.encounter or said.HasField("encounter_id") else ""
            arguments = (encounter, said.patient, said.given, since_us, nurse, caller().name)
            made = await self.workers.run(self._withholding.consent, *arguments)
        return pb.SetConsentResponse(consent=consent_to_message(made))

    async def ListConsents(self, request: pb.ListConsentsRequest, context: Any) -> pb.ListConsentsResponse:  # noqa: N802
        """See the proto."""
        page = await self._pages.begin(request, int)
        before = page.after[0] if page.after else None
        found = await self.workers.run(self._withholding.consents, page.limit, caller().name, before)
        rows, token = page.cut(found, lambda one: (one[0],))
        return pb.ListConsentsResponse(consents=[consent_to_message(one) for _, one in rows], next_page_token=token)


@contextmanager
def _nothing_more() -> Iterator[None]:
    """What there is instead, such as other beds, is not said to a caller that is bound."""
    try:
        yield
    except NotFound as error:
        if not caller().bounds.everything:
            error.remedy = "ask the operator what your token is bound to"
        raise
