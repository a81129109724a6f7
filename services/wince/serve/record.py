"""`wince serve record`: assessments from the bus into Postgres, one transaction per batch, and from its outbox to the targets.

Replicas share the sources by the bus and the outbox by leases; in the database one of them at a time writes for an encounter.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from functools import partial

from wince.clock import wall_us
from wince.delivery import books, readback
from wince.delivery.interface import Readable, Target, Tended
from wince.delivery.worker import Delivery
from wince.domain.audit import Verified
from wince.domain.frame import US
from wince.errors import ResourceError
from wince.parts import Part
from wince.pipeline.record.retraction import Retractor
from wince.pipeline.record.servicer import RecordServicer, registration
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.undoing import Undoer
from wince.runners.record import Recording, Writer
from wince.serve import anchors
from wince.serve.ehr_reading import sink_rules
from wince.serve.service import Deps, Repeated, Service
from wince.serve.state_dir import Places
from wince.serve.targets import every
from wince.serve.writing import refuse_what_can_not_work
from wince.settings import Settings
from wince.store import checkpoints, watched
from wince.store.database import Database
from wince.store.reach import Reach
from wince.telemetry import database_metrics, logs, metrics

log = logs.get(__name__)

BACKLOG_S = 15.0
"""How often it is asked what waits."""
TEND_S = 1.0
"""How often it is asked whether the record is to be looked at again; a commit asks too."""
RETRACT_S = 1.0
"""How often it is asked what is to be withdrawn, or undone."""
READBACK_S = 20.0
"""How often it is asked whether a turn of reading back is due."""
TARGET_S = 2.0
"""How often a target may do what it does besides deliveries."""
RETENTION_S = 300.0
"""How often it is looked when retention ran."""


def build(deps: Deps) -> Service:
    """The service. Without a target entries stay in Wince's own tables."""
    settings, database = deps.settings, deps.database
    places = Places.of(settings)
    places.make()
    protocols = deps.protocols.recorded
    targets = every.targets(settings, protocols, deps.stack, database)
    refuse_what_can_not_work(targets)
    delivery = Delivery(database, targets, lease_s=settings.lease_s)
    writer = Writer(PostgresSink(database, protocols, targets, **sink_rules(settings)), delivery.wake)
    key = checkpoints.signing_key(places.audit_key, database)
    site_keys = settings.audit_earlier_keys
    checkpointer = checkpoints.Checkpointer(database, places.checkpoints, key, alone=False, site_keys=site_keys)

    def verify() -> Verified:
        return checkpoints.verify(database, places.checkpoints, checkpoints.public_hex(key), site_keys=site_keys)

    return Service(
        "record",
        [
            *anchors.senders(settings, database, checkpoints.public_hex(key)),
            checkpointer,
            delivery,
            Repeated("retraction", RETRACT_S, Retractor(database, targets, delivery.wake).run),
            Repeated("undoing", RETRACT_S, Undoer(database, targets, delivery.wake).run),
            Recording(deps.bus, writer.commit, lambda _: None, writer.write),
            Repeated("tend", TEND_S, writer.tend),
            Repeated("backlog", BACKLOG_S, lambda: backlog(database, [target.name for target in targets], wall_us())),
            Repeated("figures", BACKLOG_S, lambda: figures(database, places)),
            Repeated("retention", RETENTION_S, lambda: retention(database, settings)),
            Repeated("readback", READBACK_S, lambda: read_back(database, targets, settings.ehr_readback_per_hour)),
            *tending(database, targets),
        ],
        [registration(RecordServicer(database, verify, watches=settings.rpc.max_watches, protocols=protocols))],
        Reach(database),
    )


def tending(database: Database, targets: Sequence[Target]) -> list[Part]:
    """What targets do besides deliveries, each on a thread of its own."""
    return [Repeated(f"tend-{target.name}", TARGET_S, partial(target.tend, database)) for target in targets if isinstance(target, Tended)]


def read_back(database: Database, targets: Sequence[Target], per_hour: int) -> None:
    """One turn of reading back from each target that can be read, where one is due."""
    for target in targets:
        if not isinstance(target, Readable):
            continue
        with database.transaction() as tx:
            due = per_hour > 0 and readback.turn(tx, target.name, max(readback.PERIOD_S, 3600 / max(per_hour, 1)))
        if due:
            readback.run(database, target, max(1, round(per_hour * readback.PERIOD_S / 3600)))


def retention(database: Database, settings: Settings) -> None:
    """Tell the metrics how long ago retention ran, where a limit is set. Raises StoreError, Unavailable."""
    age_s = None
    if settings.retention_limits:
        with database.transaction() as tx:
            age_s = watched.retention(tx)
    database_metrics.retention(age_s or 0.0)


def figures(database: Database, places: Places) -> None:
    """Tell the metrics how far the audit trail is signed, and how it stands with database and disk. Raises StoreError, Unavailable,
    ResourceError."""
    with database.transaction() as tx:
        trail, found = watched.trail(tx), watched.figures(tx)
    database_metrics.trail(unsigned=trail.unsigned, oldest_s=trail.oldest_s, checkpoint_s=trail.checkpoint_s)
    database_metrics.database(schema=found.schema, size=found.size, review_s=found.review_s)
    try:
        database_metrics.disk(shutil.disk_usage(places.checkpoints.parent).free)
    except OSError as error:
        raise ResourceError(error.strerror or "can't be asked", field=str(places.checkpoints.parent), remedy="is its disk there?") from None


def backlog(database: Database, targets: Sequence[str], now_us: int) -> None:
    """Tell the metrics what waits in the database: deliveries to each target, and questions. Raises StoreError, Unavailable."""
    with database.transaction() as tx:
        open_ = books.backlog(tx, targets)
        shown = Counter(one.target for one in readback.differences(tx, 10_000))
        by_hand, unfinished = (Counter(one.target for one in find(tx, limit=10_000)) for find in (books.chores, books.unfinished))
        asked = tx.execute("SELECT count(*), min(end_us) FILTER (WHERE stay IS NOT NULL) FROM question WHERE state = 'open'").fetchone()
        off = tx.execute("SELECT min(off_us) FROM switch WHERE on_us IS NULL").fetchone()
        waits = tx.execute(
            "SELECT (SELECT count(*) FROM review), (SELECT count(*) FROM aside_source), (SELECT count(*) FROM aside)"
        ).fetchone()
    count, oldest_us = asked or (0, None)
    reviews, sources, messages = waits or (0, 0, 0)
    metrics.record_waits(reviews=reviews, aside_sources=sources, aside_messages=messages)
    oldest_s = 0.0 if oldest_us is None else (now_us - oldest_us) / US
    metrics.switched_off(0.0 if off is None or off[0] is None else (now_us - off[0]) / US)
    metrics.backlog(questions=count, oldest_s=oldest_s)
    for target in targets:
        metrics.differing(target, shown[target])
        metrics.chores(target, by_hand=by_hand[target], unfinished=unfinished[target])
    for one in open_:
        metrics.outbox(
            one.target,
            waiting=one.waiting + one.leased,
            behind_hold=one.held,
            dead=one.dead,
            oldest_s=one.oldest_s,
            is_held=one.hold is not None,
        )
