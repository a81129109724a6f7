"""Who must not be watched, on a real PostgreSQL: nothing charted, alerted, asked or sent; held back, not lost; by gRPC and by command."""

import json
import time
from collections.abc import Callable, Iterator

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, question, stay, window
from tests.support.rpc import dialled, refused, served
from wince.api.care.v1 import care_pb2
from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.clock import wall_us
from wince.delivery import books
from wince.delivery.outbox import lease
from wince.delivery.worker import Delivery
from wince.domain import proof
from wince.domain.reason import Reason
from wince.domain.withheld import Scope
from wince.errors import InputError, MessageError
from wince.pipeline.record.reading import RecordReader, Slice
from wince.pipeline.record.reading import Scope as Whose
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.errors import NotFound
from wince.serve import record
from wince.serve.permission import Permission
from wince.serve.status.interface import Look, State
from wince.serve.status.switches import switches
from wince.store import audit
from wince.store.database import Database
from wince.telemetry import metrics

PROTOCOLS = {"activity": load("activity")}
pytestmark = pytest.mark.timeout(120)


def at(us: int) -> Callable[[], int]:
    return lambda: us


def sink(database: Database, target: FakeTarget | None = None, **more: object) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [target or FakeTarget()], **more)  # type: ignore[arg-type]


def count(database: Database, sql: str) -> int:
    with database.transaction() as tx:
        row = tx.execute(f"SELECT count(*) FROM {sql}".encode()).fetchone()
    return row[0] if row else 0


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("scope", "name"), [(Scope.BED, BED), (Scope.WARD, "ICU"), (Scope.SITE, "")])
def test_nothing_is_charted_alerted_or_asked_of_the_time_off(database: Database, scope: Scope, name: str) -> None:
    """The windows are kept with their reason, whenever they arrive; what was before and is after is charted."""
    admit(database, stay())
    Withholding(database, at(T0 + 7 * US)).off(scope, name, "wrong grades", "n7")
    target = sink(database)
    before = target.commit([window(0)])
    done = target.commit([window(1, 2), alert(window(1, 2)), question(window(1, 2)), window(2, None)])
    assert [entry.assessment for entry in before.entries] == [window(0).id]
    assert (done.entries, done.tasks) == ((), ())
    assert count(database, "question") == 0
    whose, part = Whose("bed", BED, 0, T0 + 3600 * US), Slice((), 10, None, False)
    assert RecordReader(database).alerts(whose, part, "n7") == ([], {}), "kept, should another have lain there, and told to nobody"
    with pytest.raises(NotFound):
        RecordReader(database).alert(alert(window(1, 2)).id, "n7")
    assert count(database, "assessment WHERE unbound = 'off' AND stay IS NULL") == 2
    events = [row.event for row in audit.rows(database)]
    assert (events.count("switch.off"), events.count("not_told"), events.count("not_asked")) == (1, 1, 1)
    Withholding(database, at(T0 + 12 * US)).on(scope, name, "put right", "n7")
    after = target.commit([window(2, 1), window(3, 1)])
    assert [entry.assessment for entry in after.entries] == [window(3).id], "window 2 came again, and lies partly in the time off"
    assert [row.event for row in audit.rows(database)].count("switch.on") == 1


