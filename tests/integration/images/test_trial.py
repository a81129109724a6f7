"""The trial of images/compose.yaml, without a container engine: every service of ours runs in its image's own root by the compose file's
command, environment, mounts, secrets and user, with a real Kafka, PostgreSQL and HAPI FHIR, and a clip becomes an Observation."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from images import config, contents
from tests.support import compose, containers
from tests.support.containers import Ground, Running
from wince.demo import play, scenario
from wince.local.kafka import KafkaPeer
from wince.testing import hl7
from wince.testing.peers import HapiPeer, available

pytestmark = pytest.mark.peer
AT = "2026-01-05T08:00:00Z"
ORDER = ("hospital", "care", "record", "grade", "estimate", "detect", "capture")


def until(what: Callable[[], object], said: Callable[[], str], seconds: float = 120) -> None:
    """Wait for something to be so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, said()
        time.sleep(0.2)


class Trial:
    """The folder of the compose file, and what runs."""

    def __init__(self, folder: Path, ground: Ground, root_of: Callable[[str], list[Path]]) -> None:
        self.folder, self._ground, self._root_of = folder, ground, root_of
        shutil.copytree(contents.ROOT / "images/trial", folder / "trial", ignore=shutil.ignore_patterns("secrets", "clips", "store"))
        shutil.copy(contents.ROOT / "images/compose.yaml", folder)
        (folder / "trial/clips").mkdir()
        subprocess.run(["sh", str(folder / "trial/secrets.sh")], check=True)
        self.compose = compose.read(folder / "compose.yaml", {})
        self.running: dict[str, Running] = {}

    def container(self, name: str) -> containers.Container:
        of = compose.component(self.compose["services"][name])
        entrypoint, root = config.command(of)[0], self._root_of(of)
        return compose.container(name, self.compose, self.folder, self.folder / "volumes", config.ENVIRONMENT, entrypoint, root)

    def start(self, name: str) -> None:
        self.running[name] = self._ground.start(self.container(name))

    def healthy(self, name: str) -> bool:
        """By the compose file's own health check, run in the container's network and root."""
        words = self.compose["services"][name]["healthcheck"]["test"][1:]
        asked = containers.Container(f"{name}-health", words, config.ENVIRONMENT, root=self.container(name).root)
        probe = self._ground.start(asked, beside=name)
        return probe.process.wait(60) == 0

    def said(self) -> str:
        return "\n".join(f"== {name}\n{one.said()[-2500:]}" for name, one in self.running.items())


def seed(base: str, bed: scenario.Bed) -> str:
    """The patient and the visit at the EHR; the visit's number."""
    assert bed.patient is not None
    visit = f"V{play.moment(AT) // play.GRID_US}-0"
    patient = {"resourceType": "Patient", "id": "p1", "active": True, "identifier": [{"system": play.SYSTEM, "value": bed.patient.mrn}]}
    encounter = {"resourceType": "Encounter", "id": "e1", "status": "in-progress", "class": {"code": "IMP"}}
    encounter |= {"identifier": [{"system": play.SYSTEM, "value": visit}], "subject": {"reference": "Patient/p1"}}
    for one in (patient, encounter):
        httpx.put(f"{base}/{one['resourceType']}/{one['id']}", json=one, timeout=60).raise_for_status()
    return visit


@pytest.fixture
def database(postgres_dsn: str) -> Iterator[psycopg.Connection]:
    """The session's server, where a trial's role and database are made and removed."""
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        yield admin


def test_a_clip_becomes_an_observation(
    tmp_path: Path, ground: Ground, root_of: Callable[[str], list[Path]], database: psycopg.Connection, state_dir: Path
) -> None:
    if why := available():
        pytest.skip(why)
    trial = Trial(tmp_path / "trial", ground, root_of)
    bed = scenario.bundled().beds[0]
    shutil.copy(bed.camera.clip, trial.folder / "trial/clips/bed.mp4")
    settings = trial.folder / "trial/wince.toml"
    camera = f'\n[[cameras]]\nid = "{bed.camera.id}"\nbed = "{bed.camera.bed}"\npath = "/clips/bed.mp4"\n'
    settings.write_text(f'replay_at = "{AT}"\n' + settings.read_text() + camera)

    hapi, kafka = HapiPeer(tmp_path / "hapi"), KafkaPeer(state_dir / "kafka", hosts=[ground.here])
    starting = [threading.Thread(target=one.start) for one in (hapi, kafka)]
    for thread in starting:
        thread.start()
    try:
        password = (trial.folder / "trial/secrets/postgres-password").read_text()
        for line in (f"CREATE ROLE trial LOGIN PASSWORD '{password}'", "CREATE DATABASE trial OWNER trial"):
            database.execute(line)
        dsn = trial.folder / "trial/secrets/dsn"
        assert dsn.read_text() == f"postgresql://wince:{password}@postgres:5432/wince"
        dsn.write_text(f"postgresql://trial:{password}@postgres:5432/trial")  # the session's server has a role of that name
        ground.lend("postgres", 5432, ("127.0.0.1", database.info.port))
        for thread in starting:
            thread.join()
        ground.lend("hapi", 8080, ("127.0.0.1", urlsplit(hapi.base_url).port or 0))
        ground.lend("kafka", 9092, (ground.here, int(kafka.bootstrap.rpartition(":")[2])))
        _play(trial, ground, hapi.base_url, bed)
    finally:
        for name in reversed(ORDER):
            if name in trial.running:
                trial.running[name].stop()
        hapi.stop()
        kafka.stop()
        database.execute("DROP DATABASE IF EXISTS trial WITH (FORCE)")
        database.execute("DROP ROLE IF EXISTS trial")


def _play(trial: Trial, ground: Ground, base: str, bed: scenario.Bed) -> None:
    visit = seed(base, bed)
    for name in ("migrate", *ORDER):
        ground.address(name)
    migrated = ground.run(trial.container("migrate"))
    assert migrated.process.returncode == 0, migrated.said()
    began = time.monotonic()
    for name in ORDER[:-1]:
        trial.start(name)
    for name in ORDER[:-1]:
        until(lambda name=name: trial.healthy(name), trial.said)
        print(f"{name}: ready after {time.monotonic() - began:.1f} s")
    assert bed.patient is not None
    person = hl7.Person(bed.patient.mrn, bed.patient.family, bed.patient.given, bed.patient.birth_date.strftime("%Y%m%d"), "F")
    text = hl7.adt("A01", person, bed.camera.bed, visit, play.moment(AT) - play.BEFORE_US, control_id="1")
    assert hl7.code(hl7.send(trial.running["hospital"].address, 2575, text)) == "AA"
    trial.start("capture")

    def written() -> list[dict[str, Any]]:
        found = httpx.get(f"{base}/Observation", timeout=60, headers={"Cache-Control": "no-cache"}).json()
        return [one["resource"] for one in found.get("entry", ())]

    until(written, trial.said, 180)
    assert all(one["subject"]["reference"] == "Patient/p1" for one in written())
    for name in ORDER:
        page = httpx.get(f"http://{trial.running[name].address}:9400/metrics", timeout=30)
        assert "wince_" in page.text, name
    for name in reversed(ORDER):
        assert trial.running[name].stop() == 0, f"{name} did not drain\n{trial.said()}"
