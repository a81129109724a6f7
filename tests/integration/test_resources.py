"""What this machine can run out of: memory, disk, ports, the state directory, the database. Each ends by name, soon, with a remedy."""

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from tests.e2e.wince_run import AT, Ran, environment, run
from tests.face_models import fetched
from wince.domain.assessment import Alert, Assessment
from wince.domain.frame import US, Beat, Frame
from wince.domain.ids import site_namespace
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.pipeline.capture.file import FileSource
from wince.pipeline.grade import stage as grade
from wince.protocols.loader import load
from wince.serve import chain, scoring
from wince.settings import Settings
from wince.testing import clips

LAP_S = 22
LAPS = 28
WARM_LAPS = 4
GROWTH = 30 << 20
"""Bytes by which the process may grow after the first laps."""
LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2); from wince.cli.main import main; main()"
)


class Laps:
    """A clip again and again, as one source: time and sequence go on, and it ends once."""

    def __init__(self, path: Path, laps: int, rate_hz: float) -> None:
        self.source, self.lap = "laps", 0
        self._path, self._laps, self._rate = path, laps, rate_hz

    def __iter__(self) -> Iterator[Frame | Beat]:
        for lap in range(self._laps):
            self.lap = lap
            for message in FileSource(self._path, self.source, rate_hz=self._rate, origin_us=self.lap * LAP_S * US):
                if isinstance(message, Frame):
                    yield replace(message, sequence=message.sequence + round(self.lap * LAP_S * self._rate))
                else:
                    yield replace(message, ended=message.ended and self.lap == self._laps - 1)

    def close(self) -> None:
        """Nothing is held between laps."""


def resident() -> int:
    """Bytes of memory that the process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_memory_is_flat_over_a_long_clip():
    """Ten minutes of pain, calm, pain: 3,000 frames through decoder, detect, estimate and grade leave nothing behind."""
    fetched()
    rules = load("activity")
    front = chain.build(Settings(), [rules])
    stay = Stay(UUID(int=1), "ICU^1^A", Identifier("urn:test", "p1"), Identifier("urn:test", "v1"), 0, None, 0, birth_date=date(1950, 1, 1))
    graded = grade.begin("laps", grade.Setup(rules, site_namespace("test"), scoring.personal(rules)))
    graded, _ = grade.step(graded, [Occupancy("laps", 0, stay)])
    frames, warm, windows, alerts = 0, 0, 0, 0
    source = Laps(clips.clip("bed1"), LAPS, rules.detect.rate_hz)
    for message in source:
        frames += isinstance(message, Frame)
        graded, events = grade.step(graded, front(message))
        windows += sum(isinstance(event, Assessment) for event in events)
        alerts += sum(isinstance(event, Alert) for event in events)
        if not warm and source.lap == WARM_LAPS:
            warm = resident()
    assert frames >= 3000
    assert windows == math.ceil(LAPS * LAP_S / rules.window.length_s)
    assert alerts >= LAPS // 2
    assert resident() - warm < GROWTH


def fails(ran: Ran, codes: set[int]) -> dict:
    """The error that a run ended with: one of these exit codes, a field, a remedy, no traceback."""
    assert ran.returncode in codes, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.events[-1].keys() == {"error", "message", "field", "remedy"}
    assert ran.events[-1]["field"]
    assert ran.events[-1]["remedy"]
    return ran.events[-1]


@pytest.mark.parametrize("limit", [0, 10_000, 1_000_000])
def test_disk_full_while_the_state_is_made(state_dir, limit):
    """No file may grow beyond the limit: keys, the database's first files, its first log; each ends by name, and nothing hangs."""
    state = state_dir / "state"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), "run", "--json", "--at", AT],
        env=environment(state), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    fails(Ran(done.returncode, events, done.stdout, done.stderr), {7, 8})
    assert not (state / "postgres" / "data").exists()
    assert not list((state / "postgres").glob("init-*"))


