"""The server every service runs on: who may call, what bad input comes to, how much it takes, how it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.support.certificates import Authority
from tests.support.rpc import dialled, failure, refused, served
from wince import errors
from wince.api.capture.v1 import capture_pb2
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import (
    DetectServiceServicer,
    DetectServiceStub,
    add_DetectServiceServicer_to_server,
)
from wince.api.errors.v1 import errors_pb2
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.estimate.v1.estimate_service_pb2_grpc import (
    EstimateServiceServicer,
    EstimateServiceStub,
    add_EstimateServiceServicer_to_server,
)
from wince.errors import ConfigError
from wince.rpc import client
from wince.rpc import errors as rpc
from wince.rpc.auth import Role, caller
from wince.rpc.config import RpcSettings
from wince.rpc.server import Registration, RpcServer

pytestmark = pytest.mark.timeout(120)
DETECT = "wince.api.detect.v1.DetectService"
ESTIMATE = "wince.api.estimate.v1.EstimateService"
LIST = estimate_service_pb2.ListModelsRequest()


class Echo(DetectServiceServicer):
    """Answers every frame with a face of its number; `slow_s` long."""

    def __init__(self, name: str = "", slow_s: float = 0.0) -> None:
        self.name, self.slow_s = name, slow_s
        self.seen: list[int] = []

    async def DetectFaces(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            await asyncio.sleep(self.slow_s)
            self.seen.append(request.frame.sequence)
            yield detect_service_pb2.DetectFacesResponse(face=detect_pb2.Face(source=self.name, sequence=request.frame.sequence))


class Answer(EstimateServiceServicer):
    """`work` says what a call comes to; its result is the model set."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    async def ListModels(self, request: Any, context: Any) -> Any:
        made = self.work()
        return estimate_service_pb2.ListModelsResponse(model_set=str(await made if asyncio.iscoroutine(made) else made))


def echo(servicer: Echo) -> Registration:
    roles = {"DetectFaces": frozenset({Role.STAGE})}
    return Registration(DETECT, lambda server: add_DetectServiceServicer_to_server(servicer, server), roles, max_bytes=16 << 20)


def answer(work: Callable[[], Any]) -> Registration:
    roles = {"ListModels": frozenset({Role.READER, Role.OPERATOR})}
    return Registration(ESTIMATE, lambda server: add_EstimateServiceServicer_to_server(Answer(work), server), roles)


def raising(error: Exception) -> Registration:
    def work() -> None:
        raise error

    return answer(work)


def frame(sequence: int) -> detect_service_pb2.DetectFacesRequest:
    return detect_service_pb2.DetectFacesRequest(frame=capture_pb2.Frame(source="cam", sequence=sequence, jpeg=bytes(30_000)))


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


