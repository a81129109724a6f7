"""`wince up` as a process of its own: patients admitted by HL7, clips played, the database looked into, processes killed."""

from __future__ import annotations

import json
import os
import signal
import stat
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
from wince.demo import play, scenario
from wince.domain.stay import Identifier
from wince.errors import Unavailable
from wince.local.leftovers import running
from wince.testing import hl7
from wince.testing.ehr import EhrSandbox

AT = "2026-01-05T08:00:00Z"


@dataclass
class World:
    """A running installation."""

    state: Path
    config: Path
    sandbox: EhrSandbox
    environment: dict[str, str]
    errors: Path
    """Where `wince up` itself writes what it says."""
    ports: dict[str, int] = field(default_factory=dict)
    events: list[dict] = field(default_factory=list)

    def begin(self) -> None:
        """`wince up`, as a process in a session of its own; `come_up` waits for it."""
        self._ready = threading.Event()
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wince.cli.main", "up", "--json"],
                env=self.environment, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True,
            )  # fmt: skip
        threading.Thread(target=self._read, args=(self.process, self._ready), daemon=True).start()

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1].get("event") == "up":  # an error's line has none
                self.ports = self.events[-1]["ports"]
                ready.set()
        process.wait()
        ready.set()

    def come_up(self, seconds: float = 240) -> None:
        """Wait until it says that everything is up."""
        assert self._ready.wait(seconds), self.said()
        assert self.process.poll() is None, self.said()

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
            self.until(lambda text=text: self._sent(text), 180)

    def _sent(self, text: str) -> bool:
        try:
            return self._ready.is_set() and hl7.code(hl7.send("127.0.0.1", self.ports["mllp"], text)) == "AA"
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
        logs = [self.errors, *sorted((self.state / "logs").glob("*.log"))]
        return "\n".join(f"== {log.name}\n{log.read_text()[-1500:]}" for log in logs)

    def pid(self, name: str) -> int | None:
        """Process id of `supervisor` (`wince up` itself), `kafka`, `postgres`, `torchserve` (its front), `torchserve-worker`, or of a
        service; None while it is away."""
        if name == "supervisor":
            return self.process.pid
        if name == "postgres":
            try:
                return int((self.state / "postgres/data/postmaster.pid").read_text().split()[0])
            except (OSError, ValueError, IndexError):
                return None
        below = f"{self.state.resolve()}/{'kafka' if name == 'kafka' else 'serving'}/"
        marks = {"kafka": "kafka.Kafka", "torchserve": "org.pytorch.serve.ModelServer", "torchserve-worker": "--sock-name"}

        def wanted(pid: int, command: list[str]) -> bool:
            if name in marks:
                return marks[name] in command and any(below in part for part in command)
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
            return parent == self.process.pid and name in command and "serve" in command

        return next(iter(running(wanted)), None)

    def kill(self, name: str) -> bool:
        """kill -9; False where it does not run now. Who kills `wince up` starts it again: an init would."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        if name == "supervisor":
            self.process.wait()
            self.begin()
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
    config.write_text('time_zone = "Europe/Berlin"\n' + (f'replay_at = "{at}"\n' if at else "") + toml)
    env = environment(state, WINCE_CONFIG=str(config), **extra)
    sandbox = EhrSandbox(directory / "ehr")
    sandbox.start()
    client = sandbox.new_client()
    key = directory / "ehr-key.pem"
    key.write_bytes(client.key_pem)
    env |= {"WINCE_EHR_URL": sandbox.base_url, "WINCE_EHR_CLIENT_ID": client.client_id, "WINCE_EHR_KEY_FILE": str(key)}
    env |= {"WINCE_EHR_KEY_ID": client.kid}
    world = World(state, config, sandbox, env, directory / "up.stderr")
    world.begin()
    try:
        world.come_up()
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
    entries = set(connection.execute("SELECT id, revision, kind, status, start_us FROM entry WHERE start_us >= %s", (from_us,)).fetchall())
    return {"windows": found, "alerts": alerts, "entries": entries, "scores": scores}


def open_deliveries(connection: psycopg.Connection, sources: list[str] | None = None) -> int:
    """Rows that the EHR has not taken; of these sources only, or of all."""
    where = "" if sources is None else " AND entry IN (SELECT id FROM entry WHERE source = ANY(%s))"
    given = () if sources is None else (sources,)
    return connection.execute("SELECT count(*) FROM outbox WHERE state <> 'written'" + where, given).fetchone()[0]


def readable_by_others(folder: Path) -> list[Path]:
    """Files below a folder that another user of this machine can read."""
    found = []
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode) and mode & 0o001:
            found += readable_by_others(path)
        elif stat.S_ISREG(mode) and mode & 0o004:
            found.append(path)
    return found
