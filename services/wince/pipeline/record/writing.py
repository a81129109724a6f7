"""Writes what a batch or a review does: rows first, the audit trail last, since every writer of the installation waits for its lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from wince.codec.registry import encode
from wince.delivery.interface import Target
from wince.domain import proof
from wince.domain.assessment import Question, Verdict
from wince.domain.entry import Entry, TaskEntry
from wince.pipeline.record import review_rows, rows
from wince.pipeline.record.effects import Bound, Effects
from wince.store.audit import Fact
from wince.store.database import Tx
from wince.store.plain import dump


def write(
    tx: Tx, effects: Effects, hashes: Mapping[UUID, bytes], targets: Sequence[Target], times: Mapping[UUID, int] | None = None
) -> list[Fact]:
    """All rows but the audit trail's; what that is to hold. `hashes`: content of the messages, by id. `times`: how often each was taken
    before and withdrawn (undoing.py)."""
    made: list[Entry | TaskEntry] = [*effects.entries, *effects.tasks]
    waiting = [row for item in made for row in rows.outgoing(item, targets)]
    messages = [*effects.bound, *(Bound(alert, None) for alert in effects.untold)]
    bodies = {bound.message.id: encode(bound.message)[1] for bound in messages}
    before = times or {}
    facts = [_taken(bound, hashes[bound.message.id], bodies[bound.message.id], before.get(bound.message.id, 0)) for bound in messages]
    texts = {(item.id, item.revision): dump(item) for item in made}  # each is written several times
    facts += [charted(item, _event(item, effects), texts[item.entry.id, item.entry.revision]) for item in waiting]
    facts += [Fact(note.subject, note.revision, note.event, 1, dump(note.detail)) for note in effects.notes]
    facts += [
        Fact(item.entry.id, item.entry.revision, "dead", 0, dump({"detail": item.error}), item.target)
        for item in waiting
        if item.state == "dead"
    ]
    rows.save_messages(tx, messages, bodies, set(effects.heard))
    rows.save_entries(tx, effects.entries, effects.causes, texts)
    rows.save_questions(tx, effects, texts)
    rows.save_outbox(tx, waiting, _windows(effects))
    rows.save_states(tx, effects.states)
    review_rows.save(tx, effects)
    return facts


def _windows(effects: Effects) -> dict[UUID, UUID]:
    """The assessments that questions of these effects are about, by the question's id."""
    messages = [bound.message for bound in effects.bound]
    asked = {one.id: one.assessment for one in messages if isinstance(one, Question)}
    return asked | {one.question: one.assessment for one in messages if isinstance(one, Verdict) and one.question is not None}


def charted(item: rows.Outgoing, event: str, text: str = "") -> Fact:
    """What the trail says of an entry at a target. `text`: the entry as JSON, where the caller has it. Raises ValueError for an event that
    no verification would look for."""
    if event not in proof.CHARTED:
        raise ValueError(f"{event} is no event of an entry")
    return Fact(item.entry.id, item.entry.revision, event, 1, proof.of_entry(text or dump(item.entry), item.body), item.target)


def _taken(bound: Bound, content: bytes, body: bytes, before: int) -> Fact:
    message = bound.message
    ends = {} if isinstance(message, Verdict) else {"end_us": message.end_us}
    said = {"content": content.hex(), "stay": bound.stay, "body": proof.hexed(body), **ends}
    return Fact(message.id, 1, type(message).__name__.lower(), 1 + before, dump(said))


def _event(row: rows.Outgoing, effects: Effects) -> str:
    """What the trail says of an entry at a target; kept: this target takes nothing of it, it stands in Wince's own tables."""
    item = row.entry
    if row.state == "kept":
        return "kept"
    if isinstance(item, TaskEntry):
        return {"requested": "asked", "completed": "answered"}.get(item.status, item.status)
    said = effects.events.get((item.id, item.revision))
    return said or {"entered-in-error": "withdrawn"}.get(item.status, "charted")
