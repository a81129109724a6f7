"""What fails while the road runs: the EHR in every way, the database's server killed; nothing is lost, nothing doubled."""

import json
import os
import signal
import sys
import threading
import time
from uuid import uuid4

import pytest

from wince import codec, settings
from wince.bus.topics import ESTIMATES
from wince.clock import wall_us
from wince.demo import play, scenario
from wince.domain.frame import US, Beat
from wince.errors import WinceError
from wince.runners.front import Front
from wince.serve.embedded import Embedded
from wince.store import undoing
from wince.store.undoing import Undoing

AT = play.moment("2026-01-05T08:00:00Z")


@pytest.fixture
def loaded(state_dir, monkeypatch):
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    return settings.load()


def one_bed() -> scenario.Scenario:
    return scenario.Scenario(scenario.bundled().beds[:1])


@pytest.mark.parametrize(
    "fault",
    [
        {"effect": "status", "on": "create", "status": 429, "retry_after_s": 1, "count": 2},
        {"effect": "status", "on": "any", "status": 503, "count": 4},
        {"effect": "status", "on": "create", "status": 409, "count": 2},
        {"effect": "status", "on": "create", "status": 401, "count": 1},
        {"effect": "drop", "on": "any", "count": 3},
        {"effect": "slow", "on": "create", "seconds": 1.5, "count": 3},
        {"effect": "commit_then_drop", "on": "create", "count": 2},
    ],
    ids=lambda fault: f"{fault['effect']}-{fault.get('status', '')}",
)
def test_an_ehr_that_fails_for_a_while(loaded, fault):
    """Every entry arrives, once."""
    done = play.play(loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add(**fault))
    assert done.observations == len(done.entries) == done.in_ehr > 0
    assert done.undelivered == 0


def test_an_ehr_that_refuses(loaded):
    """422 is a dead letter: it is counted, the rest goes on, and the audit chain holds."""
    done = play.play(
        loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add("status", on="create", status=422, count=1)
    )
    assert done.undelivered == 1
    assert done.observations == len(done.entries) - 1


@pytest.mark.parametrize("part", ["mllp-server", "ehr-sandbox"])
def test_a_part_that_dies_ends_the_run_with_its_name(loaded, part):
    """Nothing that runs on a thread ends unseen: not what takes admissions, not what takes entries."""

    def kill(road: Embedded) -> None:
        loop = road.listener._server._loop if part == "mllp-server" else road.sandbox._loop
        loop.call_soon_threadsafe(sys.exit)

    with pytest.raises(WinceError, match=f"{part} ended"):
        play.play(loaded, one_bed(), AT, lambda *_: None, admitted=kill)


def test_a_bed_that_was_closed_ahead_is_undone_in_a_run(loaded):
    """A beat an hour ahead closes the bed before its clip plays; undone from the clip's begin on, the clip is graded."""
    undone = []

    def close_and_undo(road: Embedded) -> None:
        (source,) = {camera.id for camera in road._cameras}
        for ahead_s in (1, 3500):
            schema, value = codec.encode(Beat(source, road.origin_us + ahead_s * US, 0, 0, 0))
            road._bus.publish(ESTIMATES, source, value, {"schema": schema.encode()}).result(timeout=60)
        until(road, "SELECT count(*) FROM assessment", 650)
        wanted = Undoing(uuid4(), source, road.origin_us, "n7", "the clock jumped", wall_us())
        with road.database.transaction() as tx:
            undoing.ask(tx, wanted)
        until(road, "SELECT count(*) FROM undone WHERE done_us IS NOT NULL", 1)
        time.sleep(1.5)  # grade asks once a second, and with a message only
        undone.append(wanted)

    wide = loaded.model_copy(update={"clock_ahead_s": 3600.0})
    now = play.moment(time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime()))
    done = play.play(wide, one_bed(), now, lambda *_: None, admitted=close_and_undo)
    assert undone
    (bed,) = done.beds
    assert sum(bed.grades.values()) > bed.windows / 2
    assert "gap" not in bed.reasons
    assert bed.alerts
    assert done.undelivered == 0


