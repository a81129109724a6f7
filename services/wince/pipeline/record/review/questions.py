"""Open questions follow their patient, and end when a score answers them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from wince.domain.entry import TaskEntry
from wince.domain.ids import make
from wince.domain.reason import Reason
from wince.domain.score import Score
from wince.domain.stay import Identifier, Stay
from wince.domain.withheld import WITHHELD
from wince.pipeline.record.effects import WHO, Effects, Note, task
from wince.pipeline.record.review.slices import Slice


def move(of: Slice, effects: Effects, now_us: int) -> None:
    """A question moves only to a visit that has none open; one of who lies there ends when that is known, another one when a score became
    known that outranks the model there."""
    now = {open_.id: of.timeline.during(open_.start_us, open_.end_us) for open_ in of.tasks}
    moving = [open_ for open_ in of.tasks if not _stands(now[open_.id], open_, of)]
    answered = {open_.id: said for open_ in of.tasks if open_ not in moving and (said := _scored(now[open_.id], open_, of)) is not None}
    gone = {*(open_.id for open_ in moving), *answered}
    for open_ in of.tasks:
        if open_.id in answered:
            _end(open_, effects, now_us)
            effects.notes.append(Note(open_.id, "outranked", {"score": str(answered[open_.id].id)}, open_.revision + 1))
    visit = of.persons.visit
    asked = {visit(one.encounter): one.id for one in (*of.waiting, *of.tasks) if one.encounter and one.id not in gone}
    for open_ in moving:
        found = now[open_.id]
        _end(open_, effects, now_us)
        stay = found if isinstance(found, Stay) else None
        if found in WITHHELD or (stay is not None and open_.reason in WHO):
            continue
        again = make(open_.id, "question", stay.id if stay else "nobody")
        if stay and (said := of.outranking.by(stay, open_.start_us, open_.end_us)) is not None:
            effects.notes.append(Note(again, "not_asked", {"reason": open_.reason.value, "score": str(said.id)}))
            continue
        if stay and (other := asked.setdefault(visit(stay.encounter), again)) != again:
            effects.notes.append(Note(again, "not_asked", {"reason": open_.reason.value, "open": str(other)}))
            continue
        effects.moved[again] = open_.id
        effects.tasks.append(task(again, open_.source, open_.protocol, (open_.start_us, open_.end_us), open_.reason, stay, None, now_us))


def _scored(found: Stay | Reason, open_: TaskEntry, of: Slice) -> Score | None:
    return of.outranking.by(found, open_.start_us, open_.end_us) if isinstance(found, Stay) else None


def _end(open_: TaskEntry, effects: Effects, now_us: int) -> None:
    effects.superseded.append(open_.id)
    effects.tasks.append(replace(open_, revision=open_.revision + 1, status="cancelled", issued_us=now_us))


def _stands(found: Stay | Reason, open_: TaskEntry, of: Slice) -> bool:
    """Whether who lay there is whom this was asked about."""
    if open_.patient is None or open_.encounter is None:
        return isinstance(found, Reason) and found not in WITHHELD
    return isinstance(found, Stay) and of.persons.same(Asker.of(open_), found)


@dataclass(frozen=True, slots=True)
class Asker:
    """Whom a question is about."""

    patient: Identifier
    encounter: Identifier

    @classmethod
    def of(cls, open_: TaskEntry) -> Asker:
        """Of a question that has a patient."""
        assert open_.patient is not None
        assert open_.encounter is not None
        return cls(open_.patient, open_.encounter)
