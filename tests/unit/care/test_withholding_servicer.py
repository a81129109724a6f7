"""What a caller that is bound is told where nothing is found: not what else there is."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from wince.api.care.v1 import care_pb2, care_service_pb2
from wince.care.withholding_servicer import WithholdingServicer
from wince.domain.reach import EVERYTHING, Bounds
from wince.rpc.auth import Caller, set_caller
from wince.rpc.errors import NotFound
from wince.rpc.roles import Role


async def nothing(*_: Any) -> None:
    raise NotFound("no camera watches this bed", field="bed", remedy="one of: PACU^1^A")


@pytest.mark.parametrize("call", ["SwitchOff", "SwitchOn"])
@pytest.mark.parametrize(("bounds", "says"), [(EVERYTHING, True), (Bounds(wards=frozenset({"ICU"})), False)])
def test_other_beds_are_not_named_to_who_is_bound(call: str, bounds: Bounds, says: bool) -> None:
    servicer = WithholdingServicer()
    servicer.workers = SimpleNamespace(run=nothing)  # type: ignore[assignment]
    servicer._withholding = SimpleNamespace(off=None, on=None)  # type: ignore[assignment]
    request = getattr(care_service_pb2, f"{call}Request")(scope=care_pb2.SWITCH_SCOPE_BED, name="ICU^9^Z", reason="visit")

    async def asked() -> None:
        set_caller(Caller("ward", frozenset({Role.NURSE}), bounds))
        await getattr(servicer, call)(request, None)

    with pytest.raises(NotFound) as failed:
        asyncio.run(asked())
    assert ("PACU" in failed.value.remedy) is says