def until(road, sql, count):
    """Waits until a query counts so many."""
    deadline = time.monotonic() + 60
    while True:
        with road.database.transaction() as tx:
            if tx.execute(sql).fetchone()[0] >= count:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_database_killed_in_the_middle(loaded):
    """kill -9 of the postmaster after the first window: it is started again, and every window is committed once."""
    roads: list[Embedded] = []
    killed = []

    def on_event(event, fields):
        if event == "window" and not killed:
            pid = roads[0].server.postmaster()
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    done = play.play(loaded, one_bed(), AT, on_event, admitted=roads.append)
    assert killed
    assert done.beds[0].windows == 5
    assert done.observations == len(done.entries) == done.in_ehr


def test_a_dead_letter_is_replayed(loaded, capsys):
    """What was refused is listed with the answer's codes, replayed by its id, sent by the next run, and then it is there once."""
    from typer.testing import CliRunner

    from wince.cli.main import build

    refused = play.play(
        loaded, one_bed(), AT, lambda *_: None, admitted=lambda road: road.sandbox.faults.add("status", on="create", status=422, count=1)
    )
    assert refused.undelivered == 1
    app = build(["outbox"])
    listing = json.loads(CliRunner().invoke(app, ["outbox", "list", "--json"]).stdout)
    (letter,) = listing["dead"]
    assert letter["detail"].startswith("422")
    answer = CliRunner().invoke(app, ["outbox", "replay", letter["entry"]])
    assert answer.exit_code == 0, answer.output
    again = play.play(loaded, one_bed(), AT, lambda *_: None)
    assert again.undelivered == 0
    assert again.observations == len(again.entries) == again.in_ehr


def test_an_ehr_that_is_not_there(loaded, state_dir, monkeypatch):
    """Nothing hangs: after a while the run ends, says why, and names what waits; the next one, with an EHR, sends all of it, once."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from wince.cli.run import _undelivered
    from wince.errors import PeerError
    from wince.serve import embedded

    key = ec.generate_private_key(ec.SECP384R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (state_dir / "key.pem").write_bytes(pem)
    down = settings.load(ehr_url="http://127.0.0.1:9/fhir", ehr_key_file=state_dir / "key.pem")
    with monkeypatch.context() as impatient:
        impatient.setattr(embedded, "SETTLE_S", 2.0)
        done = play.play(down, one_bed(), AT, lambda *_: None)
    assert (done.observations, done.undelivered, done.in_ehr) == (0, len(done.entries), None)
    with pytest.raises(PeerError, match="no answer") as caught:
        _undelivered(done)
    assert caught.value.exit_code == 6
    assert "wince run" in caught.value.remedy
    again = play.play(loaded, one_bed(), AT, lambda *_: None)
    assert again.undelivered == 0
    assert again.observations == len(again.entries) == again.in_ehr == len(done.entries) > 0


def test_no_front_computes_any_more_when_the_road_is_left(loaded, monkeypatch):
    """A stop in the middle of a clip: a model's thread that still runs would abort the interpreter on its way out."""
    seen = threading.Event()
    working = threading.Event()
    compute = Front._publish

    def slow(front, message):
        working.set()
        time.sleep(0.3)  # as a large picture's models take
        compute(front, message)

    def stop(_road):
        if working.wait(60):
            seen.set()
            raise WinceError("stopped")

    monkeypatch.setattr(Front, "_publish", slow)
    monkeypatch.setattr(Embedded, "_check", stop)
    with pytest.raises(WinceError, match="stopped"):
        play.play(loaded, one_bed(), AT, lambda *_: None)
    assert seen.is_set()
    assert [thread.name for thread in threading.enumerate() if isinstance(thread, Front)] == []
