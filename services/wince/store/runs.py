"""Runs of `wince run`: what a start after a kill must know to go on (the clips' origin) and whether there is something to go on with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from wince import canonical
from wince.store.database import Database, Tx


class RunState(StrEnum):
    """How far a run has come."""

    RUNNING = "running"
    """Begun; where no process works on it any more, it was cut off and can be resumed."""
    DONE = "done"
    FAILED = "failed"
    """Ended with an error that a new start would meet again."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run."""

    id: UUID
    state: RunState
    origin_us: int
    """Time of the clips' first frame, microseconds UTC."""
    settings: dict[str, Any]
    """What it was started with (plain JSON); a run is resumed only with the same."""


def begin(database: Database, run: UUID, origin_us: int, settings: Mapping[str, Any]) -> Run:
    """Keeps a new run as RUNNING; the same id again gives what stands."""
    with database.transaction() as tx:
        tx.execute(
            "INSERT INTO run(id, state, origin_us, settings) VALUES (%s, 'running', %s, %s) ON CONFLICT (id) DO NOTHING",
            (run, origin_us, canonical.text(settings)),
        )
        return _read(tx, "WHERE id = %s", (run,))[0]


def finish(database: Database, run: UUID, state: RunState) -> None:
    """Marks a run."""
    with database.transaction() as tx:
        tx.execute("UPDATE run SET state = %s WHERE id = %s", (state.value, run))


def unfinished(database: Database) -> Run | None:
    """The youngest run that was begun and never ended; None where there is none."""
    with database.transaction() as tx:
        found = _read(tx, "WHERE state = 'running' ORDER BY origin_us DESC LIMIT 1", ())
    return found[0] if found else None


def _read(tx: Tx, where: str, arguments: tuple[Any, ...]) -> list[Run]:
    rows = tx.execute(f"SELECT id, state, origin_us, settings FROM run {where}".encode(), arguments).fetchall()
    return [Run(number, RunState(state), origin_us, json.loads(settings)) for number, state, origin_us, settings in rows]


def latest_origin(database: Database) -> int | None:
    """When the clips of the latest run began, microseconds UTC; None before the first run."""
    with database.transaction() as tx:
        found = tx.execute("SELECT max(origin_us) FROM run").fetchone()
    return found[0] if found else None
