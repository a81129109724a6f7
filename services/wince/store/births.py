"""Birth dates that the hospital's feed gave, by patient."""

from __future__ import annotations

from wince.store.database import Database


def of(database: Database, system: str, value: str) -> str:
    """A patient's birth date (YYYY-MM-DD) as the newest stay that is believed has it; empty where none is known."""
    with database.transaction() as tx:
        found = tx.execute(
            "SELECT birth_date FROM stay WHERE patient_system = %s AND patient = %s AND superseded_us IS NULL AND birth_date IS NOT NULL"
            " ORDER BY recorded_us DESC LIMIT 1",
            (system, value),
        ).fetchone()
    return found[0].isoformat() if found else ""
