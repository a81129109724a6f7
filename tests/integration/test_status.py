"""`wince status` over a real database: what a person must act on is a row with its reason, its age and what to do."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import reachable
from tests.integration.record_world import BED, CAMERA, US, FakeTarget, admit, alert, change, stay, window
from tests.support.rpc import served
from tests.unit.cli.command import Command
from tests.unit.cli.command import command as call
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.census import Revision
from wince.domain.snapshot import Snapshot
from wince.domain.stay import Watch
from wince.hospital.servicer import HospitalServicer, registration
from wince.local.postgres.opened import open_database
from wince.local.postgres.server import EmbeddedPostgres
from wince.local.stopping import Stopped
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.runners.ahead import AheadError
from wince.serve.ahead import ahead
from wince.serve.state_dir import Places
from wince.serve.status.interface import State
from wince.serve.status.watch import Watch as Eye
from wince.settings import Settings
from wince.store import audit, checkpoints, snapshots
from wince.store.camera_leases import CameraLeases
from wince.store.database import Database
from wince.store.stays import save_watches
from wince.telemetry import logs
from wince.telemetry.key import hash_key

PROTOCOLS = {"activity": load("activity")}
NOW_US = time.time_ns() // 1000 // (60 * US) * (60 * US)


@pytest.fixture
def installation(database: Database, database_dsn: str, tmp_path: Path) -> Settings:
    """Services elsewhere: the database is named, state directory and checkpoints are here."""
    return Settings(state_dir=tmp_path, pg_dsn=database_dsn, checkpoint_file=tmp_path / "checkpoints.jsonl")


@pytest.fixture
def wince(installation: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command line of that installation."""
    assert installation.pg_dsn is not None
    monkeypatch.setenv("WINCE_STATE_DIR", str(installation.state_dir))
    monkeypatch.setenv("WINCE_PG_DSN", installation.pg_dsn.get_secret_value())
    monkeypatch.setenv("WINCE_CHECKPOINT_FILE", str(installation.checkpoint_file))
    yield from call(monkeypatch, capsys)


def rows(settings: Settings, subject: str, **given: Any) -> dict[str, Any]:
    """One look; rows of a subject by name."""
    with Eye(settings, **given) as eye:
        return {row.what: row for row in eye.status().rows if row.subject == subject}


def deliver(database: Database, target: FakeTarget, *messages: object) -> None:
    PostgresSink(database, PROTOCOLS, [target], clock=lambda: NOW_US).commit(messages)
    delivery = Delivery(database, [target], clock=lambda: NOW_US)
    delivery.start()
    try:
        deadline = time.monotonic() + 60
        while not target.calls and time.monotonic() < deadline:
            time.sleep(0.02)
        delivery.drain(5)
    finally:
        delivery.stop()


def test_an_installation_in_which_nothing_happened(installation: Settings) -> None:
    """Every subject that can be looked at from here is, and nothing needs a person but the services that nobody named."""
    with Eye(installation) as eye:
        status = eye.status()
    subjects = {row.subject for row in status.rows}
    assert {"installation", "database", "services", "outbox", "audit", "models", "disk"} <= subjects
    assert [row for row in status.rows if row.state is State.BAD and row.subject not in ("models", "disk")] == []
    (services,) = [row for row in status.rows if row.subject == "services"]
    assert services.state is State.UNKNOWN


def test_a_bed_whose_windows_are_closed_ahead_of_now_is_told(database: Database, installation: Settings) -> None:
    """A clock stayed a day ahead and was followed: the bed is not graded for a day. In a replay, and for a camera that nobody reads, time
    is another's."""
    save_watches(database, [Watch(CAMERA, BED, NOW_US - US, None, NOW_US - US)])
    until_us = time.time_ns() // 1000 + 86_400 * US
    with database.transaction() as tx:
        snapshots.save(tx, "grade", [Snapshot(CAMERA, "activity", 1, until_us, b"x")])
    assert rows(installation, "beds")[BED].state is State.OK, "nobody reads it"
    CameraLeases(database, "replica", ttl_s=600).acquire(CAMERA)
    bed = rows(installation, "beds")[BED]
    assert bed.state is State.BAD
    assert "windows are closed for the next 86" in bed.reason
    assert 86_000 < bed.figures["closed_ahead_s"] <= 86_400
    assert rows(installation.model_copy(update={"replay_at": "2026-11-21T14:00:00Z"}), "beds")[BED].state is State.OK


