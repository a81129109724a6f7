"""`wince serve hospital`: ADT over MLLP in, stays into Postgres, and from there, by a relay, onto the bus for grade.

A replica that dies between the commit and the bus leaves rows that are marked as not told; whoever runs next tells them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wince import codec
from wince.bus.interface import Bus
from wince.bus.topics import STAYS
from wince.domain.stay import Occupancy
from wince.hospital.adt import Site
from wince.hospital.listener import AdtListener
from wince.hospital.servicer import HospitalServicer, registration
from wince.runtime.camera_list import bind
from wince.runtime.services.service import Closing, Deps, Part, Repeated, Service, wall_us
from wince.store import stays, telling

TELL_S = 1.0
"""How often the relay looks for what was not told."""
SEND_S = 30.0
"""How long the bus may take to keep what is told."""


def build(deps: Deps) -> Service:
    """The service. Cameras of the settings become watches: which camera looks at which bed from when on."""
    database, bus, settings = deps.database, deps.bus, deps.settings
    bind(database, settings.cameras, deps.replay_us or wall_us())
    with database.transaction() as tx:
        watches = stays.watches(tx, [camera.id for camera in settings.cameras])

    def tell(_changes: Sequence[Occupancy] = ()) -> None:
        telling.tell(database, lambda steps: send(bus, steps))

    listener = AdtListener(
        stays.PostgresCensus(database), Site(settings.site), watches=watches, publish=tell, port=settings.mllp_port
    )
    parts: list[Part] = [Repeated("relay", TELL_S, tell), Closing(listener.start, listener.stop)]
    return Service("hospital", parts, [registration(HospitalServicer(database))])


def send(bus: Bus, steps: Sequence[Occupancy]) -> None:
    """Put them on the bus; returns when they will survive."""
    futures = []
    for step in steps:
        schema, value = codec.encode(step)
        futures.append(bus.publish(STAYS, step.source, value, {"schema": schema.encode()}))
    for future in futures:
        future.result(timeout=SEND_S)
