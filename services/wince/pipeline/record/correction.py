"""Record's corrections: what was written to a stay that turned out to have been another. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import entry_id, make
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Effects, Note, Who, task


def correct(
    entries: Sequence[Entry],
    tasks: Sequence[TaskEntry],
    who: Who,
    latest: Mapping[UUID, Entry],
    now_us: int,
    waiting: Sequence[TaskEntry] = (),
) -> Effects:
    """Looks again at what was written to stays of which a row is no longer believed.

    `entries`, `tasks`: latest revisions; `latest`: of every entry id that a correction may meet again (a stay that moves back);
    `waiting`: open questions of the encounters to which these belong now. A question moves only to an encounter that has none open.
    """
    effects = Effects()
    known = dict(latest)
    for wrong in entries:
        found = who(wrong.source, wrong.start_us, wrong.end_us)
        if wrong.status == "entered-in-error" or _lies(found, wrong):
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
    now = {open_.id: who(open_.source, open_.start_us, open_.end_us) for open_ in tasks}
    moving = [open_ for open_ in tasks if not _lies(now[open_.id], open_)]
    gone = {open_.id for open_ in moving}
    asked = {one.encounter: one.id for one in (*waiting, *tasks) if one.encounter and one.id not in gone}
    for open_ in moving:
        found = now[open_.id]
        effects.superseded.append(open_.id)
        effects.tasks.append(replace(open_, revision=open_.revision + 1, status="cancelled", issued_us=now_us))
        stay = found if isinstance(found, Stay) else None
        again = make(open_.id, "question", stay.id if stay else "nobody")
        if stay and (other := asked.setdefault(stay.encounter, again)) != again:
            effects.notes.append(Note(again, "not_asked", {"reason": open_.reason.value, "open": str(other)}))
            continue
        effects.tasks.append(task(again, open_.source, open_.protocol, (open_.start_us, open_.end_us), open_.reason, stay, None, now_us))
    return effects


def _lies(found: Stay | Reason, written: Entry | TaskEntry) -> bool:
    """Whether who lay there is whom this was written to."""
    return isinstance(found, Stay) and (found.encounter, found.patient) == (written.encounter, written.patient)
