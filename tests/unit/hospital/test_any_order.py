"""Whatever the order in which messages come, hours late and twice, the same stays are believed in the end."""

from __future__ import annotations

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from wince.domain.census import Change, Kind, Link, MessageKey, Movement
from wince.domain.ids import site_namespace
from wince.domain.stay import Identifier, Stay
from wince.hl7.errors import Hl7Error
from wince.hospital.memory import MemoryCensus
from wince.hospital.stays import decide
from wince.hospital.triggers import CANCELS, TRIGGERS, Meaning

DECIDE = partial(decide, site_namespace("s"))
U = 120 * 1_000_000
"""Unit of time: further apart than a sender's clock steps back."""
MOVES = sorted(
    trigger
    for trigger, (_, does) in TRIGGERS.items()
    if does in (*CANCELS, Meaning.ADMIT, Meaning.MOVE, Meaning.CHANGE_CLASS, Meaning.UPDATE, Meaning.ARRIVE, Meaning.COME_BACK)
    or does in (Meaning.AWAY, Meaning.END, Meaning.VOID)
)


def one(name: str) -> Identifier:
    return Identifier("urn:x", name)


@st.composite
def stories(draw: st.DrawFn) -> list[Change]:
    """What a hospital says of two visits, in the order in which it knows it: every event, numbers that are merged, a visit that moves."""
    persons, visits = {"V": "P", "W": "Q"}, {"V": "V", "W": "W"}
    told: list[Change] = []
    for number in range(draw(st.integers(1, 9))):
        known = (number + 1) * 10 * U
        key, at = MessageKey("H", "F", str(number), str(number)), draw(st.integers(0, number + 1)) * 10 * U
        movements: list[Movement] = []
        links: list[Link] = []
        whose = draw(st.sampled_from(["V", "W"]))
        what = draw(st.sampled_from([*MOVES, *MOVES, "A40", "A50", "A44", "A17", "A06 from"]))
        bed, said = draw(st.sampled_from(["A", "B", "C", ""])), draw(st.booleans())

        def move(trigger: str, visit: str, bed: str, said: bool = True) -> Movement:
            names = one(visits[visit]), one(persons[visit])  # noqa: B023 (called in this round only)
            return Movement(key, trigger, *names, bed if said else "", at, known, known, bed_said=said)  # noqa: B023

        if what == "A40":
            new = f"{persons[whose]}+"
            links.append(Link(Kind.PERSON, one(persons[whose]), one(new), known, known))
            persons = {visit: new if person == persons[whose] else person for visit, person in persons.items()}
        elif what == "A50":
            links.append(Link(Kind.VISIT, one(visits[whose]), one(visits[whose] + "+"), known, known))
            visits[whose] += "+"
        elif what == "A44":
            persons[whose] = "R" + persons[whose]
            movements.append(move("A44", whose, "", False))
        elif what == "A17":
            movements += [move("A17", "V", bed or "A"), move("A17", "W", "C")]
        elif what == "A06 from":
            ended = move("A06", whose, "", False)
            movements.append(Movement(key, "A06", ended.encounter, ended.patient, "", at, known, known, bed_said=False, ends=True))
            visits[whose] += "'"
            movements.append(move("A06", whose, bed))
        else:
            movements.append(move(what, whose, bed, said))
        told.append(Change(key, what[:3], known, known, tuple(movements), tuple(links)))
    return told


def believed(changes: list[Change]) -> set[tuple[object, ...]]:
    """What is believed in the end; what was refused is sent again after the others."""
    census, waiting = MemoryCensus(), list(changes)
    while waiting:
        refused = []
        for change in waiting:
            try:
                census.commit(change, DECIDE)
            except Hl7Error:
                refused.append(change)
        assert len(refused) < len(waiting), "something is refused for ever"
        waiting = refused
    rows: list[Stay] = [row for bed in "ABC" for row in census.stays(bed, -(1 << 60), None)]
    assert len({row.id for row in rows}) == len(rows)
    return {(row.id, row.bed, row.patient, row.encounter, row.start_us, row.end_us) for row in rows}


@settings(max_examples=300, deadline=None)
@given(stories(), st.data())
def test_the_order_of_arrival_does_not_matter(told: list[Change], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*told, *told[:2]]))
    assert believed(shuffled) == believed(told)
