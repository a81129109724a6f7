"""The camera list is read again while everything runs, and a camera's move to another bed holds as of its time."""

import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from tests.unit.telemetry.test_metrics import value
from wince.domain.binding import bed_of
from wince.domain.frame import US
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.errors import ConfigError
from wince.pipeline.capture.cameras import CameraPlan
from wince.serve.camera_list import CameraList, bind, plan
from wince.settings import Camera, load
from wince.store import stays, telling
from wince.store.database import Database

T0 = 1_790_000_000 * US
HOUR = 3600 * US


@pytest.fixture
def database(database_dsn: str) -> Iterator[Database]:
    with Database(database_dsn, size=4) as opened:
        yield opened


class Taken:
    """Stands for capture's cameras: keeps the last list."""

    def __init__(self) -> None:
        self.lists: list[list[CameraPlan]] = []

    def set_list(self, plans: Sequence[CameraPlan]) -> None:
        self.lists.append(list(plans))


def camera(bed: str, **options: object) -> Camera:
    return Camera.model_validate({"id": "cam", "bed": bed, "url": "rtsp://cam.example/2", **options})


def watching(database: Database, at_us: int) -> str | None:
    with database.transaction() as tx:
        found = bed_of(stays.watches(tx, ["cam"]), "cam", at_us, 1 << 62)
    return None if found is None else found.bed


