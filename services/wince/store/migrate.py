"""Brings a database to this version's schema (`schema.py`), beside services that use it.

Each file behind the baseline is a transaction of its own, so its locks end with it. It waits LOCK_S at most for a lock on a table, since
every writer queues behind it meanwhile; then it lets go and tries again. One process at a time migrates; others wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from wince.backoff import Backoff
from wince.errors import StoreError, Unavailable
from wince.store import locks
from wince.store.concurrently import build_index
from wince.store.database import Database, Tx
from wince.store.locks import Lock
from wince.store.schema import BASELINE, Migration, bundled, oldest_after
from wince.store.schema_users import in_transaction, migrator, of_older_code
from wince.telemetry import logs

log = logs.get(__name__)

WAIT_S = 60.0
"""How long locks that others hold are waited for, altogether."""
LOCK_S = 2.0
"""How long one try waits for a lock on a table. Writers of that table wait as long."""
_AGAIN = Backoff(0.2, 2.0)
_ROWS = "SELECT number, name, sha256, (to_jsonb(m) ->> 'oldest')::int FROM schema_migration m ORDER BY number"
"""`oldest` is absent in a database of before the first release."""


class SchemaBehind(StoreError):
    """The database's schema is older than this version needs, or it has none: a migration mends that."""


class _Busy(Exception):
    """A lock is held by somebody else; says by whom, as far as it is known."""

    def __init__(self, message: str, *, table: bool = False) -> None:
        super().__init__(message)
        self.table = table
        """A lock on a table: whoever holds it is among those with an open transaction."""


def migrate(database: Database, migrations: Sequence[Migration] | None = None, *, wait_s: float = WAIT_S) -> int:
    """As `apply`; the number of files applied now."""
    return len(apply(database, migrations, wait_s=wait_s))


def apply(database: Database, migrations: Sequence[Migration] | None = None, *, wait_s: float = WAIT_S) -> list[Migration]:
    """Applies what is missing and gives what was applied by this call. Where nothing is missing, no right to change the schema is needed.

    Raises StoreError where the database is beyond what this version can work with, or where an applied file was changed; Unavailable
    where a lock was not free for `wait_s`, naming who holds it. Files that were applied by then stay applied.
    """
    wanted = bundled() if migrations is None else migrations
    deadline, failures = time.monotonic() + wait_s, 0
    done: list[Migration] = []
    while True:
        try:
            step = _step(database, wanted, deadline)
        except _Busy as busy:
            failures += 1
            if time.monotonic() >= deadline:
                raise _waited_enough(database, busy) from None
            if failures == 1:
                log.warning("the migration waits for what another connection holds", wait_s=wait_s)
            time.sleep(min(_AGAIN.wait_s(failures), max(0.0, deadline - time.monotonic())))
            continue
        if not step:
            return done
        done += step


def standing(tx: Tx, migrations: Sequence[Migration] | None = None) -> tuple[int | None, int]:
    """How many migrations a database has, None where it holds nothing of Wince, and how many this version has. Changes nothing. More than
    this version has: a newer Wince expanded it, and this one may go on.

    Raises StoreError where the database is beyond what this version can work with, or where an applied file was changed.
    """
    wanted = bundled() if migrations is None else migrations
    if tx.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,):
        return None, len(wanted)
    return _checked(tx, wanted), len(wanted)


def require(database: Database, migrations: Sequence[Migration] | None = None) -> None:
    """Changes nothing; raises SchemaBehind where the database has no schema of Wince or an older one than this version's, StoreError as
    `standing`."""
    with database.transaction() as tx:
        stands, wanted = standing(tx, migrations)
    if stands is None:
        remedy = "name the installation's database, or begin with `wince run` or `wince migrate`"
        raise SchemaBehind("the database holds nothing of Wince", field="WINCE_PG_DSN", remedy=remedy)
    if stands < wanted:
        what = f"the database has schema {stands}, this Wince reads {wanted}"
        raise SchemaBehind(what, field="schema_migration", remedy="`wince migrate` of this version brings the schema up to date")


