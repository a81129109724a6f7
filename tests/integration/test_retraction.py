"""A retraction run: everything that a bad model version wrote is withdrawn, once, and nothing else."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tests.integration.record_world import T0, US, FakeTarget, admit, alert, change, deliver, stay, window
from tests.support.verdicts import verdict_id
from wince.domain.assessment import Assessment, Verdict
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.errors import ConfigError, MessageError
from wince.pipeline.record.retraction import AT_ONCE, Retractor, would_withdraw
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit, retractions
from wince.store.database import Database
from wince.store.retractions import Retraction

PROTOCOLS = {"activity": load("activity")}
GOOD, BAD = "ab" * 32, "ba" * 32
NOW = T0 + 100_000 * US
pytestmark = pytest.mark.timeout(120)


def seen(number: int, grade: int | None, model: str = BAD) -> Assessment:
    return replace(window(number, grade), model_set=model)


def wanted(**more: object) -> Retraction:
    return replace(Retraction(uuid4(), BAD, "", T0, NOW, "wrong weights", "n7", NOW), **more)  # type: ignore[arg-type]


def sink(database: Database, target: FakeTarget | None = None) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [target or FakeTarget()], clock=lambda: NOW)


def run(database: Database, asked: Retraction, target: FakeTarget | None = None, now_us: int = NOW) -> int:
    with database.transaction() as tx:
        if retractions.get(tx, asked.id) is None:
            retractions.ask(tx, asked)
    return Retractor(database, [target or FakeTarget()], lambda: None, clock=lambda: now_us).run()


def latest(database: Database) -> dict[UUID, tuple[str, str, str]]:
    with database.transaction() as tx:
        rows = tx.execute("SELECT DISTINCT ON (id) id, kind, status, cause FROM entry ORDER BY id, revision DESC").fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def test_all_of_the_bad_model_set_and_nothing_else_is_withdrawn(database: Database) -> None:
    """Grades, alerts, entries that a nurse confirmed; not those of another model set, of another time, nor nurses' own."""
    admit(database, stay())
    target = FakeTarget()
    to = sink(database, target)
    before = to.commit([seen(0, 0)]).entries
    bad = to.commit([seen(120, 2), alert(seen(120, 2)), seen(240, 0)]).entries
    at = T0 + 3000 * US
    nurse = to.commit([Verdict(verdict_id(seen(120, 2).id, "n7", at), None, seen(120, 2).id, "n7", 2, at)]).entries
    good = to.commit([seen(360, 1, GOOD)]).entries
    asked = wanted(from_us=T0 + 600 * US)
    would = would_withdraw(database, asked)
    assert {one.id for one in would} == {one.id for one in bad}
    assert run(database, asked, target) == len(bad) == 2
    now = latest(database)
    assert {one for one, (_, status, cause) in now.items() if (status, cause) == ("entered-in-error", "retracted")} == {e.id for e in bad}
    kept = {one.id for one in (*before, *good)} | {one.id for one in nurse if one.kind.value == "verdict"}
    assert {one for one, (_, status, _) in now.items() if status != "entered-in-error"} == kept
    assert run(database, asked, target, NOW + 120 * US) == 0, "once"
    deliver(database, target)
    assert {target.held[str(one.id)][1] for one in bad} == {"entered-in-error"}
    events = [row.event for row in audit.rows(database)]
    assert (events.count("retract"), events.count("retracted"), events.count("withdrawn")) == (1, 2, 2)
    assert verify(audit.rows(database, payloads=True)).count == len(events)


def test_by_protocol_and_in_more_than_one_batch(database: Database) -> None:
    admit(database, stay())
    windows = [seen(2 * number, 2) for number in range(AT_ONCE + 5)]
    sink(database).commit([one for window_ in windows for one in (window_, alert(window_))])
    count = len(would_withdraw(database, wanted(model_set="", protocol="activity")))
    assert count >= AT_ONCE + 5
    assert run(database, wanted(model_set="", protocol="other")) == 0
    asked = wanted(model_set="", protocol="activity")
    assert run(database, asked) == count
    with database.transaction() as tx:
        found = retractions.get(tx, asked.id)
    assert found is not None
    assert (found.entries, found.looked_us) == (count, NOW)


def test_a_summary_over_the_bad_windows_is_withdrawn_though_its_last_is_good(database: Database) -> None:
    admit(database, stay())
    to = sink(database)
    to.commit([seen(0, 0), seen(1, 0), seen(2, 0, GOOD)])
    summary = [one for one in to.commit([seen(721, 0, GOOD)]).entries if one.kind.value == "summary"]
    assert len(summary) == 1
    assert summary[0].model_set == GOOD
    assert summary[0].id in {one.id for one in would_withdraw(database, wanted())}
    assert summary[0].id not in {one.id for one in would_withdraw(database, wanted(model_set="cc" * 32))}


def test_windows_that_arrive_late_are_withdrawn_within_a_minute(database: Database) -> None:
    admit(database, stay())
    to = sink(database)
    to.commit([seen(0, 0)])
    asked = wanted()
    assert run(database, asked) == 1
    late = to.commit([seen(120, 2), alert(seen(120, 2))]).entries
    assert run(database, asked, now_us=NOW + 30 * US) == 0
    assert run(database, asked, now_us=NOW + 61 * US) == len(late) == 1
    assert run(database, asked, now_us=NOW + 25 * 3600 * US) == 0


def test_what_had_no_patient_is_never_charted(database: Database) -> None:
    """The retraction came first, then the admission of that time."""
    admit(database, stay(start_us=T0 + 10_000 * US))
    to = sink(database)
    assert to.commit([seen(0, 2), alert(seen(0, 2))]).entries == ()
    run(database, wanted())
    early = stay("V2", start_us=T0 - 60 * US, end_us=T0 + 9_000 * US, recorded_us=T0 + 20_000 * US)
    change(database, Revision(add=(early,), recorded_us=early.recorded_us), "V2")
    assert to.review().entries == ()
    assert [one for one in to.commit([seen(5000, 0, GOOD)]).entries if one.encounter.value == "V2"] == []


def test_the_command(database: Database, database_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from wince.cli import retract as command

    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    monkeypatch.setattr(command, "WAIT_S", 0.0)
    admit(database, stay())
    sink(database).commit([seen(0, 0)])
    span = {"from_": datetime.fromtimestamp(T0 / US, UTC), "to": datetime.fromtimestamp(NOW / US, UTC)}
    command.retract(**span, model_set=BAD, dry_run=True, json_=True)
    assert json.loads(capsys.readouterr().out)["entries"] == 1
    command.retract(**span, dry_run=True)
    assert f"1 by model set {BAD}" in capsys.readouterr().out, "in an incident somebody must learn which model set it was"
    command.retract(**span, model_set=BAD, reason="wrong weights")
    assert "no record runs here now" in capsys.readouterr().out
    assert Retractor(database, [FakeTarget()], lambda: None).run() == 1
    for wrong in ({}, {"model_set": "xyz"}, {"model_set": BAD}, {"model_set": BAD, "reason": "x", "to": span["from_"]}):
        with pytest.raises((ConfigError, MessageError)):
            command.retract(**span | wrong)  # type: ignore[arg-type]