SECRET = "patient John Doe MRN 123"


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.InputError("m", field="f", remedy="r"), "INVALID_ARGUMENT", "INVALID_INPUT"),
        (errors.MediaError("m", field="f"), "INVALID_ARGUMENT", "MEDIA"),
        (errors.ProtocolError("m", field="f"), "INVALID_ARGUMENT", "PROTOCOL"),
        (errors.ConfigError("m", field="f"), "FAILED_PRECONDITION", "CONFIG"),
        (errors.ModelFileError("m", field="f"), "FAILED_PRECONDITION", "MODEL_FILE"),
        (errors.DataError("m", field="f"), "INVALID_ARGUMENT", "DATA"),
        (errors.MessageError("m", field="f"), "INVALID_ARGUMENT", "MESSAGE"),
        (errors.PeerError("m", field="f"), "UNAVAILABLE", "PEER"),
        (errors.Unavailable("m", field="f", retry_after_s=2.5), "UNAVAILABLE", "UNAVAILABLE"),
        (errors.Refused("m", field="f"), "FAILED_PRECONDITION", "REFUSED"),
        (errors.ResourceError("m", field="f"), "RESOURCE_EXHAUSTED", "RESOURCE"),
        (errors.StoreError("m", field="f"), "UNAVAILABLE", "STORE"),
        (errors.IntegrityError("m", field="f"), "DATA_LOSS", "INTEGRITY"),
        (rpc.NotFound("m", field="f"), "NOT_FOUND", "INVALID_INPUT"),
        (rpc.AlreadyExists("m", field="f"), "ALREADY_EXISTS", "REFUSED"),
        (rpc.Forbidden("m", field="f"), "PERMISSION_DENIED", "REFUSED"),
        (rpc.TooSlow("m", field="f"), "RESOURCE_EXHAUSTED", "RESOURCE"),
        (errors.WinceError(SECRET, field=SECRET), "INTERNAL", "INTERNAL"),
        (ValueError(SECRET), "INTERNAL", "INTERNAL"),
        (grpc.RpcError(SECRET), "INTERNAL", "INTERNAL"),
    ],
)
def test_every_error_has_its_status_and_none_leaks(error, code, reason, capsys):
    with served(raising(error)) as server, dialled(server.port) as dial:
        found = refused(EstimateServiceStub(dial).ListModels, LIST)
    assert (found.code.name, errors_pb2.ErrorReason.Name(found.error.reason)) == (code, f"ERROR_REASON_{reason}")
    assert SECRET not in found.text + str(found.error) + str(found.fields)
    assert isinstance(error, errors.WinceError) or SECRET not in capsys.readouterr().err
    if code == "INTERNAL":
        assert (found.text, found.error.field) == ("internal error", "")
    else:
        assert (found.error.field, found.error.message) == ("f", "m")
        assert found.fields == (["f"] if isinstance(error, errors.InputError) else [])
    assert found.error.retry_after_s == (2.5 if isinstance(error, errors.Unavailable) else 0)


def test_an_unexpected_error_in_a_stream_leaks_nothing():
    class Broken(Echo):
        async def DetectFaces(self, requests, context):
            async for request in requests:
                yield detect_service_pb2.DetectFacesResponse(face=detect_pb2.Face(sequence=request.frame.sequence))
                raise KeyError(SECRET)

    with served(echo(Broken())) as server, dialled(server.port) as dial:
        answers = DetectServiceStub(dial).DetectFaces(iter([frame(4)]))
        assert next(answers).face.sequence == 4
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
    assert (failure(caught.value).code, failure(caught.value).text) == (grpc.StatusCode.INTERNAL, "internal error")


def test_bytes_that_are_no_message():
    with served(echo(Echo()), answer(lambda: "m")) as server, dialled(server.port) as dial:
        bad = b"\xff\xff\xff\xff no protobuf"
        asked = refused(dial.unary_unary(f"/{ESTIMATE}/ListModels"), bad)
        for found in (asked, refused(dial.stream_stream(f"/{DETECT}/DetectFaces"), iter([bad]))):
            assert (found.code, len(found.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, 1)
            assert "no protobuf" not in found.text
        assert refused(dial.unary_unary(f"/{ESTIMATE}/NoSuch"), b"").code is grpc.StatusCode.UNIMPLEMENTED


def test_health_and_reflection():
    with served(echo(Echo()), answer(lambda: "m")) as server, dialled(server.port) as dial:
        check = HealthStub(dial).Check
        for name in ("", DETECT, ESTIMATE):
            assert check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
        assert refused(check, health_pb2.HealthCheckRequest(service="none")).code is grpc.StatusCode.NOT_FOUND
        server.ready(DETECT, False)
        assert check(health_pb2.HealthCheckRequest(service=DETECT)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="*")])
        (said,) = ServerReflectionStub(dial).ServerReflectionInfo(asked)
        assert {DETECT, ESTIMATE} <= {one.name for one in said.list_services_response.service}


# Who may call


def tokens(path: Path, text: str) -> Path:
    path.write_text(textwrap.dedent(text))
    path.chmod(0o600)
    return path


