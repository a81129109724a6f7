"""The database: reachable, ours to write, of the right encoding, with which schema; where its data lies; its clock; a pooler before it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields

import psycopg

from wince.errors import StoreError
from wince.local.postgres.opened import NAME
from wince.local.postgres.server import EmbeddedPostgres
from wince.serve import setup
from wince.serve.checks import clock
from wince.serve.checks.finding import Finding, failed, missing, ok, warning
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store.database import Database, Tx, mapped
from wince.store.migrate import standing

WAIT_S = 8.0
"""For a connection."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server says of itself and of us. The names are those of the query's columns."""

    version: str
    schema: str | None
    creates: bool
    search_path: str
    encoding: str
    standby: bool
    reads_only: str
    elsewhere: list[str]
    """Schemas with tables of Wince that unqualified names don't lead to."""
    foreign: int
    """Tables of Wince that we may not change, since another role owns them."""
    closed: list[str]
    """Tables and sequences of Wince whose rows we may not read and write."""
    now_s: float
    waits: str
    """`synchronous_commit`."""
    may_see: bool
    """Whether we may ask where data lies."""


_ASK = """
SELECT current_setting('server_version') AS version, current_schema() AS schema,
       COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates,
       current_setting('search_path') AS search_path, current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby,
       current_setting('default_transaction_read_only') AS reads_only,
       ARRAY(SELECT schemaname::text FROM pg_tables WHERE tablename = 'schema_migration'
             AND schemaname IS DISTINCT FROM current_schema()) AS elsewhere,
       (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND NOT pg_has_role(tableowner, 'USAGE')
        AND to_regclass('schema_migration') IS NOT NULL)::int AS foreign,
       ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
             AND to_regclass('schema_migration') IS NOT NULL
             AND (c.relkind = 'S' AND NOT has_sequence_privilege(c.oid, 'USAGE')
                  OR c.relkind = 'r' AND NOT has_table_privilege(c.oid, 'SELECT')
                  OR c.relkind = 'r' AND c.relname <> 'schema_migration' AND NOT has_table_privilege(c.oid, 'INSERT'))
             ORDER BY 1) AS closed,
       extract(epoch FROM clock_timestamp())::float8 AS now_s, current_setting('synchronous_commit') AS waits,
       pg_has_role('pg_read_all_settings', 'USAGE') AS may_see
"""


def check(settings: Settings) -> Iterator[Finding]:
    """The server that is set; of the embedded one where its data lies and, where it runs, the same. No server is started for this."""
    if (named := setup.server_dsn(settings)) is not None:
        yield from _server(named, "by WINCE_PG_DSN", settings.schema_at_start == "expect")
        return
    yield ok("database", setup.embedded(settings))
    server = EmbeddedPostgres(Places.of(settings).postgres)
    if server.locate():
        yield ok("database log", str(server.log))
        if server.reachable():
            yield from _server(server.dsn(NAME), "embedded, running")


def _server(dsn: str, how: str, expect: bool = False) -> Iterator[Finding]:
    """`expect`: the schema is somebody else's to change."""
    with Database(dsn, wait_s=WAIT_S, size=1, read_only=True) as database:
        with database.transaction() as tx:
            before = time.time()
            row = tx.execute(_ASK).fetchone()
            after = time.time()
            assert row is not None
            facts = Facts(*row)
            lies = _where(tx) if facts.may_see else ""
        yield ok("database", f"PostgreSQL {facts.version} {how}{lies}")
        yield from _rights(facts, expect)
        yield _schema(database, expect)
        yield clock.finding("the database", facts.now_s, before, after)
        if database.pooled:
            yield from _pooler(dsn)


def _where(tx: Tx) -> str:
    row = tx.execute("SELECT current_setting('data_directory'), COALESCE(pg_current_logfile(), 'standard error')").fetchone()
    return f", data in {row[0]}, log: {row[1]}" if row else ""


