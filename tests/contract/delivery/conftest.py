"""Two kinds of target under one outbox: a FHIR server, and one of another kind. Either may be the one that fails."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.record_world import FakeTarget, admit, stay, window
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Answer, Target
from wince.delivery.worker import Delivery
from wince.domain.entry import Entry, TaskEntry
from wince.fhir.client import FhirClient
from wince.fhir.smart import SmartAuth
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database
from wince.testing.ehr import Credentials, EhrSandbox

PROTOCOLS = {"activity": load("activity")}
NAMES = ("ehr", "second")


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

    def render(self, entry: Entry | TaskEntry) -> str:
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
    sandbox: EhrSandbox
    key: Credentials
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
        found = self.sandbox.resources("Observation")
        assert len({one["identifier"][0]["value"] for one in found}) == len(found), "doubled"
        return {one["identifier"][0]["value"].removeprefix("urn:uuid:"): one["status"] for one in found}


def fhir(base_url: str, key: Credentials) -> FhirTarget:
    auth = SmartAuth(base_url, key.client_id, key.key_pem, key.kid, key.scope)
    return FhirTarget("ehr", FhirClient(base_url, auth=auth), PROTOCOLS, version="0.1.0")


@pytest.fixture
def world(database: Database, tmp_path: Path) -> Iterator[World]:
    with EhrSandbox(tmp_path / "ehr") as sandbox:
        lying = stay()
        sandbox.seed([lying.patient], [(lying.encounter, lying.patient)])
        key = sandbox.new_client()
        targets = {"ehr": Scripted(fhir(sandbox.base_url, key)), "second": Scripted(FakeTarget(name="second"))}
        yield World(database, sandbox, key, targets)


@pytest.fixture(params=NAMES)
def failing(request: pytest.FixtureRequest) -> str:
    """The target that fails."""
    return str(request.param)


@pytest.fixture
def other(failing: str) -> str:
    """The one that does not."""
    return next(name for name in NAMES if name != failing)
