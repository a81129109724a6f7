"""Probes hear whether a service lives and whether it works, in the clear, and nothing else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.rpc_services import until
from wince.errors import ConfigError, ResourceError, Unavailable
from wince.parts import WatchedThread
from wince.rpc.config import RpcSettings
from wince.serve import probes as probing
from wince.serve import process
from wince.serve.probes import LIVE, Probes
from wince.serve.service import Service
from wince.settings import Settings

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Now:
    """A clock that stands."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def probes(now: Now, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probes]:
    monkeypatch.setattr(probing, "LOOK_S", 0.01)
    made = Probes("127.0.0.1", 0, now)
    made.start()
    yield made
    made.stop()


def asks(probes: Probes, name: str) -> int:
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel:
        return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name), timeout=30).status


def waits(condition: Callable[[], bool]) -> None:
    until(condition)


class Part:
    """Fails when it is told to; its start says what probes hear meanwhile."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.name, self.die, self._stopped, self._meanwhile = "relay", threading.Event(), threading.Event(), meanwhile
        self._thread = WatchedThread("relay", lambda: self.die.wait(60), self._stopped)

    def start(self) -> None:
        self._meanwhile()
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self.die.set()

    def failed(self) -> BaseException | None:
        if self.die.is_set():
            self._thread.join(60)
        return self._thread.failed()


def test_a_start_is_told_from_a_death_and_a_drain_from_both(probes):
    """Alive from the first answer on; ready, by the same names as on the service's own port, from the last part's start to the drain."""
    assert (asks(probes, LIVE), asks(probes, "")) == (SERVING, NOT_SERVING)
    heard: list[int] = []
    part = Part(lambda: heard.extend([asks(probes, LIVE), asks(probes, "")]))
    running = process.Running(Service("care", [part]), Settings(), probes=probes)
    running.start()
    assert heard == [SERVING, NOT_SERVING]
    assert (asks(probes, LIVE), asks(probes, "")) == (SERVING, SERVING)
    running.stop()
    assert (asks(probes, LIVE), asks(probes, "")) == (SERVING, NOT_SERVING)


def test_a_part_that_failed_ends_life_whatever_the_drain_does(probes):
    part = Part(lambda: None)
    running = process.Running(Service("care", [part]), Settings(), probes=probes)
    running.start()
    part.die.set()
    assert running.failed() is not None
    assert (asks(probes, LIVE), asks(probes, "")) == (NOT_SERVING, NOT_SERVING)
    running.stop()
    assert asks(probes, LIVE) == NOT_SERVING


def test_a_loop_that_hangs_is_no_life_and_one_that_ended_in_order_is(probes, now):
    """A start, which has no loop yet, may take as long as its peers do."""
    now.seconds += 3600
    assert asks(probes, LIVE) == SERVING
    probes.beat()
    now.seconds += probing.STILL_S + 1
    waits(lambda: asks(probes, LIVE) == NOT_SERVING)
    probes.beat()
    waits(lambda: asks(probes, LIVE) == SERVING)
    now.seconds += probing.STILL_S + 1
    waits(lambda: asks(probes, LIVE) == NOT_SERVING)
    probes.rest()
    waits(lambda: asks(probes, LIVE) == SERVING)


def test_a_grpc_server_whose_loop_hangs_does_not_turn(monkeypatch):
    monkeypatch.setattr(process, "TURN_S", 0.05)
    held, free = threading.Event(), threading.Event()
    running = process.Running(Service("care", []), Settings(rpc=RpcSettings()))
    running.start()
    try:
        assert running.turns()
        running._server._loop.call_soon_threadsafe(lambda: (held.set(), free.wait(60)))
        assert held.wait(60)
        assert not running.turns()
    finally:
        free.set()
        running.stop()


def test_watch_tells_each_change_and_no_more_streams_are_taken_than_a_bound(probes):
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=""), timeout=60)
        assert next(watch).status == NOT_SERVING
        probes.ready(("",), True)
        assert next(watch).status == SERVING
        watch.cancel()
    with ExitStack() as stack:
        channels = [
            stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{probes.port}", [("grpc.use_local_subchannel_pool", 1)]))
            for _ in range(9)
        ]
        streams = [health_pb2_grpc.HealthStub(one).Watch(health_pb2.HealthCheckRequest(), timeout=60) for one in channels for _ in range(4)]
        refused = []
        for stream in streams:
            try:
                next(stream)
            except grpc.RpcError as error:
                refused.append(error.code())
        assert refused
        assert set(refused) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert asks(probes, LIVE) == SERVING


@pytest.mark.parametrize(
    "method", ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "/wince.api.server.v1.ServerService/GetServerInfo"]
)
def test_nothing_else_is_answered(probes, method):
    with grpc.insecure_channel(f"127.0.0.1:{probes.port}") as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with pytest.raises(grpc.RpcError) as caught:
        asks(probes, "wince.api.record.v1.Patients")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::", "127.0.0.1")])
def test_a_pod_answers_on_every_address_of_either_family(host, asked):
    made = probing.probes(Settings(health_port=0, health_host=host))
    assert made is not None
    made.start()
    try:
        with grpc.insecure_channel(f"{asked}:{made.port}") as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=LIVE), timeout=30)
        assert answer.status == SERVING
    finally:
        made.stop()


def test_an_address_that_is_none_of_this_machine_is_named():
    with pytest.raises(ResourceError) as caught:
        Probes("203.0.113.7", 7420).start()
    assert caught.value.field == "health_host=203.0.113.7, health_port=7420"


def test_not_asked_for_not_answered():
    assert probing.probes(Settings()) is None


def test_a_port_that_is_no_port_is_refused():
    with pytest.raises((ConfigError, ValueError)):
        Settings(health_port=70_000)


def test_who_is_waited_for_is_said_and_what_it_refuses_is_not_waited_for(monkeypatch):
    from wince.serve import waiting

    monkeypatch.setattr(waiting, "LOOK_S", 0.001)
    answers = iter([Unavailable("away"), Unavailable("away"), "there"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert waiting.waited("kafka", ask, 60) == "there"
    answers = iter([ConfigError("no Kafka is set")])
    with pytest.raises(ConfigError):
        waiting.waited("kafka", ask, 60)
