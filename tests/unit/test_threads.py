"""No thread of ours ends unseen: each kind is killed by an injected fault, and its owner says so in `failed`, or gives the error on."""

import ast
import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

import wince
from tests.support.cameras import Leases, Register
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.bus.kafka_options import KafkaOptions
from wince.bus.kafka_outbox import Outbox
from wince.bus.memory import MemoryBus
from wince.care.relay import Relay
from wince.clients.capture import Pusher
from wince.clients.detect import Link
from wince.domain.frame import Beat
from wince.errors import Unavailable, WinceError
from wince.hl7.mllp_server import MllpServer
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.site import Site
from wince.local.supervisor import Child, Supervisor
from wince.pipeline.capture.cameras import CameraPlan, Cameras
from wince.pipeline.capture.interface import CameraSpec
from wince.pipeline.capture.rtsp import StreamSource
from wince.rpc.config import RpcSettings
from wince.rpc.peers import Peers
from wince.rpc.server import ServerThread
from wince.runners.front import Front
from wince.serve.capture import Reading, Road
from wince.serve.service import Repeated
from wince.serve.up import Up
from wince.settings import Settings
from wince.testing.ehr import EhrSandbox

SOURCE = Path(wince.__file__).parent
UNWATCHED = {
    "bus/kafka.py": "ends subscriptions, and is waited for",
    "clients/capture.py": "keeps what it raises; the pusher raises it",
    "clients/detect.py": "a Thread of its own that keeps `error`",
    "runners/front.py": "a Thread of its own that keeps `error`",
    "serve/capture.py": "a Thread of its own that keeps `error`",
    "bus/memory.py": "keeps what it raises: Subscription.failed",
    "pipeline/capture/rtsp.py": "gives what it raises to whoever takes frames",
    "serve/checks/": "asks one question, and is waited for with a limit",
    "serve/status/": "asks one question, and is waited for with a limit",
    "serve/process.py": "ends the process, whatever it raises",
    "local/stopping.py": "ends a command that doesn't end in time; lives for one command",
    "dicom/scp/server.py": "lives for one association, which it ends whatever it raises; counts and logs it",
    "parts.py": "is what watches",
    "testing/": "parts of tests; the sandbox, which runs for users too, has `failed`",
}
"""Where a plain thread is right, and why."""


class Fault(Exception):
    """What nobody foresaw."""


def fault(*_: object, **__: object) -> None:
    raise Fault("Musterfrau")


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_every_other_thread_is_watched():
    """A new `threading.Thread` in the source is a WatchedThread instead, or stands above with its reason."""
    plain = set()
    for path in SOURCE.rglob("*.py"):
        name = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            bases = node.bases if isinstance(node, ast.ClassDef) else []
            plain |= {name for one in (called, *bases) if isinstance(one, ast.Attribute) and one.attr == "Thread"}
    assert {name for name in plain if not name.startswith(tuple(UNWATCHED))} == set()


@pytest.mark.parametrize("error", [Fault("Musterfrau"), SystemExit()])
def test_work_that_repeats(error):
    """What may pass is tried again."""
    errors: list[BaseException] = [Unavailable("the database does not answer"), error]

    def work() -> None:
        raise errors.pop(0)

    part = Repeated("backlog", 0.01, work)
    part.start()
    until(part.failed)
    assert part.failed() is error
    assert errors == []
    part.stop()


class NoDatabase:
    """Fails as it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def transaction(self) -> object:
        raise self.errors.pop(0)


def test_the_relay_of_care():
    database = NoDatabase(Unavailable("the database does not answer"), Fault("Musterfrau"))
    relay = Relay(database, fault, poll_s=0.01)  # type: ignore[arg-type]
    relay.start()
    until(relay.failed)
    assert isinstance(relay.failed(), Fault)
    relay.stop()


def test_the_ticks_of_cameras():
    """A camera whose opening raises anything is tried again and ends nothing; leases that can't be renewed any more end the process."""
    leases, opened = Leases(Register(), "a"), threading.Event()

    def opening(plan: CameraPlan, owned: Callable[[], bool]) -> None:
        opened.set()
        raise Fault("Musterfrau")

    cameras = Cameras(opening, fault, leases)  # type: ignore[arg-type]
    cameras.set_list([CameraPlan(CameraSpec("cam", "rtsp://cam.example/1"))])
    part = Reading(cameras)
    part.start()
    assert opened.wait(60)
    assert part.failed() is None
    leases.renew = fault  # type: ignore[method-assign]
    cameras.set_list([])
    until(part.failed)
    assert isinstance(part.failed(), Fault)
    part.stop()


def test_the_reader_of_a_network_camera(monkeypatch):
    """Its beats would go on forever; whoever takes them gets an error in their place, and begins anew."""
    monkeypatch.setattr(StreamSource, "_connection", fault)
    source = StreamSource("cam", "rtsp://cam.example/1", rate_hz=5)
    with pytest.raises(WinceError, match="a camera's reader ended: Fault"):
        for _ in source:
            pass


class Given:
    """A source that dies of what no `except Exception` sees."""

    source = "cam"

    def __init__(self) -> None:
        self.closed = False

    def __iter__(self):
        yield Beat("cam", 1_000_000, frames=0, dropped=0, corrupt=0)
        raise SystemExit

    def close(self) -> None:
        self.closed = True


class NoLink:
    """Takes everything."""

    def start(self) -> None: ...
    def put(self, message: object) -> None: ...
    def stop(self) -> None: ...