def write(path: Path, text: str, number: int) -> None:
    """As an editor does, and a mounted ConfigMap: another file in its place."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    os.utime(fresh, (number, number))
    fresh.replace(path)


ONE = '[[cameras]]\nid = "cam"\nbed = "ICU^1^A"\nurl = "rtsp://cam.example/2"\n'
TWO = ONE.replace("ICU^1^A", "ICU^2^A") + '[[cameras]]\nid = "pushed"\nbed = "ICU^3^A"\npush = true\n'
WRONG = {
    "a key that there is not": ONE + 'colour = "red"\n',
    "a login in the address": ONE.replace("cam.example", "nurse:secret@cam.example"),
    "two of one id": ONE + ONE,
    "no TOML": ONE + "[[",
    "file and address": ONE + 'path = "x.mp4"\n',
    "nothing to read": '[[cameras]]\nid = "cam"\nbed = "ICU^1^A"\n',
    "a login without an address": '[[cameras]]\nid = "cam"\nbed = "ICU^1^A"\npush = true\nlogin_env = "X"\n',
    "a time without an offset": ONE + "since = 2026-11-21T14:00:00\n",
}


def test_the_list_changes_while_everything_runs(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed file is seen, a wrong one changes nothing, the same content does nothing."""
    file = tmp_path / "wince.toml"
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    write(file, ONE, 1)
    taken = Taken()
    now = T0
    listed = CameraList(taken, database, read=lambda: load().cameras, clock=lambda: now)  # type: ignore[arg-type]
    listed.start()
    try:
        assert [one.spec.source for one in taken.lists[-1]] == ["cam"]
        now = T0 + HOUR
        write(file, TWO, 2)
        deadline = time.monotonic() + 60
        while len(taken.lists) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        listed.stop()
    assert [one.spec.source for one in taken.lists[-1]] == ["cam", "pushed"]
    assert [watching(database, at) for at in (T0 + HOUR - 1, T0 + HOUR)] == ["ICU^1^A", "ICU^2^A"]
    for number, text in enumerate(WRONG.values()):
        write(file, text, 10 + number)
        listed.look()
        listed.look()
        assert value("wince_camera_list_wrong") == 1
    write(file, TWO + "\n# a comment\n", 50)
    listed.look()
    listed.look()
    assert value("wince_camera_list_wrong") == 0
    listed.reload()
    listed.look()
    assert len(taken.lists) == 2


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_list_is_named(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "wince.toml"
    file.write_text(text)
    monkeypatch.setenv("WINCE_CONFIG", str(file))
    with pytest.raises(ConfigError) as found:
        load()
    assert found.value.remedy
    assert "secret" not in found.value.diagnostics()


def test_a_camera_that_moves_watches_its_new_bed_from_then_on(database: Database) -> None:
    assert len(bind(database, [camera("ICU^1^A")], T0)) == 1
    assert bind(database, [camera("ICU^1^A")], T0 + HOUR) == []
    since = datetime.fromtimestamp((T0 + 2 * HOUR) / US, UTC)
    moved = camera("ICU^2^A", since=since)
    assert len(bind(database, [moved], T0 + 3 * HOUR)) == 1
    assert bind(database, [moved], T0 + 4 * HOUR) == []
    beds = [watching(database, at) for at in (T0 - 1, T0, T0 + 2 * HOUR - 1, T0 + 2 * HOUR, T0 + 9 * HOUR)]
    assert beds == [None, "ICU^1^A", "ICU^1^A", "ICU^2^A", "ICU^2^A"]
    assert len(bind(database, [camera("ICU^1^A")], T0 + 5 * HOUR)) == 1
    assert watching(database, T0 + 5 * HOUR) == "ICU^1^A"
    assert watching(database, T0 + 4 * HOUR) == "ICU^2^A"


def test_a_move_that_lies_ahead_holds_when_its_time_comes(database: Database) -> None:
    bind(database, [camera("ICU^1^A")], T0)
    ahead = camera("ICU^2^A", since=datetime.fromtimestamp((T0 + 2 * HOUR) / US, UTC))
    assert len(bind(database, [ahead], T0 + HOUR)) == 1
    assert bind(database, [ahead], T0 + HOUR + 1) == []
    assert bind(database, [ahead], T0 + 3 * HOUR) == []
    assert [watching(database, at) for at in (T0 + 2 * HOUR - 1, T0 + 2 * HOUR)] == ["ICU^1^A", "ICU^2^A"]


def test_a_region_or_rotation_that_changes_is_kept_too(database: Database) -> None:
    bind(database, [camera("ICU^1^A")], T0)
    assert len(bind(database, [camera("ICU^1^A", region=(0, 0, 0.5, 1))], T0 + 1)) == 1
    assert bind(database, [camera("ICU^1^A", region=(0, 0, 0.5, 1))], T0 + 2) == []
    assert len(bind(database, [camera("ICU^1^A", region=(0, 0, 0.5, 1), rotation=90)], T0 + 3)) == 1


def test_grade_is_told_who_lies_before_a_camera_that_moved(database: Database) -> None:
    """The relay tells the step at the time of the move: from the patient of the old bed to that of the new one."""
    lying = []
    for number, bed in enumerate(("ICU^1^A", "ICU^2^A")):
        patient, encounter = Identifier("urn:x", f"p{number}"), Identifier("urn:x", f"e{number}")
        lying.append(Stay(uuid4(), bed, patient, encounter, T0, None, T0, birth_date=date(1950, 1, 1)))
    with database.transaction() as tx:
        for stay in lying:
            tx.execute(
                "INSERT INTO stay(id, bed, patient_system, patient, encounter_system, encounter, start_us, recorded_us)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (stay.id, stay.bed, "urn:x", stay.patient.value, "urn:x", stay.encounter.value, T0, T0),
            )
    bind(database, [camera("ICU^1^A")], T0)
    told: list[Occupancy] = []
    telling.tell(database, told.extend)
    bind(database, [camera("ICU^2^A")], T0 + HOUR)
    told.clear()
    telling.tell(database, told.extend)
    steps = [(step.at_us, step.stay and step.stay.id) for step in told if step.source == "cam"]
    assert steps[-1] == (T0 + HOUR, lying[1].id)
    assert not any(at < T0 + HOUR and stay == lying[1].id for at, stay in steps)


def test_plans_hold_what_reading_needs(tmp_path: Path) -> None:
    login = tmp_path / "login"
    read = plan(camera("ICU^1^A", login_file=login, transport="udp", rotation=90, region=(0, 0, 1, 0.5)))
    assert (read.spec.uri, read.transport, read.login.file, read.spec.rotation) == ("rtsp://cam.example/2", "udp", login, 90)
    assert plan(Camera(id="a", bed="ICU^1^A", push=True)).spec.uri == ""
    assert plan(Camera(id="a", bed="ICU^1^A", path=login)).spec.uri == str(login)
