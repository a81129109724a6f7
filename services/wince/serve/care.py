"""`wince serve care`: what people decide, committed before it is answered, told to grade and record by a relay."""

from __future__ import annotations

from wince.care.postgres import PostgresCare
from wince.care.relay import Relay
from wince.care.servicer import CareServicer, registration
from wince.care.withholding import Withholding
from wince.serve.service import Deps, Repeated, Service
from wince.store.reach import Reach


def build(deps: Deps) -> Service:
    """The service."""
    relay = Relay(deps.database, deps.bus.publish)
    care, withholding = PostgresCare(deps.database, deps.protocols.recorded), Withholding(deps.database)
    servicer = CareServicer(care, withholding, committed=relay.wake)
    read: list[Repeated] = []
    if deps.settings.ehr_url is not None:
        from wince.serve.ehr_reading import reading  # the way to an EHR is paid for only where there is one

        read = reading(deps.settings, deps.database, care, relay.wake, deps.stack)
    return Service("care", [relay, *read], [registration(servicer)], Reach(deps.database))
