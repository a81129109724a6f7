"""`wince serve hospital`: ADT over MLLP in, stays into Postgres, and from there, by a relay, onto the bus for grade.

A replica that dies between the commit and the bus leaves rows that are marked as not told; the next replica that runs tells them.
"""

from __future__ import annotations

from collections.abc import Sequence

from wince import codec
from wince.bus.interface import Bus
from wince.bus.topics import CARE, STAYS
from wince.care.events import standing
from wince.clock import wall_us
from wince.domain.care import PatientState, Pause
from wince.domain.stay import Occupancy
from wince.errors import Unavailable
from wince.hospital.listener import AdtListener
from wince.hospital.outside.heard import Heard
from wince.hospital.servicer import HospitalServicer, registration
from wince.parts import Part
from wince.serve import census_source, mllp, site
from wince.serve.ahead import latest_event
from wince.serve.camera_list import bind
from wince.serve.census import LOOK_S, CensusKeeper
from wince.serve.service import Deps, Repeated, Service
from wince.store import stays, telling, trust
from wince.store.database import Database
from wince.store.reach import Reach

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

    def said(steps: Sequence[Occupancy]) -> None:
        send(bus, STAYS, steps)
        send(bus, CARE, holding(database, steps))

    def tell(_changes: Sequence[Occupancy] = ()) -> None:
        telling.tell(database, said)

    ours, heard = site.of(settings), Heard()
    census, parking = stays.PostgresCensus(database, window_us=ours.window_us), mllp.parking(settings, database)
    results = mllp.results(settings, database, census, ours)
    place, latest = mllp.place(settings), latest_event(settings, deps.replay_us)
    listener = AdtListener(
        census, ours, watches=watches, publish=tell, heard=heard, latest_us=latest, parking=parking, results=results, **place
    )
    parts: list[Part] = [Repeated("relay", TELL_S, tell), *keeping(deps, heard), mllp.replayer(settings, database, listener), listener]
    return Service("hospital", parts, [registration(HospitalServicer(database))], Reach(database))


def keeping(deps: Deps, heard: Heard) -> list[Part]:
    """What looks whether who lies where may be believed, and compares it with a census from outside. Clips that are replayed have a time of
    their own and no feed that could be silent: nothing is doubtful then. Raises ConfigError where the source can't be meant so."""
    if deps.replay_us is not None:
        with deps.database.transaction() as tx:
            trust.forget_feed(tx)
        return []
    keeper = CensusKeeper(deps.database, deps.settings, heard, census_source.source(deps.settings, deps.stack))
    return [Repeated("census", LOOK_S, keeper.look)]


def holding(database: Database, steps: Sequence[Occupancy]) -> list[Pause | PatientState]:
    """What people said of the beds and of their new patients, for the cameras of these steps: a patient who can't show pain can't before
    another camera either."""
    since: dict[str, int] = {}
    for step in steps:
        since[step.source] = min(step.at_us, since.get(step.source, step.at_us))
    with database.transaction() as tx:
        return [one for source, from_us in sorted(since.items()) for one in standing(tx, source, from_us)]


def send(bus: Bus, topic: str, messages: Sequence[Occupancy | Pause | PatientState]) -> None:
    """Put them on the bus; returns when they will survive. Raises Unavailable where the bus doesn't acknowledge in time."""
    futures = []
    for message in messages:
        schema, value = codec.encode(message)
        futures.append(bus.publish(topic, message.source, value, {"schema": schema.encode()}))
    try:
        for future in futures:
            future.result(timeout=SEND_S)
    except TimeoutError:
        raise Unavailable("the bus does not acknowledge", field=topic, remedy="is Kafka running?") from None
