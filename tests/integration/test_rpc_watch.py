"""Watch as a foreign client drives it: everything that is committed, once, in order, over whatever happens to stream and server."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import grpc
import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, question, stay, window
from tests.support.rpc import dialled, refused, served
from wince.api.care.v1 import question_state_pb2
from wince.api.record.v1 import watch_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceStub
from wince.care.postgres import PostgresCare
from wince.clients.record import RecordClient
from wince.clients.watch import WatchClient, Watched
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause
from wince.domain.stay import Watch
from wince.errors import IntegrityError, MessageError
from wince.pipeline.record import live, watch_servicer
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.rpc.config import RpcSettings
from wince.rpc.errors import NotFound, OutOfRange
from wince.rpc.tokens import seal
from wince.store import audit, checkpoints, erasing, token_key
from wince.store.database import Database
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
NOW = T0 + 600 * US
DAY_US = 86_400 * US
pytestmark = pytest.mark.timeout(180)


@contextmanager
def serving(database: Database, tmp_path, clock=lambda: NOW, **more) -> Iterator[int]:
    key = checkpoints.signing_key(tmp_path / "audit.pem")

    def verify():
        return checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key))

    with served(record(RecordServicer(database, verify, clock=clock, **more)), drain_s=0.2) as server:
        yield server.port


@pytest.fixture
def port(database: Database, tmp_path) -> Iterator[int]:
    admit(database, stay())
    save_watches(database, [Watch("cam-2", "SURG^1^A", 0, None, 0)])
    with serving(database, tmp_path) as port:
        yield port


@contextmanager
def watch(port: int, **asked) -> Iterator[Iterator[watch_pb2.WatchResponse]]:
    """A stream that has begun."""
    with dialled(port) as channel:
        stream = RecordServiceStub(channel).Watch(watch_pb2.WatchRequest(**asked), timeout=60)
        stream.initial_metadata()
        yield stream
        stream.cancel()


def commit(database: Database, *messages) -> None:
    PostgresSink(database, PROTOCOLS, [FakeTarget(), FakeTarget(name="second")], clock=lambda: NOW).commit(messages)


def items(stream, number: int) -> list[watch_pb2.WatchResponse]:
    found = []
    while len(found) < number:
        answer = next(stream)
        if answer.WhichOneof("item") != "heartbeat":
            found.append(answer)
    return found


def test_every_kind_is_told_once_to_whoever_may_hear_of_it(database: Database, port: int) -> None:
    """Two targets, so that each charted revision has two links; a question that is answered; a pause that is ended early."""
    first, second = window(0, 2), window(1, 2, source="cam-2")
    care = PostgresCare(database, PROTOCOLS, lambda: NOW)
    with watch(port) as everything, watch(port, ward="ICU") as ward, watch(port, bed=BED, kinds=[watch_pb2.WATCH_KIND_ALERT]) as alerts:
        commit(database, first, second, alert(first), alert(second), question(first))
        given = care.give(Verdict(uuid4(), question(first).id, first.id, "n-7", 1, NOW), "test")
        pause = care.start_pause(BedPause(uuid4(), BED, NOW - US, NOW + US, None, "n-7"), "test")
        care.end_pause(pause.id, "n-7", "test")
        commit(database, given)
        with RecordClient([f"127.0.0.1:{port}"], RpcSettings()) as client:
            seen = client.acknowledge(alert(second).id, "n-7")
            charted = {str(one.id): one for one in client.entries()}
        found, kinds = [], []
        while "acknowledgement" not in kinds:
            found += items(everything, 1)
            kinds.append(found[-1].WhichOneof("item"))
        assert [one.assessment.id for one in found if one.HasField("assessment")] == [str(first.id), str(second.id)]
        assert [one.alert.id for one in found if one.HasField("alert")] == [str(alert(first).id), str(alert(second).id)]
        states = [one.question.state for one in found if one.question.question.id == str(question(first).id)]
        assert states == [question_state_pb2.QUESTION_STATE_OPEN, question_state_pb2.QUESTION_STATE_ANSWERED]
        assert [one.verdict.id for one in found if one.HasField("verdict")] == [str(given.id)]
        pauses = [one.pause for one in found if one.HasField("pause")]  # the first may be told before the second is committed
        assert [one.id for one in pauses] == [str(pause.id)] * 2
        assert (pauses[0].end_us in (NOW, NOW + US), pauses[1].end_us) == (True, NOW)
        revisions = [(one.entry.id, one.entry.revision) for one in found if one.HasField("entry")]
        assert len(revisions) == len(set(revisions))
        assert {identity for identity, _ in revisions} == set(charted)
        assert found[-1].acknowledgement.alert_id == str(seen.alert)
        mine = [one for one in found if one.bed == BED]
        here = items(ward, len(mine))
        for one in (*mine, *here):
            one.resume_token = ""
        assert here == mine
        assert items(alerts, 1)[0].alert.id == str(alert(first).id)


def test_a_snapshot_and_what_follows_have_neither_gap_nor_double(database: Database, port: int) -> None:
    commit(database, *(window(number) for number in range(3)), *(question(window(number)) for number in range(2)), alert(window(2)))
    done = threading.Event()

    def write() -> None:
        for number in range(3, 3000):
            commit(database, window(number, 2), alert(window(number, 2)))
            if done.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            with watch(port, bed=BED, snapshot=True) as stream:
                held: dict[str, int] = {}
                told: list[int] = []
                for answer in stream:
                    if answer.snapshot:
                        assert not answer.resume_token
                        if answer.HasField("assessment"):
                            held["window"] = answer.assessment.start_us
                    elif answer.HasField("assessment"):
                        told.append(answer.assessment.start_us)
                        if len(told) == 5:
                            break
                assert told == [held["window"] + 5 * US * number for number in range(1, 6)]
    finally:
        done.set()
        writer.join()
    with watch(port, snapshot=True, kinds=[watch_pb2.WATCH_KIND_ALERT, watch_pb2.WATCH_KIND_QUESTION]) as stream:
        first = next(stream)
        assert (first.snapshot, first.alert.id) == (True, str(alert(window(2)).id))


def test_a_snapshot_says_nothing_of_what_has_long_stopped_watching(database: Database, port: int) -> None:
    """Such as image objects: each watched for a minute, and there are ever more of them."""
    ended = ("object-1", "object-2")
    save_watches(database, [Watch(source, BED, 0, NOW - DAY_US // 2 - DAY_US * place, T0) for place, source in enumerate(ended)])
    seen = [window(0, 2), *(window(-34_560, 2, source=source) for source in ended)]
    commit(database, *seen, *(alert(one) for one in seen))
    with watch(port, snapshot=True, kinds=[watch_pb2.WATCH_KIND_ASSESSMENT, watch_pb2.WATCH_KIND_ALERT]) as stream:
        told = items(stream, 4)
    assert [one.WhichOneof("item") for one in told] == ["assessment", "assessment", "alert", "alert"]
    assert {one.assessment.source or one.alert.source for one in told} == {CAMERA, "object-1"}


def test_nothing_is_lost_or_doubled_over_cut_streams_and_new_servers(database: Database, port: int, tmp_path) -> None:
    """A client that takes in a random number of answers, is cut off, and goes on at this server or a new one, while three write."""
    every = [window(number, number % 3, source=source) for number in range(80) for source in (CAMERA, "cam-2", "cam-3")]
    dice, left = random.Random(5), iter(every)
    lock = threading.Lock()

    def write() -> None:
        while True:
            with lock:
                one = next(left, None)
            if one is None:
                return
            commit(database, one, *([alert(one)] if one.grade == 2 else []))

    kinds = {"kinds": [watch_pb2.WATCH_KIND_ASSESSMENT, watch_pb2.WATCH_KIND_ALERT]}
    with watch(port, **kinds) as stream:
        token = next(stream).resume_token
    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    wanted = {str(one.id) for one in every} | {str(alert(one).id) for one in every if one.grade == 2}
    found: list[str] = []
    places, cuts = [port], 0
    with ExitStack() as stack:
        while len(found) < len(wanted):
            cuts += 1
            if cuts % 6 == 0 and len(places) < 6:
                places.append(stack.enter_context(serving(database, tmp_path)))
            with watch(dice.choice(places[-2:]), resume_token=token, **kinds) as stream:
                for answer in items_until_quiet(stream, dice.randrange(1, 12)):
                    token = answer.resume_token
                    found += [one for one in (answer.assessment.id, answer.alert.id) if one]
    for writer in writers:
        writer.join()
    assert cuts > 20
    assert len(found) == len(set(found)), "nothing comes twice"
    assert set(found) == wanted, "nothing is lost"


def items_until_quiet(stream, most: int) -> Iterator[watch_pb2.WatchResponse]:
    """At most so many answers; ends at a heartbeat that says that all was told."""
    for _ in range(most):
        answer = next(stream)
        yield answer
        if answer.HasField("heartbeat"):
            return


def test_a_token_belongs_to_its_request_and_its_trail(database: Database, port: int, tmp_path) -> None:
    with watch(port, bed=BED) as stream:
        token = next(stream).resume_token
    request = watch_pb2.WatchRequest(bed=BED, resume_token=token)
    with dialled(port) as channel:
        ask = RecordServiceStub(channel).Watch
        for wrong, field in (
            (watch_pb2.WatchRequest(resume_token=token), "resume_token"),
            (watch_pb2.WatchRequest(ward="ICU", resume_token=token), "resume_token"),
            (watch_pb2.WatchRequest(bed=BED, kinds=[watch_pb2.WATCH_KIND_ALERT], resume_token=token), "resume_token"),
            (watch_pb2.WatchRequest(bed=BED, resume_token=token[:-4] + "AAAA"), "resume_token"),
            (watch_pb2.WatchRequest(bed=BED, resume_token=token, snapshot=True), "snapshot"),
            (watch_pb2.WatchRequest(bed=BED, ward="ICU"), "ward"),
            (watch_pb2.WatchRequest(kinds=[0]), "kinds"),
            (watch_pb2.WatchRequest(kinds=[1, 1]), "kinds"),
            (watch_pb2.WatchRequest(kinds=[99]), "kinds"),
        ):
            found = refused(ask, wrong)
            assert (found.code, found.fields) == (grpc.StatusCode.INVALID_ARGUMENT, [field])
        for wrong, field in ((watch_pb2.WatchRequest(bed="ICU^9^Z"), "bed"), (watch_pb2.WatchRequest(ward="icu"), "ward")):
            found = refused(ask, wrong)
            assert (found.code, found.fields) == (grpc.StatusCode.NOT_FOUND, [field])
        key = token_key.read(database)
        for place in ((3, "00" * 32), (10_000, "00" * 32)):
            other = seal(key, request, place, apart=("resume_token", "snapshot"))
            found = refused(ask, watch_pb2.WatchRequest(bed=BED, resume_token=other))
            assert (found.code, found.error.field) == (grpc.StatusCode.OUT_OF_RANGE, "resume_token")
    commit(database, window(0))
    with serving(database, tmp_path, lambda: NOW + 8 * DAY_US) as later, WatchClient([f"127.0.0.1:{later}"], RpcSettings()) as client:
        with pytest.raises(OutOfRange, match="7 days"):
            next(client.watch(BED, resume=token))
        with pytest.raises(NotFound):
            next(client.watch("ICU^9^Z"))


def test_heartbeats_say_up_to_when_all_was_told(database: Database, port: int, monkeypatch) -> None:
    monkeypatch.setattr(watch_servicer, "HEARTBEAT_S", 0.1)
    with watch(port, bed="SURG^1^A") as stream:
        beats = [next(stream) for _ in range(3)]
        assert all(one.heartbeat.told_until_us == NOW and not one.bed for one in beats)
        commit(database, window(0))  # of another bed
        commit(database, window(0, source="cam-2"))
        while not (answer := next(stream)).HasField("assessment"):
            assert answer.HasField("heartbeat")
        assert answer.assessment.source == "cam-2"
    with watch(port, bed="SURG^1^A", resume_token=beats[-1].resume_token) as stream:
        assert items(stream, 1)[0].assessment.source == "cam-2"


def test_a_slow_reader_costs_no_memory_and_too_many_are_refused(database: Database, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(live, "ROOM", 5)
    admit(database, stay())
    made = RecordServicer(database, lambda: None, clock=lambda: NOW, watches=2)  # type: ignore[arg-type, return-value]
    with served(record(made)) as server, watch(server.port) as slow, watch(server.port) as other:
        with dialled(server.port) as channel:
            found = refused(RecordServiceStub(channel).Watch, watch_pb2.WatchRequest())
            assert (found.code, found.error.field) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "rpc.max_watches")
        other.cancel()
        every = [window(number) for number in range(120)]
        for number in range(0, 120, 12):
            commit(database, *every[number : number + 12])
        told = [one.assessment.id for one in items(slow, 121) if one.HasField("assessment")]
        assert told == [str(one.id) for one in every][: len(told)]
        assert len(told) >= 110
        assert len(made._live._last) <= 5
        with watch(server.port) as third:
            assert next(third).HasField("heartbeat")


def test_the_client_goes_on_where_it_was(database: Database, port: int) -> None:
    """Over a server that ends streams every quarter of a second."""
    verify = lambda: None  # noqa: E731
    made = record(RecordServicer(database, verify, clock=lambda: NOW))  # type: ignore[arg-type]
    with served(made, max_stream_age_s=0.25) as server, WatchClient([f"127.0.0.1:{server.port}"], RpcSettings()) as client:
        stream = client.watch(BED, kinds=["assessment"])
        begun = next(stream)
        assert (begun.item, begun.until_us) == (None, NOW)
        every = [window(number) for number in range(40)]
        done = threading.Thread(target=lambda: [commit(database, one) for one in every])
        done.start()
        found: list[Watched] = []
        while len(found) < len(every):
            one = next(stream)
            found += [one] if one.item is not None else []
        done.join()
        assert [one.item for one in found] == every
        stream.close()
        again = client.watch(BED, kinds=["assessment"], resume=found[-2].token)
        assert next(again).item == every[-1]
        again.close()


def test_an_alert_is_acknowledged_once(database: Database, port: int, database_dsn: str) -> None:
    first, second = window(0, 2), window(1, 2)
    commit(database, first, second, alert(first), alert(second))
    with RecordClient([f"127.0.0.1:{port}"], RpcSettings()) as client:
        said = client.acknowledge(alert(first).id, "n-7")
        assert said == Acknowledgement(alert(first).id, "n-7", NOW) == client.acknowledge(alert(first).id, "n-8")
        assert client.acknowledged(alert(first).id) == said
        assert client.acknowledged(alert(second).id) is None
        assert list(client.alerts(where="acknowledged = false")) == [alert(second)]
        assert list(client.alerts(where="acknowledged = true")) == [alert(first)]
        assert [row.event for row in audit.rows(database, entry=alert(first).id)].count("acknowledged") == 1
        with pytest.raises(NotFound):
            client.acknowledge(uuid4(), "n-7")
        with pytest.raises(MessageError, match="1 to 128"):
            client.acknowledge(alert(second).id, "")
        assert client.verify().count
        with database.transaction() as tx:
            tx.execute("UPDATE acknowledged SET nurse = 'n-9'")
        with pytest.raises(IntegrityError) as caught:
            client.verify()
        assert "acknowledged" in caught.value.field
        with database.transaction() as tx:
            erasing.windows(tx, [first.id])
            assert tx.execute("SELECT count(*) FROM acknowledged").fetchone() == (0,)


def test_the_command_line_shows_it_until_ctrl_c(database: Database, port: int) -> None:
    commit(database, window(0, 2), alert(window(0, 2)))
    for options, wanted in (
        (["--json", "--kind", "alert"], str(alert(window(0, 2)).id)),
        (["--kind", "alert"], "alert           high (holds)"),
    ):
        line = [sys.executable, "-m", "wince.cli.main", "watch", "--now", "--to", f"127.0.0.1:{port}", *options]
        with subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        assert wanted in first
