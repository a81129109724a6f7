"""Who is connected to the database while its schema is to change. Each is named as process, application and since when.

PostgreSQL shows a process id and an application's name to everybody (15, 28.2.3), the address and the time only to the same role, or to
a member of pg_read_all_stats.
"""

from __future__ import annotations

from wince.store.database import APPLICATION, Tx
from wince.store.locks import Lock

_NAMED = (
    "'process ' || s.pid || coalesce(' (' || nullif(s.application_name, '') || ')', '') || coalesce(' at ' || host(s.client_addr), '')"
    " || coalesce(', for ' || round(extract(epoch FROM clock_timestamp() - s.xact_start)) || ' s', '')"
)
_MOST = 5
"""Who are named."""


def migrator(tx: Tx) -> str:
    """Who holds the lock of migrations."""
    return _said(
        tx,
        "JOIN pg_locks l USING (pid) WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 0 AND l.objid = %s AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        int(Lock.MIGRATION),
    )


def in_transaction(tx: Tx) -> str:
    """Those that hold a lock on a table of this database, the oldest first."""
    return _said(
        tx,
        "WHERE s.pid <> pg_backend_pid() AND s.pid IN (SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
        " WHERE l.granted AND c.relkind IN ('r', 'p') AND c.relnamespace = %s::regnamespace"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
        _schema(tx),
    )


def of_older_code(tx: Tx, needs: int) -> str:
    """Connections of a Wince that knows less than schema `needs`; empty: there are none."""
    found = "s.datname = current_database() AND s.application_name ~ %s AND substring(s.application_name FROM '[0-9]+$')::int < %s"
    return _said(tx, f"WHERE {found}", f"^{APPLICATION}[0-9]{{1,6}}$", needs, nobody="") if needs else ""


def _schema(tx: Tx) -> str:
    row = tx.execute("SELECT quote_ident(current_schema())").fetchone()
    return str(row[0]) if row else "public"


def _said(tx: Tx, which: str, *given: object, nobody: str = "none any more") -> str:
    rows = tx.execute(f"SELECT {_NAMED} FROM pg_stat_activity s {which} ORDER BY s.xact_start LIMIT {_MOST}".encode(), given).fetchall()
    return ", ".join(str(said) for (said,) in rows) or nobody
