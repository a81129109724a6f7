"""Record by several replicas at once: each a process of its own that writes other beds into the same database, and how long the audit
trail's lock, the one thing that they share, is held and waited for."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import psycopg

from wince.delivery.interface import Target
from wince.domain.assessment import Assessment
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database
from wince.store.locks import Lock

LOOK_S = 0.01
_HELD = (
    "SELECT count(*) FILTER (WHERE granted), count(*) FILTER (WHERE NOT granted) FROM pg_locks"
    f" WHERE locktype = 'advisory' AND classid = 0 AND objid = {Lock.TRAIL:d} AND objsubid = 1"
)
Batches = Callable[[int], Sequence[Assessment]]


def _write(dsn: str, target: Target, batches: Batches, mine: Sequence[int], wire: Connection) -> None:
    with Database(dsn, size=2) as database:
        sink = PostgresSink(database, {"activity": load("activity")}, [target])
        made = [batches(number) for number in mine]
        sink.commit(())  # connected
        wire.send("ready")
        wire.recv()
        charted = sum(len(sink.commit(batch).entries) for batch in made)
        wire.send(charted)


def measure(dsn: str, target: Target, batches: Batches, count: int, replicas: int) -> dict[str, Any]:
    """`count` batches shared out to so many replicas: entries, seconds, and the lock's share of the time: held, and waited for (of all
    replicas' time). `target` and `batches` must be picklable."""
    spawn = multiprocessing.get_context("spawn")
    wires, processes = [], []
    for number in range(replicas):
        here, there = spawn.Pipe()
        process = spawn.Process(target=_write, args=(dsn, target, batches, range(number, count, replicas), there))
        process.start()
        wires.append(here)
        processes.append(process)
    for wire in wires:
        wire.recv()
    looks = held = waited = entries = 0
    with psycopg.connect(dsn, autocommit=True) as connection:
        began = time.perf_counter()
        for wire in wires:
            wire.send("go")
        open_ = list(wires)
        seconds = 0.0
        while open_:
            for wire in list(open_):
                if wire.poll():
                    entries += wire.recv()
                    open_.remove(wire)
                    seconds = time.perf_counter() - began
            row = connection.execute(_HELD.encode()).fetchone()
            looks, held, waited = looks + 1, held + (row[0] if row else 0), waited + (row[1] if row else 0)
            time.sleep(LOOK_S)
    for process in processes:
        process.join(30)
    return {"entries": entries, "seconds": seconds, "held": held / looks, "waited": waited / looks / replicas}