def test_enough_disk_again(state_dir):
    """After such an end the same state directory serves, once there is space."""
    state = state_dir / "state"
    command = [sys.executable, "-c", LIMITED, "1000000", "run", "--at", AT]
    assert subprocess.run(command, env=environment(state), capture_output=True, timeout=120, check=False).returncode in (7, 8)
    command[3] = str(1 << 30)
    done = subprocess.run(command, env=environment(state), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "audit chain verified" in done.stdout


def test_port_taken(state_dir):
    """The port of the HL7 listener is another's: exit code 7, the port and what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        error = fails(run(state_dir / "state", WINCE_MLLP_PORT=str(port)), {7})
    assert str(port) in error["message"]
    assert "another port" in error["remedy"]


def test_two_on_one_state_directory(state_dir):
    """The second one that starts ends with exit code 7; the first goes on to its end."""
    state = state_dir / "state"
    command = [sys.executable, "-m", "wince.cli.main", "run", "--json", "--at", AT]
    with subprocess.Popen(command, env=environment(state), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        while json.loads(first.stdout.readline())["event"] != "admitted":
            pass
        error = fails(run(state), {7})
        last = [json.loads(line) for line in first.stdout][-1]
        assert first.wait(120) == 0
    assert "another wince" in error["message"]
    assert "WINCE_STATE_DIR" in error["remedy"]
    assert last["event"] == "done"


@pytest.mark.parametrize("command", [["run", "--at", AT], ["audit", "verify"], ["outbox", "list"]], ids=lambda command: command[0])
def test_database_nowhere(state_dir, command):
    """Nothing answers at WINCE_PG_DSN: told, not waited for, and without the password."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        dsn = f"postgresql://wince:hush@127.0.0.1:{nobody.getsockname()[1]}/wince"
        done = subprocess.run(
            [sys.executable, "-m", "wince.cli.main", *command, "--json"],
            env=environment(state_dir / "state", WINCE_PG_DSN=dsn), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    error = fails(Ran(done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stdout, done.stderr), {6, 8})
    assert "WINCE_PG_DSN" in error["field"] + error["remedy"]
    assert "hush" not in done.stdout + done.stderr


def test_no_connection_string(state_dir):
    """What stands in WINCE_PG_DSN is none: said so, and not repeated."""
    error = fails(run(state_dir / "state", WINCE_PG_DSN="hush-hush"), {8})
    assert error["field"] == "WINCE_PG_DSN"
    assert "hush" not in str(error)


def test_database_silent(state_dir):
    """A server that takes the connection and says nothing is given up, too (`run` would wait 240 s)."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        fails(run(state_dir / "state", WINCE_PG_DSN=f"postgresql://wince@127.0.0.1:{silent.getsockname()[1]}/wince"), {6, 8})


def test_a_refused_login(state_dir, database_dsn):
    """A wrong password is no outage: exit code 8, and what to check."""
    from psycopg.conninfo import make_conninfo

    error = fails(run(state_dir / "state", WINCE_PG_DSN=make_conninfo(database_dsn, password="wrong")), {8})
    assert "password" in error["remedy"]


def test_a_database_of_the_hospital(state_dir, database_dsn):
    """By WINCE_PG_DSN the whole road runs on another PostgreSQL; no server is started, and the trail lies there."""
    state = state_dir / "state"
    ran = run(state, WINCE_PG_DSN=database_dsn)
    assert ran.returncode == 0, ran.stderr
    assert ran.result["patients"] == 3
    assert ran.result["observations"] == len(ran.result["entries"]) == ran.result["in_ehr"] > 3
    assert ran.result["undelivered"] == 0
    assert not (state / "postgres").exists()
    again = run(state, WINCE_PG_DSN=database_dsn)
    assert again.returncode == 0, again.stderr
    assert again.result["entries"] == ran.result["entries"]
    assert again.result["in_ehr"] == ran.result["in_ehr"]
