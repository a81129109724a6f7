"""Brings a database to this version's schema: `migrations/NNN_name.sql`, in order, each once, never changed afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from wince.errors import StoreError
from wince.store import locks
from wince.store.database import Database, Tx
from wince.store.locks import Lock


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the text (hex); what was applied must not change afterwards."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def bundled() -> list[Migration]:
    """This version's migrations, by number from 1, without gaps."""
    files = sorted(
        (file for file in resources.files("wince.store").joinpath("migrations").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return [Migration(int(file.name[:3]), file.name, file.read_text("utf-8")) for file in files]


def migrate(database: Database, migrations: list[Migration] | None = None) -> int:
    """Applies what is missing, in one transaction; the number of files applied now.

    Raises StoreError where the database was made by a newer Wince, or where an applied file was changed.
    """
    wanted = bundled() if migrations is None else migrations
    with database.transaction() as tx:
        locks.take(tx, Lock.MIGRATION)
        tx.execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now())"
        )
        missing = wanted[_checked(tx, wanted) :]
        for migration in missing:
            tx.execute(migration.sql.encode())
            tx.execute(
                "INSERT INTO schema_migration(number, name, sha256) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.sha256),
            )
    return len(missing)


def standing(tx: Tx, migrations: list[Migration] | None = None) -> tuple[int | None, int]:
    """How many migrations a database has, None where it holds nothing of Wince, and how many this version has. Changes nothing.

    Raises StoreError where the database was made by a newer Wince, or where an applied file was changed.
    """
    wanted = bundled() if migrations is None else migrations
    if tx.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,):
        return None, len(wanted)
    return _checked(tx, wanted), len(wanted)


def require(database: Database, migrations: list[Migration] | None = None) -> None:
    """Changes nothing; raises StoreError where the database has no schema of Wince, an older or a newer one than this version's."""
    with database.transaction() as tx:
        stands, wanted = standing(tx, migrations)
    if stands is None:
        remedy = "name the installation's database, or begin with `wince run`"
        raise StoreError("the database holds nothing of Wince", field="WINCE_PG_DSN", remedy=remedy)
    if stands < wanted:
        raise StoreError(
            f"the database has schema {stands}, this Wince reads {wanted}",
            field="schema_migration",
            remedy="start `wince run`, `wince up` or a service of this version once: it brings the schema up to date",
        )


def _checked(tx: Tx, wanted: list[Migration]) -> int:
    """How many stand already; refuses a newer schema and changed files."""
    applied = tx.execute("SELECT number, name, sha256 FROM schema_migration ORDER BY number").fetchall()
    if len(applied) > len(wanted):
        raise StoreError(
            f"the database has schema {applied[-1][0]}, this Wince knows {len(wanted)}",
            field="schema_migration",
            remedy="use the newer Wince that made it, or restore a backup from before",
        )
    for (number, name, sha256), migration in zip(applied, wanted, strict=False):
        if number != migration.number or sha256 != migration.sha256:
            raise StoreError(
                f"migration {name} differs from the one that was applied",
                field=name,
                remedy="restore the file; a change of the schema is a new file",
            )
    return len(applied)
