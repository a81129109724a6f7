"""When it may not be believed who lies where: a silent feed, a stay that never ends, a list that contradicts; and how trust returns."""

from __future__ import annotations

import pytest

from tests.integration.record_world import BED, T0, US, admit, change, stay
from wince.domain.binding import in_bed
from wince.domain.census import Revision
from wince.domain.outside import CensusList, Difference, Listed
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay
from wince.domain.trust import Cause
from wince.errors import InputError
from wince.hospital.outside import reconcile
from wince.store import audit, comparisons, doubts, stays, trust
from wince.store.database import Database

HOUR = 3600 * US
DAY = 24 * HOUR
SILENT = 4 * HOUR
EVER = 1 << 62


def who(database: Database, at_us: int, bed: str = BED) -> Stay | Reason:
    """Whom record would write to."""
    with database.transaction() as tx:
        return in_bed(stays.believed(tx, [bed], at_us, at_us), bed, at_us, EVER, doubts.overlapping(tx, [bed], at_us, at_us + 1))


def watch(database: Database, now_us: int, after_us: int = SILENT) -> trust.Feed | None:
    with database.transaction() as tx:
        return trust.watch_feed(tx, now_us, after_us)


def heard(database: Database, at_us: int) -> None:
    with database.transaction() as tx:
        trust.heard(tx, at_us)


def asked(database: Database) -> list[tuple[list[str], int, int | None]]:
    """What record is to look at again; forgets it."""
    with database.transaction() as tx:
        return tx.execute("WITH gone AS (DELETE FROM review RETURNING *) SELECT beds, from_us, to_us FROM gone ORDER BY id").fetchall()


def events(database: Database) -> list[str]:
    return [row.event for row in audit.rows(database) if row.event.startswith(("trust", "census"))]


def test_a_silent_feed_makes_every_bed_doubtful_even_where_nobody_watches_it(database: Database) -> None:
    """The doubt stands ahead of its time: the process that watches the feed may be gone when it begins."""
    admit(database, stay())
    heard(database, T0)
    watch(database, T0 + US)
    asked(database)
    assert isinstance(who(database, T0 + SILENT - 1), Stay)
    assert who(database, T0 + SILENT) is Reason.DOUBTFUL


def test_a_word_moves_the_doubt_and_record_looks_again_at_what_was_doubtful(database: Database) -> None:
    admit(database, stay())
    heard(database, T0)
    found = watch(database, T0 + SILENT + HOUR)
    assert found is not None
    assert found.changed
    assert found.silent_us == T0 + SILENT
    asked(database)
    heard(database, T0 + 6 * HOUR)
    heard(database, T0 + 5 * HOUR)
    found = watch(database, T0 + 6 * HOUR)
    assert found is not None
    assert found.changed
    assert found.silent_us is None
    assert isinstance(who(database, T0 + 5 * HOUR), Stay)
    assert who(database, T0 + 10 * HOUR) is Reason.DOUBTFUL
    assert asked(database) == [([BED], T0 + SILENT, T0 + 6 * HOUR)]
    assert events(database) == ["trust.lost", "trust.returned"]


def test_a_backlog_is_believed_up_to_where_it_was_delivered(database: Database) -> None:
    admit(database, stay())
    heard(database, T0)
    watch(database, T0 + 12 * HOUR)
    heard(database, T0 + HOUR)
    found = watch(database, T0 + 12 * HOUR)
    assert found is not None
    assert found.silent_us == T0 + 5 * HOUR
    assert isinstance(who(database, T0 + 5 * HOUR - 1), Stay)
    assert who(database, T0 + 5 * HOUR) is Reason.DOUBTFUL


def test_silence_that_is_not_looked_at_makes_nothing_doubtful(database: Database) -> None:
    admit(database, stay())
    heard(database, T0)
    watch(database, T0 + DAY)
    assert who(database, T0 + DAY) is Reason.DOUBTFUL
    watch(database, T0 + DAY, 0)
    assert isinstance(who(database, T0 + DAY), Stay)
    watch(database, T0 + DAY)
    with database.transaction() as tx:
        trust.forget_feed(tx)
    assert isinstance(who(database, T0 + DAY), Stay)


