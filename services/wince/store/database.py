"""The way to PostgreSQL: a pool, transactions, when they are durable, and the database's errors as ours.

**Durable.** What a transaction wrote or saw is on the server's disk (and at its synchronous standby, where there is one) when its block has
ended, so that whoever then answers, sends or signs says nothing that a crash takes back. PostgreSQL alone promises that only as long as
every commit waits for the disk with its locks held: then the trail's lock, which every writer needs, is held for as long as the disk takes.
So `store/audit.append` lets its transaction commit without that wait (`wait_later`). Its locks are free at once, and the next writer
follows it: in the chain, and therefore in the WAL. A crash cuts the WAL's end off, so never a link without the one before it. Then, with no
lock held, the block waits (`_settle`): PostgreSQL writes what all who wait there have committed at once (group commit). It waits on the
connection that committed: a crash ends every connection, so the wait fails where there is nothing left to wait for. A transaction that only
read waits too where it may have seen what is not on the disk yet: a known id is answered with "taken", a checkpoint is signed, a position
on the bus is committed.

What PostgreSQL says in the DETAIL of an error quotes rows, so patients: of its errors only the SQLSTATE and the names of table,
column and constraint come out.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout

from wince.errors import ResourceError, StoreError, Unavailable, WinceError
from wince.store.schema import known

Tx = psycopg.Connection[tuple[Any, ...]]
"""A connection inside a transaction."""

APPLICATION = "wince schema "
"""Before the number of the schema that we know: what our connections call themselves. A migration looks there for older code."""
ALONE = "current_setting('synchronous_standby_names') = ''"
"""SQL: no standby must have a commit before others see it."""
OLDEST = 150000
"""server_version_num below which we refuse: PostgreSQL 15."""


class Database:
    """A pool of connections to one database. Thread-safe.

    `dsn`: libpq connection string or URI. Raises Unavailable where the server does not answer within `wait_s`, StoreError for a
    server older than PostgreSQL 15 or a refused login. `read_only`: the server refuses every change.

    Behind a pooler such as pgbouncer, in transaction mode too, no statement is prepared: the next transaction may run on a connection of
    the server that doesn't know it. Nothing else of ours outlives its transaction: advisory locks end with it, and nothing is SET.
    """

    def __init__(self, dsn: str, *, size: int = 8, wait_s: float = 10.0, read_only: bool = False) -> None:
        self.dsn = dsn
        try:
            with psycopg.connect(dsn, connect_timeout=max(2, int(wait_s))) as connection:
                version = connection.info.server_version
                self.pooled = _pooled(connection)
                """Whether a pooler stands between us and the server."""
        except psycopg.Error as error:
            raise _unreachable(error) from None
        if version < OLDEST:
            raise StoreError(f"PostgreSQL {version // 10000} is too old", field="WINCE_PG_DSN", remedy="use PostgreSQL 15 or newer")
        self._options: dict[str, Any] = {"application_name": f"{APPLICATION}{known()}"} | (
            {"prepare_threshold": None} if self.pooled else {}
        )
        self._beside: Tx | None = None
        self._alone = threading.Lock()
        self._here = threading.local()
        self._pool: ConnectionPool[Tx] = ConnectionPool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=wait_s,
            reconnect_timeout=30,
            check=ConnectionPool.check_connection,
            kwargs=self._options,
            configure=_read_only if read_only else None,
            open=True,
        )

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """A connection whose work is committed when the block ends, rolled back when it raises. What it wrote and saw is durable then (see
        above), not before: who acts outside while the block is open calls `settle` first.

        Raises Unavailable (connection lost: the outcome of the COMMIT may be unknown; pool exhausted), ResourceError (disk full),
        StoreError (anything else the database says). What the block raises of its own comes out as it is.
        """
        shared: Tx | None = getattr(self._here, "shared", None)
        with mapped():
            if shared is not None and shared.info.transaction_status is TransactionStatus.IDLE:
                with _rolled_back(shared):
                    yield shared
                    _let_go(shared)
                return
            with self._pool.connection() as connection:
                yield connection
                _settle(connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """The transactions that this thread begins in this block wait for the disk once, at its end: for who says nothing of any of them
        before. They share a connection: it ends when the server crashes, so what a crash took is not waited for in vain. Behind a pooler
        each waits by itself. Where the block raises, nothing is waited for, and those that ended may stand or not. Raises as
        `transaction`."""
        if self.pooled:
            yield
            return
        with mapped(), self._pool.connection() as connection:
            self._here.shared = connection
            try:
                yield
            finally:
                self._here.shared = None
            _settle(connection)

    def settle(self, tx: Tx) -> None:
        """Returns when whatever `tx`, which is open and stays so, has seen until now is durable. Waits on a connection of its own; that of
        `tx` lives on, so no crash came in between. Raises as `transaction`."""
        with mapped(), self._alone:
            if self._beside is None or not _lives(self._beside):
                self._beside = psycopg.connect(self.dsn, **self._options)
            try:
                _settle(self._beside)
            except BaseException:
                self._beside.close()
                raise
            tx.execute("SELECT 1")

    def close(self) -> None:
        """Closes every connection. Idempotent."""
        self._pool.close()
        with self._alone:
            if self._beside is not None:
                self._beside.close()


_LOOK = f"""
SELECT CASE WHEN pg_is_in_recovery() THEN false
            WHEN current_setting('synchronous_commit') = 'off' THEN true
            WHEN pg_current_xact_id_if_assigned() IS NOT NULL OR NOT {ALONE} THEN false
            ELSE pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn() END