def _rights(facts: Facts, expect: bool) -> Iterator[Finding]:
    what = "database rights"
    if facts.standby:
        yield missing(what, "the server is a standby, which takes no changes", "name the primary in WINCE_PG_DSN")
    elif facts.reads_only == "on":
        remedy = "ALTER ROLE or ALTER DATABASE ... SET default_transaction_read_only = off"
        yield missing(what, "transactions are read-only (default_transaction_read_only)", remedy)
    elif facts.schema is None:
        yield missing(
            what,
            f"search_path ({facts.search_path}) leads to no schema that this user may use",
            "GRANT USAGE, CREATE ON SCHEMA ... TO this user, or ALTER ROLE ... SET search_path = another",
        )
    elif facts.elsewhere and not facts.foreign:
        found = (
            f"tables of Wince lie in the schema {', '.join(facts.elsewhere)}, and search_path ({facts.search_path}) leads to {facts.schema}"
        )
        yield missing(what, found, "set the search_path that the installation was made with, or new, empty tables are made")
    elif expect:
        yield _rights_on_rows(what, facts)
    elif not facts.creates:
        remedy = f"GRANT CREATE ON SCHEMA {facts.schema} TO the user of WINCE_PG_DSN"
        yield missing(what, f"no right to CREATE in the schema {facts.schema}", remedy)
    elif facts.foreign:
        found = f"{facts.foreign} tables in the schema {facts.schema} belong to another role"
        yield missing(what, found, "connect as the role that made the installation, or GRANT that role to this one")
    else:
        yield ok(what, f"may create in the schema {facts.schema}")
    if facts.waits == "off":
        found = "synchronous_commit is off: what was acknowledged may be lost when the server fails"
        yield warning("database commits", found, "ALTER ROLE or ALTER DATABASE ... RESET synchronous_commit; Wince shares the waits itself")
    if facts.encoding != "UTF8":
        remedy = "make the database again: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        yield missing("database encoding", f"{facts.encoding} can't hold every name", remedy)


def _rights_on_rows(what: str, facts: Facts) -> Finding:
    if not facts.closed:
        return ok(what, f"rows in the schema {facts.schema}; it is changed by `wince migrate` alone")
    named = ", ".join(facts.closed[:5]) + (f" and {len(facts.closed) - 5} more" if len(facts.closed) > 5 else "")
    return missing(what, f"no right to read and write rows of {named}", "GRANT as docs/how-to/postgres.md says, by the tables' owner")


def _schema(database: Database, expect: bool) -> Finding:
    what = "database schema"
    try:
        with database.transaction() as tx:
            stands, wanted = standing(tx)
    except StoreError as error:
        return failed(what, error)
    how = "`wince migrate` makes it" if expect else "the first start makes it"
    if stands is None:
        return ok(what, f"nothing of Wince yet; {how}")
    if stands < wanted:
        how = "`wince migrate` brings it up to date" if expect else "the next start brings it up to date"
        return ok(what, f"{stands} of {wanted}; {how}. Make a backup before")
    if stands > wanted:
        return ok(what, f"{stands}, made by a newer Wince; this one, which knows {wanted}, goes on working beside it")
    return ok(what, f"{stands} of {wanted}")


def _pooler(dsn: str) -> Iterator[Finding]:
    """Two clients and one transaction: whether the second is given the server's process that the first had just used."""
    with mapped(), ExitStack() as stack:
        first, second = (stack.enter_context(psycopg.connect(dsn, autocommit=True, prepare_threshold=None)) for _ in range(2))
        used = first.execute("SELECT pg_backend_pid()").fetchone()
        with second.transaction():
            given = second.execute("SELECT pg_backend_pid()").fetchone()
    if used == given:
        yield ok("database pooler", "a pooler in transaction mode: works; statements are not prepared")
    else:
        remedy = "let the pool be larger than all connections of Wince (9 a process), or choose transaction mode"
        yield warning("database pooler", "a pooler in session mode: works, and every connection of ours holds one of the server's", remedy)


assert [field.name for field in fields(Facts)] == [part.split()[0].strip(",") for part in _ASK.split(" AS ")[1:]]
