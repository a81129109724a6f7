"""Cameras with TLS: who is not the camera that was hung gives no picture and is told no login. GStreamer's RTSP server, and HTTPS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.test_cameras_rtsp import camera, film, running, transport_stream
from tests.support.cameras import Watched
from tests.support.certificates import Authority
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.pipeline.capture.address import Login
from wince.pipeline.capture.rtsp import Failure
from wince.pipeline.capture.trust import Trust
from wince.testing import cameras
from wince.testing.peers.rtsp import RtspPeer

__all__ = ["film", "transport_stream"]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


def pem(authority: Authority, *names: str) -> Path:
    """A certificate and its key in one file."""
    certificate, key = authority.issue(*names)
    both = certificate.with_suffix(".both")
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both


@pytest.mark.peer
def test_only_the_camera_that_is_believed_gives_pictures(film: Path, tmp_path: Path, ours: Authority, theirs: Authority) -> None:
    """One camera, asked by several who believe different things of it; and its login by digest."""
    login = tmp_path / "login"
    login.write_text("nurse:secret")
    right, absent = pem(ours, "camera-7.example", "127.0.0.1"), tmp_path / "later.pem"
    for server in running(RtspPeer(film, user="nurse", password="secret", pem=right)):
        assert server.url.startswith("rtsps://")

        def asked(trust: Trust | None = None) -> Watched:
            return Watched(camera(server.url, login=Login(login), trust=trust))  # noqa: B023 - used within the round

        good = [Trust(ours.file), Trust(ours.file, "camera-7.example"), Trust(unchecked=True)]
        bad = [Trust(theirs.file), Trust(ours.file, "camera-8.example"), Trust(), Trust(absent)]
        for trust in good:
            with asked(trust) as seen:
                seen.until(lambda seen=seen: len(seen.times) >= 2, f"frames with {trust}")
            seen.check()
            assert seen.source.counters.failures.total() == 0
        for trust in bad:
            with asked(trust) as seen:
                seen.until(lambda seen=seen: seen.source.counters.failures[Failure.CERTIFICATE] >= 2, f"refusals with {trust}")
                seen.until(lambda seen=seen: len(seen.beats) >= 1, "a beat")
                if trust.ca_file == absent:
                    absent.write_bytes(ours.file.read_bytes())
                    seen.until(lambda seen=seen: len(seen.times) >= 1, "frames once the file is there")
                else:
                    assert seen.times == []
                    assert set(seen.source.counters.failures) == {Failure.CERTIFICATE}
                    assert {beat.reason for beat in seen.beats} == {Reason.NO_FRAME}


@pytest.mark.peer
def test_a_camera_that_signed_its_own_certificate_is_believed_by_it(film: Path, tmp_path: Path) -> None:
    alone = Authority(tmp_path, "alone")
    certificate, key = alone.itself("127.0.0.1")
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for server in running(RtspPeer(film, pem=both)):
        with Watched(camera(server.url, trust=Trust(certificate))) as seen:
            seen.until(lambda: len(seen.times) >= 2, "frames")


@contextmanager
def with_tls(serve: cameras.Serve, both: Path) -> Iterator[cameras.FakeCamera]:
    """The same camera behind TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)

    def encrypted(client: socket.socket, stopped: threading.Event) -> None:
        with context.wrap_socket(client, server_side=True) as inside:
            serve(inside, stopped)

    with cameras.FakeCamera(encrypted) as fake:
        yield fake


def test_mpeg_ts_over_https(transport_stream: bytes, ours: Authority, theirs: Authority) -> None:
    with with_tls(cameras.paced(transport_stream, seconds=4, http=True), pem(ours, "localhost")) as fake:
        url = f"https://localhost:{fake.port}/x"
        with Watched(camera(url, trust=Trust(ours.file))) as seen:
            seen.until(lambda: len(seen.times) >= 2, "frames")
        with Watched(camera(url, trust=Trust(theirs.file))) as seen:
            seen.until(lambda: seen.source.counters.failures[Failure.CERTIFICATE] >= 1, "a refusal")
            assert seen.times == []


def test_https_is_not_led_to_http(transport_stream: bytes, ours: Authority) -> None:
    """A redirect from a camera that is believed to a wire that everybody reads."""
    with cameras.FakeCamera(cameras.paced(transport_stream, seconds=4, http=True)) as plain:

        def elsewhere(client: socket.socket, _stopped: threading.Event) -> None:
            client.recv(4096)
            client.sendall(f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{plain.port}/x\r\nContent-Length: 0\r\n\r\n".encode())

        with with_tls(elsewhere, pem(ours, "localhost", "127.0.0.1")) as fake:
            with Watched(camera(f"https://localhost:{fake.port}/x", trust=Trust(ours.file))) as seen:
                seen.until(lambda: seen.source.counters.failures.total() >= 2, "two attempts")
                assert seen.times == []
            assert plain.clients == 0


@pytest.mark.parametrize(
    ("url", "trust"),
    [
        ("rtsp://camera-7.example/x", Trust(Path("ca.pem"))),
        ("tcp://camera-7.example:5000", Trust(unchecked=True)),
        ("rtsps://camera-7.example/x", Trust(Path("ca.pem"), unchecked=True)),
        ("https://camera-7.example/x", Trust(name="camera-8.example", unchecked=True)),
    ],
)
def test_what_does_not_go_together_is_named(url: str, trust: Trust) -> None:
    with pytest.raises(ConfigError) as caught:
        camera(url, trust=trust)
    assert caught.value.field == "cameras.cam.url"


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_text("no pem"), lambda path: None])
def test_what_is_believed_must_be_readable(tmp_path: Path, make: Callable[[Path], object]) -> None:
    file = tmp_path / "ca.pem"
    make(file)
    with pytest.raises(ConfigError) as caught:
        Trust(file).options("rtsps://camera-7.example/x", "cameras.cam")
    assert caught.value.field == f"cameras.cam.ca_file={file}"