def test_an_installation_from_before_has_its_last_movement_as_last_word(database: Database) -> None:
    """Without anything heard or kept, there is no feed that could be silent."""
    assert watch(database, T0) is None
    admit(database, stay())
    found = watch(database, T0 + DAY)
    assert found is not None
    assert found.heard_us == T0


def test_a_person_confirms_one_bed_and_the_others_stay_doubtful(database: Database) -> None:
    admit(database, stay(), stay("V2", bed="ICU^2^A"))
    heard(database, T0)
    now = T0 + 6 * HOUR
    watch(database, now)
    asked(database)
    with database.transaction() as tx:
        (found,) = trust.confirm(tx, [BED], "nurse-1", now, encounter=Identifier("", "V1"))
    assert found.encounter.value == "V1"
    assert asked(database) == [([BED], T0 + SILENT, now)]
    assert isinstance(who(database, now), Stay)
    assert who(database, now + SILENT) is Reason.DOUBTFUL
    assert who(database, now, "ICU^2^A") is Reason.DOUBTFUL
    assert [one.bed for one in doubted(database, now)] == ["ICU^2^A"]
    with database.transaction() as tx:
        trust.confirm(tx, None, "nurse-1", now)
    assert doubted(database, now) == []
    assert events(database).count("trust.confirmed") == 2


def doubted(database: Database, at_us: int) -> list[trust.InDoubt]:
    with database.transaction() as tx:
        return trust.in_doubt(tx, at_us)


def test_nobody_somebody_else_and_two_are_not_confirmed(database: Database) -> None:
    admit(database, stay())
    for bed, visit, what in ((BED, "V9", "another visit"), ("ICU^9^A", "V1", "nobody")):
        with pytest.raises(InputError, match=what), database.transaction() as tx:
            trust.confirm(tx, [bed], "nurse-1", T0, encounter=Identifier("", visit))
    admit(database, stay("V2"))
    with pytest.raises(InputError, match="two patients"), database.transaction() as tx:
        trust.confirm(tx, [BED], "nurse-1", T0)
    assert events(database) == []


def test_a_stay_without_a_word_is_doubtful_until_one_comes(database: Database) -> None:
    admit(database, stay(start_us=T0 - HOUR))
    after = 60 * DAY

    def look(now_us: int) -> list[str]:
        with database.transaction() as tx:
            return trust.watch_stays(tx, now_us, after)

    assert look(T0 + after - 1) == []
    assert look(T0 + after) == [BED]
    assert look(T0 + after) == []
    assert (who(database, T0 + after), isinstance(who(database, T0 + after - 1), Stay)) == (Reason.DOUBTFUL, True)
    with database.transaction() as tx:
        (one,) = trust.in_doubt(tx, T0 + after)
        assert (one.cause, one.encounter and one.encounter.value) == (Cause.STAY, "V1")
        trust.confirm(tx, [BED], "nurse-1", T0 + after)
    assert isinstance(who(database, T0 + after), Stay)
    assert look(T0 + 2 * after) == [BED]
    old = stay(start_us=T0 - HOUR)
    discharged = stay(start_us=T0 - HOUR, end_us=T0 + 2 * after + HOUR, recorded_us=T0 + 2 * after + HOUR)
    change(database, Revision((old,), (discharged,), discharged.recorded_us))
    assert look(T0 + 2 * after + 2 * HOUR) == []
    assert isinstance(who(database, T0 + 2 * after), Stay)
    assert doubted(database, T0 + 2 * after) == []


MRN, VISIT = "urn:wince:authority:MRN", "urn:wince:authority:VISIT"


def listed(visit: str, bed: str = BED, since_us: int | None = None) -> Listed:
    return Listed(Identifier(MRN, f"M-{visit}"), Identifier(VISIT, visit), bed, since_us)


def compare(database: Database, moment_us: int, *rows: Listed, now_us: int | None = None) -> list[Difference]:
    found = CensusList("csv", moment_us, rows, frozenset({"ICU"}))
    with database.transaction() as tx:
        compared, failure = reconcile.reconcile(tx, found, now_us or moment_us, 0)
    assert not failure
    return [one.kind for one in compared.differing]


def in_ward(one: Stay) -> Stay:
    from dataclasses import replace

    return replace(one, ward="ICU")