def _step(database: Database, wanted: Sequence[Migration], deadline: float) -> list[Migration]:
    """Applies the next file, or all that is missing of the baseline; what was applied."""
    with database.transaction() as tx:
        if (standing(tx, wanted)[0] or 0) >= len(wanted):
            return []
    with database.transaction() as tx:
        if not locks.try_take(tx, Lock.MIGRATION):
            raise _Busy(f"another process migrates this database: {migrator(tx)}")
        missing = wanted[standing(tx, wanted)[0] or 0 :]
        step = [one for one in missing if one.number <= BASELINE] or list(missing[:1])
        for migration in step:
            if migration.number > BASELINE and migration.needs:
                _shut(tx)
            if older := of_older_code(tx, migration.needs):
                raise _Busy(f"{migration.name} takes away what older code needs, and such code is connected: {older}")
            if migration.concurrently:
                _limit(tx)  # ends the last SELECT: psycopg prepares what it ran five times, and PostgreSQL keeps its snapshot till then
                _index(database, migration, deadline)
        if step:
            _run(tx, wanted, step)
    return step


def _shut(tx: Tx) -> None:
    """From here to the COMMIT nobody reads which migrations stand. Who read it before is connected, and is seen; who comes later reads what
    stands then, and refuses to start."""
    _limit(tx)
    try:
        tx.execute("LOCK TABLE schema_migration IN ACCESS EXCLUSIVE MODE")
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise _Busy("the contraction waits for the lock of schema_migration", table=True) from None


def _limit(tx: Tx) -> None:
    tx.execute(f"SET LOCAL lock_timeout = '{round(LOCK_S * 1000)}ms'".encode())


def _index(database: Database, migration: Migration, deadline: float) -> None:
    left_s = max(0.0, deadline - time.monotonic())
    if not build_index(database.dsn, migration.sql, None if database.pooled else left_s):
        raise _Busy(f"{migration.name} waits for transactions that were open before", table=True)


def _run(tx: Tx, wanted: Sequence[Migration], step: Sequence[Migration]) -> None:
    """Runs what runs inside a transaction, and writes down all."""
    _limit(tx)
    try:
        _prepare(tx)
        for migration in step:
            if not migration.concurrently:
                tx.execute(migration.sql.encode())
            tx.execute(
                "INSERT INTO schema_migration(number, name, sha256, oldest) VALUES (%s, %s, %s, %s)",
                (migration.number, migration.name, migration.sha256, oldest_after(wanted[: migration.number])),
            )
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
        raise _Busy(f"{step[0].name} waits for the lock of a table", table=True) from None


def _prepare(tx: Tx) -> None:
    """The table in which it stands what was applied."""
    found = tx.execute(
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('schema_migration') AND attname = 'oldest')"
    ).fetchone()
    if found == (True,):
        return
    tx.execute(
        "CREATE TABLE IF NOT EXISTS schema_migration (number int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL,"
        " applied_at timestamptz NOT NULL DEFAULT now())"
    )
    tx.execute("ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS oldest int")


def _waited_enough(database: Database, busy: _Busy) -> Unavailable:
    said = str(busy)
    if busy.table:
        with database.transaction() as tx:
            said += f"; open transactions: {in_transaction(tx)}"
    return Unavailable(said, field="schema_migration", remedy="let it finish, or end it if it hangs; then migrate again")


def _checked(tx: Tx, wanted: Sequence[Migration]) -> int:
    """How many stand already; refuses a schema that shuts this code out, and changed files."""
    applied = tx.execute(_ROWS).fetchall()
    oldest = max((number if oldest is None else oldest for number, _, _, oldest in applied), default=0)
    if len(applied) > len(wanted) and len(wanted) < oldest:
        raise StoreError(
            f"the database has schema {applied[-1][0]}, for code that knows {oldest} at least; this Wince knows {len(wanted)}",
            field="schema_migration",
            remedy="use the newer Wince that made it, or restore a backup from before",
        )
    for (number, name, sha256, _), migration in zip(applied, wanted, strict=False):
        if number != migration.number or sha256 != migration.sha256:
            raise StoreError(
                f"migration {name} differs from the one that was applied",
                field=name,
                remedy="restore the file; a change of the schema is a new file",
            )
    return len(applied)