@pytest.mark.parametrize("withdraws", [(True,), (False, True)], ids=["withdrawn", "confirmed, then withdrawn"])
def test_what_waits_in_the_outbox_is_held_back_and_then_sent(database: Database, withdraws: tuple[bool, ...]) -> None:
    """Of this bed alone; a withdrawal of what was written goes out, and what stands before it: revisions go in order."""
    admit(database, stay())
    target = FakeTarget()
    first, second = (sink(database, target).commit([window(number, grade)]).entries[0] for number, grade in ((0, 0), (120, 2)))
    delivery = Delivery(database, [target], poll_s=0.02)
    with database.transaction() as tx:
        leased = lease(tx, "fake", T0, encounters=1, per_encounter=1, seconds=30)
        assert [row.bed for run in leased for row in run] == [BED]
        tx.execute("UPDATE outbox SET state = 'written', location = 'x' WHERE entry = %s", (first.id,))
    Withholding(database).off(Scope.WARD, "ICU", "wrong grades", "n7")
    with database.transaction() as tx:
        for one in (first, second):
            for revision, withdrawn in enumerate(withdraws, 2):
                row = tx.execute(
                    "INSERT INTO outbox(entry, revision, target, encounter, effective, body, bed, withdraws)"
                    " SELECT entry, %s, target, encounter, effective, replace(body, '\"revision\": 1', %s), bed, %s"
                    " FROM outbox WHERE entry = %s AND revision = 1 RETURNING body",
                    (revision, f'"revision": {revision}', withdrawn, one.id),
                ).fetchone()
                assert row is not None
                audit.append(tx, [audit.Fact(one.id, revision, "charted", 1, proof.of_entry("{}", row[0]), "fake")], T0)
    later = list(range(2, 2 + len(withdraws)))
    delivery.start()
    try:
        until(lambda: len(target.calls) == len(later))
        assert delivery.drain(5)
        assert [call[:2] for call in target.calls] == [(str(first.id), revision) for revision in later]
        with database.transaction() as tx:
            (row,) = books.backlog(tx)
        assert (row.waiting, row.off, row.dead) == (0, 1 + len(later), 0)
        Withholding(database).on(Scope.WARD, "ICU", "put right", "n7")
        until(lambda: len(target.calls) == 2 * len(later) + 1)
        assert [call[:2] for call in target.calls[len(later) :]] == [(str(second.id), revision) for revision in (1, *later)]
    finally:
        delivery.stop()


def test_a_run_in_hand_ends_when_its_bed_is_switched_off(database: Database) -> None:
    """Rows that were leased before, and not begun, go back."""
    admit(database, stay())

    def script(number: int, _entry: str) -> None:
        if number == 0:
            Withholding(database).off(Scope.SITE, "", "stop", "n7")
            time.sleep(1.0)

    target = FakeTarget(script)
    for number in range(4):
        sink(database, target).commit([window(120 * number, number % 2)])
    delivery = Delivery(database, [target], poll_s=0.02)
    delivery.start()
    try:
        until(lambda: count(database, "outbox WHERE state = 'ready'") == 3 and bool(target.calls))
        assert delivery.drain(5)
        assert len(target.calls) == 1
    finally:
        delivery.stop()


def test_a_switch_is_set_once_and_refuses_what_is_not_there(database: Database) -> None:
    admit(database, stay())
    withholding = Withholding(database, at(T0))
    first = withholding.off(Scope.BED, BED, "why", "n7")
    assert withholding.off(Scope.BED, BED, "again", "n8") == first
    assert [one.reason for one in withholding.switches()] == ["why"]
    with pytest.raises(NotFound, match="no camera watches this bed"):
        withholding.off(Scope.BED, "ICU^1^B", "why", "n7")
    with pytest.raises(NotFound, match="no camera watches this ward"):
        withholding.off(Scope.WARD, "ICU^1", "why", "n7")
    with pytest.raises(NotFound, match="not switched off"):
        withholding.on(Scope.SITE, "", "why", "n7")
    for scope, name, reason in ((Scope.SITE, "x", "why"), (Scope.BED, "", "why"), (Scope.SITE, "", " "), (Scope.SITE, "", "x" * 501)):
        with pytest.raises(MessageError):
            withholding.off(scope, name, reason, "n7")
    withholding.off(Scope.SITE, "", "all", "n7")
    assert [(one.scope, one.name) for one in withholding.switches()] == [(Scope.SITE, ""), (Scope.BED, BED)]
    assert count(database, "audit WHERE event = 'switch.off'") == 2


