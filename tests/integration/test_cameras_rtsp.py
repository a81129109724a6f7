"""Network cameras over real sockets: GStreamer's RTSP server, and servers that misbehave."""

import logging
import os
import resource
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tests.support.cameras import Watched
from wince.domain.camera import CameraState
from wince.domain.reason import Reason
from wince.errors import ResourceError
from wince.pipeline.capture.address import Login
from wince.pipeline.capture.rtsp import Failure, Patience, StreamSource
from wince.telemetry import logs
from wince.testing import cameras
from wince.testing.clips import clip
from wince.testing.peers.rtsp import RtspPeer, looped

QUICK = Patience(open_s=20, read_s=2, stall_s=2, first_s=0.2, longest_s=1, login_s=0.2)
PASSWORD = "pw/with@signs:7"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return looped(clip("bed1"), tmp_path_factory.mktemp("rtsp") / "camera.mp4", seconds=300)


def as_mpeg_ts(film: Path, path: Path, without: int = -1) -> bytes:
    """4 s of the film, a key picture every second (10 pictures), `without` one picture."""
    with av.open(film) as source, av.open(path, "w", format="mpegts") as sink:
        stream = source.streams.video[0]
        out = sink.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.dts is None or packet.dts * stream.time_base > 4:
                break
            packet.stream = out
            if number != without:
                sink.mux(packet)
    return path.read_bytes()


