"""Processes of bench/disks.py: replicas of record, a nurse, ADT, bare inserts. Each says "ready", begins when told, ends after its time."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any
from uuid import uuid4

import psycopg

from bench.record import START, US, WINDOW_S, Bodies, window
from wince.care.postgres import PostgresCare
from wince.domain.care import BedPause
from wince.domain.snapshot import Snapshot
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.runners.record import Recording
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing.hl7 import Person, adt, code

BATCH = Recording.batch
"""As the consumer hands them over."""
STATE = os.urandom(2500)
"""Of a snapshot: about what grade's takes, and as little compressible."""


def replica(dsn: str, beds: Sequence[int], seconds: float, paced: bool, wire: Connection) -> None:
    """A replica of record. Not `paced`: there is always a whole batch that waits. Paced: every bed gives a window in 5 s, one after the
    other, and a batch is what has come meanwhile. Gives (windows, transactions, seconds, latencies of windows)."""
    with Database(dsn, size=2) as database:
        sink = PostgresSink(database, {"activity": load("activity")}, [Bodies()])
        step = WINDOW_S / len(beds)
        windows = transactions = 0
        late: list[float] = []
        _meet(wire)
        began = time.perf_counter()
        while (now := time.perf_counter() - began) < seconds:
            come = min(int(now / step) - windows, BATCH) if paced else BATCH
            if come <= 0:
                time.sleep(step)
                continue
            numbers = range(windows, windows + come)
            batch = [window(beds[n % len(beds)], 1 + n // len(beds)) for n in numbers]
            sink.commit(batch, [Snapshot(one.source, one.protocol, 1, one.end_us, STATE) for one in batch])
            ended = time.perf_counter() - began
            late += [ended - (n + 1) * step for n in numbers]
            windows, transactions = windows + come, transactions + 1
        wire.send((windows, transactions, time.perf_counter() - began, late))


def nurse(dsn: str, beds: int, seconds: float, wire: Connection) -> None:
    """Pauses a bed twice a second at most; how long each took."""
    with Database(dsn, size=2) as database:
        care = PostgresCare(database, {"activity": load("activity")})
        took: list[float] = []
        _meet(wire)
        began = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            start_us = START + len(took) * US
            care.start_pause(BedPause(uuid4(), f"W^{len(took) % beds}^A", start_us, start_us + 60 * US, None, "n7"), "bench")
            took.append(time.perf_counter() - now)
            time.sleep(max(0.0, 0.5 - took[-1]))
        wire.send(took)


def hospital(dsn: str, seconds: float, wire: Connection) -> None:
    """ADT on four connections, the next message of each after the answer to the one before; how long each took."""
    with Database(dsn, size=8) as database:
        listener = AdtListener(PostgresCensus(database), Site())
        took: list[float] = []

        def send(connection: int) -> None:
            number = 0
            while (now := time.perf_counter()) - began < seconds:
                name = f"{connection}X{number}"
                text = adt("A01", Person(f"P{name}"), f"ADT^{connection}^{number}", f"V{name}", number * US, control_id=name)
                if code(listener.handle_all([text.encode()])[0].decode()) != "AA":
                    raise RuntimeError("a message was refused")
                took.append(time.perf_counter() - now)
                number += 1

        _meet(wire)
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(send, connection) for connection in range(4)]:
                done.result()
        wire.send(took)


def bare(dsn: str, number: int, seconds: float, wire: Connection) -> None:
    """The rows of a batch, computed by nobody, by COPY into tables of its own with the same columns and indexes; nothing is shared. Gives
    (windows, transactions, seconds)."""
    with psycopg.connect(dsn) as connection:
        with connection.transaction():
            for table in ("assessment", "inbox", "audit", "audit_payload", "snapshot"):
                connection.execute(f"CREATE TABLE bare_{table}_{number} (LIKE {table} INCLUDING ALL)".encode())
        windows = transactions = 0
        _meet(wire)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            ids, proof = [uuid4() for _ in range(BATCH)], b"h" * 32
            rows: dict[str, list[tuple[Any, ...]]] = {
                "inbox (consumer, id, content_hash)": [("record", one, proof) for one in ids],
                "assessment (id, source, protocol, start_us, end_us, grade, body)": [
                    (x, "cam-1", "activity", 0, 5, 0, b"b" * 200) for x in ids
                ],
                "audit_payload (place, payload)": [(-windows - n, "p" * 200) for n in range(BATCH)],
                "audit (seq, at_utc, entry, revision, event, attempt, digest, prev_hash, hash, payload, target)": [
                    (windows + n + 1, "t" * 27, x, 1, "assessment", 1, proof, proof, proof, -windows - n, "") for n, x in enumerate(ids)
                ],
                "snapshot (fold, key, protocol, fold_version, closed_until_us, state)": [
                    ("f", str(x), "activity", 1, 0, STATE) for x in ids
                ],
            }
            with connection.transaction(), connection.cursor() as cursor:
                for table, made in rows.items():
                    name, columns = table.split(" ", 1)
                    with cursor.copy(f"COPY bare_{name}_{number} {columns} FROM STDIN".encode()) as copy:
                        for row in made:
                            copy.write_row(row)
            windows, transactions = windows + BATCH, transactions + 1
        wire.send((windows, transactions, time.perf_counter() - began))


def together(sides: Sequence[tuple[Callable[..., None], tuple[Any, ...]]]) -> list[Any]:
    """Runs (function, arguments) each in a process of its own, begun at once; what each gives."""
    spawn = multiprocessing.get_context("spawn")
    wires, processes = [], []
    for function, arguments in sides:
        here, there = spawn.Pipe()
        process = spawn.Process(target=function, args=(*arguments, there))
        process.start()
        there.close()
        wires.append(here)
        processes.append(process)
    try:
        for wire in wires:
            wire.recv()
        for wire in wires:
            wire.send("go")
        return [wire.recv() for wire in wires]
    finally:
        for process in processes:
            process.join(5)
            process.kill()


def _meet(wire: Connection) -> None:
    wire.send("ready")
    wire.recv()