def test_a_hold_and_a_dead_letter_say_why_since_when_and_what_to_do(database: Database, installation: Settings, wince: Command) -> None:
    admit(database, stay())
    first = window(0, 2)
    target = FakeTarget(lambda *_: Answer(Outcome.DEAD, "422 invalid Observation.code"))
    deliver(database, target, first, alert(first))
    refused = rows(installation, "outbox")
    assert refused["fake dead letters"].state is State.BAD
    assert refused["fake dead letters"].reason == "422 invalid Observation.code"
    assert "wince outbox replay" in refused["fake dead letters"].remedy
    assert refused["fake"].figures["dead"] == refused["fake dead letters"].figures["dead"] > 0

    done = wince("status", "--json")
    assert done.code == 1, done.err
    said = done.json()
    assert said["state"] == "bad"
    assert {"schema", "at", "wince", "state", "rows"} == set(said)
    assert all({"subject", "what", "state", "said", "age_s", "reason", "remedy", "figures"} == set(row) for row in said["rows"])
    text = wince("status")
    assert text.code == 1
    assert "422 invalid Observation.code" in text.out
    assert "remedy:" in text.out


def test_a_held_target(database: Database, installation: Settings) -> None:
    admit(database, stay())
    first = window(0, 2)
    target = FakeTarget(lambda *_: Answer(Outcome.HELD, "403 forbidden"))
    target.open = Answer(Outcome.HELD, "403 forbidden")
    deliver(database, target, first, alert(first))
    found = rows(installation, "outbox")
    hold = found["fake hold"]
    assert (hold.state, hold.reason) == (State.BAD, "403 forbidden")
    assert hold.remedy
    assert hold.age_s is not None
    assert hold.age_s < 600
    assert found["fake"].figures["held"] > 0
    assert found["fake"].figures["waiting"] == 0


def test_a_bed_says_its_camera_its_patient_as_a_hash_and_its_last_window(database: Database, installation: Settings) -> None:
    save_watches(database, [Watch(CAMERA, BED, NOW_US - 3600 * US, None, NOW_US - 3600 * US)])
    lying = stay(start_us=NOW_US - 3600 * US, recorded_us=NOW_US - 3600 * US)
    change(database, Revision(add=(lying,), recorded_us=NOW_US - 3600 * US))
    PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: time.time_ns() // 1000).commit([window(0, None, t0=NOW_US - 60 * US)])
    bed = rows(installation, "beds")[BED]
    assert bed.state is State.OK
    assert bed.figures["camera"] == CAMERA
    assert len(str(bed.figures["patient"])) == 12
    assert "M-V1" not in str(bed)
    assert (bed.figures["last_window"], bed.figures["protocol"]) == ("none", "activity")
    assert bed.age_s is not None
    assert bed.age_s < 600

    other = stay("V2", start_us=NOW_US - 1800 * US, recorded_us=NOW_US - 1800 * US)
    change(database, Revision(add=(other,), recorded_us=NOW_US - 1800 * US), "V2")
    claimed = rows(installation, "beds")[BED]
    assert (claimed.state, claimed.reason) == (State.BAD, "two_patients")


def test_a_bed_is_not_watched_by_a_protocol_that_only_looks_on(database: Database, installation: Settings) -> None:
    """Its windows go on where those of the one that grades don't come."""
    save_watches(database, [Watch(CAMERA, BED, NOW_US - 3600 * US, None, NOW_US - 3600 * US)])
    graded = window(0, None, t0=NOW_US - 60 * US)
    looked = replace(window(5, 1, t0=NOW_US - 60 * US), id=uuid4(), protocol="other", shadow=True)
    sink = PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: time.time_ns() // 1000)
    sink.commit([looked])
    assert rows(installation, "beds")[BED].figures["last_window"] is None
    sink.commit([graded])
    figures = rows(installation, "beds")[BED].figures
    assert (figures["last_window"], figures["protocol"]) == ("none", "activity")


def test_a_patient_is_hashed_as_in_the_logs(database: Database, installation: Settings, wince: Command) -> None:
    """So that a line of the log and a row of the status can be put side by side; without a key the hash is of this call alone."""
    save_watches(database, [Watch(CAMERA, BED, NOW_US - 3600 * US, None, NOW_US - 3600 * US)])
    change(database, Revision(add=(stay(start_us=NOW_US - 3600 * US, recorded_us=NOW_US - 3600 * US),), recorded_us=NOW_US - 3600 * US))
    key = Places.of(installation).logs_key
    assert not key.parent.exists()
    wince("status", "--json")
    assert not key.parent.exists()
    key.parent.mkdir()
    logs.configure(key=hash_key(key))
    told = [row["figures"]["patient"] for row in wince("status", "--json").json()["rows"] if row["subject"] == "beds"]
    assert told == [logs.pseudonym("M-V1")]


