"""A certificate that was renewed is shown by the next handshake, on both sides; a half-written change changes nothing."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from wince import certificates
from wince.certificates import RenewedContext


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "AGAIN_S", 0.0)


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def put(pair: tuple[Path, Path], certificate: Path, key: Path) -> None:
    """As a secret's volume changes: other files under the same names."""
    for source, target in zip(pair, (certificate, key), strict=True):
        shutil.copy(source, f"{target}.new")
        Path(f"{target}.new").replace(target)


def shown(server: ssl.SSLContext, client: ssl.SSLContext, *, memory: bool = False) -> tuple[bytes | None, bytes | None]:
    """(the server's certificate as the client saw it, the client's as the server did), DER; by sockets, or in memory as asyncio does it."""
    if memory:
        return _in_memory(server, client)
    ours, theirs = socket.socketpair()
    seen: list[bytes | None] = []

    def serve() -> None:
        with server.wrap_socket(ours, server_side=True) as wire:
            seen.append(wire.getpeercert(binary_form=True))

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(theirs, server_hostname="localhost") as wire:
        there = wire.getpeercert(binary_form=True)
        thread.join(20)
    return there, seen[0]


def _in_memory(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[bytes | None, bytes | None]:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [server.wrap_bio(up, down, server_side=True), client.wrap_bio(down, up, server_hostname="localhost")]
    done: set[int] = set()
    while len(done) < 2:
        for number, side in enumerate(sides):
            try:
                side.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    return sides[1].getpeercert(binary_form=True), sides[0].getpeercert(binary_form=True)


def der(certificate: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@pytest.mark.parametrize("memory", [False, True], ids=["sockets", "asyncio"])
def test_a_renewed_certificate_counts_with_the_next_handshake(tmp_path: Path, memory: bool) -> None:
    authority, later = Authority(folder(tmp_path / "a")), Authority(folder(tmp_path / "b"), "later")
    served, showing = authority.issue("localhost"), authority.issue("client")
    believed = folder(tmp_path / "ca") / "ca.pem"
    believed.write_bytes(authority.file.read_bytes())
    server = RenewedContext(ssl.PROTOCOL_TLS_SERVER)
    server.hold(*served, believed)
    server.verify_mode = ssl.CERT_REQUIRED
    client = certificates.context(authority.file, "ehr_ca_file")
    certificates.show(client, *showing, "ehr_cert_file")
    assert shown(server, client, memory=memory) == (der(served[0]), der(showing[0]))

    served[1].write_text("half a key")
    showing[0].write_text("")
    before = shown(server, client, memory=memory)
    assert None not in before, "halfway through a change the last good ones stay"

    believed.write_bytes(authority.file.read_bytes() + later.file.read_bytes())
    put(later.issue("client"), *showing)
    client.load_verify_locations(later.file)
    put(later.issue("localhost"), *served)
    after = shown(server, client, memory=memory)
    assert after == (der(served[0]), der(showing[0]))
    assert set(after).isdisjoint(before)


def test_files_that_cannot_be_used_are_an_error_at_the_start(tmp_path: Path) -> None:
    certificate, _ = Authority(folder(tmp_path / "a")).issue("localhost")
    _, other = Authority(folder(tmp_path / "b")).issue("localhost")
    with pytest.raises(ssl.SSLError):
        RenewedContext(ssl.PROTOCOL_TLS_SERVER).hold(certificate, other)
    with pytest.raises(OSError, match="No such file"):
        RenewedContext(ssl.PROTOCOL_TLS_SERVER).hold(tmp_path / "absent", other)
