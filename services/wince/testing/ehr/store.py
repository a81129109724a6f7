"""What the sandbox keeps: every version of every resource, and the index for searches, in one SQLite file.

What was answered survives the end of the process (kill -9 too), not that of the machine: nothing waits for the disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wince.testing.ehr import search

Resource = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS version (type TEXT, id TEXT, version INTEGER, body TEXT, PRIMARY KEY (type, id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS current (seq INTEGER PRIMARY KEY, type TEXT, id TEXT, version INTEGER, UNIQUE (type, id));
CREATE TABLE IF NOT EXISTS term (type TEXT, name TEXT, value TEXT, seq INTEGER, PRIMARY KEY (type, name, value, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS span
    (type TEXT, name TEXT, low INTEGER, high INTEGER, seq INTEGER, PRIMARY KEY (type, name, low, high, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS client (id TEXT, kid TEXT, key TEXT, scope TEXT, PRIMARY KEY (id, kid));
CREATE TABLE IF NOT EXISTS jti (value TEXT PRIMARY KEY, ends REAL);
CREATE TABLE IF NOT EXISTS token (value TEXT PRIMARY KEY, client TEXT, scope TEXT, ends REAL);
"""


class Store:
    """One connection, one thread: what happens inside `transaction` happens as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.executescript(_SCHEMA)
        self._depth = 0

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; an inner one is part of the outer."""
        if self._depth:
            yield
            return
        self._depth = 1
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        else:
            self.db.execute("COMMIT")
        finally:
            self._depth = 0

    def read(self, kind: str, identity: str, version: int | None = None) -> Resource | None:
        """The current, or a named, version; None where there is none."""
        if version is None:
            row = self.db.execute(
                "SELECT body FROM current JOIN version USING (type, id, version) WHERE type = ? AND id = ?", (kind, identity)
            ).fetchone()
        else:
            statement = "SELECT body FROM version WHERE type = ? AND id = ? AND version = ?"
            row = self.db.execute(statement, (kind, identity, version)).fetchone()
        return json.loads(row[0]) if row else None

    def exists(self, kind: str, identity: str) -> bool:
        """Whether a resource is there."""
        return self.db.execute("SELECT 1 FROM current WHERE type = ? AND id = ?", (kind, identity)).fetchone() is not None

    def write(self, resource: Resource) -> str:
        """Keep a resource under its id and meta.versionId, as the current one; returns it as JSON."""
        kind, identity, version = resource["resourceType"], resource["id"], int(resource["meta"]["versionId"])
        body = json.dumps(resource, separators=(",", ":"), ensure_ascii=False)
        run, many = self.db.execute, self.db.executemany
        run("INSERT INTO version VALUES (?, ?, ?, ?)", (kind, identity, version, body))
        if version == 1:
            seq = run("INSERT INTO current (type, id, version) VALUES (?, ?, 1)", (kind, identity)).lastrowid
        else:
            seq = run("SELECT seq FROM current WHERE type = ? AND id = ?", (kind, identity)).fetchone()[0]
            run("UPDATE current SET version = ? WHERE seq = ?", (version, seq))
            before = self.read(kind, identity, version - 1) or {"resourceType": kind}
            many("DELETE FROM term WHERE type = ? AND name = ? AND value = ? AND seq = ?", _rows(kind, search.terms(before), seq))
            statement = "DELETE FROM span WHERE type = ? AND name = ? AND low = ? AND high = ? AND seq = ?"
            many(statement, _rows(kind, search.spans(before), seq))
        many("INSERT OR IGNORE INTO term VALUES (?, ?, ?, ?)", _rows(kind, search.terms(resource), seq))
        many("INSERT OR IGNORE INTO span VALUES (?, ?, ?, ?, ?)", _rows(kind, search.spans(resource), seq))
        return body

    def find(self, kind: str, query: str) -> tuple[list[Resource], int, int, int]:
        """(resources of one page in order of creation, total, _count, _offset). Raises MessageError for a wrong query."""
        condition, arguments, count, offset = search.where(kind, query)
        rows = self.db.execute(
            f"SELECT body FROM current JOIN version USING (type, id, version) WHERE {condition} ORDER BY seq LIMIT ? OFFSET ?",
            (*arguments, count, offset),
        ).fetchall()
        total = len(rows) + offset
        if len(rows) == count or (offset and not rows):
            total = self.db.execute(f"SELECT count(*) FROM current WHERE {condition}", arguments).fetchone()[0]
        return [json.loads(row[0]) for row in rows], total, count, offset


def _rows(kind: str, found: Iterable[tuple[Any, ...]], seq: int | None) -> list[tuple[Any, ...]]:
    return [(kind, *row, seq) for row in found]
