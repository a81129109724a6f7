"""`wince serve record`: assessments from the bus into Postgres, one transaction per batch, and from its outbox to the EHR.

Replicas share the sources by the bus and the outbox by leases; in the database one of them at a time writes for an encounter.
"""

from __future__ import annotations

from collections.abc import Sequence

from wince.delivery.worker import Delivery
from wince.domain.audit import Verified
from wince.domain.frame import US
from wince.domain.snapshot import Graded, Snapshot
from wince.pipeline.record.servicer import RecordServicer, registration
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.stage import Message
from wince.runners.record import Recording
from wince.serve import ehr
from wince.serve.service import Deps, Repeated, Service, wall_us
from wince.serve.state_dir import Places
from wince.store import checkpoints
from wince.store.database import Database
from wince.telemetry import logs, metrics

log = logs.get(__name__)

BACKLOG_S = 15.0
"""How often it is asked what waits."""


def build(deps: Deps) -> Service:
    """The service. Without an EHR entries stay in Wince's own tables."""
    settings, database = deps.settings, deps.database
    places = Places.of(settings)
    places.make()
    protocols = {deps.protocol.name: deps.protocol}
    targets = ehr.targets(settings, protocols, deps.stack)
    sink = PostgresSink(database, protocols, targets[0] if targets else None)
    delivery = Delivery(database, targets, lease_s=settings.lease_s)

    def commit(batch: Sequence[Graded]) -> None:
        messages: list[Message] = []
        for graded in batch:
            messages += (*graded.assessments, *graded.alerts, *graded.questions)
        write(messages, [graded.snapshot for graded in batch if graded.snapshot is not None])

    def write(messages: Sequence[Message], snapshots: Sequence[Snapshot] = ()) -> None:
        done = sink.commit(messages, snapshots)
        for alarm in done.alarms:
            log.error("other content under a known id; the first stands", assessment=alarm)
        if done.entries or done.tasks:
            delivery.wake()

    key = checkpoints.signing_key(places.audit_key)
    checkpointer = checkpoints.Checkpointer(database, places.checkpoints, key)

    def verify() -> Verified:
        return checkpoints.verify(database, places.checkpoints, checkpoints.public_hex(key))

    return Service(
        "record",
        [
            checkpointer,
            delivery,
            Recording(deps.bus, commit, lambda _: None, write),
            Repeated("backlog", BACKLOG_S, lambda: backlog(database, delivery, wall_us())),
        ],
        [registration(RecordServicer(database, verify))],
    )


def backlog(database: Database, delivery: Delivery, now_us: int) -> None:
    """Tell the metrics what waits in the database: entries and questions. Raises StoreError, Unavailable."""
    with database.transaction() as tx:
        dead = tx.execute("SELECT count(*) FROM outbox WHERE state = 'dead'").fetchone()
        asked = tx.execute("SELECT count(*), min(end_us) FROM question WHERE state = 'open'").fetchone()
    count, oldest_us = asked or (0, None)
    oldest_s = 0.0 if oldest_us is None else (now_us - oldest_us) / US
    metrics.backlog(waiting=delivery.waiting(), dead=dead[0] if dead else 0, questions=count, oldest_s=oldest_s)


