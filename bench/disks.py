"""Record by one, two and four replicas on disks that commit as fast as this one, in 20 ms more, and in half a second more.

What is written are windows of quiet patients with grade's snapshots, in batches as the bus hands them over (500 at most), while a nurse
pauses beds and ADT comes on four connections. *Most*: a batch always waits; a bed gives a window in 5 s, so five times the windows a
second are the beds that record can bear. *Paced*: so many beds give their windows evenly; how long after its coming a window is durable.
The floor are bare inserts of as many rows in transactions of the same size, by as many connections, into tables of their own: nothing
orders them.

The disk is a shim before fdatasync of the WAL: as on a slow disk, who commits waits, and who commits meanwhile waits for
the next turn. `python -m bench disks` takes about six minutes; DISKS="0 0.5", REPLICAS="1 4" and DISK_SECONDS=4 in the environment make it
shorter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import psycopg

from bench import _disk_sides as sides
from bench._slow_disk import SlowDisk, slow_disk
from bench.record import Bodies, occupy_beds, window
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database
from wince.store.migrate import migrate

DISKS = tuple(float(text) for text in os.environ.get("DISKS", "0 0.02 0.5").split())
"""Seconds that a commit takes beyond this disk's own."""
REPLICAS = tuple(int(text) for text in os.environ.get("REPLICAS", "1 2 4").split())
SECONDS = float(os.environ.get("DISK_SECONDS", "8"))
BEDS = 4000
PACED = 200
Row = dict[str, Any]


def run() -> dict[str, Any]:
    """Windows and transactions a second, latencies of a window and of a nurse's action."""
    rows: list[Row] = []
    with slow_disk() as disk:
        _template(disk)
        for seconds in DISKS:
            for replicas in REPLICAS:
                rows += _most(disk, seconds, replicas)
            for replicas in REPLICAS:
                rows += _paced(disk, seconds, replicas)
    return {"title": "Record on slow disks", "rows": rows}


def _most(disk: SlowDisk, delay_s: float, replicas: int) -> list[Row]:
    with _fresh(disk) as dsn:
        disk.takes(delay_s)
        found, paused, moved = _recorded(dsn, BEDS, replicas, paced=False)
        floor = sides.together([(sides.bare, (dsn, number, SECONDS)) for number in range(replicas)])
        disk.takes(0)
    rate, bare = (sum(windows / s for windows, _, s, *_ in side) for side in (found, floor))
    commits, bare_commits = (sum(count / s for _, count, s, *_ in side) for side in (found, floor))
    name = _name(replicas, delay_s)
    return [
        _row(f"{name}: most windows ({5 * rate:,.0f} beds)", rate, "bare inserts", bare, "/s"),
        _row(f"{name}: transactions", commits, "bare inserts", bare_commits, "/s"),
        *_others(name, paused, moved),
    ]


def _paced(disk: SlowDisk, delay_s: float, replicas: int) -> list[Row]:
    with _fresh(disk) as dsn:
        disk.takes(delay_s)
        found, paused, moved = _recorded(dsn, PACED, replicas, paced=True)
        disk.takes(0)
    late = sorted(one for _, _, _, late in found for one in late)
    p95 = late[int(len(late) * 0.95)]
    name = f"{_name(replicas, delay_s)}, {PACED} beds"
    return [
        _row(f"{name}: until a window is durable, median (p95 {p95:.3f} s)", median(late), "", None, "s"),
        *_others(name, paused, moved),
    ]


def _recorded(dsn: str, beds: int, replicas: int, *, paced: bool) -> tuple[list[Any], list[float], list[float]]:
    """What each replica gives, how long pauses took, and ADT messages."""
    shares = [range(number, beds, replicas) for number in range(replicas)]
    writers = [(sides.replica, (dsn, share, SECONDS, paced)) for share in shares]
    *found, paused, moved = sides.together([*writers, (sides.nurse, (dsn, beds, SECONDS)), (sides.hospital, (dsn, SECONDS))])
    return found, paused, moved


def _others(name: str, paused: list[float], moved: list[float]) -> list[Row]:
    """What waits for the same lock."""
    return [
        _row(f"{name}: a nurse's pause meanwhile, median of {len(paused)} (longest {max(paused):.2f} s)", median(paused), "", None, "s"),
        _row(
            f"{name}: ADT messages meanwhile (median {median(moved):.2f} s, longest {max(moved):.2f} s)",
            len(moved) / SECONDS,
            "",
            None,
            "/s",
        ),
    ]


def _name(replicas: int, delay_s: float) -> str:
    return f"{replicas} replica{'s' * (replicas > 1)}, commit + {1000 * delay_s:.0f} ms"


def _row(figure: str, ours: float, rival_name: str, rival: float | None, unit: str) -> Row:
    ratio = None if rival is None else round(ours / rival, 2)
    shown = None if rival is None else round(rival, 3)
    return {"figure": figure, "ours": round(ours, 3), "rival_name": rival_name, "rival": shown, "ratio": ratio, "aim": None, "unit": unit}


def _template(disk: SlowDisk) -> None:
    """Beds whose first window is in the record: it charts an entry, as few of the later ones do."""
    with psycopg.connect(disk.postgres.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE bench_template")
    with Database(disk.postgres.dsn("bench_template"), size=2) as database:
        migrate(database)
        occupy_beds(database, BEDS, look_again=False)
        sink = PostgresSink(database, {"activity": load("activity")}, [Bodies()])
        for first in range(0, BEDS, sides.BATCH):
            sink.commit([window(bed, 0) for bed in range(first, min(first + sides.BATCH, BEDS))])


@contextmanager
def _fresh(disk: SlowDisk) -> Iterator[str]:
    with psycopg.connect(disk.postgres.dsn(), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        admin.execute("CREATE DATABASE bench TEMPLATE bench_template")
        admin.execute("CHECKPOINT")
    yield disk.postgres.dsn("bench")
