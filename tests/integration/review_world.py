"""Cameras, beds and a hospital that corrects itself, for the tests of the one rule: one window a minute, and what stands of it."""

from collections.abc import Sequence
from dataclasses import replace

from tests.integration.record_world import SITE, T0, US, FakeTarget, alert
from tests.integration.record_world import window as made
from wince.domain.assessment import Alert, Assessment
from wince.domain.census import MessageKey, Movement, Revision
from wince.domain.entry import Entry, Kind
from wince.domain.ids import assessment_id, make
from wince.domain.stay import Identifier, Stay
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load as protocol
from wince.store.database import Database
from wince.store.plain import load
from wince.store.stays import PostgresCensus

PROTOCOLS = {"activity": protocol("activity")}
MIN = 60 * US
NOW = T0 + 100 * 3600 * US


def sink(database: Database, target: FakeTarget | None = None) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [target or FakeTarget()], clock=lambda: NOW)


def window(source: str, minute: int, grade: int | None = 2) -> Assessment:
    """Five seconds at the begin of a minute."""
    bare = made(0, grade, source=source)
    start = T0 + minute * MIN
    return replace(bare, id=assessment_id(SITE, source, "activity", start), start_us=start, end_us=start + 5 * US)


def seen(source: str, minutes: Sequence[int]) -> list[Assessment | Alert]:
    """A window with an alert in each of these minutes."""
    return [one for minute in minutes for one in (window(source, minute), alert(window(source, minute)))]


def lies(visit: str, bed: str, start_min: int, end_min: int | None = None, *, patient: str = "", number: int = 0) -> Stay:
    """A stay by minutes; `number`: of its id, where another row of the visit has the same begin."""
    identity = make(SITE, "stay", visit, bed, start_min, number)
    return Stay(
        identity,
        bed,
        Identifier("urn:mrn", patient or f"P-{visit}"),
        Identifier("urn:visit", visit),
        T0 + start_min * MIN,
        None if end_min is None else T0 + end_min * MIN,
        T0,
    )


_messages = iter(range(1, 1 << 40))


def say(database: Database, visit: str, now: Sequence[Stay]) -> None:
    """The hospital's census of a visit is this from now on."""
    key = MessageKey("HIS", "HOSP", f"{visit}-{next(_messages)}", "d")
    movement = Movement(key, "A08", Identifier("urn:visit", visit), Identifier("urn:mrn", f"P-{visit}"), "", T0, T0, T0)

    def revise(_movements: object, believed: Sequence[Stay], _in_bed: object) -> Revision:
        gone = tuple(one for one in believed if not any(_same(one, other) for other in now))
        new = tuple(one for one in now if not any(_same(one, other) for other in believed))
        return Revision(gone, new, T0)

    PostgresCensus(database, lambda: T0).apply(movement, revise)


def _same(one: Stay, other: Stay) -> bool:
    return replace(one, id=other.id, recorded_us=0) == replace(other, recorded_us=0)


def latest(database: Database, source: str) -> list[Entry]:
    """The latest revision of every entry of a camera, by time."""
    with database.transaction() as tx:
        rows = tx.execute("SELECT DISTINCT ON (id) body FROM entry WHERE source = %s ORDER BY id, revision DESC", (source,)).fetchall()
    return sorted((load(Entry, body) for (body,) in rows), key=lambda one: (one.start_us, one.end_us, one.kind, str(one.id)))


def standing(database: Database, source: str, kind: Kind = Kind.ALERT) -> dict[int, list[str]]:
    """By minute: the visits for which an entry of this kind stands."""
    found: dict[int, list[str]] = {}
    for one in latest(database, source):
        if one.kind is kind and one.status != "entered-in-error":
            found.setdefault((one.start_us - T0) // MIN, []).append(one.encounter.value)
    return found
