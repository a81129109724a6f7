"""Two targets under one outbox: each real kind beside a simple one. Either may be the one that fails."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from tests.contract.targets.kinds import KINDS, Receiver, target
from tests.integration.record_world import FakeTarget, admit, stay, window
from wince.delivery.interface import Answer, Taken, Target
from wince.delivery.worker import Delivery
from wince.domain.entry import Entry, TaskEntry
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NAMES = ("first", "second")
"""Of the real target, and of the simple one."""


class Hasty(random.Random):
    """The shortest waits that jitter allows: no backoff of deliveries, half of the pause before a probe."""

    def uniform(self, a: float, b: float) -> float:
        return a


@dataclass
class Scripted:
    """A real target that answers `script(number of the call)` where that says something; keeps the bodies that it was given."""

    real: Target
    script: Callable[[int], Answer | None] = lambda _number: None
    bodies: list[str] = field(default_factory=list)
    gate: threading.Event | None = None
    """Where there is one, nothing is answered before it is set."""

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.real.name

    def render(self, entry: Entry | TaskEntry) -> str | Taken:
        return self.real.render(entry)

    def probe(self) -> Answer:
        return self.real.probe()

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        if self.gate:
            assert self.gate.wait(60)
        number = len(self.bodies)
        self.bodies.append(body)
        return self.script(number) or self.real.deliver(body, location, version)


@dataclass
class World:
    """A database, both targets, and what was charted."""

    database: Database
    receiver: Receiver
    """Of the real target."""
    targets: dict[str, Scripted]

    @property
    def sink(self) -> PostgresSink:
        return PostgresSink(self.database, PROTOCOLS, list(self.targets.values()))

    def chart(self, grades: int = 4) -> list[Entry]:
        """So many entries of one encounter, ten minutes apart."""
        admit(self.database, stay())
        sink, made = self.sink, list[Entry]()
        for number in range(grades):
            made += sink.commit([window(120 * number, 1 + number % 2)]).entries
        assert len(made) == grades
        return made

    @contextmanager
    def delivering(self) -> Iterator[Delivery]:
        running = Delivery(self.database, list(self.targets.values()), poll_s=0.02, jitter=Hasty())
        running.start()
        try:
            yield running
        finally:
            running.stop()

    def rows(self, target: str) -> list[tuple[UUID, str]]:
        """(entry, state) at one target, in the order of making."""
        with self.database.transaction() as tx:
            return list(tx.execute("SELECT entry, state FROM outbox WHERE target = %s ORDER BY made", (target,)).fetchall())

    def states(self, target: str) -> set[str]:
        return {state for _, state in self.rows(target)}

    def trail(self, target: str, *events: str) -> list[UUID]:
        """What the audit trail says of one target, in its order."""
        return [row.entry for row in audit.rows(self.database) if row.target == target and row.event in events]

    def held_by(self, target: str) -> dict[str, str]:
        """Status by entry id, as it stands at the target."""
        real = self.targets[target].real
        if isinstance(real, FakeTarget):
            return {entry: status for entry, (_, status) in real.held.items()}
        found = {str(entry): self.receiver.stands(entry) for entry in self.receiver.entries()}
        assert all(len(statuses) == 1 for statuses in found.values()), "doubled"
        return {entry: statuses[0] for entry, statuses in found.items()}


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[World]:
    with KINDS[request.param](tmp_path) as receiver:
        lying = stay()
        receiver.seed(lying.patient, lying.encounter)
        real = target(receiver.kind, receiver.reached(), "first")
        yield World(database, receiver, {"first": Scripted(real), "second": Scripted(FakeTarget(name="second"))})


@pytest.fixture(params=NAMES)
def failing(request: pytest.FixtureRequest) -> str:
    """The target that fails."""
    return str(request.param)


@pytest.fixture
def other(failing: str) -> str:
    """The one that does not."""
    return next(name for name in NAMES if name != failing)
