"""The wire: framing, what is no MLLP, limits, order, stop, TLS."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wince.errors import ConfigError, ResourceError
from wince.hl7.limits import Limits
from wince.hl7.mllp_connection import one_by_one
from wince.hl7.mllp_server import MllpServer
from wince.testing.hl7.send import answer


def echo(raw: bytes) -> bytes:
    return b"got " + raw


def too_long(raw: bytes) -> bytes:
    return b"too long"


@pytest.fixture
def server():
    with MllpServer(one_by_one(echo), too_long, limits=Limits(message_bytes=10_000, idle_s=5, message_s=0.5, connections=3)) as running:
        yield running


def connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def closed(wire) -> bool:
    try:
        return wire.recv(10) == b""
    except ConnectionError:
        return True


def test_many_messages_on_one_connection_in_any_pieces(server):
    with connect(server) as wire:
        stream = b"".join(b"\x0b%d\x1c\r" % n for n in range(5))
        for piece in (stream[:1], stream[1:4], stream[4:5], stream[5:]):
            wire.sendall(piece)
            time.sleep(0.01)
        got = b""
        while got.count(b"\x1c\r") < 5:
            got += wire.recv(1000)
    assert got == b"".join(b"\x0bgot %d\x1c\r" % n for n in range(5))
    assert server.counts["messages"] == 5


def test_line_ends_between_messages_and_a_second_start_are_passed_over(server):
    with connect(server) as wire:
        wire.sendall(b"\r\n\x0bbroken off\x0bwhole\x1c\r")
        assert answer(wire) == b"got whole"


def test_an_empty_message_and_binary_are_messages(server):
    with connect(server) as wire:
        for text in (b"", b"\x00\xff\x1c\x00"):
            wire.sendall(b"\x0b" + text + b"\x1c\r")
            assert answer(wire) == b"got " + text


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"MSH|no frame\r", b"\x16\x03\x01\x02\x00\x01", b"\x00" * 5000, b"\xef\xbb\x0b"]
)
def test_what_is_no_mllp_closes_its_connection_only(server, junk):
    with connect(server) as good, connect(server) as bad:
        bad.sendall(junk)
        assert closed(bad)
        good.sendall(b"\x0b1\x1c\r")
        assert answer(good) == b"got 1"
    assert server.counts["junk"] == 1


@pytest.mark.parametrize(
    "stream",
    [
        b"\x0b1\x1c\r\x00\x00\x0b2\x1c\r",
        b"\x0b1\x1c\x0b2\x1c",
        b"\x0b1\x1c\n\x0b2\x1c\r\n",
        b"\x0b1\x1c\r\n\r\n\x0b2\x1c\r",
        b"\x0b\x0b1\x1c\r\x1c\r\x0b\x0b2\x1c\r\x1c\r",
        b"\xef\xbb\xbf\x0b1\x1c\r\xef\xbb\xbf\x0b2\x1c\r",
    ],
    ids=["NUL between", "end without CR", "LF for CR", "line ends between", "doubled frames", "byte order mark"],
)
@pytest.mark.parametrize("piecewise", [False, True])
def test_what_senders_do_beside_the_rule_is_taken(server, stream, piecewise):
    with connect(server) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in [stream[at : at + 1] for at in range(len(stream))] if piecewise else [stream]:
            wire.sendall(piece)
        assert answer(wire) == b"got 1"
        assert answer(wire) == b"got 2"
    assert server.counts["junk"] == 0


def test_a_sender_that_says_that_it_is_done_is_answered_still(server):
    with connect(server) as wire:
        wire.sendall(b"\x0b1\x1c")
        wire.shutdown(socket.SHUT_WR)
        assert answer(wire) == b"got 1"
        assert closed(wire)


def test_no_answer_where_none_is_wanted():
    with MllpServer(one_by_one(lambda raw: raw if raw == b"2" else b""), too_long) as server, connect(server) as wire:
        wire.sendall(b"\x0b1\x1c\r\x0b2\x1c\r")
        assert answer(wire) == b"2"


def test_what_was_refused_is_told():
    told = []
    with MllpServer(one_by_one(echo), too_long, limits=Limits(connections=1), refused=told.append) as server, connect(server) as first:
        first.sendall(b"\x0b1\x1c\r")
        assert answer(first) == b"got 1"
        with connect(server) as second:
            assert closed(second)
        first.sendall(b"GET / HTTP/1.1\r\n")
        assert closed(first)
    assert told == ["refused", "junk"]


def test_half_a_message_is_closed_after_its_time_or_when_the_peer_goes(server):
    with connect(server) as wire:
        wire.sendall(b"\x0bhalf")
        assert closed(wire)
    with connect(server) as wire:
        wire.sendall(b"\x0bhalf")
    until = time.monotonic() + 2
    while server.counts["half"] < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert server.counts["half"] == 2


def test_silence_ends_a_connection():
    with MllpServer(one_by_one(echo), too_long, limits=Limits(idle_s=0.2)) as server, connect(server) as wire:
        assert closed(wire)
        assert server.counts["idle"] == 1


def test_a_message_above_the_limit_is_answered_and_closed(server):
    with connect(server) as wire:
        wire.sendall(b"\x0b" + b"x" * 200_000 + b"\x1c\r")
        assert answer(wire) == b"too long"
        assert closed(wire)
    assert server.counts["too_long"] == 1


def test_a_connection_above_the_cap_is_closed_and_the_others_live(server):
    wires = [connect(server) for _ in range(3)]
    for wire in wires:
        wire.sendall(b"\x0b1\x1c\r")
        answer(wire)
    with connect(server) as fourth:
        assert closed(fourth)
    wires[0].sendall(b"\x0b2\x1c\r")
    assert answer(wires[0]) == b"got 2"
    for wire in wires:
        wire.close()


def test_a_handler_that_fails_closes_without_an_answer_and_the_next_connection_works():
    def handle(raw):
        if raw == b"bad":
            raise RuntimeError("bug")
        return b"ok"

    with MllpServer(one_by_one(handle), too_long) as server:
        with connect(server) as wire:
            wire.sendall(b"\x0bbad\x1c\r")
            assert closed(wire)
        with connect(server) as wire:
            wire.sendall(b"\x0bgood\x1c\r")
            assert answer(wire) == b"ok"
        assert server.counts["failed"] == 1


def test_a_slow_message_does_not_hold_up_another_connection():
    gate = threading.Event()

    def handle(raw):
        if raw == b"slow":
            gate.wait(5)
        return raw

    with MllpServer(one_by_one(handle), too_long) as server, connect(server) as slow, connect(server) as quick:
        slow.sendall(b"\x0bslow\x1c\r")
        quick.sendall(b"\x0bquick\x1c\r")
        assert answer(quick) == b"quick"
        gate.set()
        assert answer(slow) == b"slow"


def test_stop_answers_what_is_in_hand():
    began, gate = threading.Event(), threading.Event()

    def handle(raw):
        began.set()
        gate.wait(5)
        return b"done"

    server = MllpServer(one_by_one(handle), too_long).start()
    with connect(server) as wire, connect(server):
        wire.sendall(b"\x0b1\x1c\r")
        assert began.wait(2)
        wire.sendall(b"\x0b2\x1c\r")
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        time.sleep(0.05)
        gate.set()
        assert answer(wire) == b"done"
        stopper.join(5)
        assert not stopper.is_alive()
        assert closed(wire)
    server.stop()
    with pytest.raises(OSError, match="refused"):
        connect(server)


def test_one_sender_s_silent_connections_shut_no_other_out():
    with MllpServer(one_by_one(echo), too_long, limits=Limits(connections=20, per_address=5)) as server:
        silent = []
        try:
            for _ in range(50):
                one = socket.socket()
                one.bind(("127.0.0.2", 0))
                one.connect(("127.0.0.1", server.port))
                silent.append(one)
            deadline = time.monotonic() + 30
            while server.counts["refused"] < 45 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert server.counts["refused"] == 45
            with connect(server) as wire:
                wire.sendall(b"\x0b1\x1c\r")
                assert answer(wire) == b"got 1"
        finally:
            for one in silent:
                one.close()


def test_a_taken_port_and_a_foreign_address_are_named_with_a_remedy(server):
    with pytest.raises(ResourceError, match="is in use") as caught:
        MllpServer(one_by_one(echo), too_long, port=server.port).start()
    assert caught.value.remedy
    with pytest.raises(ConfigError):
        MllpServer(one_by_one(echo), too_long, host="192.0.2.1").start()


def test_over_tls_with_client_certificates_plain_peers_get_nothing(tmp_path):
    ours, peers = _certificate(tmp_path / "ours"), _certificate(tmp_path / "peers")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(peers[0]))
    tls.load_cert_chain(*map(str, ours))
    tls.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(ours[0]))
    client.load_cert_chain(*map(str, peers))
    stranger = ssl.create_default_context(cafile=str(ours[0]))
    with MllpServer(one_by_one(echo), too_long, tls=tls) as server:
        with client.wrap_socket(connect(server), server_hostname="127.0.0.1") as wire:
            wire.sendall(b"\x0b1\x1c\r")
            assert answer(wire) == b"got 1"
        with connect(server) as wire:
            wire.sendall(b"\x0bplain text\x1c\r")
            assert b"got" not in wire.recv(100)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _ask(server, stranger)
        assert server.counts["messages"] == 1


def _ask(server, tls) -> bytes:
    with tls.wrap_socket(connect(server), server_hostname="127.0.0.1") as wire:
        wire.sendall(b"\x0b1\x1c\r")
        return answer(wire)


def _certificate(folder):
    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "crt").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "crt", folder / "key"
