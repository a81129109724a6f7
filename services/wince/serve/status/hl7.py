"""HL7 messages that wait for a person."""

from __future__ import annotations

from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import parked

SHOWN = 5
"""Parked messages that stand in the row's figures."""


def hl7(look: Look) -> list[Row]:
    """One row: refused messages that are parked."""
    with look.transaction() as tx:
        backlog = parked.backlog(tx)
        first = parked.parked(tx)[:SHOWN] if backlog.count else []
    if not first or backlog.oldest_us is None:
        return [Row("hl7", "parked messages", State.OK, "none is parked")]
    figures: Figures = {"parked": backlog.count, "bytes": backlog.bytes}
    figures |= {f"message_{number}": f"{one.id}: {one.trigger} {one.place} {one.reason}" for number, one in enumerate(first, 1)}
    reason = f"{first[0].place}: {first[0].reason}" if first[0].place else first[0].reason
    remedy = "`wince hl7 parked list` has all; put right what is wrong, then `wince hl7 parked replay`"
    said = f"{backlog.count} parked: who lies where may be wrong for these patients"
    return [Row("hl7", "parked messages", State.BAD, said, look.age_s(backlog.oldest_us), reason, remedy, figures)]