@pytest.fixture(scope="module")
def transport_stream(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return as_mpeg_ts(film, tmp_path_factory.mktemp("ts") / "camera.ts")


@pytest.fixture
def peer(film: Path) -> Iterator[RtspPeer]:
    yield from running(RtspPeer(film))


def running(server: RtspPeer) -> Iterator[RtspPeer]:
    try:
        server.start()
    except ResourceError as error:
        pytest.skip(error.diagnostics())
    yield server
    server.kill()


def camera(url: str, patience: Patience = QUICK, **options: object) -> StreamSource:
    return StreamSource("cam", url, rate_hz=5, patience=patience, **options)  # type: ignore[arg-type]


@pytest.mark.peer
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_over_tcp_and_udp(peer: RtspPeer, transport: str) -> None:
    with Watched(camera(peer.url, transport=transport)) as seen:
        seen.until(lambda: len(seen.times) >= 12 and len(seen.beats) >= 3, "frames and beats")
    seen.check()
    assert seen.last is not None
    assert seen.last.pixels.shape == (480, 640, 3)
    assert seen.last.pixels.std() > 10
    assert seen.source.counters.connects == 1
    assert seen.source.counters.failures.total() == 0
    assert any(beat.frames >= 4 and beat.reason is None for beat in seen.beats)


@pytest.mark.peer
def test_a_camera_that_dies_and_comes_back(peer: RtspPeer) -> None:
    """Beats go on with their reason while it is away, and frames come again over a new connection."""
    with Watched(camera(peer.url)) as seen:
        seen.until(lambda: len(seen.times) >= 5, "frames")
        peer.kill()
        died = len(seen.beats)
        seen.until(lambda: any(not beat.frames for beat in seen.beats[died:]), "a silent second")
        seen.until(lambda: seen.source.counters.failures[Failure.UNREACHABLE] >= 1, "a refused connection")
        before = len(seen.times)
        peer.start()
        seen.until(lambda: len(seen.times) >= before + 5, "frames again")
    seen.check()
    assert seen.source.counters.connects == 2
    silent = [beat for beat in seen.beats[died:] if not beat.frames]
    assert {beat.reason for beat in silent} == {Reason.NO_FRAME}


@pytest.mark.peer
def test_a_camera_that_freezes(peer: RtspPeer) -> None:
    """SIGSTOP: the connection stays open and says nothing. The watchdog makes it anew until the camera lives again."""
    with Watched(camera(peer.url)) as seen:
        seen.until(lambda: len(seen.times) >= 5, "frames")
        peer.freeze()
        frozen = len(seen.beats)
        seen.until(lambda: seen.source.counters.failures[Failure.TIMEOUT] >= 1, "the watchdog")
        seen.until(lambda: sum(not beat.frames for beat in seen.beats[frozen:]) >= 2, "silent seconds")
        before = len(seen.times)
        peer.thaw()
        seen.until(lambda: len(seen.times) >= before + 5, "frames again")
    seen.check()
    assert seen.source.counters.connects == 2


@pytest.mark.peer
def test_a_wrong_path_and_a_camera_that_is_not_there(peer: RtspPeer) -> None:
    with Watched(camera(peer.url + "-not")) as seen:
        seen.until(lambda: seen.source.counters.failures[Failure.NOT_FOUND] >= 2, "two attempts")
        seen.until(lambda: seen.beats, "a beat")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with Watched(camera(f"rtsp://127.0.0.1:{port}/x")) as absent:
        absent.until(lambda: absent.source.counters.failures[Failure.UNREACHABLE] >= 2, "two attempts")
    for one in (seen, absent):
        one.check()
        assert one.times == []
        assert {beat.reason for beat in one.beats} <= {Reason.NO_FRAME}


@pytest.mark.peer
def test_a_login_from_a_file_or_the_environment_that_is_told_nowhere(
    film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """With the wrong one nothing comes; once the file holds the right one, frames do. No log line holds either."""
    logs.configure("debug")
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "login"
    file.write_text("nurse:wrong-" + PASSWORD)
    for server in running(RtspPeer(film, user="nurse", password=PASSWORD)):
        with Watched(camera(server.url, login=Login(file))) as seen:
            seen.until(lambda: seen.source.counters.failures[Failure.LOGIN] >= 1, "a refusal")
            file.write_text("nurse:" + PASSWORD + "\n")
            seen.until(lambda: len(seen.times) >= 2, "frames")
        monkeypatch.setenv("CAMERA_LOGIN", "nurse:" + PASSWORD)
        with Watched(camera(server.url, login=Login(variable="CAMERA_LOGIN"))) as other:
            other.until(lambda: len(other.times) >= 2, "frames")
    said = "".join(capfd.readouterr()) + caplog.text + repr(seen.source.counters)
    assert "camera lost" in said
    assert "with@signs" not in said
    assert "with%40signs" not in said


@pytest.mark.parametrize("rtsp", [False, True], ids=["noise", "rtsp that carries noise"])
def test_a_camera_that_sends_noise_gives_no_frame_and_harms_nobody(rtsp: bool, transport_stream: bytes) -> None:
    """A sound camera in the same process loses nothing meanwhile; threads end, memory stays."""
    before_threads, before_kib = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sound = cameras.FakeCamera(cameras.paced(transport_stream, seconds=4))
    with cameras.FakeCamera(cameras.noise_as_rtsp() if rtsp else cameras.noise()) as fake, sound:
        noisy = camera(f"{'rtsp' if rtsp else 'tcp'}://127.0.0.1:{fake.port}/x", replace(QUICK, open_s=2))
        with Watched(noisy) as seen, Watched(camera(f"tcp://127.0.0.1:{sound.port}/x")) as neighbour:
            seen.until(lambda: seen.source.counters.failures.total() >= 2, "two attempts")
            seen.until(lambda: len(seen.beats) >= 3, "beats")
            neighbour.until(lambda: len(neighbour.times) >= 10, "frames of the sound one")
        assert noisy.join(30)
        seen.check()
        neighbour.check()
        assert seen.times == []
        assert neighbour.source.counters.dropped == 0
        assert fake.clients >= 2
    assert threading.active_count() <= before_threads + 8
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 300 * 1024


def test_a_camera_that_takes_the_connection_and_says_nothing() -> None:
    with cameras.FakeCamera(cameras.silence) as fake:
        source = StreamSource("cam", f"rtsp://127.0.0.1:{fake.port}/x", rate_hz=5, patience=Patience(open_s=1, first_s=0.1, longest_s=0.2))
        with Watched(source) as seen:
            seen.until(lambda: seen.source.counters.failures[Failure.TIMEOUT] >= 2, "two attempts")
            seen.until(lambda: seen.beats, "a beat")
    assert {beat.reason for beat in seen.beats} == {Reason.NO_FRAME}


@pytest.mark.parametrize("http", [False, True], ids=["tcp", "http"])
def test_mpeg_ts_over_tcp_and_http(transport_stream: bytes, http: bool) -> None:
    """The stream ends after 4 s and is connected to again: time goes on."""
    serve = cameras.paced(transport_stream, seconds=4, http=http)
    with cameras.FakeCamera(serve) as fake, Watched(camera(f"{'http' if http else 'tcp'}://127.0.0.1:{fake.port}/live.ts")) as seen:
        seen.until(lambda: seen.source.counters.connects == 2 and len(seen.times) >= 20, "two connections")
    seen.check()
    assert seen.source.counters.failures[Failure.ENDED] >= 1


def test_after_a_lost_picture_nothing_is_given_until_a_key_picture(film: Path, tmp_path: Path) -> None:
    """FFmpeg would give what it predicts from the wrong picture, unmarked. Lost: number 12 of key pictures 10 and 20."""
    serve = cameras.paced(as_mpeg_ts(film, tmp_path / "lossy.ts", without=12), seconds=4)
    with cameras.FakeCamera(serve) as fake, Watched(camera(f"tcp://127.0.0.1:{fake.port}/live.ts")) as seen:
        seen.until(lambda: seen.source.counters.failures.total() >= 1, "the end of the stream")
    seen.check()
    pictures, corrupt = seen.source.counters.pictures, seen.source.counters.corrupt
    assert corrupt >= 7, "the lost one is told, and 13 to 19 are withheld"
    assert pictures >= 15
    assert sum(beat.corrupt for beat in seen.beats) >= 1


def test_mpeg_ts_over_udp(transport_stream: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stopped = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not stopped.is_set():
                pieces = [transport_stream[at : at + 1316] for at in range(0, len(transport_stream), 1316)]
                for piece in pieces:
                    out.sendto(piece, ("127.0.0.1", port))
                    if stopped.wait(4 / len(pieces)):
                        return

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    with Watched(camera(f"udp://127.0.0.1:{port}")) as seen:
        seen.until(lambda: len(seen.times) >= 10, "frames")
    stopped.set()
    seen.check()


def test_an_address_can_lead_to_no_file(tmp_path: Path) -> None:
    """A server that answers with a playlist of local files gets nothing read: only MPEG-TS is taken, only by the scheme's protocols."""
    secret = tmp_path / "secret.ts"
    secret.write_bytes(b"G" + os.urandom(1000))
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{secret}\n".encode()
    serve = cameras.paced(playlist, seconds=0.1, http=True)
    with cameras.FakeCamera(serve) as fake, Watched(camera(f"http://127.0.0.1:{fake.port}/live.m3u8")) as seen:
        seen.until(lambda: seen.source.counters.failures.total() >= 1, "an attempt")
    assert seen.times == []
    assert seen.source.counters.state is CameraState.STOPPED
