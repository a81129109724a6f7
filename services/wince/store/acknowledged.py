"""Which alerts somebody has seen: SQL inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from wince.domain.acknowledgement import Acknowledgement
from wince.store import undoing
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump

EVENT = "acknowledged"
"""Of the trail, about the alert's id: the acknowledgement, who called, and when the alert's window ended (by that it is erased)."""


def of(tx: Tx, alerts: Sequence[UUID]) -> dict[UUID, Acknowledgement]:
    """By alert; those that nobody has seen are absent."""
    rows = tx.execute("SELECT alert, nurse, at_us FROM acknowledged WHERE alert = ANY(%s)", (list(alerts),)).fetchall()
    return {row[0]: Acknowledgement(*row) for row in rows}


def keep(tx: Tx, said: Acknowledgement, caller: str) -> Acknowledgement:
    """What stands then: this, or what was said of the alert before. Audited. Last in a transaction."""
    new = tx.execute(
        "INSERT INTO acknowledged(alert, nurse, at_us) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING alert",
        (said.alert, said.nurse, said.at_us),
    ).fetchone()
    if new is None:
        return of(tx, [said.alert]).get(said.alert, said)
    window = tx.execute("SELECT end_us FROM assessment WHERE id = (SELECT assessment FROM alert WHERE id = %s)", (said.alert,)).fetchone()
    fact = {"acknowledged": said, "caller": caller, "end_us": window[0] if window else None}
    before = undoing.times(tx, [said.alert]).get(said.alert, 0)  # an alert that was withdrawn, and came again, is seen again
    append(tx, [Fact(said.alert, 1, EVENT, 1 + before, dump(fact))], said.at_us)
    return said


def forget(tx: Tx, alerts: Sequence[UUID]) -> None:
    """These alerts are gone: what comes again under their ids nobody has seen."""
    tx.execute("DELETE FROM acknowledged WHERE alert = ANY(%s)", (list(alerts),))
