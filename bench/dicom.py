"""Video by C-STORE, and how long it takes from received to graded.

Rate: MB/s against dcmtk's storescp and Orthanc, which keep the same files, sent by the same sender (dcmtk's storescu).

Ours reads the header, hashes the object, brings it to the disk (fsync), and commits its row in PostgreSQL before each success. storescp
writes files without fsync and knows no database; Orthanc keeps an index (SQLite) and its attachments. Every server is a process of its own,
on one disk; the time is that of storescu from its start to its end, which its own reading of the files is part of.

Latency: a bundled clip of 22 to 24 s as an object, from the end of storescu to the state *graded*, with hospital, record, grade and imaging
in one process over the bus in memory. Its floor is the same clip in the engine of `wince assess`, warm, wall clock. Decoding happens in a
process of its own that starts for each object.
"""

from __future__ import annotations

import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import Unmeasurable
from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database
from wince.store.migrate import migrate

OBJECTS, MB, ROUNDS = 8, 24, 3
PERSON = "100001"


def _files(folder: Path, number: int) -> list[Path]:
    """Objects that no round before had: H.264 of any content, which nobody decodes here."""
    from wince.testing.dicom import objects

    person = objects.Person(PERSON, at=datetime(2026, 1, 5, 8))
    folder.mkdir()
    stream = bytes(range(256)) * (MB * 4000)
    return [
        objects.write(objects.video(stream, person, frames=100, fragments=4), folder / f"{number}-{index}.dcm") for index in range(OBJECTS)
    ]


def _serve(port: int, folder: str, dsn: str) -> None:
    from wince.dicom.scp.server import StorageServer
    from wince.dicom.spool import Room
    from wince.domain.stay import Identifier
    from wince.pipeline.capture.studies.intake import Intake
    from wince.pipeline.capture.studies.interface import Shelf

    shelf = Shelf.of(Path(folder))
    with Database(dsn) as database:
        intake = Intake(database, shelf, lambda facts: Identifier("urn:bench", facts.patient), UTC)
        with StorageServer(intake, Room(shelf.folder, 1 << 30, 0), port=port):
            time.sleep(3600)


@contextmanager
def _ours(folder: Path, port: int) -> Iterator[None]:
    with EmbeddedPostgres(folder / "postgres") as server:
        with Database(server.dsn()) as database:
            migrate(database)
        process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port, str(folder / "ours"), server.dsn()), daemon=True)
        process.start()
        try:
            yield
        finally:
            process.kill()
            process.join()


@contextmanager
def _program(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def _storescp(folder: Path, port: int) -> Iterator[None]:
    (folder / "dcmtk").mkdir()
    with _program("storescp", "+xa", "-aet", "WINCE", "-pdu", "131072", "-od", str(folder / "dcmtk"), str(port)):
        yield


@contextmanager
def _orthanc(folder: Path, port: int) -> Iterator[None]:
    import json

    (folder / "orthanc").mkdir()
    settings = {
        "StorageDirectory": str(folder / "orthanc"), "IndexDirectory": str(folder / "orthanc"), "DicomAet": "WINCE", "DicomPort": port,
        "HttpServerEnabled": False, "DicomAlwaysAllowStore": True, "MaximumPduLength": 131072,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with _program("Orthanc", str(folder / "orthanc.json")):
        yield


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _reach(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _rate(serve: Callable[[Path, int], Any], root: Path) -> float:
    """MB/s, the median of ROUNDS."""
    found, port = [], _port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=root)))
        folder.chmod(0o755)
        stack.enter_context(serve(folder, port))
        _reach(port)
        for number in range(ROUNDS):
            files = _files(folder / f"sent{number}", number)
            size = sum(file.stat().st_size for file in files)
            began = time.monotonic()
            command = ["storescu", "-R", "-xn", "-aec", "WINCE", "127.0.0.1", str(port), *map(str, files)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=300)
            found.append(size / 1e6 / (time.monotonic() - began))
            shutil.rmtree(folder / f"sent{number}")
    return median(found)


def _graded(root: Path) -> tuple[float, float]:
    """Seconds from received to graded, and of the engine alone: each the median of three clips."""
    from tests.integration.imaging_world import clip, world
    from wince.assess.engine import Engine
    from wince.protocols import loader
    from wince.settings import load
    from wince.testing import clips
    from wince.testing.dicom import objects

    names, took, floor = ("bed2", "bed1", "bed3"), [], []
    with EmbeddedPostgres(root / "graded") as server, Database(server.dsn()) as database:
        migrate(database)
        with world(server.dsn(), database, root / "state") as here:
            here.admit()
            made = [(one := clip(name), objects.write(one, root / f"{name}.dcm")) for name in names]
            for one, file in made:
                command = ["storescu", "-R", "-xn", "-aec", "WINCE", "127.0.0.1", str(here.port), str(file)]
                subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)
                began = time.monotonic()
                here.state(one.SOPInstanceUID, "graded")
                took.append(time.monotonic() - began)
    engine = Engine(load(), loader.load("activity"))
    for name in (names[0], *names):
        began = time.monotonic()
        engine.assess(clips.clip(name), "bench")
        floor.append(time.monotonic() - began)
    return median(took), median(floor[1:])


def run() -> dict[str, Any]:
    """One row for each rival."""
    missing = [name for name in ("storescu", "storescp", "Orthanc") if shutil.which(name) is None]
    if missing:
        raise Unmeasurable(f"{', '.join(missing)}: apt-get install dcmtk orthanc")
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as name:
        root = Path(name)
        root.chmod(0o755)
        ours = _rate(_ours, root)
        graded, floor = _graded(root)
        rivals = {"dcmtk storescp": (_rate(_storescp, root), 0.8), "Orthanc": (_rate(_orthanc, root), None)}
    rows = [
        {
            "figure": f"C-STORE of {MB} MB videos",
            "ours": ours,
            "rival_name": rival,
            "rival": its,
            "ratio": ours / its,
            "aim": aim,
            "unit": "MB/s",
        }
        for rival, (its, aim) in rivals.items()
    ]
    rows.append(
        {
            "figure": "a clip as an object, from received to graded",
            "ours": graded,
            "rival_name": "the engine of wince assess, warm",
            "rival": floor,
            "ratio": floor / graded,
            "aim": None,
            "unit": "s",
        }
    )
    return {"title": "DICOM in", "rows": rows}


if __name__ == "__main__":
    print(run(), file=sys.stderr)