def test_a_list_that_contradicts_makes_the_bed_doubtful_until_one_agrees(database: Database) -> None:
    admit(database, in_ward(stay()), in_ward(stay("V2", bed="ICU^2^A")))
    noon = T0 + HOUR
    assert compare(database, noon, listed("V1"), listed("V3", "ICU^2^A", noon - 600 * US)) == [Difference.ANOTHER_PATIENT]
    assert isinstance(who(database, noon), Stay)
    assert who(database, noon, "ICU^2^A") is Reason.DOUBTFUL
    assert who(database, noon - 600 * US, "ICU^2^A") is Reason.DOUBTFUL
    assert isinstance(who(database, noon - 601 * US, "ICU^2^A"), Stay)
    assert compare(database, noon, listed("V1"), listed("V3", "ICU^2^A", noon - 600 * US)) == [Difference.ANOTHER_PATIENT]
    assert events(database).count("trust.lost") == 1
    assert compare(database, noon + HOUR, listed("V1"), listed("V2", "ICU^2^A")) == []
    assert isinstance(who(database, noon, "ICU^2^A"), Stay)
    assert events(database)[-1] == "trust.returned"


def test_a_person_settles_a_contradiction_for_good(database: Database) -> None:
    admit(database, in_ward(stay()), in_ward(stay("V2", bed="ICU^2^A")))
    noon = T0 + HOUR
    assert compare(database, noon, listed("V1")) == [Difference.MISSING_THERE]
    with database.transaction() as tx:
        trust.confirm(tx, ["ICU^2^A"], "nurse-1", noon + US)
    assert compare(database, noon + HOUR, listed("V1")) == [Difference.MISSING_THERE]
    assert isinstance(who(database, noon + HOUR, "ICU^2^A"), Stay)
    with database.transaction() as tx:
        last = comparisons.latest(tx)
        assert [one.kind for one in comparisons.differing(tx)] == [Difference.MISSING_THERE]
    assert last is not None
    assert (last.agreed, last.differing, last.contradicting) == (1, 1, 1)


def test_the_hospitals_own_word_settles_it(database: Database) -> None:
    """A late transfer says what the list said; or the patient leaves, and then the bed was doubtful until that moment."""
    first, second = in_ward(stay()), in_ward(stay("V2", bed="ICU^2^A"))
    admit(database, first, second)
    noon = T0 + HOUR
    assert compare(database, noon, listed("V1"), listed("V2", "ICU^3^A")) == [Difference.ANOTHER_BED]
    gone = Stay(**{**fields(second), "end_us": noon + HOUR, "recorded_us": noon + HOUR})
    change(database, Revision((second,), (gone,), noon + HOUR), "V2")
    with database.transaction() as tx:
        assert trust.settle(tx, noon + 2 * HOUR) == ["ICU^2^A"]
    assert who(database, noon + HOUR - 1, "ICU^2^A") is Reason.DOUBTFUL
    change(database, Revision((), (in_ward(stay("V4", bed="ICU^2^A", start_us=noon + HOUR)),), noon + HOUR), "V4")
    assert isinstance(who(database, noon + HOUR, "ICU^2^A"), Stay)
    assert compare(database, noon + 3 * HOUR, listed("V4", "ICU^2^A")) == [Difference.MISSING_THERE]
    assert who(database, noon + 3 * HOUR) is Reason.DOUBTFUL
    late = Stay(**{**fields(first), "end_us": noon, "recorded_us": noon + 4 * HOUR})
    change(database, Revision((first,), (late,), noon + 4 * HOUR))
    with database.transaction() as tx:
        assert trust.settle(tx, noon + 4 * HOUR) == [BED]
    assert who(database, noon + 3 * HOUR) is Reason.NO_PATIENT
    assert isinstance(who(database, noon - 1), Stay)


def fields(one: Stay) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__slots__}


def test_a_list_of_another_hospital_is_not_believed(database: Database) -> None:
    admit(database, *(in_ward(stay(f"V{number}", bed=f"ICU^{number}^A")) for number in (1, 2, 3)))
    found = CensusList("csv", T0, (), frozenset({"ICU"}))
    with database.transaction() as tx:
        compared, failure = reconcile.reconcile(tx, found, T0, 0)
    assert len(compared.differing) == 3
    assert "agrees in nothing" in failure
    assert isinstance(who(database, T0), Stay)
    with database.transaction() as tx:
        last = comparisons.latest(tx)
    assert last is not None
    assert last.failure == failure
