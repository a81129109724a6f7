"""The database: whether it answers, which server it is, how large."""

from __future__ import annotations

import time

from wince.serve.status.interface import Figures, Look, Row, State

SLOW_S = 0.5
"""A server of which a plain question takes longer holds everything up: each window is a transaction."""


def database(look: Look) -> list[Row]:
    """One row."""
    where = "embedded" if look.settings.pg_dsn is None else "WINCE_PG_DSN"
    if look.database is None and look.trouble is not None:
        return [Row("database", where, State.BAD, "does not answer", reason=look.trouble.message, remedy=look.trouble.remedy)]
    with look.transaction() as tx:
        began_s = time.monotonic()
        found = tx.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()),"
            " (SELECT max(number) FROM schema_migration), pg_is_in_recovery()"
        ).fetchone()
        took_s = time.monotonic() - began_s
    assert found is not None
    version, size, schema, standby = found
    said = f"PostgreSQL {version.split()[0]}, schema {schema}, {size >> 20} MiB"
    figures: Figures = {"bytes": size, "schema": schema, "version": version, "answer_s": round(took_s, 4)}
    if standby:
        remedy = "name the primary in WINCE_PG_DSN"
        return [Row("database", where, State.BAD, said, reason="it is a standby: nothing can be written", remedy=remedy, figures=figures)]
    if took_s > SLOW_S:
        reason = f"a plain question took {took_s:.1f} s"
        return [Row("database", where, State.WARNING, said, reason=reason, remedy="look at its disk and its load", figures=figures)]
    return [Row("database", where, State.OK, said, figures=figures)]
