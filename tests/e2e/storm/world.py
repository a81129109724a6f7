"""What the storm blows at: a fresh PostgreSQL database, the MLLP listener on a real socket, record's sink. Time is the test's."""

from __future__ import annotations

import socket
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Literal
from uuid import UUID

from tests.conftest import copied
from tests.integration.record_world import FakeTarget
from wince.delivery.worker import Delivery
from wince.domain.audit import verify
from wince.domain.entry import Entry, TaskEntry
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.stage import Message
from wince.protocols.loader import load
from wince.serve import site
from wince.serve.camera_list import bind
from wince.settings import Camera, Settings
from wince.store import audit
from wince.store.database import Database
from wince.store.plain import load as loaded
from wince.store.stays import PostgresCensus
from wince.testing.hl7.send import answer, code

from .feed import Habits, moment

WITHDRAWN = {"withdrawn"}
WRITTEN = {"charted", "charted_late", "restored", "corrected"}
"""Events of the audit trail that a revision of an entry may have, by what it says."""
PROTOCOLS = {"activity": load("activity")}


class World:
    """`now`: microseconds UTC; the test moves it."""

    def __init__(self, template_dsn: str, of: Site, now: int) -> None:
        self.now = now
        self._stack = ExitStack()
        self.database = self._stack.enter_context(Database(self._stack.enter_context(copied(template_dsn))))
        census = PostgresCensus(self.database, clock=lambda: self.now)
        listener = AdtListener(census, of, now_us=lambda: self.now)
        self._stack.enter_context(listener)
        self._wire = self._stack.enter_context(socket.create_connection(("127.0.0.1", listener.port), timeout=60))
        self.target = FakeTarget()
        self.sink = PostgresSink(self.database, PROTOCOLS, [self.target], clock=lambda: self.now)
        self._cameras: dict[str, Camera] = {}

    def close(self) -> None:
        self._stack.close()

    def send(self, message: str) -> str:
        """MSA-1 of the answer."""
        self._wire.sendall(b"\x0b" + message.encode() + b"\x1c\r")
        return code(answer(self._wire).decode())

    def watch(self, source: str, bed: str, since: int) -> None:
        """The camera list says that a camera watches a bed since then."""
        self._cameras[source] = Camera(id=source, bed=bed, push=True, since=moment(since))
        bind(self.database, list(self._cameras.values()), self.now)

    def commit(self, messages: Sequence[Message]) -> None:
        self.sink.commit(messages)

    def review(self) -> None:
        """Record looks at what is to be looked at, until there is nothing more."""
        for _ in range(20):
            if not self.sink.review().entries:
                return
        raise AssertionError("record reviews without end")

    def entries(self) -> list[Entry]:
        """Last revisions."""
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT DISTINCT ON (id) body FROM entry ORDER BY id, revision DESC").fetchall()
        return [loaded(Entry, body) for (body,) in rows]

    def open_tasks(self) -> list[TaskEntry]:
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT body FROM question WHERE state = 'open'").fetchall()
        return [loaded(TaskEntry, body) for (body,) in rows]

    def deliver(self) -> None:
        """All that waits goes to the target."""
        delivery = Delivery(self.database, [self.target], clients=2, poll_s=0.02)
        delivery.start()
        try:
            until = time.monotonic() + 60
            while self._count("SELECT count(*) FROM outbox WHERE state NOT IN ('written', 'dead')"):
                assert time.monotonic() < until, "the outbox does not become empty"
                time.sleep(0.01)
        finally:
            delivery.stop()

    def target_faults(self) -> list[str]:
        """Entries of which the target holds another revision than the last."""
        right = {str(entry.id): (entry.revision, entry.status) for entry in self.entries()}
        held = {identity: said for identity, said in self.target.held.items() if identity in right}
        return [
            f"NOT DELIVERED {identity}: {held.get(identity)}, right: {said}"
            for identity, said in right.items()
            if held.get(identity) != said
        ]

    def _count(self, query: str) -> int:
        with self.database.transaction() as tx:
            row = tx.execute(query.encode()).fetchone()
        assert row is not None
        return int(row[0])

    def audit_faults(self) -> list[str]:
        """Revisions of entries without a link of their own in the audit chain. Raises IntegrityError where the chain is broken."""
        trail = list(audit.rows(self.database, payloads=True))
        verify(trail)
        said: dict[tuple[UUID, int], set[str]] = defaultdict(set)
        for row in trail:
            said[row.entry, row.revision].add(row.event)
        with self.database.transaction() as tx:
            made = tx.execute("SELECT id, revision, status FROM entry").fetchall()
        return [
            f"UNAUDITED {status} revision {revision} of {identity}: {sorted(said[identity, revision])}"
            for identity, revision, status in made
            if not said[identity, revision] & (WITHDRAWN if status == "entered-in-error" else WRITTEN)
        ]


def site_of(habits: Habits) -> Site:
    """The hospital as it is set: its zone, its authority for numbers, its own facility, where it puts the visit's number."""
    field: Literal["PV1-19", "PID-18"] = "PID-18" if habits.account else "PV1-19"
    told = Settings(site="storm", time_zone=habits.zone, patient_authority="HOSP", facilities=("HOSP",), visit_number=field)
    return site.of(told)
