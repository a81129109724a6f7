"""What every kind of target promises (`delivery.interface.Target`), against a receiver of its kind."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.contract.ehr.samples import entry, of, samples
from tests.contract.targets.kinds import KINDS, MAKERS, Receiver, target
from wince.delivery.interface import Answer, Interruptible, Outcome, Taken, Target
from wince.domain.entry import Entry
from wince.serve.targets import every


def new(receiver: Receiver) -> Target:
    return target(receiver.kind, receiver.reached())


def charted(receiver: Receiver, **changes: object) -> Entry:
    patient, encounter = receiver.admit()
    return entry(patient=patient, encounter=encounter, **changes)


def body_of(target_: Target, item: Entry) -> str:
    body = target_.render(item)
    assert isinstance(body, str)
    return body


def written(answer: Answer) -> Answer:
    assert answer.outcome is Outcome.WRITTEN, answer
    return answer


def test_every_kind_of_target_is_tested_here() -> None:
    assert set(KINDS) == set(MAKERS) == {kind.name for kind in every.KINDS}


@pytest.mark.parametrize("name", samples())
def test_each_kind_of_entry_leaves_one_thing_however_often_it_is_sent(receiver: Receiver, name: str) -> None:
    patient, encounter = receiver.admit()
    item = of(samples()[name], patient, encounter, uuid4())
    body = new(receiver).render(item)
    if body is Taken.NOTHING:
        return
    assert isinstance(body, str)
    first = written(new(receiver).deliver(body, first=True))
    again = written(new(receiver).deliver(body))
    assert (again.location, again.version) == (first.location, first.version)
    assert len(receiver.stands(item.id)) <= 1
    assert receiver.stands(item.id) or item.status == "entered-in-error"


def test_rendering_is_pure(receiver: Receiver) -> None:
    """The same bytes in another process, at another time: the audit trail proves them."""
    item = charted(receiver)
    assert new(receiver).render(item) == new(receiver).render(item)


def test_a_revision_replaces_the_one_before(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    first = written(one.deliver(body_of(one, item), first=True))
    confirmed = replace(item, revision=2, status="final", nurse="N-17")
    second = written(one.deliver(body_of(one, confirmed), first.location, first.version))
    assert receiver.stands(item.id) == ["final"]
    wrong = replace(item, revision=3, status="entered-in-error")
    written(one.deliver(body_of(one, wrong), second.location, second.version))
    assert receiver.stands(item.id) == ["entered-in-error"]


def test_an_answer_that_was_lost_doubles_nothing(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    body = body_of(one, item)
    receiver.lose_answer()
    assert one.deliver(body, first=True).outcome in (Outcome.RETRY, Outcome.WRITTEN)
    assert receiver.stands(item.id) == ["preliminary"]
    written(one.deliver(body))
    written(new(receiver).deliver(body))  # nor does a process that knows nothing of it
    assert receiver.stands(item.id) == ["preliminary"]


def test_who_is_busy_is_asked_again(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    receiver.busy_once()
    assert one.deliver(body_of(one, item), first=True).outcome is Outcome.RETRY
    assert receiver.stands(item.id) == []
    written(one.deliver(body_of(one, item)))
    assert receiver.stands(item.id) == ["preliminary"]


def test_a_race_of_replays_doubles_nothing(receiver: Receiver) -> None:
    item = charted(receiver)
    body = body_of(new(receiver), item)
    with ThreadPoolExecutor(6) as pool:
        outcomes = {answer.outcome for answer in pool.map(lambda one: one.deliver(body), [new(receiver) for _ in range(6)])}
    assert outcomes <= {Outcome.WRITTEN, Outcome.RETRY}
    written(new(receiver).deliver(body))
    assert len(receiver.stands(item.id)) == 1


def test_who_refuses_wince_as_a_whole_holds_the_target_until_a_probe(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    receiver.refuse(all_of_it=True)
    assert one.deliver(body_of(one, item), first=True).outcome is Outcome.HELD
    if one.probe().outcome is Outcome.WRITTEN:  # a kind without a harmless request only connects; then one row is tried (delivery/probe.py)
        assert one.deliver(body_of(one, item)).outcome is Outcome.HELD
    receiver.refuse(all_of_it=False)
    written(one.probe())
    assert receiver.stands(item.id) == []
    written(one.deliver(body_of(one, item)))
    assert receiver.stands(item.id) == ["preliminary"]


def test_what_is_interrupted_ends_and_takes_no_more(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    assert isinstance(one, Interruptible)
    one.interrupt()
    assert one.deliver(body_of(one, item)).outcome is Outcome.RETRY
    assert receiver.stands(item.id) == []


def test_nothing_of_a_patient_stands_in_an_answer(receiver: Receiver) -> None:
    item = charted(receiver)
    one = new(receiver)
    for what in (receiver.lose_answer, receiver.busy_once, lambda: receiver.refuse(all_of_it=True)):
        what()
        answer = one.deliver(body_of(one, item))
        assert item.patient.value not in repr(answer)
        assert item.encounter.value not in repr(answer)
