"""What a comparison says where it fails, and how it counts."""

from __future__ import annotations

from uuid import UUID

from wince.errors import IntegrityError
from wince.store.database import Tx

UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading a payload raises that is not what its event says."""
REMEDY = "keep the database as it is and call the person in charge of security"


def broken(table: str, identity: UUID | str, what: str) -> IntegrityError:
    """The error for one row. No PHI."""
    return IntegrityError(what, field=f"{table} {identity}", remedy=REMEDY)


def count(tx: Tx, table: str) -> int:
    """Rows of a table."""
    row = tx.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    return row[0] if row else 0
