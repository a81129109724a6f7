"""`wince serve hospital`: ADT over MLLP in, stays into Postgres, and from there, by a relay, onto the bus for grade.

A replica that dies between the commit and the bus leaves rows that are marked as not told; whoever runs next tells them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wince import codec
from wince.bus.interface import Bus
from wince.bus.topics import STAYS
from wince.domain.binding import bed_of
from wince.domain.stay import Occupancy, Watch
from wince.hospital.adt import Site
from wince.hospital.listener import AdtListener
from wince.runtime.services.service import Closing, Deps, Repeated, Service, wall_us
from wince.settings import Camera
from wince.store import stays, telling
from wince.store.database import Database

TELL_S = 1.0
"""How often the relay looks for what was not told."""
SEND_S = 30.0
"""How long the bus may take to keep what is told."""


def build(deps: Deps) -> Service:
    """The service. Cameras of the settings become watches: which camera looks at which bed from when on."""
    database, bus, settings = deps.database, deps.bus, deps.settings
    watches = watch(database, settings.cameras, deps.replay_us or wall_us())

    def tell(_changes: Sequence[Occupancy] = ()) -> None:
        telling.tell(database, lambda steps: send(bus, steps))

    listener = AdtListener(
        stays.PostgresCensus(database), Site(settings.site), watches=watches, publish=tell, port=settings.mllp_port
    )
    return Service("hospital", [Repeated("relay", TELL_S, tell), Closing(listener.start, listener.stop)])


def send(bus: Bus, steps: Sequence[Occupancy]) -> None:
    """Put them on the bus; returns when they will survive."""
    futures = []
    for step in steps:
        schema, value = codec.encode(step)
        futures.append(bus.publish(STAYS, step.source, value, {"schema": schema.encode()}))
    for future in futures:
        future.result(timeout=SEND_S)


def watch(database: Database, cameras: Iterable[Camera], at_us: int) -> list[Watch]:
    """Keep which camera watches which bed: a camera that was moved watches its new bed from `at_us` on, others as before."""
    cameras = list(cameras)
    with database.transaction() as tx:
        known = stays.watches(tx, [camera.id for camera in cameras])
    changed: list[Watch] = []
    for camera in cameras:
        latest = max((one.recorded_us for one in known if one.source == camera.id), default=at_us)
        now = bed_of(known, camera.id, at_us, max(latest, at_us))
        wanted = Watch(camera.id, camera.bed, at_us, None, max(latest, at_us), camera.region, camera.rotation)
        if now is None or replace(now, start_us=wanted.start_us, recorded_us=wanted.recorded_us) != wanted:
            changed.append(wanted)
    stays.save_watches(database, changed)
    return [*known, *changed]