def test_what_is_off_for_more_than_a_day_is_told(database: Database) -> None:
    """By a metric, whichever switch is the oldest, and in its row of the status; 0 once all is on again."""
    admit(database, stay())
    day_us, name = 86_400_000_000, "wince_switched_off_oldest_seconds"
    withholding = Withholding(database, at(T0))
    withholding.off(Scope.BED, BED, "broken lens", "n7")
    record.backlog(database, [], T0 + 2 * day_us)
    assert metrics.REGISTRY.get_sample_value(name) == 2 * 86_400
    rows = [switches(Look(None, None, T0 + after, database))[0].reason for after in (day_us // 2, 2 * day_us)]  # type: ignore[arg-type]
    assert rows == ["broken lens", "for more than a day: broken lens"]
    withholding.on(Scope.BED, BED, "mended", "n7")
    record.backlog(database, [], T0 + 3 * day_us)
    assert metrics.REGISTRY.get_sample_value(name) == 0


def test_status_says_what_is_off_and_what_waits_for_it(database: Database) -> None:
    admit(database, stay())
    sink(database).commit([window(0)])
    look = Look(None, None, T0, database)  # type: ignore[arg-type]
    assert [row.state for row in switches(look)] == [State.OK]
    Withholding(database, at(T0 - 60 * US)).off(Scope.BED, BED, "wrong grades", "n7")
    (row,) = switches(look)
    assert (row.state, row.what, row.reason, row.age_s) == (State.WARNING, f"bed {BED}", "wrong grades", 60.0)
    assert row.figures["held_back"] == 1
    assert "wince switch on --bed" in row.remedy


def test_capture_learns_within_a_reading_and_keeps_what_it_knew(database: Database) -> None:
    """A switch, a refusal that follows the patient to another bed, and consent that is required."""
    admit(database, stay())
    permission = Permission(database, required=False, from_us=at(T0))
    permission.look()
    assert permission.why_not(CAMERA, T0) is None
    withholding = Withholding(database, at(T0))
    withholding.off(Scope.BED, BED, "why", "n7")
    permission.look()
    assert permission.why_not(CAMERA, T0) is Reason.OFF
    withholding.on(Scope.BED, BED, "why", "n7")
    withholding.consent("V1", "", False, T0, "n7", "c")
    permission.look()
    assert permission.why_not(CAMERA, T0) is Reason.CONSENT
    assert permission.why_not(CAMERA, T0 - 1) is None
    withholding.consent("V1", "", True, T0 + US, "n7", "c")
    permission.look()
    assert (permission.why_not(CAMERA, T0), permission.why_not(CAMERA, T0 + US)) == (Reason.CONSENT, None)
    required = Permission(database, required=True, from_us=at(T0))
    assert required.why_not(CAMERA, T0) is Reason.CONSENT or required.why_not(CAMERA, T0) is None
    required.look()
    assert required.why_not(CAMERA, T0 - 1) is Reason.CONSENT
    assert required.why_not(CAMERA, T0 + US) is None


def test_nothing_of_who_refused_is_charted_and_a_backdated_refusal_is_looked_at_again(database: Database) -> None:
    admit(database, stay())
    target = sink(database)
    assert len(target.commit([window(0), window(120, 2), alert(window(120, 2))]).entries) == 2
    withholding = Withholding(database, at(T0 + 700 * US))
    before = count(database, "review")
    withholding.consent("", "urn:wince:authority:MRN|M-V1", False, T0 + 500 * US, "n7", "c")
    assert count(database, f"review WHERE from_us = {T0 + 500 * US} AND beds = ARRAY['{BED}']") == 1
    assert count(database, "review") == before + 1
    done = target.commit([window(140, 1), question(window(140, 1))])
    assert not done.tasks
    assert not [entry for entry in done.entries if entry.assessment == window(140).id]


def test_a_refusal_can_be_said_before_the_patient_comes(database: Database) -> None:
    withholding = Withholding(database, at(T0))
    with pytest.raises(NotFound):
        withholding.consent("", "M-V1", False, 0, "n7", "c")
    withholding.consent("", "urn:wince:authority:MRN|M-V1", False, 0, "n7", "c")
    admit(database, stay())
    assert sink(database).commit([window(0)]).entries == ()
    for encounter, patient, nurse in (("", "", "n7"), ("V1", "M-V1", "n7"), ("V1", "", " ")):
        with pytest.raises(MessageError):
            withholding.consent(encounter, patient, False, 0, nurse, "c")


@pytest.fixture
def channel(database: Database) -> Iterator[grpc.Channel]:
    nurse = CareServicer(PostgresCare(database, PROTOCOLS, at(T0)), Withholding(database, at(T0)))
    with served(care(nurse)) as server, dialled(server.port) as dial:
        yield dial


def test_switch_and_consent_by_grpc(database: Database, channel: grpc.Channel) -> None:
    admit(database, stay())
    stub = CareServiceStub(channel)
    off = stub.SwitchOff(pb.SwitchOffRequest(scope=care_pb2.SWITCH_SCOPE_BED, name=BED, reason="why")).switch
    assert (off.name, off.off_us, off.HasField("on_us"), off.by) == (BED, T0, False, "anonymous")
    assert list(stub.ListSwitches(pb.ListSwitchesRequest()).switches) == [off]
    on = stub.SwitchOn(pb.SwitchOnRequest(scope=care_pb2.SWITCH_SCOPE_BED, name=BED, reason="why")).switch
    assert (on.id, on.on_us) == (off.id, T0)
    for call, request in ((stub.SwitchOn, pb.SwitchOnRequest), (stub.SwitchOff, pb.SwitchOffRequest)):
        unknown = refused(call, request(scope=care_pb2.SWITCH_SCOPE_BED, name="ICU^9^9", reason="x"))
        assert (unknown.code, unknown.fields) == (grpc.StatusCode.NOT_FOUND, ["name"])
    site = refused(stub.SwitchOn, pb.SwitchOnRequest(scope=care_pb2.SWITCH_SCOPE_SITE, reason="x"))
    assert (site.code, site.fields) == (grpc.StatusCode.NOT_FOUND, ["scope"])
    assert refused(stub.SwitchOff, pb.SwitchOffRequest(reason="x")).code is grpc.StatusCode.INVALID_ARGUMENT
    said = care_pb2.Consent(encounter="V1", given=False, since_us=T0, nurse="n7")
    made = stub.SetConsent(pb.SetConsentRequest(consent=said)).consent
    assert made.encounter.endswith("|V1")
    assert list(stub.ListConsents(pb.ListConsentsRequest()).consents) == [made]
    nobody = refused(stub.SetConsent, pb.SetConsentRequest(consent=care_pb2.Consent(given=True, since_us=T0, nurse="n7")))
    assert (nobody.code, nobody.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["consent.encounter_id"])
    said.encounter = "V9"
    assert refused(stub.SetConsent, pb.SetConsentRequest(consent=said)).code is grpc.StatusCode.NOT_FOUND


def test_by_command(database: Database, database_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same without any service: what is off stands in the database."""
    from wince.cli import consent, switch

    monkeypatch.setenv("WINCE_PG_DSN", database_dsn)
    admit(database, stay())
    switch.off_command(reason="wrong grades", bed=BED, by="n7")
    switch.list_command(json_=True)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"bed {BED} is switched off since")
    assert [one["name"] for one in json.loads(said[1])["switches"]] == [BED]
    switch.on_command(reason="put right", bed=BED)
    for arguments in ({}, {"bed": BED, "site": True}):
        with pytest.raises(InputError, match="exactly one"):
            switch.off_command(reason="x", **arguments)  # type: ignore[arg-type]
    consent.refuse_command(nurse="n7", encounter="V1")
    consent.list_command(json_=True)
    out = capsys.readouterr().out
    assert '"given": false' in out
    assert sink(database).commit([window((wall_us() - T0) // (5 * US) + 100)]).entries == ()