def test_a_road_or_a_front_that_dies_is_not_a_clip_that_was_played():
    road = Road(Given(), NoLink(), 1.0)  # type: ignore[arg-type]
    front = Front(Given(), lambda _: [], MemoryBus(), lambda _: None)  # type: ignore[arg-type]
    for thread in (road, front):
        thread.start()
        thread.join(60)
        assert isinstance(thread.error, SystemExit)
    with pytest.raises(WinceError, match="front of cam failed: SystemExit"):
        front.check()


def test_a_link_to_detect(monkeypatch):
    """What ends it is raised where frames are handed over, and where their answers are waited for."""
    monkeypatch.setattr(Link, "_stream", fault)
    link = Link("cam", lambda: DetectServiceStub(grpc.insecure_channel("127.0.0.1:9")))
    link.start()
    link.join(60)
    with pytest.raises(WinceError, match="the link to detect ended: Fault"):
        link.put(Beat("cam", 1_000_000, frames=0, dropped=0, corrupt=0))
    with pytest.raises(WinceError, match="the link to detect ended: Fault"):
        link.close(60)


def test_what_is_pushed():
    with pytest.raises(WinceError, match="what is pushed ended: SystemExit"):
        Pusher([grpc.insecure_channel("127.0.0.1:9")], Given()).run()  # type: ignore[arg-type]


def test_the_listener_for_hl7():
    """After its start, and at a start that fails in a way nobody foresaw: that one must not wait forever."""
    listener = AdtListener(MemoryCensus(), Site("test")).start()
    assert listener.failed() is None
    listener._server._loop.call_soon_threadsafe(sys.exit)
    until(listener.failed)
    assert isinstance(listener.failed(), SystemExit)
    listener.stop()
    with pytest.raises(WinceError, match="mllp-server ended: OverflowError"):
        MllpServer(lambda raw: raw, lambda raw: raw, port=70_000).start()


def test_the_grpc_server_and_its_watch_over_connections(monkeypatch):
    server = ServerThread([], RpcSettings()).start()
    assert server.failed() is None
    monkeypatch.setattr(Peers, "look", fault)
    until(server.failed)
    assert isinstance(server.failed(), Fault)
    server.unready()
    server.stop()
    monkeypatch.undo()
    server = ServerThread([], RpcSettings()).start()
    asyncio.run_coroutine_threadsafe(server._server.drain(), server._loop).result(60)  # else gRPC complains later
    server._loop.call_soon_threadsafe(server._loop.stop)
    until(server.failed)
    server.unready()
    server.stop()


def test_what_sends_to_kafka(monkeypatch):
    """Whoever waits for an acknowledgement, or for room, is told."""
    monkeypatch.setattr(Outbox, "_connected", fault)
    outbox = Outbox(KafkaOptions("127.0.0.1:9"), max_records=10, max_bytes=1000, max_record=100, regain=lambda: None)
    with pytest.raises(Unavailable, match="the bus failed"):
        outbox.accept("wince.faces.v1", "cam", b"x", {}).result(60)
    until(outbox.failed)
    assert isinstance(outbox.failed(), Fault)
    with pytest.raises(Unavailable):
        outbox.accept("wince.faces.v1", "cam", b"x", {})
    outbox.close(1.0)


def test_the_supervisor_of_processes(tmp_path):
    def told(_name: str, what: str) -> None:
        if what == "ended":
            raise Fault("Musterfrau")

    (tmp_path / "a").touch()
    child = Child("a", [sys.executable, "-c", "import time; time.sleep(0.5)"], {}, (tmp_path / "a").exists, tmp_path / "a.log")
    with Supervisor([child], told=told) as running:
        until(running.failed)
        assert isinstance(running.failed(), Fault)


def test_what_keeps_everything_up(monkeypatch):
    """A database that can't be started now is tried again; what nobody foresaw ends `wince up`, with the cause."""

    errors: list[Exception] = [Unavailable("no"), OSError("no"), Fault("Musterfrau")]

    class Opened:
        def ensure(self) -> bool:
            raise errors.pop(0)

    monkeypatch.setattr("wince.serve.up.LOOK_S", 0.01)
    up = Up(Settings())
    up._opened, up.supervisor = Opened(), Supervisor([])  # type: ignore[assignment]
    monkeypatch.setattr(up, "_write_whereabouts", lambda: None)
    up._keep_going()
    until(up.failed)
    assert str(up.failed()) == "keeper ended: Fault"
    assert errors == []
    up.stop()


def test_the_ehr_sandbox(tmp_path):
    with EhrSandbox(tmp_path) as sandbox:
        assert sandbox.failed() is None
        sandbox._loop.call_soon_threadsafe(sandbox._loop.stop)
        until(sandbox.failed)
    assert sandbox.failed() is None


def test_a_program_is_started_without_grpcs_fork_handlers() -> None:
    """They ran in the child between fork and exec, where its descriptors are closed: initdb failed once with words of gRPC's poller."""
    code = (
        "import wince, subprocess, sys, grpc; from concurrent.futures import ThreadPoolExecutor as Pool\n"
        "server = grpc.server(Pool(1)); server.add_insecure_port('127.0.0.1:0'); server.start()\n"
        "subprocess.run([sys.executable, '-c', ''], check=True, close_fds=True, preexec_fn=lambda: None); server.stop(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "fork" not in done.stderr