"""
"""Whether something that this transaction wrote or saw may not be on the disk when it is committed. A transaction that waits for the disk
at its COMMIT waits for all that was committed before it, too. A standby writes nothing, and shows nothing that isn't in its own WAL."""
_COMMIT_AND_WAIT = "COMMIT; SELECT pg_logical_emit_message(true, 'wince', '')"
"""Then a commit that the server waits for as it waits for any, behind all others: a message in the WAL that nobody reads is the least that
it may hold. Read-only transactions may write it, too. Both in one query: a pooler sends it whole to one server, so between the two no crash
goes unseen."""


def wait_later(tx: Tx) -> None:
    """This transaction commits without waiting for the disk; the block that it belongs to waits. With a synchronous standby it waits at its
    COMMIT, as PostgreSQL does it: nobody sees it before the standby has it, which no reader could find out."""
    tx.execute(f"SELECT set_config('synchronous_commit', 'off', true) WHERE {ALONE}".encode())


@contextmanager
def _rolled_back(connection: Tx) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        raise


def _let_go(connection: Tx) -> None:
    """Ends the transaction; waits for nothing."""
    if connection.info.transaction_status is TransactionStatus.INTRANS:
        wait_later(connection)
    connection.commit()


def _settle(connection: Tx) -> None:
    """Commits; returns when what was written and seen is durable. Where the block left an error behind, nothing is done here."""
    if connection.info.transaction_status is TransactionStatus.INERROR:
        return
    if connection.execute(_LOOK.encode()).fetchone() == (True,):
        connection.execute(_COMMIT_AND_WAIT, prepare=False)
    else:
        connection.commit()


def _lives(connection: Tx) -> bool:
    """A server, or what lies between, may end a connection that was idle for long."""
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.Error:
        connection.close()
        return False
    return True


def _pooled(connection: Tx) -> bool:
    """A pooler gives its clients a process id of its own making, which is not that of the server's process."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid


def _read_only(connection: Tx) -> None:
    connection.read_only = True  # by BEGIN READ ONLY: a pooler between us and the server lets no other setting through


@contextmanager
def mapped() -> Iterator[None]:
    """Turns psycopg's errors into ours, without any row's content."""
    try:
        yield
    except WinceError:
        raise
    except PoolTimeout:
        raise Unavailable("no connection to the database", field="database", remedy="is PostgreSQL running?") from None
    except psycopg.Error as error:
        raise _ours(error) from None


def _unreachable(error: psycopg.Error) -> WinceError:
    """Why a first connection failed. libpq gives no SQLSTATE then, only a text, which may hold the user's name: none of it is told."""
    said = str(error)
    if isinstance(error, psycopg.ProgrammingError):
        return StoreError("is no connection string", field="WINCE_PG_DSN", remedy="such as postgresql://user@host:5432/wince")
    if "local user with ID" in said:
        what = "names no user, and the user of this process has no name"
        return StoreError(what, field="WINCE_PG_DSN", remedy="name one: postgresql://USER@host:5432/wince")
    if any(words in said for words in _REFUSED):
        return StoreError("login refused", field="WINCE_PG_DSN", remedy="check user, password, database name and pg_hba.conf")
    if "statement pooling" in said:
        what = "a pooler in statement mode lets no transaction through"
        return StoreError(what, field="WINCE_PG_DSN", remedy="set its pool_mode to transaction or session")
    found = _ours(error)
    if isinstance(found, Unavailable):
        remedy = "is PostgreSQL running there, and reachable? Without WINCE_PG_DSN Wince starts its own"
        return Unavailable("the database does not answer", field="WINCE_PG_DSN", remedy=remedy)
    return found


_CALLED = ("pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn", "pg_logical_emit_message")
"""By `_settle`."""
_REFUSED = ("authentication failed", "no password supplied", "no pg_hba.conf entry", "does not exist", "permission denied for database")


def _ours(error: psycopg.Error) -> WinceError:
    state = error.sqlstate or ""
    kind = type(error).__name__
    if state in ("53100", "58030"):
        return ResourceError(
            "the database's disk is full or failing", field=state, remedy="free space on the database's disk; nothing committed is lost"
        )
    if state[:3] in ("28P", "280", "3D0"):
        return StoreError(f"login refused ({kind})", field="WINCE_PG_DSN", remedy="check user, password and database name")
    if state[:2] in ("08", "57", "53", "40") or (not state and isinstance(error, psycopg.OperationalError)):
        return Unavailable(
            f"the database does not answer ({state or kind})", field="database", remedy="tried again; is PostgreSQL running?"
        )
    if state in ("42501", "25006"):  # insufficient_privilege; read_only_sql_transaction, as of a standby
        what = "the database's user may not do this" if state == "42501" else "the database takes no writes"
        remedy = "name the primary, and a user who owns Wince's schema (`wince doctor` says which rights are missing)"
        if "for function pg_" in (error.diag.message_primary or ""):
            remedy = f"GRANT EXECUTE ON FUNCTION to that user, as PostgreSQL does it for everybody: {', '.join(_CALLED)}"
        return StoreError(f"{what}: {error.diag.message_primary or kind}", field="WINCE_PG_DSN", remedy=remedy)
    where = ".".join(name for name in (error.diag.table_name, error.diag.column_name, error.diag.constraint_name) if name)
    # Class 42 (syntax, undefined table) speaks of our SQL, never of rows.
    said = f": {error.diag.message_primary}" if state.startswith("42") else ""
    # Classes 22 and 23: a value, or a constraint. What psycopg itself can't send (a NUL) has no SQLSTATE.
    of_content = state[:2] in ("22", "23") or (not state and isinstance(error, psycopg.DataError))
    return StoreError(f"{kind} ({state or 'no SQLSTATE'}){said}", field=where, of_content=of_content)
