"""Writes what a batch or a review does: rows first, the audit trail last, since every writer of the installation waits for its lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from wince.delivery.interface import Target
from wince.domain.assessment import Question, Verdict
from wince.domain.entry import Entry, TaskEntry
from wince.pipeline.record import review_rows, rows
from wince.pipeline.record.effects import Effects, Message
from wince.store.audit import Fact
from wince.store.database import Tx
from wince.store.plain import dump


def write(tx: Tx, effects: Effects, hashes: Mapping[UUID, bytes], targets: Sequence[Target]) -> list[Fact]:
    """All rows but the audit trail's; what that is to hold. `hashes`: content of the messages, by id."""
    made: list[Entry | TaskEntry] = [*effects.entries, *effects.tasks]
    waiting = [row for item in made for row in rows.outgoing(item, targets)]
    facts = [_taken(bound.message, hashes[bound.message.id], bound.stay) for bound in effects.bound]
    facts += [
        Fact(item.entry.id, item.entry.revision, _event(item, effects), 1, item.body or dump(item.entry), item.target) for item in waiting
    ]
    facts += [Fact(note.subject, note.revision, note.event, 1, dump(note.detail)) for note in effects.notes]
    facts += [
        Fact(item.entry.id, item.entry.revision, "dead", 0, dump({"detail": item.error}), item.target)
        for item in waiting
        if item.state == "dead"
    ]
    rows.save_messages(tx, effects.bound, effects.untold, set(effects.heard))
    rows.save_entries(tx, effects.entries, effects.causes)
    rows.save_questions(tx, effects)
    rows.save_outbox(tx, waiting, _windows(effects))
    rows.save_states(tx, effects.states)
    review_rows.save(tx, effects)
    return facts


def _windows(effects: Effects) -> dict[UUID, UUID]:
    """The assessments that questions of these effects are about, by the question's id."""
    messages = [bound.message for bound in effects.bound]
    asked = {one.id: one.assessment for one in messages if isinstance(one, Question)}
    return asked | {one.question: one.assessment for one in messages if isinstance(one, Verdict) and one.question is not None}


def _taken(message: Message, content: bytes, stay: UUID | None) -> Fact:
    return Fact(message.id, 1, type(message).__name__.lower(), 1, dump({"content": content.hex(), "stay": stay}))


def _event(row: rows.Outgoing, effects: Effects) -> str:
    """What the trail says of an entry at a target; kept: this target takes nothing of it, it stands in Wince's own tables."""
    item = row.entry
    if row.state == "kept":
        return "kept"
    if isinstance(item, TaskEntry):
        return {"requested": "asked", "completed": "answered"}.get(item.status, item.status)
    said = effects.events.get((item.id, item.revision))
    return said or {"entered-in-error": "withdrawn"}.get(item.status, "charted")
