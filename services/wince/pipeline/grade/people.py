"""Who is before the camera and whether people want an assessment: occupancy, patient state, pauses, population."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

from wince.domain.binding import overlaps
from wince.domain.care import PatientState, Pause
from wince.domain.reason import Reason
from wince.domain.routing import Person, Role, Route, Routing
from wince.domain.stay import Occupancy
from wince.pipeline.grade.state import Occupant, State

DAY_US = 86_400_000_000


def heed(state: State, message: Occupancy | PatientState | Pause) -> State:
    """The state with a message of hospital or care. It holds from the windows that are still open on."""
    if isinstance(message, Occupancy):
        return replace(state, occupants=_occupants(state.occupants, message))
    if isinstance(message, Pause):  # one from the same moment takes the other's place: that is how a pause ends before its time
        others = tuple(one for one in state.pauses if one.from_us != message.from_us)
        return state if message in state.pauses else replace(state, pauses=(*others, message))
    earlier = [
        replace(one, until_us=message.from_us) if overlaps(one.from_us, one.until_us, message.from_us, None) else one
        for one in state.patient
        if one.from_us < message.from_us
    ]
    return replace(state, patient=(*earlier, message))


def _occupants(known: tuple[Occupant, ...], message: Occupancy) -> tuple[Occupant, ...]:
    """A message says who is there from its time on: it takes the place of what was known for later. One that is known already,
    or that only repeats what holds, changes nothing else."""
    stay = message.stay if not message.ambiguous else None
    bed = message.bed if stay is None else stay.bed
    new = Occupant(message.at_us, None if stay is None else stay.id, None if stay is None else stay.birth_date, bed)
    if new in known:
        return known
    before = tuple(one for one in known if one.at_us < new.at_us)
    if before and replace(before[-1], at_us=new.at_us) == new:
        return before
    return (*before, new)


def occupant(state: State, at_us: int) -> Occupant | None:
    """Who is there at a moment; None: nobody said."""
    found = None
    for one in state.occupants:
        if one.at_us <= at_us:
            found = one
    return found


def stay_at(state: State, at_us: int) -> UUID | None:
    """Stay at a moment; None where nobody is known."""
    found = occupant(state, at_us)
    return None if found is None else found.stay


def changes(state: State, start_us: int, end_us: int) -> list[int]:
    """Moments inside (start, end) at which the stay changes."""
    moments, last = [], stay_at(state, start_us)
    for one in state.occupants:
        if start_us < one.at_us < end_us and one.stay != last:
            moments.append(one.at_us)
            last = one.stay
    return moments


def blocked(state: State, start_us: int, end_us: int) -> Reason | None:
    """Why the window must not be assessed at all: PATIENT, PAUSED, POPULATION; None: it may be."""
    now = occupant(state, start_us)
    since = None if now is None else _since(state, now)
    for one in state.patient:
        void = since is not None and one.from_us < since
        if not one.assessable_by_face and not void and overlaps(one.from_us, one.until_us, start_us, end_us):
            return Reason.PATIENT
    if any(overlaps(one.from_us, one.until_us, start_us, end_us) for one in state.pauses):
        return Reason.PAUSED
    if now is not None and now.stay is not None and not state.setup.protocol.population.fits(now.birth_date, _day(start_us)):
        return Reason.POPULATION
    return None if role(state, start_us) is not None else Reason.POPULATION


def role(state: State, at_us: int) -> Role | None:
    """What the protocol does with who is there; None: it may not judge them. See `silent`."""
    return Role.GRADE if state.setup.routing is None else _route(state.setup.routing, state, at_us).role(state.setup.protocol.name)


def silent(state: State, start_us: int, end_us: int) -> bool:
    """Whether the protocol says nothing about a window, because others look at who is there. Where nobody does, one protocol says so."""
    mute = state.setup.routing is not None and role(state, start_us) is None and not _speaks(state, start_us)
    return mute and not takes_over(state, start_us, end_us)


def takes_over(state: State, start_us: int, end_us: int) -> bool:
    """Whether the window begins as another protocol's and it falls to this one inside it. The other may have spoken for the last time
    long before this window ends, so this one must say that it can't judge it: no moment of a bed is without an assessment."""
    if state.setup.routing is None or _speaks(state, start_us):
        return False
    midnights = range((start_us // DAY_US + 1) * DAY_US, end_us, DAY_US)  # ages change there
    turns = [*midnights, *(one.at_us for one in state.occupants if start_us < one.at_us < end_us)]
    return any(_speaks(state, at_us) for at_us in turns)


def _speaks(state: State, at_us: int) -> bool:
    """Whether it is this protocol's to grade who is there, or to say that nobody does."""
    routing, name = state.setup.routing, state.setup.protocol.name
    if routing is None:
        return True
    grades = _route(routing, state, at_us).grades
    return name == (routing.default if grades is None else grades)


def _route(routing: Routing, state: State, at_us: int) -> Route:
    now = occupant(state, at_us)
    person = None if now is None or now.stay is None else Person(now.birth_date)
    return routing.route("" if now is None else now.bed, person, _day(at_us))


def _day(at_us: int) -> date:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).date()


def basis(state: State, start_us: int, moves: Sequence[int], reason: Reason | None) -> str:
    """What the window that begins at `start_us` rests on, chained to what those before it rested on; empty while nobody said anything.
    The same input folded with the same knowledge gives the same; more knowledge gives another from that window on."""
    told = state.calm.told(start_us) if state.calm.stay == stay_at(state, start_us) else ()
    if not (state.basis or state.occupants or reason or told):
        return ""
    known = (state.basis, bool(state.occupants), reason, *((at_us, stay_at(state, at_us)) for at_us in (start_us, *moves)), *told)
    return hashlib.sha256("|".join(map(str, known)).encode()).hexdigest()[:16]


def _since(state: State, now: Occupant) -> int:
    """From when on the present stay has been there."""
    since = now.at_us
    for one in reversed([other for other in state.occupants if other.at_us < now.at_us]):
        if one.stay != now.stay:
            break
        since = one.at_us
    return since


def prune(state: State, until_us: int) -> State:
    """Without what no later window needs."""
    last = occupant(state, until_us)
    return replace(
        state,
        occupants=tuple(one for one in state.occupants if last is None or one.at_us >= last.at_us),
        patient=tuple(one for one in state.patient if one.until_us is None or one.until_us > until_us),
        pauses=tuple(one for one in state.pauses if one.until_us > until_us),
    )