FILE = """
    # who    may        how
    reader   reader     reader-token-0123456789
    stage    stage      sha256:6c3bdd4b9aae4b2e09d4eb2dcd38d0e3e3d5ed3c36d8b73db4f9e4d6ab1f5f0e   # of nothing we know
    camera   camera     camera-token-0123456789
"""


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def test_tokens_and_roles(tmp_path):
    file = tokens(tmp_path / "t", FILE)
    with served(echo(Echo()), answer(lambda: caller().name), token_file=file) as server, dialled(server.port) as dial:
        ask = EstimateServiceStub(dial).ListModels
        assert ask(LIST, metadata=bearer("reader-token-0123456789")).model_set == "reader"
        for metadata in ((), bearer("wrong-token-0123456789"), bearer(""), (("authorization", "reader-token-0123456789"),)):
            assert refused(ask, LIST, metadata=metadata).code is grpc.StatusCode.UNAUTHENTICATED
        found = refused(ask, LIST, metadata=bearer("camera-token-0123456789"))
        assert (found.code, "camera-token" in found.text) == (grpc.StatusCode.PERMISSION_DENIED, False)
        assert refused(DetectServiceStub(dial).DetectFaces, iter([frame(0)])).code is grpc.StatusCode.UNAUTHENTICATED
        reads = refused(DetectServiceStub(dial).DetectFaces, iter([frame(0)]), metadata=bearer("reader-token-0123456789"))
        assert reads.code is grpc.StatusCode.PERMISSION_DENIED
        reflect = ServerReflectionStub(dial).ServerReflectionInfo
        assert refused(reflect, iter([reflection_pb2.ServerReflectionRequest(list_services="*")])).code is grpc.StatusCode.UNAUTHENTICATED
        assert HealthStub(dial).Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


WRONG_LINES = ("", "name reader", "name chief token-0123456789abc", "x reader short", "x reader sha256:12", "n! reader token-01234567")


@pytest.mark.parametrize("line", WRONG_LINES)
def test_wrong_token_files_are_named(tmp_path, line):
    with pytest.raises(ConfigError) as caught:
        RpcServer([], RpcSettings(token_file=tokens(tmp_path / "t", line)))
    assert "rpc.token_file" in caught.value.field
    assert "token-0123456789abc" not in caught.value.diagnostics()
    open_to_all = tokens(tmp_path / "o", "a reader token-0123456789abc")
    open_to_all.chmod(0o644)
    with pytest.raises(ConfigError, match="every user"):
        RpcServer([], RpcSettings(token_file=open_to_all))


@pytest.fixture
def pki(tmp_path) -> tuple[Authority, dict[str, Path]]:
    authority = Authority(tmp_path)
    cert, key = authority.issue("localhost")
    return authority, {"tls_cert_file": cert, "tls_key_file": key}


def test_tls(pki, tmp_path):
    authority, tls = pki
    other = Authority(tmp_path, "another authority")
    with served(answer(lambda: "m"), **tls) as server:
        with dialled(server.port, grpc.ssl_channel_credentials(authority.file.read_bytes())) as dial:
            assert EstimateServiceStub(dial).ListModels(LIST, timeout=20).model_set == "m"
        with dialled(server.port, grpc.ssl_channel_credentials(other.file.read_bytes())) as dial:
            assert refused(EstimateServiceStub(dial).ListModels, LIST).code is grpc.StatusCode.UNAVAILABLE
        with dialled(server.port) as dial:
            assert refused(EstimateServiceStub(dial).ListModels, LIST).code is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_counts_without_a_restart(pki, tmp_path, monkeypatch):
    monkeypatch.setattr("wince.rpc.tls.AGAIN_S", 0.0)
    authority, tls = pki
    (tmp_path / "next").mkdir()
    successor = Authority(tmp_path / "next")

    def ask(believed: Authority) -> grpc.StatusCode | str:
        with dialled(server.port, grpc.ssl_channel_credentials(believed.file.read_bytes())) as dial:
            try:
                return EstimateServiceStub(dial).ListModels(LIST, timeout=20).model_set
            except grpc.RpcError as error:
                return failure(error).code

    with served(answer(lambda: "m"), **tls) as server:
        assert ask(authority) == "m"
        tls["tls_key_file"].write_text("no key")
        assert ask(authority) == "m"
        cert, key = successor.issue("localhost")
        tls["tls_key_file"].write_bytes(key.read_bytes())
        tls["tls_cert_file"].write_bytes(cert.read_bytes())
        assert ask(successor) == "m"
        assert ask(authority) is grpc.StatusCode.UNAVAILABLE


