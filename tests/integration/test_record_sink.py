"""Record's sink on a real PostgreSQL: one effect per message, the right encounter or none, everything in the audit trail."""

from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest

from tests.integration.record_world import CAMERA, T0, US, FakeTarget, admit, alert, change, question, stay, window
from tests.support.verdicts import verdict_id
from wince.domain.assessment import Verdict
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.entry import Kind
from wince.domain.reason import Reason
from wince.domain.snapshot import Snapshot
from wince.errors import MessageError, StoreError
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit, snapshots
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 3600 * US


def sink(database: Database, target: FakeTarget | None = None) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [target or FakeTarget()], clock=lambda: NOW)


def count(database: Database, table: str, where: str = "true") -> int:
    with database.transaction() as tx:
        row = tx.execute(f"SELECT count(*) FROM {table} WHERE {where}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def kept(database: Database) -> dict[str, Snapshot]:
    """The camera's snapshots, by protocol."""
    with database.transaction() as tx:
        return snapshots.of_source(tx, "grade", CAMERA)


def events(database: Database) -> Counter[str]:
    return Counter(row.event for row in audit.rows(database))


def test_a_batch_is_charted_and_audited_in_one_transaction(database: Database) -> None:
    admit(database, stay())
    snapshot = Snapshot(CAMERA, "activity", 1, T0 + 15 * US, b"state")
    done = sink(database).commit([window(0), window(1), window(2, 2), alert(window(2, 2))], [snapshot])
    assert [entry.kind for entry in done.entries] == [Kind.GRADE, Kind.ALERT]
    assert {entry.encounter.value for entry in done.entries} == {"V1"}
    assert count(database, "assessment") == 3
    assert count(database, "outbox", "state = 'ready'") == 2
    assert events(database) == {"adt": 1, "assessment": 3, "alert": 1, "charted": 2}
    assert kept(database)["activity"].state == b"state"
    assert verify(audit.rows(database, payloads=True)).count == 7


def test_an_alert_that_grows_worse_is_in_the_record_twice_and_once_however_often_it_comes(database: Database) -> None:
    """Severe, then intense in a later window of the same episode: an entry for each with its own grade, again and out of order."""
    admit(database, stay())
    windows = [replace(window(number, 2), protocol="hip-fracture", grade=grade) for number, grade in ((0, 3), (1, 4), (2, 4))]
    severe = replace(alert(windows[0]), grade=3, grade_name="severe", peak=7.5)
    intense = replace(alert(windows[1]), grade=4, grade_name="intense", peak=9.5, start_us=windows[0].end_us - US)
    peers = PostgresSink(database, {"hip-fracture": load("hip-fracture")}, [FakeTarget()], clock=lambda: NOW)
    done = [peers.commit(batch).entries for batch in ([severe, windows[0]], [windows[1], windows[2]], [intense])]
    assert [[(one.kind, one.grade_name, one.revision) for one in entries] for entries in done] == [
        [(Kind.ALERT, "severe", 1)], [], [(Kind.ALERT, "intense", 1)],
    ]  # fmt: skip
    assert peers.commit([intense, *windows, severe]).entries == ()
    assert peers.review().entries == ()
    assert count(database, "entry", "kind = 'alert'") == 2


def test_the_same_messages_again_change_nothing(database: Database) -> None:
    admit(database, stay())
    messages = [window(0), window(1), window(2, 2), alert(window(2, 2)), question(window(1))]
    sink(database).commit(messages)
    before = list(audit.rows(database))
    again = sink(database).commit([*messages, *messages])
    assert (again.taken, again.known, again.entries) == (0, 10, ())
    assert list(audit.rows(database)) == before


def test_other_content_under_a_known_id_raises_one_alarm_and_the_first_stands(database: Database) -> None:
    admit(database, stay())
    sink(database).commit([window(0)])
    other = replace(window(0), frames=24)
    assert sink(database).commit([other, window(1)]).alarms == (window(0).id,)
    assert sink(database).commit([other]).alarms == ()
    assert events(database)["alarm"] == 1
    assert count(database, "assessment") == 2


def test_other_content_in_the_same_batch_is_an_alarm_too(database: Database) -> None:
    admit(database, stay())
    assert sink(database).commit([window(0), replace(window(0), frames=1)]).alarms == (window(0).id,)


@pytest.mark.parametrize(
    ("stays", "reason"),
    [
        ((), Reason.NO_PATIENT),
        ((stay("V1"), stay("V2")), Reason.TWO_PATIENTS),
        ((stay("V1", end_us=T0 - US),), Reason.NO_PATIENT),
        ((stay("V1", start_us=T0 + 2 * US),), Reason.NO_PATIENT),
    ],
    ids=["nobody", "two", "discharged", "came inside the window"],
)
def test_nothing_is_written_for_a_patient_of_whom_we_are_not_sure(database: Database, stays: tuple[object, ...], reason: Reason) -> None:
    """A person is asked, once per stretch, in Wince's own worklist; nothing goes out."""
    admit(database, *stays)  # type: ignore[arg-type]
    done = sink(database).commit([window(0)])
    assert done.entries == ()
    assert [(task.reason, task.patient) for task in done.tasks] == [(reason, None)]
    assert count(database, "outbox") == 0
    assert events(database)["asked"] == 1


def test_one_question_per_stretch_without_a_patient(database: Database) -> None:
    """Grade's own question about the same stretch is not asked twice."""
    admit(database)
    target = sink(database)
    target.commit([window(0, 2), alert(window(0, 2)), question(window(0, 2), Reason.NO_PATIENT)])
    assert target.commit([window(1), window(2), question(window(2), Reason.NO_PATIENT)]).tasks == ()
    assert count(database, "question") == 1
    change(database, Revision(add=(stay(start_us=T0 + 15 * US),), recorded_us=T0))
    assert [entry.kind for entry in target.commit([window(3)]).entries] == [Kind.GRADE]
    change(database, Revision(supersede=(stay(start_us=T0 + 15 * US),), recorded_us=T0 + 1))
    assert len(target.commit([window(4)]).tasks) == 1


def test_an_alert_that_comes_before_its_assessment_waits_for_it(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    target.commit([window(0)])
    assert target.commit([alert(window(1, 2))]).entries == ()
    assert [entry.kind for entry in target.commit([window(1, 2)]).entries] == [Kind.ALERT]


def test_an_alert_that_comes_after_its_assessment_is_charted(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    target.commit([window(0), window(1, 2)])
    (made,) = target.commit([alert(window(1, 2))]).entries
    assert (made.kind, made.grade_name) == (Kind.ALERT, "high")


def test_a_verdict_is_the_nurses_own_entry_and_the_models_stays(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    asked = question(window(0, 2))
    (model,) = target.commit([window(0, 2), asked]).entries
    at = T0 + 60 * US
    done = target.commit([Verdict(verdict_id(window(0).id, "n7", at), asked.id, window(0).id, "n7", 1, at)])
    (own,) = done.entries
    assert (own.kind, own.status, own.nurse, own.grade_name, own.score) == (Kind.VERDICT, "final", "n7", "low", None)
    assert own.assessment == model.assessment
    assert [(task.status, task.revision) for task in done.tasks] == [("completed", 2)]
    with database.transaction() as tx:
        assert tx.execute("SELECT status, revision FROM entry WHERE id = %s", (model.id,)).fetchall() == [("preliminary", 1)]
        assert tx.execute("SELECT state FROM question").fetchall() == [("answered",)]


def test_what_a_nurse_confirms_becomes_final_with_the_same_value(database: Database) -> None:
    """The model's entry gets a second revision, hers stands beside it; a second verdict changes neither."""
    admit(database, stay())
    target = sink(database)
    (model,) = target.commit([window(0, 2), alert(window(0, 2))]).entries
    at = T0 + 60 * US
    own, confirmed = sorted(
        target.commit([Verdict(verdict_id(window(0).id, "n7", at), None, window(0).id, "n7", 2, at)]).entries, key=lambda one: one.revision
    )
    assert confirmed == replace(model, revision=2, status="final", nurse="n7", issued_us=NOW)
    assert (own.kind, own.grade, own.score) == (Kind.VERDICT, 2, None)
    again = target.commit([Verdict(verdict_id(window(0).id, "n8", at), None, window(0).id, "n8", 0, at)])
    assert [(entry.kind, entry.nurse) for entry in again.entries] == [(Kind.VERDICT, "n8")]
    assert count(database, "outbox") == 4


def test_one_question_of_an_encounter_waits_at_a_time(database: Database) -> None:
    """A second one is kept in the trail and sent to nobody, in the same batch and in a later one; after the verdict the next is sent."""
    admit(database, stay())
    target = sink(database)
    asked = question(window(0))
    assert len(target.commit([window(0), asked, question(window(0), Reason.UNCERTAIN)]).tasks) == 1
    assert target.commit([window(1), question(window(1))]).tasks == ()
    assert (events(database)["question"], events(database)["not_asked"], count(database, "question")) == (3, 2, 1)
    at = T0 + 60 * US
    target.commit([Verdict(verdict_id(window(0).id, "n7", at), asked.id, window(0).id, "n7", 0, at)])
    assert [task.status for task in target.commit([window(20), question(window(20))]).tasks] == ["requested"]


def test_a_verdict_that_nobody_asked_for_closes_the_older_question(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    target.commit([window(0), question(window(0)), window(1)])
    at = T0 + 60 * US
    done = target.commit([Verdict(verdict_id(window(1).id, "n7", at), None, window(1).id, "n7", 1, at)])
    assert [(task.status, task.revision) for task in done.tasks] == [("cancelled", 2)]
    assert count(database, "question", "state = 'superseded'") == 1


def test_every_late_alert_has_its_entry_and_is_counted(database: Database) -> None:
    """Alerts that come one by one after their windows: an entry each, outside the budget, and a summary that says how many there were."""
    admit(database, stay())
    target = sink(database)
    windows = [window(number, 2) for number in range(60)]
    target.commit(windows)
    for one in windows:
        target.commit([alert(one)])
    assert count(database, "entry", "kind = 'alert'") == 60
    assert count(database, "entry", "kind NOT IN ('alert', 'summary')") == 1
    every = PROTOCOLS["activity"].chart.every_s
    (summary,) = [one for one in target.commit([window(round(every / 5) + 1)]).entries if one.kind is Kind.SUMMARY]
    assert (summary.alerts, summary.grade_name) == (60, "high")


def test_a_verdict_on_an_unknown_window_is_kept_and_not_charted(database: Database) -> None:
    admit(database, stay())
    done = sink(database).commit([Verdict(UUID(int=5), None, window(9).id, "n7", 1, T0)])
    assert done.entries == ()
    assert events(database)["not_charted"] == 1


def test_a_question_goes_out_with_the_entry_it_is_about(database: Database) -> None:
    admit(database, stay())
    done = sink(database).commit([window(0), question(window(0))])
    assert done.tasks[0].focus == done.entries[0].id
    assert count(database, "outbox") == 2


def test_entries_on_a_stay_that_was_another_are_withdrawn_and_written_to_the_right_one(database: Database) -> None:
    """The hospital corrects itself after the fact: entered-in-error, and a new entry on the right encounter; every step audited."""
    wrong, right = stay("V1"), replace(stay("V2"), recorded_us=T0 + 100 * US)
    admit(database, wrong)
    target = sink(database)
    (first,) = target.commit([window(0), question(window(0))]).entries
    change(database, Revision(supersede=(wrong,), recorded_us=T0 + 100 * US), "V1")
    change(database, Revision(add=(right,), recorded_us=T0 + 100 * US), "V2")
    done = target.review()
    assert [(e.encounter.value, e.revision, e.status) for e in done.entries] == [("V1", 2, "entered-in-error"), ("V2", 1, "preliminary")]
    assert done.entries[0].id == first.id
    assert [(t.encounter and t.encounter.value, t.status) for t in done.tasks] == [("V1", "cancelled"), ("V2", "requested")]
    assert target.review().entries == ()
    # And back again: the first entry comes to life as its third revision.
    change(database, Revision(supersede=(right,), add=(), recorded_us=T0 + 200 * US), "V2")
    change(database, Revision(add=(replace(wrong, recorded_us=T0 + 200 * US),), recorded_us=T0 + 200 * US), "V1")
    back = target.review()
    assert [(e.encounter.value, e.revision, e.status) for e in back.entries] == [("V2", 2, "entered-in-error"), ("V1", 3, "preliminary")]
    assert events(database)["withdrawn"] == 2


def test_a_discharge_that_was_known_late_withdraws_what_came_after_it(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    target.commit([window(number) for number in range(3)])
    change(
        database,
        Revision(supersede=(stay(),), add=(replace(stay(), end_us=T0 - 10 * US, recorded_us=T0 + 99 * US),), recorded_us=T0 + 99 * US),
    )
    done = target.commit([window(3)])
    assert [(e.status, e.revision) for e in done.entries] == [("entered-in-error", 2)]
    assert events(database)["nobody_to_write_to"] == 1


def test_an_ordinary_discharge_withdraws_nothing(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    target.commit([window(0)])
    change(
        database,
        Revision(supersede=(stay(),), add=(replace(stay(), end_us=T0 + 60 * US, recorded_us=T0 + 60 * US),), recorded_us=T0 + 60 * US),
    )
    assert target.review().entries == ()


def test_an_entry_that_cannot_be_rendered_is_a_dead_letter_and_stops_nothing(database: Database) -> None:
    admit(database, stay())
    target = FakeTarget()
    first = PostgresSink(database, PROTOCOLS, [], clock=lambda: NOW).commit([window(0)])
    assert count(database, "outbox") == 0
    target.render = lambda entry: (_ for _ in ()).throw(MessageError("lies outside the scale", field="score"))  # type: ignore[method-assign]
    done = PostgresSink(database, PROTOCOLS, [target], clock=lambda: NOW).commit([window(1, 2), alert(window(1, 2))])
    assert len(first.entries) == len(done.entries) == 1
    assert count(database, "outbox", "state = 'dead' AND body = '' AND last_error LIKE '%score%'") == 1
    assert events(database)["dead"] == 1


def test_a_protocol_that_is_not_loaded_is_named_and_nothing_is_written(database: Database) -> None:
    admit(database, stay())
    with pytest.raises(MessageError) as caught:
        sink(database).commit([window(0), replace(window(1), protocol="other")])
    assert caught.value.field == "protocol"
    assert count(database, "assessment") == count(database, "inbox") == 0


def test_errors_of_the_database_quote_no_row(database: Database) -> None:
    admit(database, stay("VERY-SECRET"))
    with pytest.raises(StoreError) as caught, database.transaction() as tx:
        tx.execute(
            "INSERT INTO stay(id, bed, patient_system, patient, encounter_system, encounter, start_us, recorded_us)"
            " SELECT id, bed, patient_system, patient, encounter_system, encounter, start_us, recorded_us FROM stay"
        )
    assert "SECRET" not in caught.value.diagnostics()
    assert "stay_believed" in caught.value.field


def test_a_snapshot_never_goes_back(database: Database) -> None:
    target = sink(database)
    target.commit([], [Snapshot(CAMERA, "activity", 1, T0 + 10, b"new"), Snapshot(CAMERA, "icu", 1, T0 + 10, b"another")])
    target.commit([], [Snapshot(CAMERA, "activity", 1, T0 + 5, b"old")])
    assert {protocol: one.state for protocol, one in kept(database).items()} == {"activity": b"new", "icu": b"another"}
