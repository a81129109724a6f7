"""A rolling upgrade with traffic: a replica of record writes as fast as it can while `wince migrate` of a next release expands the schema
(a table, columns on the largest tables, an index on 100,000 windows); then another replica joins, and the first ends.

Figures: how long a commit took at most, before and meanwhile; and how many windows were lost or doubled.
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench import Unmeasurable
from bench.record import SITE, START, US, Bodies
from wince.domain.assessment import Assessment
from wince.domain.ids import assessment_id
from wince.errors import ResourceError
from wince.local.postgres.server import EmbeddedPostgres
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database, Tx
from wince.store.migrate import apply, migrate
from wince.store.schema import Migration, bundled, known

BATCH, ALONE_S, STOCK = 20, 10.0, 100_000
NEXT = known() + 1
EXPANSIONS = (
    Migration(NEXT, "next.sql", "-- expansion\nCREATE TABLE fresh (n int); ALTER TABLE outbox ADD COLUMN colour text"),
    Migration(NEXT + 1, "more.sql", "-- expansion\nALTER TABLE assessment ADD COLUMN shade text NOT NULL DEFAULT ''"),
    Migration(
        NEXT + 2,
        "index.sql",
        "-- expansion, concurrently\nCREATE INDEX CONCURRENTLY IF NOT EXISTS assessment_of_grade ON assessment (grade, end_us)",
    ),
)


def windows(prefix: str, number: int) -> list[Assessment]:
    """A batch: one window of each of a replica's cameras."""
    made = []
    for camera in range(BATCH):
        source, start = f"{prefix}-{camera}", START + number * 5 * US
        made.append(
            Assessment(
                id=assessment_id(SITE, source, "activity", start), source=source, protocol="activity", start_us=start,
                end_us=start + 5 * US, grade=number % 3, grade_name=("quiet", "low", "high")[number % 3], median=3.0, peak=3.0,
                assessable_share=1.0, confidence=0.9, reason=None, frames=25,
                reasons={}, units=(1.0, None, 0.5, None, 0.0, 0.0), model_set="ab" * 32, rule="cd" * 32,
            )
        )  # fmt: skip
    return made


def _write(dsn: str, prefix: str, wire: Connection) -> None:
    """A replica: commits until it is told to end, then gives (ids, when each commit began, how long it took)."""
    ids, took = [], []
    with Database(dsn, size=2) as database:
        sink, number = PostgresSink(database, {"activity": load("activity")}, [Bodies("{}")]), 0
        wire.send("ready")
        while not wire.poll():
            batch = windows(prefix, number)
            began = time.monotonic()
            sink.commit(batch)
            took.append((began, time.monotonic() - began))
            ids += [str(one.id) for one in batch]
            number += 1
    wire.send((ids, took))


class Replica:
    """A process that writes."""

    def __init__(self, dsn: str, prefix: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._wire, there = spawn.Pipe()
        self._process = spawn.Process(target=_write, args=(dsn, prefix, there))
        self._process.start()
        self._wire.recv()

    def end(self) -> tuple[list[str], list[tuple[float, float]]]:
        """What it acknowledged, and how long each commit took."""
        self._wire.send("end")
        found: tuple[list[str], list[tuple[float, float]]] = self._wire.recv()
        self._process.join()
        return found


def _stock(tx: Tx) -> None:
    """Windows of other cameras, as a site has them after some days."""
    found = tx.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'assessment'::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = ''"
        " ORDER BY attnum"
    ).fetchall()
    names = [name for (name,) in found]
    values = [{"id": "gen_random_uuid()", "source": "'stock-' || n"}.get(name, name) for name in names]
    chosen = f"(SELECT * FROM assessment LIMIT 1) a, generate_series(1, {STOCK}) n"
    tx.execute(f"INSERT INTO assessment ({', '.join(names)}) SELECT {', '.join(values)} FROM {chosen}".encode())


def _longest_ms(took: Sequence[tuple[float, float]], since: float, until: float) -> float:
    return 1000 * max((seconds for began, seconds in took if began < until and began + seconds > since), default=0.0)


def _wrong(database: Database, ids: Sequence[str]) -> int:
    """Windows that were acknowledged and aren't there, or are in the trail more than once."""
    with database.transaction() as tx:
        missing = tx.execute("SELECT count(*) FROM unnest(%s::uuid[]) AS id WHERE id NOT IN (SELECT id FROM assessment)", (list(ids),))
        lost = missing.fetchone()
        told = tx.execute(
            "SELECT count(*) FROM (SELECT entry FROM audit WHERE event = 'assessment' GROUP BY entry HAVING count(*) > 1) AS t"
        ).fetchone()
    return (lost or (0,))[0] + (told or (0,))[0]


def run() -> dict[str, Any]:
    """What stands above."""
    with tempfile.TemporaryDirectory(prefix="wince-bench-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        try:
            server = EmbeddedPostgres(Path(directory)).__enter__()
        except ResourceError as error:
            raise Unmeasurable(error.diagnostics()) from None
        try:
            return _measured(server.dsn())
        finally:
            server.stop()


def _measured(dsn: str) -> dict[str, Any]:
    with Database(dsn, size=3) as database:
        migrate(database)
        PostgresSink(database, {"activity": load("activity")}, [Bodies("{}")]).commit(windows("first", 0)[:1])
        with database.transaction() as tx:
            _stock(tx)
        with database.transaction() as tx:
            tx.execute("ANALYZE assessment")
        old = Replica(dsn, "old")
        began = time.monotonic()
        threading.Event().wait(ALONE_S)
        moved = time.monotonic()
        apply(database, (*bundled(), *EXPANSIONS))
        done = time.monotonic()
        new = Replica(dsn, "new")
        threading.Event().wait(2.0)
        ids, took = old.end()
        wrong = _wrong(database, ids + new.end()[0])
    alone, meanwhile = _longest_ms(took, began, moved), _longest_ms(took, moved, done)
    return {
        "title": "Rolling upgrade",
        "rows": [
            _row("longest commit of 20 windows while the schema expands", meanwhile, "ms", "while nothing else happens", alone, 0.5),
            _row(f"three expansions under load, one an index of {STOCK // 1000},000 windows", done - moved, "s"),
            _row("windows lost or doubled", wrong, "windows"),
        ],
    }


def _row(figure: str, ours: float, unit: str, rival: str = "", its: float | None = None, aim: float | None = None) -> dict[str, Any]:
    return {
        "figure": figure, "ours": ours, "rival_name": rival, "rival": its, "ratio": its / ours if its and ours else None, "aim": aim,
        "unit": unit,
    }  # fmt: skip
