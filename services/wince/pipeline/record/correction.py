"""Record's corrections: what was written to a stay that turned out to have been another. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import entry_id, make
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Effects, Note, Who, task


def correct(entries: Sequence[Entry], tasks: Sequence[TaskEntry], who: Who, latest: Mapping[UUID, Entry], now_us: int) -> Effects:
    """Looks again at what was written to stays of which a row is no longer believed.

    `entries`, `tasks`: latest revisions; `latest`: of every entry id that a correction may meet again (a stay that moves back).
    """
    effects = Effects()
    known = dict(latest)
    for wrong in entries:
        found = who(wrong.source, wrong.start_us, wrong.end_us)
        if wrong.status == "entered-in-error" or (
            isinstance(found, Stay) and (found.encounter, found.patient) == (wrong.encounter, wrong.patient)
        ):
            continue
        effects.entries.append(replace(wrong, revision=wrong.revision + 1, status="entered-in-error", issued_us=now_us))
        if isinstance(found, Stay):
            identity = entry_id(wrong.origin, found.encounter, wrong.kind)
            before = known.get(identity)
            right = replace(
                wrong,
                id=identity,
                revision=1 if before is None else before.revision + 1,
                bed=found.bed,
                stay=found.id,
                patient=found.patient,
                encounter=found.encounter,
                issued_us=now_us,
                personal=False,
            )
            known[identity] = right
            effects.entries.append(right)
        else:
            effects.notes.append(Note(wrong.id, "nobody_to_write_to", {"reason": found.value}, wrong.revision + 1))
    for open_ in tasks:
        found = who(open_.source, open_.start_us, open_.end_us)
        if isinstance(found, Stay) and (found.encounter, found.patient) == (open_.encounter, open_.patient):
            continue
        effects.superseded.append(open_.id)
        effects.tasks.append(replace(open_, revision=open_.revision + 1, status="cancelled", issued_us=now_us))
        stay = found if isinstance(found, Stay) else None
        again = make(open_.id, "question", stay.id if stay else "nobody")
        effects.tasks.append(task(again, open_.source, open_.protocol, (open_.start_us, open_.end_us), open_.reason, stay, None, now_us))
    return effects
