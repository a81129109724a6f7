"""What waits for each target, and lifting a hold, as an operator does it over gRPC and on the command line."""

import json
import random
from collections.abc import Iterator

import grpc
import pytest
from typer.testing import CliRunner

from tests.integration.record_world import T0, FakeTarget
from tests.integration.test_record_delivery import charted
from tests.integration.test_record_holds import FORBIDDEN, hold_of
from tests.support.rpc import dialled, refused, served
from wince.api.record.v1 import record_service_pb2 as pb
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.cli.main import build
from wince.delivery.outbox import Tried, lease, settle
from wince.pipeline.record.servicer import RecordServicer, registration
from wince.store import audit
from wince.store.database import Database


@pytest.fixture
def held(database: Database) -> Database:
    """Four entries, the first of which was refused with a 403."""
    charted(database, FakeTarget())
    with database.transaction() as tx:
        ((row,),) = lease(tx, "fake", T0, encounters=1, per_encounter=1, seconds=60)
        assert settle(tx, "fake", [Tried(row, FORBIDDEN)], T0, random.Random(1))
    return database


@pytest.fixture
def stub(held: Database) -> Iterator[RecordServiceStub]:
    with served(registration(RecordServicer(held, lambda: None))) as server, dialled(server.port) as channel:  # type: ignore[arg-type, return-value]
        yield RecordServiceStub(channel)


def test_what_waits_is_told_with_reason_and_remedy(stub: RecordServiceStub) -> None:
    (found,) = stub.ListTargets(pb.ListTargetsRequest()).targets
    assert (found.target, found.waiting, found.sending, found.held, found.stuck, found.dead) == ("fake", 0, 0, 4, 0, 0)
    assert found.oldest_seconds > 0
    assert (found.hold.detail, found.hold.remedy, found.hold.probes) == ("403 forbidden", "grant the scopes", 0)
    assert found.hold.next_probe_us > found.hold.since_us > 0


def test_a_hold_is_lifted_and_the_trail_says_by_whom(held: Database, stub: RecordServiceStub) -> None:
    found = stub.ReleaseTarget(pb.ReleaseTargetRequest(target="fake")).target
    assert (found.waiting, found.held, found.HasField("hold")) == (4, 0, False)
    assert hold_of(held) is None
    trail = [(row.event, json.loads(row.payload or "")) for row in audit.rows(held, payloads=True) if row.event in ("release", "read")]
    assert [event for event, _ in trail] == ["release", "read"]
    assert trail[0][1]["by"] == trail[1][1]["caller"]
    again = refused(stub.ReleaseTarget, pb.ReleaseTargetRequest(target="fake"))
    assert again.code is grpc.StatusCode.FAILED_PRECONDITION


def test_the_command_shows_holds_apart_and_lifts_them(held: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """It used to say `0 wait` while everything was behind a hold."""
    monkeypatch.setenv("WINCE_PG_DSN", held.dsn)
    app, runner = build(["outbox"]), CliRunner()
    (target,) = json.loads(runner.invoke(app, ["outbox", "list", "--json"]).stdout)["targets"]
    assert (target["target"], target["waiting"], target["held"], target["hold"]["remedy"]) == ("fake", 0, 4, "grant the scopes")
    text = " ".join(runner.invoke(app, ["outbox", "list"]).stdout.split())
    for part in ("fake is held since", "403 forbidden", "Remedy: grant the scopes"):
        assert part in text
    released = runner.invoke(app, ["outbox", "release", "fake"])
    assert released.exit_code == 0, released.output
    assert hold_of(held) is None
    assert runner.invoke(app, ["outbox", "release", "fake"]).exit_code != 0


def test_nothing_that_waits_is_said_plainly(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINCE_PG_DSN", database.dsn)
    assert "everything is written" in CliRunner().invoke(build(["outbox"]), ["outbox", "list"]).stdout
