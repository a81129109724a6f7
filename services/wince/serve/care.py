"""`wince serve care`: what people decide, committed before it is answered, told to grade and record by a relay."""

from __future__ import annotations

from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.care.servicer import CareServicer, registration
from wince.serve.service import Deps, Service


def build(deps: Deps) -> Service:
    """The service."""
    relay = Relay(deps.database, deps.bus.publish)
    servicer = CareServicer(PostgresCare(deps.database, deps.protocols.recorded), committed=relay.wake)
    return Service("care", [relay], [registration(servicer)])
