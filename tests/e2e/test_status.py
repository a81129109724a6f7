"""`wince status` beside a running installation: a camera that is dead, a dead letter, a hold, a service that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from tests.conftest import reachable
from tests.e2e import services_world
from tests.e2e.services_world import World
from tests.face_models import fetched
from tests.support.telling import told
from wince.bus.access import GROUPS, PRINCIPALS
from wince.bus.kafka_options import KafkaOptions
from wince.cli.status_show import document
from wince.demo import scenario
from wince.errors import Unavailable
from wince.local import maven
from wince.serve.status.watch import Watch
from wince.settings import Camera, Settings
from wince.testing.clips import clip
from wince.testing.peers.rtsp import looped

pytestmark = [
    pytest.mark.peer,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started"),
]


def wince(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wince.cli.main", *arguments]
    return subprocess.run(command, env=world.environment, capture_output=True, text=True, timeout=120, check=False)


def status(world: World) -> dict[tuple[str, str], dict]:
    """One look from this process, by subject and name."""
    with Watch(Settings(state_dir=world.state)) as eye:
        return {(row["subject"], row["what"]): row for row in document(eye.status())["rows"]}


def until(world: World, subject: str, what: str, *states: str) -> dict:
    """Look until a row is in one of these states; the row."""
    found: list[dict] = []

    def there() -> bool:
        row = status(world).get((subject, what))
        if row is not None and row["state"] in states:
            found.append(row)
        return bool(found)

    world.until(there, 180)
    return found[0]


def cameras(world: World, film: Path) -> scenario.Scenario:
    """Two beds: one with a camera that runs, one whose camera nobody answers for."""
    runs = Camera(id="cam-101", bed="ICU^101^A", path=film)
    head = world.config.read_text().split("[[cameras]]", 1)[0]
    listed = [
        f'[[cameras]]\nid = "cam-101"\nbed = "ICU^101^A"\npath = "{film}"\n',
        '[[cameras]]\nid = "cam-dead"\nbed = "ICU^102^A"\nurl = "rtsp://127.0.0.1:9/none"\n',
    ]
    whole = world.config.with_suffix(".new")
    whole.write_text(head + "".join(listed))
    whole.rename(world.config)
    return scenario.Scenario((scenario.Bed(runs, scenario.PATIENTS[0], ""),))


def kafka_is_closed(world: World) -> None:
    """To who has no password; no password stands in a log or on a command line; and `wince status` gets in."""
    (bootstrap,) = {event["event"] for event in world.events if event.get("who") == "kafka" and ":" in event["event"][:12]}
    with pytest.raises(Unavailable):
        KafkaOptions(bootstrap, connect_s=2).admin()
    passwords = [path.read_text() for path in (world.state / "run").glob("kafka-*")]
    assert len(set(passwords)) == len(PRINCIPALS)
    said = world.said() + "".join(path.read_text("utf-8", "replace") for path in (world.state / "logs").iterdir())
    said += "".join(
        path.read_text("utf-8", "replace") for path in (world.state / "kafka").rglob("*.*") if path.suffix in (".log", ".properties")
    )
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            said += " ".join(process.cmdline())
    assert not [password for password in passwords if password in said]
    assert all(until(world, "lag", group, "ok")["figures"]["members"] == 1 for group in GROUPS)


def test_status_beside_a_running_installation() -> None:
    """Each trouble is one row, with its reason, its age and what to do, and hides no other; it goes when the trouble does."""
    fetched()
    with reachable() as directory:
        film = looped(clip("bed1"), directory / "bed1.mp4", seconds=600)
        with services_world.up(directory, at=None) as world:
            world.sandbox.faults.add("status", on="create", status=422, count=1)
            now = datetime.now(UTC).replace(second=0, microsecond=0)
            world.admit(cameras(world, film), at=now.isoformat())

            assert until(world, "cameras", "cam-101", "ok")["figures"]["state"] == "running"
            assert services_world.readable_by_others(world.state) == []
            kafka_is_closed(world)
            dead = until(world, "cameras", "cam-dead", "bad")
            assert dead["reason"] == "unreachable"
            assert dead["remedy"]

            letters = until(world, "outbox", "ehr dead letters", "bad")
            assert letters["reason"].startswith("422")
            world.sandbox.faults.add("status", on="any", status=403)
            hold = until(world, "outbox", "ehr hold", "bad")
            assert hold["remedy"]
            assert hold["age_s"] < 300

            done = wince(world, "status", "--json")
            said = json.loads(done.stdout)
            assert (done.returncode, said["state"]) == (1, "bad"), done.stderr
            rows = {(row["subject"], row["what"]): row for row in said["rows"]}
            services = {what: row for (subject, what), row in rows.items() if subject == "services"}
            assert set(services) == {"hospital", "care", "record", "grade", "estimate", "detect", "capture"}
            assert all(row["state"] == "ok" for row in services.values()), services
            assert all(row["figures"]["members"] == 1 for (subject, what), row in rows.items() if subject == "lag")
            bed = rows["beds", "ICU^101^A"]
            assert bed["state"] == "ok"
            assert bed["figures"]["last_window_age_s"] < 120
            assert told(json.dumps(list(rows.values()), default=str), [scenario.PATIENTS[0].mrn]) == []
            assert rows["audit", "trail"]["state"] == "ok"
            assert rows["audit", "trail"]["figures"]["rows"] > 0

            named = wince(world, "status", "--json", "--identifiers")
            assert scenario.PATIENTS[0].mrn in named.stdout
            assert scenario.PATIENTS[0].family not in named.stdout

            assert world.kill("grade")
            killed = until(world, "services", "grade", "bad", "warning")
            assert killed["reason"]
            assert until(world, "services", "grade", "ok")["figures"]["restarts"] == 1

            assert wince(world, "audit", "verify").returncode == 0
            world.sandbox.faults.clear()
            released = wince(world, "outbox", "release", "ehr")
            assert released.returncode == 0 or "is not held" in released.stderr, "a probe may have lifted it in between"
            entry = letters["figures"]["letter_1"].split("/")[0]
            assert wince(world, "outbox", "replay", entry, letters["figures"]["letter_1"].split("/")[1].split(":")[0]).returncode == 0
            world.until(lambda: not {"ehr hold", "ehr dead letters"} & {what for _, what in status(world)}, 120)
            wanted = {("camera cam-dead", "bad"), ("camera cam-101", "ok"), ("outbox ehr hold", "bad"), ("outbox ehr hold", "ok")}
            world.until(lambda: wanted <= {(event.get("who"), event.get("event")) for event in world.events}, 60)


def test_a_service_that_does_not_start_is_named_with_the_cause_of_this_start() -> None:
    """Not with what an earlier start wrote into the same log."""
    with reachable() as directory:
        state = directory / "state"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_") or name == "WINCE_MODELS_DIR"}
        environment |= {"WINCE_STATE_DIR": str(state), "WINCE_TIME_ZONE": "UTC"}
        (state / "logs").mkdir(parents=True)
        (state / "logs" / "hospital.log").write_text("wince: WINCE_OLD: an old trouble\n  remedy: an old remedy\n")
        environment["WINCE_MLLP_CERT_FILE"] = str(directory / "none.pem")
        environment["WINCE_MLLP_KEY_FILE"] = str(directory / "none.key")
        with subprocess.Popen(
            [sys.executable, "-m", "wince.cli.main", "up", "--json"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=400)
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    time.sleep(5)
                    process.kill()
        error = json.loads(out.splitlines()[-1])
        assert process.returncode == 7, err
        assert "hospital ended with exit code 4" in error["message"]
        assert "none.pem" in error["message"] or "mllp" in error["message"]
        assert "old" not in error["message"] + error["remedy"]
