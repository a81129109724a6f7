"""A rolling upgrade with traffic: a replica of the release before records while the schema expands, one of the next takes over.

Nothing acknowledged is lost, nothing is there or delivered twice, and neither replica meets an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from tests.integration.next_schema import EXPANDED, EXPANSION, INDEX, NEXT
from tests.integration.record_load import SOURCES
from tests.integration.record_world import change, stay
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.stay import Watch
from wince.store import audit
from wince.store.database import Database
from wince.store.migrate import apply
from wince.store.schema import known
from wince.store.stays import save_watches

ROOT = Path(__file__).resolve().parents[2]


class Replica:
    """A process that records as fast as it can."""

    def __init__(self, directory: Path, process: subprocess.Popen[bytes]) -> None:
        self.directory, self.process = directory, process

    def said(self) -> dict[str, Any]:
        """What it says of itself; nothing yet: no commits."""
        with suppress(FileNotFoundError):
            return dict(json.loads((self.directory / "said.json").read_text()))
        return {"committed": 0}

    def until(self, what: Callable[[dict[str, Any]], bool]) -> None:
        deadline = time.monotonic() + 60
        while not what(self.said()):
            assert self.process.poll() is None, "it ended"
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def goes_on(self) -> None:
        here = self.said()["committed"]
        self.until(lambda said: said["committed"] >= here + 200)

    def finish(self) -> list[str]:
        """Drains it, as SIGTERM does with a service; the ids that it acknowledged."""
        (self.directory / "stop").touch()
        assert self.process.wait(60) == 0
        assert self.said()["errors"] == {}
        return (self.directory / "acked").read_text().split()


@contextmanager
def replica(module: str, dsn: str, directory: Path, prefix: str) -> Iterator[Replica]:
    directory.mkdir()
    process = subprocess.Popen([sys.executable, "-m", f"tests.integration.{module}", dsn, str(directory), prefix], cwd=ROOT)
    try:
        yield Replica(directory, process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def beds(database: Database, *prefixes: str) -> None:
    """A patient before each camera of the replicas."""
    people = {
        f"{prefix}-{number}": stay(f"{prefix}{number}", bed=f"{prefix}^{number}^A") for prefix in prefixes for number in range(SOURCES)
    }
    save_watches(database, [Watch(camera, one.bed, 0, None, 0) for camera, one in people.items()])
    for one in people.values():
        change(database, Revision(add=(one,), recorded_us=one.recorded_us), one.encounter.value)


def test_nothing_is_lost_or_doubled_while_old_and_new_replicas_share_the_database(database: Database, tmp_path: Path) -> None:
    beds(database, "old", "new")
    with replica("record_load", database.dsn, tmp_path / "old", "old") as old:
        old.goes_on()
        with replica("upgrade_replica", database.dsn, tmp_path / "new", "new") as new:
            until_connected(database.dsn, NEXT + 1)
            old.goes_on()
            assert new.said()["committed"] == 0, "it waits for the schema"
            assert [one.name for one in apply(database, EXPANDED)] == [EXPANSION.name, INDEX.name]
            old.goes_on()
            new.goes_on()
            acked = old.finish()
            new.goes_on()
            acked += new.finish()
    with database.transaction() as tx:
        kept = [str(one) for (one,) in tx.execute("SELECT id FROM assessment").fetchall()]
        out = [f"{entry} {revision}" for entry, revision in tx.execute("SELECT entry, revision FROM outbox").fetchall()]
        states = tx.execute("SELECT DISTINCT state FROM outbox").fetchall()
    assert Counter(kept) == Counter(acked)
    assert len(acked) == len(set(acked))
    delivered = [line for side in ("old", "new") for line in (tmp_path / side / "delivered").read_text().splitlines()]
    assert Counter(delivered) == Counter(out), "each Observation once"
    assert states == [("written",)]
    assert verify(audit.rows(database, payloads=True)).erased == 0


def until_connected(dsn: str, schema: int) -> None:
    """Waits for a connection of code that knows a schema."""
    deadline = time.monotonic() + 60
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not connection.execute("SELECT FROM pg_stat_activity WHERE application_name = %s", (f"wince schema {schema}",)).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert schema > known()
