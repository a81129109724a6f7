"""`wince up` as a process of its own: patients admitted by HL7, clips played, the database looked into, processes killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.e2e.wince_run import environment
from wince import codec
from wince.domain.stay import Identifier
from wince.errors import Unavailable
from wince.runtime import play, scenario
from wince.testing import hl7
from wince.testing.ehr import EhrSandbox

AT = "2026-01-05T08:00:00Z"


FILES = {"kafka": "kafka/pid", "postgres": "postgres/data/postmaster.pid"}
"""Where those that are no services of ours leave their process id."""


@dataclass
class World:
    """A running installation."""

    state: Path
    config: Path
    process: subprocess.Popen[str]
    sandbox: EhrSandbox
    ports: dict[str, int] = field(default_factory=dict)
    events: list[dict] = field(default_factory=list)

    def database(self) -> psycopg.Connection:
        """A connection of our own."""
        return psycopg.connect((self.state / "run" / "dsn").read_text(), autocommit=True)

    def admit(self, beds: scenario.Scenario, at: str = AT, first: int = 0) -> None:
        """An A01 for each bed; tried again while the listener is away or has not told grade. `first`: number of the first visit."""
        origin_us = play.moment(at)
        for number, bed in enumerate(beds.beds):
            assert bed.patient is not None
            patient = Identifier(play.SYSTEM, bed.patient.mrn)
            self.sandbox.seed([patient], [(Identifier(play.SYSTEM, f"V{origin_us // play.GRID_US}-{first + number}"), patient)])
            person = hl7.Person(bed.patient.mrn, bed.patient.family, bed.patient.given, bed.patient.birth_date.strftime("%Y%m%d"), "F")
            visit = f"V{origin_us // play.GRID_US}-{first + number}"
            text = hl7.adt("A01", person, bed.camera.bed, visit, origin_us - play.BEFORE_US, control_id=f"{visit}A01")
            self.until(lambda text=text: self._sent(text), 60)

    def _sent(self, text: str) -> bool:
        try:
            return hl7.code(hl7.send("127.0.0.1", self.ports["mllp"], text)) == "AA"
        except (OSError, Unavailable):  # the listener is the one that was killed
            return False

    def play(self, beds: scenario.Scenario) -> None:
        """Make these cameras the list: capture sees the file change and begins."""
        head = self.config.read_text().split("[[cameras]]", 1)[0]
        cameras = [f'[[cameras]]\nid = "{bed.camera.id}"\nbed = "{bed.camera.bed}"\npath = "{bed.camera.clip}"\n' for bed in beds.beds]
        whole = self.config.with_suffix(".new")
        whole.write_text(head + "".join(cameras))
        whole.rename(self.config)

    def until(self, what: Callable[[], bool], seconds: float = 240) -> None:
        """Wait for a condition; fails where the installation ended or time ran out."""
        deadline = time.monotonic() + seconds
        while not what():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.2)

    def said(self) -> str:
        """What everybody logged, for whoever has to find out."""
        logs = sorted((self.state / "logs").glob("*.log"))
        return "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in logs)

    def pid(self, name: str) -> int | None:
        """Process id of a service (or of Kafka's broker); None while it is away."""
        if name in FILES:
            try:
                return int((self.state / FILES[name]).read_text().split()[0])
            except (OSError, ValueError, IndexError):
                return None
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    line = (entry / "cmdline").read_bytes().split(b"\0")
                    parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except (OSError, ValueError):
                    continue
                if parent == self.process.pid and name.encode() in line and b"serve" in line:
                    return int(entry.name)
        return None

    def kill(self, name: str) -> bool:
        """kill -9; False where it does not run now."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> int:
        """SIGTERM, and wait for the drain."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@contextmanager
def up(directory: Path, *, at: str | None = AT, toml: str = "", **extra: str) -> Iterator[World]:
    """Start everything; ready when this yields."""
    state, config = directory / "state", directory / "wince.toml"
    config.write_text((f'replay_at = "{at}"\n' if at else "") + toml)
    env = environment(state, WINCE_CONFIG=str(config), **extra)
    log = directory / "up.stderr"
    sandbox = EhrSandbox(directory / "ehr")
    sandbox.start()
    client = sandbox.new_client()
    key = directory / "ehr-key.pem"
    key.write_bytes(client.key_pem)
    env |= {"WINCE_EHR_URL": sandbox.base_url, "WINCE_EHR_CLIENT_ID": client.client_id, "WINCE_EHR_KEY_FILE": str(key)}
    env |= {"WINCE_EHR_KEY_ID": client.kid}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "wince.cli.main", "up", "--json"], env=env, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    world = World(state, config, process, sandbox)
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            world.events.append(json.loads(line))
            if world.events[-1]["event"] == "up":
                world.ports = world.events[-1]["ports"]
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert ready.wait(240), log.read_text() + world.said()
        assert world.ports, log.read_text() + world.said()
        yield world
    finally:
        world.stop()
        sandbox.stop()


def story(connection: psycopg.Connection, from_us: int = 0) -> dict:
    """What the database says: windows, alerts, entries; scores apart."""
    rows = connection.execute("SELECT body, stay IS NULL FROM assessment WHERE start_us >= %s", (from_us,)).fetchall()
    found, scores = {}, {}
    for body, unbound in rows:
        one = codec.decode("wince.api.grade.v1.Assessment", bytes(body))
        found[one.id] = (one.source, one.start_us, one.end_us, one.grade, one.reason, one.frames, one.model_set, one.rule, unbound)
        scores[one.id] = [value for value in (one.median, one.peak) if value is not None]
    alerts = set(connection.execute("SELECT id, assessment, source FROM alert WHERE start_us >= %s", (from_us,)).fetchall())
    entries = set(
        connection.execute("SELECT id, revision, kind, status, start_us FROM entry WHERE start_us >= %s", (from_us,)).fetchall()
    )
    return {"windows": found, "alerts": alerts, "entries": entries, "scores": scores}


def open_deliveries(connection: psycopg.Connection) -> int:
    """Rows that the EHR has not taken."""
    return connection.execute("SELECT count(*) FROM outbox WHERE state <> 'written'").fetchone()[0]
