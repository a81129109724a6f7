"""Who lies where, in PostgreSQL: what hospital's port promises."""

import threading
from dataclasses import replace

import pytest

from tests.integration.record_world import BED, T0, US, change, movement, stay
from wince.domain.census import MessageKey, Movement, Outcome, Revision
from wince.domain.stay import Stay
from wince.errors import IntegrityError, MessageError
from wince.hospital.interface import Census
from wince.store import audit
from wince.store.database import Database
from wince.store.stays import PostgresCensus


@pytest.fixture
def census(database: Database) -> PostgresCensus:
    return PostgresCensus(database, clock=lambda: T0)


def test_it_is_a_census(census: PostgresCensus) -> None:
    port: Census = census
    assert port.current() == []


def test_a_movement_is_kept_once(database: Database, census: PostgresCensus) -> None:
    seen: list[int] = []

    def revise(movements: object, *_: object) -> Revision:
        seen.append(len(movements))  # type: ignore[arg-type]
        return Revision(add=(stay(),), recorded_us=T0)

    assert census.apply(movement("1"), revise).outcome is Outcome.APPLIED
    again = census.apply(movement("1"), revise)
    assert (again.outcome, again.revision) == (Outcome.DUPLICATE, Revision())
    assert seen == [1]
    assert census.current() == [stay()]
    assert [row.event for row in audit.rows(database)] == ["adt"]


def test_another_message_under_a_used_control_id_is_refused(census: PostgresCensus) -> None:
    census.apply(movement("1"), lambda *_: Revision())
    with pytest.raises(IntegrityError) as caught:
        census.apply(movement("1", digest="other"), lambda *_: Revision())
    assert caught.value.field == "MSH-10"


def test_revise_is_given_all_movements_and_what_is_believed(census: PostgresCensus) -> None:
    census.apply(movement("1"), lambda *_: Revision(add=(stay(),), recorded_us=T0))
    census.apply(movement("9", "V2"), lambda *_: Revision(add=(stay("V2"),), recorded_us=T0))
    got: list[object] = []

    def revise(movements: object, believed: object, in_bed: object) -> Revision:
        got.extend([movements, believed, in_bed(BED)])  # type: ignore[operator]
        return Revision()

    second = replace(movement("2"), trigger="A03", birth_date=None, ward="ICU")
    census.apply(second, revise)
    assert got[:2] == [[movement("1"), second], [stay()]]
    assert {one.encounter.value for one in got[2]} == {"V1", "V2"}  # type: ignore[attr-defined]


def test_what_revise_raises_rolls_everything_back(database: Database, census: PostgresCensus) -> None:
    def revise(*_: object) -> Revision:
        raise MessageError("contradiction", field="PV1-3")

    with pytest.raises(MessageError):
        census.apply(movement("1"), revise)
    assert list(audit.rows(database)) == []
    assert census.apply(movement("1"), lambda *_: Revision()).outcome is Outcome.APPLIED


def test_stays_are_asked_as_of_a_moment(database: Database, census: PostgresCensus) -> None:
    """Recorded at 1000, corrected at 2000: before 2000 the first was believed, and it is still known what was."""
    first = replace(stay(), recorded_us=1000, start_us=10)
    better = replace(first, end_us=500, recorded_us=2000)
    change(database, Revision(add=(first,), recorded_us=1000))
    change(database, Revision(supersede=(first,), add=(better,), recorded_us=2000))
    gone = replace(first, superseded_us=2000)
    assert census.stays(BED, 0, None) == [better]
    assert census.stays(BED, 0, None, as_of_us=999) == []
    assert census.stays(BED, 0, None, as_of_us=1999) == [gone]
    assert census.stays(BED, 0, None, as_of_us=2000) == [better]
    assert census.stays(BED, 500, 600) == []
    assert census.stays(BED, 499, 500) == [better]
    assert census.stays(BED, 0, 10) == []
    assert census.current() == []


def test_superseding_a_row_that_is_not_believed_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError):
        change(database, Revision(supersede=(stay(),), recorded_us=T0))


def test_facts_about_messages_are_audited_once(database: Database, census: PostgresCensus) -> None:
    key = MessageKey("ADT", "HOSP", "7", "d")
    for _ in range(2):
        census.audit(key, "ignored", "ADT^A60")
    census.audit(key, "rejected", "PID-3 101")
    assert [row.event for row in audit.rows(database)] == ["adt.ignored", "adt.rejected"]


def test_movements_of_one_encounter_come_one_after_the_other(database: Database, census: PostgresCensus) -> None:
    """Two connections deliver at once: neither misses the other's movement."""
    sizes: list[int] = []

    def revise(movements: object, believed: object, _in_bed: object) -> Revision:
        sizes.append(len(movements))  # type: ignore[arg-type]
        stays: list[Stay] = list(believed)  # type: ignore[call-overload]
        added = replace(stay(), recorded_us=T0 + len(sizes) * US)
        return Revision(supersede=tuple(stays), add=(added,), recorded_us=T0 + len(sizes) * US)

    def send(part: range) -> None:
        for number in part:
            moved: Movement = movement(str(number))
            census.apply(moved, revise)

    threads = [threading.Thread(target=send, args=(range(start, start + 10),)) for start in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sizes) == list(range(1, 31))
    assert len(census.current()) == 1
