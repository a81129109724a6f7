"""STOW-RS against clients that are slow, endless or half: what is answered is true, and nobody keeps others out."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.unit.dicom.wire import INSTANCE, VL, Keeping, left
from wince.dicom.scp.tables import EXPLICIT
from wince.dicom.spool import Room, Spool
from wince.dicom.stow import app as apps
from wince.dicom.stow import server as servers
from wince.dicom.stow.app import Stow
from wince.dicom.stow.server import StowServer

KIND = 'multipart/related; type="application/dicom"; boundary=BB'


async def anybody(_: Sequence[str]) -> str:
    return "cart"


async def nobody(_: Sequence[str]) -> str:
    raise LookupError


def describe(_: Spool) -> tuple[str, str, str, str]:
    return VL, INSTANCE, EXPLICIT, "1.2"


@contextmanager
def listening(folder: Path, *, who: apps.Authenticate = anybody, connections: int = 64) -> Iterator[StowServer]:
    stow = Stow(Keeping(), Room(folder, 1 << 20, 0), who, describe, idle_s=5.0)
    with StowServer(stow, connections=connections) as server:
        yield server


def part(content: bytes, kind: str = "application/dicom") -> bytes:
    return b"\r\n--BB\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + content


def post(server: StowServer, body: bytes) -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{server.port}/studies", content=body, headers={"Content-Type": KIND}, timeout=60)


@pytest.mark.parametrize(
    "body",
    [
        part(b"whole") + part(b"half of it"),
        part(b"whole") + b"\r\n--BB\r\nContent-",
        part(b"whole") + b"\r\n--BB",
        part(b"whole") + part(b"{}", "application/dicom+json") + b"\r\n--BB--",
    ],
)
def test_nobody_is_told_that_all_was_kept_where_something_was_not(tmp_path, body):
    with listening(tmp_path) as server:
        answer = post(server, body)
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xC000]
    assert left(tmp_path) == []


@pytest.mark.parametrize("begin", [part(b"x", "text/plain"), part(b"x" * (2 << 20)), part(b"x") + b"\r\n--BB--"])
def test_a_body_without_end_is_cut_off(tmp_path, monkeypatch, begin):
    monkeypatch.setattr(apps, "DROPPED_BYTES", 4 << 20)
    monkeypatch.setattr(servers, "HEADERS_S", 0.5)

    given = []

    def endless() -> Iterator[bytes]:
        yield begin
        for number in range(400):
            given.append(number)
            yield bytes(1 << 20)
            time.sleep(0.05)

    with listening(tmp_path) as server:
        with suppress(httpx.TransportError):
            answer = httpx.post(f"http://127.0.0.1:{server.port}/studies", content=endless(), headers={"Content-Type": KIND}, timeout=60)
            assert answer.status_code in (202, 409, 503)
        assert len(given) < 400
        assert post(server, part(b"whole") + b"\r\n--BB--").status_code == 200
    assert left(tmp_path) == []


@pytest.mark.parametrize("said", [b"", b"POST /studies HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET"])
def test_connections_without_a_request_are_ended_and_keep_nobody_out(tmp_path, monkeypatch, said):
    monkeypatch.setattr(servers, "HEADERS_S", 0.5)
    with listening(tmp_path, connections=4) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port), 60) for _ in range(4)]
        for one in slow:
            one.sendall(said)
        for one in slow:
            with one:
                try:
                    while one.recv(1 << 16):
                        pass
                except ConnectionResetError:
                    pass
        assert post(server, part(b"whole") + b"\r\n--BB--").status_code == 200


def test_who_is_not_known_keeps_no_connection_by_sending_on(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "HEADERS_S", 0.5)
    head = f"POST /studies HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\nContent-Length: 1000000000\r\n\r\n"
    with listening(tmp_path, who=nobody) as server, socket.create_connection(("127.0.0.1", server.port), 60) as slow:
        slow.sendall(head.encode())
        assert b" 401 " in slow.recv(1 << 16)
        assert ended(slow)


def ended(slow: socket.socket) -> bool:
    """Whether a connection on which more and more is sent is ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            slow.sendall(b"x" * 1024)
        except ConnectionError:
            return True
        time.sleep(0.01)
    return False


def test_an_answer_is_dicom_json(tmp_path):
    with listening(tmp_path) as server:
        answer = post(server, part(b"whole") + b"\r\n--BB--")
    assert answer.headers["content-type"] == "application/dicom+json"
    assert json.loads(answer.content)["00081199"]["Value"][0]["00081155"]["Value"] == [INSTANCE]
