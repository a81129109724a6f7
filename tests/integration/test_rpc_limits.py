"""The server every service runs on: how much it takes, how it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.rpc import dialled, failure, refused, served
from tests.support.rpc_apart import SERVER, apart, most_memory
from tests.support.rpc_services import FILE, LIST, Echo, answer, echo, frame, tokens, until
from wince import errors
from wince.api.capture.v1 import capture_pb2
from wince.api.detect.v1 import detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import (
    DetectServiceStub,
)
from wince.api.estimate.v1.estimate_service_pb2_grpc import (
    EstimateServiceStub,
)
from wince.rpc import client
from wince.rpc.auth import caller
from wince.rpc.config import RpcSettings
from wince.rpc.guard import WATCHERS

pytestmark = pytest.mark.timeout(120)


# How much it takes


def test_deadlines_of_calls_and_silence_of_streams():
    with served(echo(Echo()), answer(lambda: asyncio.sleep(60)), deadline_s=0.2, stream_idle_s=0.2) as server, dialled(server.port) as dial:
        assert refused(EstimateServiceStub(dial).ListModels, LIST).code is grpc.StatusCode.DEADLINE_EXCEEDED
        silent = threading.Event()

        def nothing() -> Iterator[Any]:
            yield frame(1)
            silent.wait(60)

        found = refused(DetectServiceStub(dial).DetectFaces, nothing())
        silent.set()
        assert (found.code, "silent" in found.text) == (grpc.StatusCode.DEADLINE_EXCEEDED, True)


def test_a_thousand_silent_connections_harm_nobody():
    with served(echo(Echo()), max_connections=200, handshake_s=1.0) as server:
        before = len(os.listdir("/proc/self/fd"))
        silent = []
        try:
            for _ in range(1000):
                one = socket.socket()
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", server.port))
                silent.append(one)
            until(lambda: len(os.listdir("/proc/self/fd")) - before - 1000 <= 210)

            def served_again() -> bool:
                with dialled(server.port, initial_reconnect_backoff_ms=50, max_reconnect_backoff_ms=200) as dial:
                    try:
                        return len(list(DetectServiceStub(dial).DetectFaces(iter([frame(1)]), timeout=20, wait_for_ready=True))) == 1
                    except grpc.RpcError:
                        return False

            until(served_again)
        finally:
            for one in silent:
                one.close()


def test_one_caller_has_its_share_of_the_calls_and_no_more(tmp_path):
    """Two callers by token; the greedy one is refused by name, the other is served; what ended is given back."""
    gate = threading.Event()

    async def held() -> str:
        while not gate.is_set():
            await asyncio.sleep(0.02)
        return "done"

    file = tokens(tmp_path / "tokens", "greedy stage,reader greedy-token-000000\nmodest stage,reader modest-token-000000\n")
    with served(answer(held), token_file=file, max_rpcs_per_caller=3) as server, dialled(server.port) as dial:
        ask = EstimateServiceStub(dial).ListModels
        greedy, modest = ((("authorization", f"Bearer {who}-token-000000"),) for who in ("greedy", "modest"))
        waiting = [ask.future(LIST, timeout=60, metadata=greedy) for _ in range(3)]
        until(lambda: server.running == 3)
        found = refused(ask, LIST, metadata=greedy)
        assert (found.code, found.error.field) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "rpc.max_rpcs_per_caller")
        other = ask.future(LIST, timeout=60, metadata=modest)
        until(lambda: server.running == 4)
        gate.set()
        assert [one.result().model_set for one in (*waiting, other)] == ["done"] * 4
        assert ask(LIST, timeout=60, metadata=greedy).model_set == "done"


def test_health_is_watched_by_a_few_of_an_address_without_a_token():
    with served(echo(Echo())) as server, dialled(server.port) as dial:
        watch = health_pb2_grpc.HealthStub(dial).Watch
        open_ = [watch(health_pb2.HealthCheckRequest(), timeout=60) for _ in range(WATCHERS)]
        for one in open_:
            assert next(one).status == health_pb2.HealthCheckResponse.SERVING
        assert refused(watch, health_pb2.HealthCheckRequest()).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert health_pb2_grpc.HealthStub(dial).Check(health_pb2.HealthCheckRequest(), timeout=60).status
        open_[0].cancel()

        def again() -> bool:
            try:
                return next(watch(health_pb2.HealthCheckRequest(), timeout=60)).status == health_pb2.HealthCheckResponse.SERVING
            except grpc.RpcError:
                return False

        until(again)
        for one in open_:
            one.cancel()


def test_a_server_makes_room_for_its_connections():
    """Started where a process may have 128 files open: its own files must not want for descriptors that connections took."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 4096))\n" + SERVER.format(settings="")
    code = code.replace("print(server.port, flush=True)", "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == 2048
        process.kill()


def test_calls_are_bounded():
    gate = threading.Event()

    async def held() -> str:
        while not gate.is_set():
            await asyncio.sleep(0.02)
        return "done"

    with served(answer(held), max_rpcs=3) as server, dialled(server.port) as dial:
        ask = EstimateServiceStub(dial).ListModels
        waiting = [ask.future(LIST, timeout=60) for _ in range(3)]
        until(lambda: server.running == 3)
        assert refused(ask, LIST).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.set()
        assert [one.result().model_set for one in waiting] == ["done"] * 3


def test_who_sends_faster_than_is_taken_is_held_back():
    slow = Echo(slow_s=0.01)
    sent = []

    def flood() -> Iterator[Any]:
        for number in range(400):
            sent.append(number)
            yield detect_service_pb2.DetectFacesRequest(
                frame=capture_pb2.Frame(source="c", sequence=number, width=16, height=16, jpeg=bytes(1 << 20))
            )

    with served(echo(slow)) as server, dialled(server.port) as dial:
        answers = DetectServiceStub(dial).DetectFaces(flood(), timeout=100)
        for _ in range(100):
            next(answers)
        assert len(sent) < 150, "megabytes that wait: some in the window, some read ahead"
        answers.cancel()


# How it ends


def test_a_stream_ends_at_its_age_and_goes_on_on_another_replica():
    """Its client is told to go on with a new one; what was answered until then was answered in order."""
    found: list[tuple[int, str]] = []

    def frames() -> Iterator[Any]:
        for number in range(100_000):
            time.sleep(0.01)
            yield frame(number)

    with served(echo(Echo("one")), max_stream_age_s=0.3) as one, served(echo(Echo("two")), max_stream_age_s=0.3) as two:
        targets = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
        with client.blocking_channel(targets, RpcSettings()) as channel:
            deadline = time.monotonic() + 60
            while {name for _, name in found} != {"one", "two"}:
                assert time.monotonic() < deadline
                begun = len(found)
                answers = DetectServiceStub(channel).DetectFaces(frames(), timeout=60, wait_for_ready=True)
                try:
                    found += ((said.face.sequence, said.face.source) for said in answers)
                except grpc.RpcError:
                    assert answers.code() is grpc.StatusCode.UNAVAILABLE
                else:
                    raise AssertionError("a stream outlived its age")
                assert [number for number, _ in found[begun:]] == list(range(len(found) - begun))


def test_unary_calls_are_tried_again_and_spread_over_replicas(tmp_path):
    calls = [0, 0]

    def flaky(number: int) -> Callable[[], str]:
        def work() -> str:
            calls[number] += 1
            if calls[number] % 2:
                raise errors.Unavailable("later")
            return f"{number} {caller().name}"

        return work

    file = tokens(tmp_path / "t", FILE)
    token = tokens(tmp_path / "mine", "reader-token-0123456789\n")
    with served(answer(flaky(0)), token_file=file) as one, served(answer(flaky(1)), token_file=file) as two:
        targets = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
        config = RpcSettings(client_token_file=token)

        async def drive() -> set[str]:
            async with client.channel(targets, config) as channel:
                return {(await EstimateServiceStub(channel).ListModels(LIST, timeout=60)).model_set for _ in range(12)}

        assert asyncio.run(drive()) == {"0 reader", "1 reader"}
        with client.blocking_channel(targets, config) as channel:
            assert EstimateServiceStub(channel).ListModels(LIST, timeout=60, metadata=client.metadata(config)).model_set.endswith("reader")


def test_giants_and_noise_take_no_memory_and_harm_nobody():
    with apart() as (process, port), dialled(port) as dial:
        good = DetectServiceStub(dial)
        assert len(list(good.DetectFaces(iter([frame(0)]), timeout=60))) == 1
        before = most_memory(process)
        giant = detect_service_pb2.DetectFacesRequest(frame=capture_pb2.Frame(jpeg=bytes(100 << 20)))
        for _ in range(4):
            with dialled(port) as other:
                assert refused(DetectServiceStub(other).DetectFaces, iter([giant])).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port), 10) as noise:
                noise.sendall(os.urandom(20_000))
        assert len(list(good.DetectFaces(iter([frame(1)]), timeout=60))) == 1
        assert most_memory(process) - before < 60, "MB"


def test_sigterm_finishes_what_is_in_flight():
    with apart() as (process, port):
        assert process.stdout is not None
        hold = threading.Event()
        with dialled(port) as dial:

            def some() -> Iterator[Any]:
                for number in range(3):
                    yield frame(number)
                hold.wait(60)

            answers = DetectServiceStub(dial).DetectFaces(some(), timeout=100)
            assert next(answers).face.sequence == 0
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "drains\n"
            assert [next(answers).face.sequence for _ in range(2)] == [1, 2]
            with pytest.raises(grpc.RpcError) as caught:
                next(answers)
            hold.set()
            assert (failure(caught.value).code, "draining" in failure(caught.value).text) == (grpc.StatusCode.UNAVAILABLE, True)
        assert process.stdout.readline() == "ended\n"
        assert process.wait(30) == 0