def test_mtls_with_roles_by_certificate(pki, tmp_path):
    authority, tls = pki
    file = tokens(tmp_path / "t", "ward reader cn:ward-3.example\nboss operator boss-token-0123456789")
    stranger = Authority(tmp_path, "another authority")
    with served(answer(lambda: caller().name), tls_client_ca_file=authority.file, token_file=file, **tls) as server:

        def ask(issuer: Authority | None, name: str = "", metadata: Any = ()) -> str:
            cert, key = issuer.issue(name) if issuer else (None, None)
            credentials = grpc.ssl_channel_credentials(
                authority.file.read_bytes(), key.read_bytes() if key else None, cert.read_bytes() if cert else None
            )
            with dialled(server.port, credentials) as dial:
                try:
                    return EstimateServiceStub(dial).ListModels(LIST, timeout=20, metadata=metadata).model_set
                except grpc.RpcError as error:
                    return failure(error).code.name

        assert ask(authority, "ward-3.example") == "ward"
        assert ask(authority, "ward-4.example") == "UNAUTHENTICATED"
        assert ask(authority, "ward-4.example", bearer("boss-token-0123456789")) == "boss"
        assert ask(stranger, "ward-3.example") == "UNAVAILABLE"
        assert ask(None) == "UNAVAILABLE"


def test_nothing_listens_beyond_loopback_by_chance(pki, tmp_path):
    _, tls = pki
    file = tokens(tmp_path / "t", FILE)
    for settings, field in (({}, "rpc.tls_cert_file"), (tls, "rpc.token_file"), ({"token_file": file}, "rpc.tls_cert_file")):
        for host in ("0.0.0.0", "::", "example.org"):
            with pytest.raises(ConfigError) as caught:
                RpcServer([], RpcSettings(host=host, **settings))
            assert caught.value.field == field
    RpcServer([], RpcSettings(host="0.0.0.0", token_file=file, **tls))
    RpcServer([], RpcSettings(host="0.0.0.0", insecure_listen_beyond_loopback=True))
    with pytest.raises(ConfigError):
        RpcServer([], RpcSettings(tls_cert_file=tls["tls_cert_file"]))
    with pytest.raises(ConfigError, match="PEM"):
        RpcServer([], RpcSettings(tls_cert_file=file, tls_key_file=tls["tls_key_file"]))


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
            yield detect_service_pb2.DetectFacesRequest(frame=capture_pb2.Frame(source="c", sequence=number, jpeg=bytes(1 << 20)))

    with served(echo(slow)) as server, dialled(server.port) as dial:
        answers = DetectServiceStub(dial).DetectFaces(flood(), timeout=100)
        for _ in range(100):
            next(answers)
        assert len(sent) < 150, "megabytes that wait: some in the window, some read ahead"
        answers.cancel()


# How it ends


def test_a_stream_ends_at_its_age_and_goes_on_on_another_replica():
    replicas = [Echo("one"), Echo("two")]

    async def frames() -> AsyncIterator[Any]:
        for number in range(60):
            await asyncio.sleep(0.02)
            yield frame(number)

    with served(echo(replicas[0]), max_stream_age_s=0.3) as one, served(echo(replicas[1]), max_stream_age_s=0.3) as two:

        async def drive() -> list[tuple[int, int, str]]:
            targets = [f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}"]
            async with client.channel(targets, RpcSettings()) as channel:
                stub = DetectServiceStub(channel)
                pairs = client.answered(stub.DetectFaces, frames())
                return [(asked.frame.sequence, said.face.sequence, said.face.source) async for asked, said in pairs]

        found = asyncio.run(drive())
    assert [(asked, said) for asked, said, _ in found] == [(number, number) for number in range(60)]
    assert {name for _, _, name in found} == {"one", "two"}


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


SERVER = """
import asyncio
from tests.integration.test_rpc_server import Echo, echo
from wince.rpc.config import RpcSettings
from wince.rpc.server import serve

def started(server):
    print(server.port, flush=True)

asyncio.run(serve([echo(Echo(slow_s=0.3))], RpcSettings(), on_start=started, on_drain=lambda: print("drains", flush=True)))
print("ended", flush=True)
"""


@contextmanager
def apart() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """A server process, and its port."""
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def most_memory(process: "subprocess.Popen[str]") -> int:
    """MB that a process ever held."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


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
