"""What a person has to do at a target, and what was refused beside an entry, stays listed until it is done."""

from dataclasses import replace

import pytest

from tests.contract.delivery.conftest import World
from wince.delivery import books
from wince.delivery.interface import Answer, Outcome
from wince.errors import InputError
from wince.pipeline.record import rows
from wince.pipeline.record.writing import charted
from wince.store import audit
from wince.store.audit import append


def test_what_a_target_can_not_take_back_waits_for_a_person_and_nothing_else_does(world: World) -> None:
    def script(number: int) -> Answer | None:
        return (
            Answer(Outcome.BY_HAND, "withdraw Observation/7 there: it is in error", "Observation/7", "withdrawn") if number == 0 else None
        )

    world.targets["first"].script = script
    made = world.chart(3)
    with world.delivering() as running:
        assert running.drain(60)
        assert [state for _, state in world.rows("first")] == ["by_hand", "written", "written"]
    with world.database.transaction() as tx:
        [chore] = books.chores(tx)
        assert (chore.entry, chore.target, chore.location) == (made[0].id, "first", "Observation/7")
        with pytest.raises(InputError):
            books.done(tx, made[1].id, 1, "first", "N-1", 1)
        books.done(tx, made[0].id, 1, "", "N-1", 1)
    with world.database.transaction() as tx:
        assert books.chores(tx) == []
    said = [row for row in audit.rows(world.database) if row.event == "done_by_hand"]
    assert [(row.entry, row.target) for row in said] == [(made[0].id, "first")]
    assert world.trail("first", "by_hand") == [made[0].id]


def test_what_was_refused_beside_an_entry_stays_listed_until_it_is_taken(world: World) -> None:
    first = world.targets["first"]

    def script(number: int) -> Answer | None:
        done = first.real.deliver(first.bodies[number])
        return replace(done, left="Provenance refused: 422 invariant") if number == 0 else None

    first.script = script
    made = world.chart(1)
    with world.delivering() as running:
        assert running.drain(60)
        with world.database.transaction() as tx:
            [open_] = books.unfinished(tx)
            assert (open_.entry, open_.detail) == (made[0].id, "Provenance refused: 422 invariant")
            books.replay(tx, open_.entry, open_.revision, "", 1)
        assert running.drain(60)
    with world.database.transaction() as tx:
        assert books.unfinished(tx) == []
    assert world.states("first") == {"written"}
    assert len(first.bodies) == 2
    assert first.bodies[0] == first.bodies[1]


def test_what_was_not_sent_yet_is_not_sent_any_more_where_nothing_is_taken_back(world: World) -> None:
    """The wrong entry never reaches such a target; elsewhere it is written and taken back, in order."""
    made = world.chart(2)
    wrong = replace(made[0], revision=2, status="entered-in-error")
    first = world.targets["first"]
    first.takes_back = False  # type: ignore[attr-defined]
    with world.database.transaction() as tx:
        waiting = rows.outgoing(wrong, list(world.targets.values()))
        rows.save_outbox(tx, waiting, {})
        append(tx, [charted(row, "withdrawn") for row in waiting], 1)
    with world.delivering() as running:
        assert running.drain(60)
    assert first.bodies == [first.render(wrong), first.render(made[1])]
    assert len(world.targets["second"].bodies) == 3
