"""What a bed costs: processor time of each service, bytes in each table and topic, bytes of the WAL. For docs/explanation/capacity.md.

*Windows* are written by record's sink alone, of quiet patients with grade's snapshots, 250 beds in a batch: how much each table with
its indexes has grown by when a window more is there, how much WAL was written, and the processor time of the writer and of PostgreSQL.
*Cameras* are a clip played in real time through `wince up`: processor time of each service, above what it takes with nobody watched,
and how much each topic holds of a frame. Bytes don't depend on what else the machine does; processor times do.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench import Unmeasurable, road, services
from bench import _disk_sides as sides
from bench.record import Bodies, occupy_beds, window
from tests.e2e.services_world import World, up
from wince.domain.snapshot import Snapshot
from wince.errors import WinceError
from wince.local import maven
from wince.local.postgres.server import EmbeddedPostgres
from wince.models.fetch import fetch
from wince.models.lock import FACE_MODELS
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database
from wince.store.migrate import migrate

BEDS, WINDOWS = 250, 24
CAMERAS, SECONDS = 2, 40
RATE = 5
Row = dict[str, Any]


def run() -> dict[str, Any]:
    """Both; takes about two minutes."""
    rows = _windows()
    try:
        fetch(FACE_MODELS)
        if reason := maven.available():
            raise Unmeasurable(reason)
        rows += _cameras()
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    return {"title": f"What a bed costs (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", "rows": rows}


def _windows() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        with EmbeddedPostgres(Path(name)) as server, Database(server.dsn(), size=2) as database:
            migrate(database)
            occupy_beds(database, BEDS, look_again=False)
            sink = PostgresSink(database, {"activity": load("activity")}, [Bodies()])
            _commit(sink, range(2))  # the first window of a patient charts, as few later ones do
            before, began = _sizes(database), _processor(server)
            _commit(sink, range(2, 2 + WINDOWS))
            after, ended = _sizes(database), _processor(server)
    count = BEDS * WINDOWS
    grown = {table: (size - before.get(table, 0)) / count for table, size in after.items()}
    spent = [1000 * (one - other) / count for one, other in zip(ended, began, strict=True)]
    tables = [_row(f"a window: {table}", size, "bytes") for table, size in sorted(grown.items(), key=lambda item: -item[1]) if size >= 1]
    return [*tables, _row("a window: record", spent[0], "ms CPU"), _row("a window: PostgreSQL", spent[1], "ms CPU")]


def _commit(sink: PostgresSink, numbers: range) -> None:
    for number in numbers:
        batch = [window(bed, number) for bed in range(BEDS)]
        sink.commit(batch, [Snapshot(one.source, one.protocol, 1, one.end_us, sides.STATE) for one in batch])


def _sizes(database: Database) -> dict[str, int]:
    """Bytes of each table with its indexes, and of the WAL so far."""
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            " UNION ALL SELECT 'written to the WAL', pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
        ).fetchall()
    return {name: int(size) for name, size in rows}


def _processor(server: EmbeddedPostgres) -> tuple[float, float]:
    """Seconds of this process, and of the server's so far."""
    postmaster = psutil.Process(server.postmaster())
    times = [one.cpu_times() for one in (postmaster, *postmaster.children(recursive=True))]
    own = time.process_time()
    return own, sum(one.user + one.system for one in times)


def _cameras() -> list[Row]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00Z")
    with services._folder() as folder, up(folder, at=None) as world:
        scene = services._beds("capacity", CAMERAS, road.repeated(folder / "long.mp4"))
        world.admit(scene, at)
        time.sleep(5)
        idle = services._idle(world)
        world.play(scene)
        with world.database() as connection:
            world.until(lambda: bool(connection.execute("SELECT 1 FROM assessment").fetchone()))
        kept, began = _topics(world), services.Spent.of(world)
        time.sleep(SECONDS)
        spent = services.Spent.of(world) - began
        grown = _topics(world) - kept
    frames = CAMERAS * RATE * spent.at_s
    each = {
        name: 1000 * (seconds - idle.seconds.get(name, 0.0) / idle.at_s * spent.at_s) / frames for name, seconds in spent.seconds.items()
    }
    rows = [_row(f"a frame: {name}", ms, "ms CPU") for name, ms in sorted(each.items(), key=lambda item: -item[1])]
    return rows + [_row(f"a frame: topic {topic}", size / frames, "bytes") for topic, size in grown.most_common() if size > 0]


def _topics(world: World) -> Counter[str]:
    """Bytes of each topic's log on the broker's disk."""
    found: Counter[str] = Counter()
    for log in world.state.rglob("*.log"):
        if (partition := re.fullmatch(r"(.+)-\d+", log.parent.name)) and re.fullmatch(r"\d{20}", log.stem):
            found[partition[1]] += log.stat().st_size
    return found


def _row(figure: str, ours: float, unit: str) -> Row:
    return {"figure": figure, "ours": round(ours, 3), "rival_name": "", "rival": None, "ratio": None, "aim": None, "unit": unit}