def test_a_patient_is_named_by_the_hospital_service_which_keeps_who_asked(database: Database, installation: Settings) -> None:
    save_watches(database, [Watch(CAMERA, BED, NOW_US - 3600 * US, None, NOW_US - 3600 * US)])
    change(database, Revision(add=(stay(start_us=NOW_US - 3600 * US, recorded_us=NOW_US - 3600 * US),), recorded_us=NOW_US - 3600 * US))
    assert "not told" in str(rows(installation, "beds", identifiers=True)[BED].figures["patient"])
    with served(registration(HospitalServicer(database))) as server:
        at = {"hospital": [f"127.0.0.1:{server.port}"]}
        assert rows(installation, "beds", services=at, identifiers=True)[BED].figures["patient"] == "M-V1, encounter V1"
        assert len(str(rows(installation, "beds", services=at)[BED].figures["patient"])) == 12
    assert [row.event for row in audit.rows(database)].count("read") == 1


def test_rows_that_nobody_signs_are_said(database: Database, installation: Settings, tmp_path: Path) -> None:
    """Checkpoints are read, and none is written."""
    old_us = NOW_US - 3600 * US
    with database.transaction() as tx:
        audit.append(tx, [audit.Fact(stay(str(number)).id, 1, "seen", 1, "x") for number in range(3)], old_us)
    (unsigned,) = rows(installation, "audit").values()
    assert (unsigned.state, unsigned.figures["rows"], unsigned.figures["covered"]) == (State.WARNING, 3, 0)
    assert not (tmp_path / "checkpoints.jsonl").exists()
    checkpoints.Checkpointer(database, tmp_path / "checkpoints.jsonl", checkpoints.signing_key(tmp_path / "audit.pem")).stop()
    (signed,) = rows(installation, "audit").values()
    assert (signed.state, signed.figures["covered"]) == (State.OK, 3)
    assert signed.age_s is not None
    (tmp_path / "checkpoints.jsonl").write_text((tmp_path / "checkpoints.jsonl").read_text().replace('"seq": 3', '"seq": 9'))
    (cut,) = rows(installation, "audit").values()
    assert (cut.state, "rows were cut off" in cut.reason) == (State.BAD, True)


def test_a_database_that_goes_and_comes_back_is_found_again() -> None:
    """`--watch` outlives a restart of the embedded server, which then has another port."""
    with reachable() as root:
        settings = Settings(state_dir=root)
        with open_database(None, root / "postgres"):
            pass
        with Eye(settings) as eye:
            assert [row.state for row in eye.status().rows if row.subject == "database"] == [State.OK]
            with EmbeddedPostgres(root / "postgres"):
                pass  # an owner takes the server over, and stops it at its end
            assert [row.state for row in eye.status().rows if row.subject == "database"] == [State.OK]
        assert EmbeddedPostgres(root / "postgres").postmaster() is None


def test_a_mistyped_state_directory_is_an_error_and_makes_nothing(wince: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WINCE_PG_DSN")
    monkeypatch.setenv("WINCE_STATE_DIR", str(tmp_path / "none"))
    for arguments in (["status"], ["status", "--json"], ["status", "--watch"]):
        done = wince(*arguments)
        assert done.code == 4
        assert "WINCE_STATE_DIR" in done.err
    assert not (tmp_path / "none").exists()
    wrong = wince("status", "--service", "grade")
    assert (wrong.code, "NAME=HOST:PORT" in wrong.err) == (2, True)


def test_a_look_has_one_document_a_line(installation: Settings, wince: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """--watch without a terminal; Ctrl-C ends it."""
    looks = []

    def sleep(_seconds: float) -> None:
        looks.append(1)
        if len(looks) == 3:
            raise Stopped(signal.SIGINT)

    monkeypatch.setattr("wince.cli.status.time.sleep", sleep)
    done = wince("status", "--watch", "--json")
    assert done.code == 0
    assert [json.loads(line)["schema"] for line in done.out.splitlines()] == [1, 1, 1]


def test_a_bed_whose_camera_is_refused_for_its_time_is_a_row(database: Database, installation: Settings) -> None:
    """As grade takes it down; a minute after the last such message it is over."""
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    bound = ahead(installation, clock=lambda: NOW_US, database=database)
    with pytest.raises(AheadError):
        bound.check(CAMERA, NOW_US + 3600 * US)
    found = rows(installation, "beds")[BED]
    assert found.state is State.BAD
    assert "3600 s ahead" in found.reason
    assert found.figures["refused_ahead_s"] == 3600
    with database.transaction() as tx:
        tx.execute("UPDATE refused_time SET at_us = at_us - 61000000")
    assert rows(installation, "beds")[BED].figures["refused_ahead_s"] is None
