"""Hospital, record, grade and imaging in this process, on a bus in memory; patients by ADT; objects of the bundled clips."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.integration.test_services_memory import free_port
from wince.bus.memory import MemoryBus
from wince.serve import process
from wince.serve.service import Deps
from wince.settings import Settings
from wince.store import studies
from wince.store.database import Database
from wince.testing import clips, hl7
from wince.testing.dicom import objects

AT = datetime(2026, 1, 5, 8, 0, 3)
"""When the pictures of objects were taken, in the site's zone."""
ZONE = "Europe/Berlin"
AT_US = int(datetime(2026, 1, 5, 7, 0, 3, tzinfo=UTC).timestamp()) * 1_000_000
AUTHORITY = "HOSP&1.2.276.0.76.4.16&ISO"
BED = "ICU^101^A"
PATIENT = hl7.Person("100001", "Musterfrau", "Erika", "19500101", "F")
PERSON = objects.Person(number="100001", name="Musterfrau^Erika", born="19500101", at=AT, issuer="HOSP")


@dataclass
class World:
    """What runs."""

    running: dict[str, process.Running]
    settings: Settings
    database: Database
    bus: MemoryBus

    @property
    def port(self) -> int:
        """Of the storage server."""
        return int(self.settings.dicom_port or 0)

    def study(self, instance: str) -> studies.Study | None:
        """The row of an object."""
        with self.database.transaction() as tx:
            return studies.of(tx, instance)

    def until(self, what: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not (found := what()):
            for one in self.running.values():
                assert one.failed() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found

    def state(self, instance: str, *wanted: str) -> studies.Study:
        """Wait until an object is in one of these states, or held for one of these reasons."""

        def there() -> studies.Study | None:
            found = self.study(instance)
            return found if found is not None and {found.state, found.reason} & set(wanted) else None

        return self.until(there)

    def admit(self, person: hl7.Person = PATIENT, bed: str = BED, visit: str = "V1", *, hours_before: float = 1.0, **more: Any) -> None:
        """A patient lies in a bed from before the pictures on."""
        at_us = AT_US - round(hours_before * 3_600_000_000)
        text = hl7.adt("A01", person, bed, visit, at_us, control_id=f"{visit}-{bed}", **more)
        assert hl7.code(hl7.send("127.0.0.1", self.settings.mllp_port, text)) == "AA"

    def entries(self) -> list[tuple[str, str, str]]:
        """(source, patient, encounter) of every entry that stands."""
        with self.database.transaction() as tx:
            rows = tx.execute(
                "SELECT source, body::json->'patient'->>'value', body::json->'encounter'->>'value' FROM"
                " (SELECT DISTINCT ON (id) * FROM entry ORDER BY id, revision DESC) e"
                " WHERE status <> 'entered-in-error' ORDER BY start_us, id"
            ).fetchall()
        return list(rows)

    def windows(self, instance: str) -> list[tuple[int, int, int | None, str | None]]:
        """(start, end, grade, reason) of an object's windows, seconds since its first."""
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT start_us, end_us, grade, reason FROM assessment WHERE source = %s ORDER BY 1", (instance,)).fetchall()
        return [((start - rows[0][0]) // 1_000_000, (end - rows[0][0]) // 1_000_000, grade, reason) for start, end, grade, reason in rows]

    def events(self, instance: str) -> list[str]:
        """What the trail says of an object."""
        with self.database.transaction() as tx:
            rows = tx.execute("SELECT event FROM audit WHERE entry = %s ORDER BY seq", (studies.identity(instance),)).fetchall()
        return [event for (event,) in rows]


@contextmanager
def world(
    dsn: str, database: Database, state: Path, names: Sequence[str] = ("hospital", "record", "grade", "imaging"), **more: Any
) -> Iterator[World]:
    """`more`: settings."""
    bus = MemoryBus(partitions=4)
    with ExitStack() as stack:
        stack.callback(bus.close)
        wanted: dict[str, Any] = {
            "dicom_port": free_port(), "mllp_port": free_port(), "dicom_floor_bytes": 0, "time_zone": ZONE, "patient_authority": AUTHORITY,
        } | more  # fmt: skip
        loaded = Settings(state_dir=state, pg_dsn=dsn, **wanted)
        running: dict[str, process.Running] = {}
        for name in names:
            own = stack.enter_context(ExitStack())
            one = process.Running(process.build(name, Deps(loaded, own, lambda _: bus)), loaded)
            own.callback(one.stop)
            one.start()
            running[name] = one
        yield World(running, loaded, database, bus)


def clip(name: str = "bed2", person: objects.Person = PERSON, **more: Any) -> Dataset:
    """A bundled clip as Video Photographic, H.264."""
    path = clips.clip(name)
    with av.open(str(path)) as container:
        frames = container.streams.video[0].frames
    return objects.video(path, person, frames=frames, **more)


def shown(name: str = "bed2", begin: int = 60, count: int = 1) -> np.ndarray:
    """(count, 480, 640, 3): pictures of a bundled clip."""
    with av.open(str(clips.clip(name))) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)][begin : begin + count])


def tool(name: str, *arguments: object, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """A program of dcmtk; skips where it is absent."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is absent")
        pytest.skip(f"{name} is absent: apt-get install dcmtk")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
    assert not ok or done.returncode == 0, done.stderr
    return done


def storescu(port: int, *files: Path, ok: bool = True, options: Sequence[object] = ("-R", "-xn"), title: str = "WINCE") -> str:
    """Send files as a cart would."""
    done = tool("storescu", "-v", *options, "-aec", title, "127.0.0.1", port, *files, ok=ok)
    return done.stdout + done.stderr


def person(**more: Any) -> objects.Person:
    """PERSON, with another detail."""
    return replace(PERSON, **more)
