"""Peers that break off, lie about lengths, drip, or speak something else: an error of ours in time; only what was said is believed."""

from __future__ import annotations

import fcntl
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.reports import reports
from wince.delivery.sr.document import Circumstances, document
from wince.dicom.scp import command, pdu
from wince.dicom.scu.client import DicomArchive, Peer
from wince.dicom.scu.commitment import CLASS, Commitment, Heard, asked, told
from wince.dicom.scu.connection import readable
from wince.dicom.scu.listener import CommitmentListener
from wince.dicom.scu.negotiation import EXPLICIT, Context, items, request
from wince.errors import MessageError, PeerError, Refused, Unavailable

SR = "1.2.840.10008.5.1.4.1.1.88.34"
OBJECT = document(reports()["grade"], Circumstances("archive", "H", "0.1.0"))
Script = Callable[[socket.socket], None]


@contextmanager
def peer(script: Script, *, total_s: float = 20.0, tls: ssl.SSLContext | None = None) -> Iterator[DicomArchive]:
    """An archive that does as a script says with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield DicomArchive(Peer("127.0.0.1", server.getsockname()[1], "ARCHIVE", "WINCE_SR", tls), total_s=total_s)
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)


def read(connection: socket.socket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        piece = connection.recv(count - len(content))
        if not piece:
            raise OSError
        content += piece
    return content


def next_pdu(connection: socket.socket) -> tuple[int, bytes]:
    head = read(connection, 6)
    return head[0], read(connection, int.from_bytes(head[2:6], "big"))


def accept(connection: socket.socket) -> None:
    _, body = next_pdu(connection)
    wanted = pdu.request(memoryview(body))
    connection.sendall(pdu.accept(wanted, {one.id: (0, EXPLICIT) for one in wanted.contexts}, 16384))


def store_answer(status: int, answers: int = 1) -> bytes:
    said = {command.CLASS: SR, command.FIELD: command.C_STORE | 0x8000, command.DATA: command.NO_DATA}
    said |= {command.ANSWERS: answers, command.STATUS: status}
    return b"".join(pdu.data(1, command.encode(said), 0, command=True))


def after_accept(*answers: bytes, reads: int = 2) -> Script:
    def script(connection: socket.socket) -> None:
        accept(connection)
        for _ in range(reads):
            next_pdu(connection)
        for one in answers:
            connection.sendall(one)
        time.sleep(0.05)

    return script


def raw(*answers: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        next_pdu(connection)
        for one in answers:
            connection.sendall(one)

    return script


@pytest.mark.parametrize(
    "script",
    {
        "closes at once": lambda _connection: None,
        "closes after the request": raw(),
        "aborts the request": raw(pdu.abort(2, 0)),
        "speaks HTTP": raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        "lies about a length": raw(struct.pack(">BBI", 2, 0, 0xFFFFFFFF)),
        "answers with an empty acceptance": raw(struct.pack(">BBI", 2, 0, 0)),
        "answers with an item that is cut off": raw(struct.pack(">BBI", 2, 0, 72) + bytes(68) + b"\x21\x00\xff\xff"),
        "is busy": raw(pdu.reject(2, 3, 2)),
        "closes after the object": after_accept(),
        "aborts after the object": after_accept(pdu.abort(0, 0)),
        "aborts after the command": after_accept(pdu.abort(0, 0), reads=1),
        "releases instead of answering": after_accept(struct.pack(">BBI", 5, 0, 4) + bytes(4)),
        "answers half": after_accept(store_answer(0)[:-3]),
        "answers junk": after_accept(struct.pack(">BBI", 4, 0, 10) + bytes(10)),
        "answers with a data set": after_accept(b"".join(pdu.data(1, b"xx", 0, command=False))),
        "sends a PDU that is too long": after_accept(struct.pack(">BBI", 4, 0, 1 << 30)),
        "answers another message": after_accept(store_answer(0, answers=9)),
    }.items(),
    ids=lambda item: item[0],
)  # fmt: skip
def test_an_odd_peer_is_an_unknown_outcome(script: tuple[str, Script]) -> None:
    with peer(script[1]) as archive, pytest.raises(Unavailable) as caught:
        archive.store([OBJECT])
    assert "4711" not in caught.value.diagnostics()


@pytest.mark.parametrize(("reason", "words"), [((1, 7), "archive_called_ae"), ((1, 3), "archive_calling_ae"), ((3, 9), "log")])
def test_a_rejection_for_good_names_what_to_set(reason: tuple[int, int], words: str) -> None:
    with peer(raw(pdu.reject(1, *reason))) as archive, pytest.raises(Refused) as caught:
        archive.store([OBJECT])
    assert words in caught.value.remedy


def test_an_archive_that_takes_no_reports_is_refused_before_anything_is_sent() -> None:
    def script(connection: socket.socket) -> None:
        _, body = next_pdu(connection)
        wanted = pdu.request(memoryview(body))
        connection.sendall(pdu.accept(wanted, {one.id: (3, "") for one in wanted.contexts}, 16384))
        assert next_pdu(connection)[0] == pdu.ABORT

    with peer(script) as archive, pytest.raises(Refused, match="does not accept Comprehensive 3D SR"):
        archive.store([OBJECT])


def test_what_is_not_sent_is_not_missed() -> None:
    """An archive that takes reports alone is enough for a site that sends no key objects."""

    def script(connection: socket.socket) -> None:
        _, body = next_pdu(connection)
        wanted = pdu.request(memoryview(body))
        connection.sendall(pdu.accept(wanted, {one.id: (0 if one.abstract == SR else 3, EXPLICIT) for one in wanted.contexts}, 16384))
        next_pdu(connection)

    with peer(script) as archive:
        assert archive.lacks(key_objects=False, commitment=False) == []
        assert len(archive.lacks(key_objects=True, commitment=True)) == 2


def test_a_peer_that_drips_is_given_up_in_time() -> None:
    """A byte now and then must not keep a thread: the limit is over the whole exchange."""
    over = threading.Event()

    def script(connection: socket.socket) -> None:
        next_pdu(connection)
        for byte in struct.pack(">BBI", 2, 0, 4000) + bytes(4000):
            if over.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    with peer(script, total_s=0.5) as archive:
        with pytest.raises(Unavailable, match="in time"):
            archive.store([OBJECT])
        over.set()


@pytest.mark.parametrize("how", ["plain", "in the TLS handshake", "over TLS"])
def test_what_is_in_hand_can_be_broken_off(how: str, tmp_path: Path) -> None:
    reached, over = threading.Event(), threading.Event()
    authority = Authority(tmp_path)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(*authority.issue("127.0.0.1"))
    ours = None if how == "plain" else ssl.create_default_context(cafile=str(authority.file))

    def script(connection: socket.socket) -> None:
        if how == "over TLS":
            connection = theirs.wrap_socket(connection, server_side=True)
        connection.recv(1)
        reached.set()
        over.wait(60)

    with peer(script, total_s=300, tls=ours) as archive:
        found: list[BaseException] = []

        def store() -> None:
            try:
                archive.store([OBJECT])
            except PeerError as error:
                found.append(error)

        thread = threading.Thread(target=store)
        thread.start()
        assert reached.wait(60)
        archive.interrupt()
        thread.join(60)
        over.set()
        assert not thread.is_alive()
        assert isinstance(found[0], Unavailable)
        with pytest.raises(Unavailable, match="stopped"):
            archive.store([OBJECT])


def test_an_answer_in_many_pieces_and_small_pdus_is_read() -> None:
    def script(connection: socket.socket) -> None:
        _, body = next_pdu(connection)
        wanted = pdu.request(memoryview(body))
        connection.sendall(pdu.accept(wanted, {one.id: (0, EXPLICIT) for one in wanted.contexts}, 64))
        sizes = []
        while True:  # command, then data, to the last piece
            kind, content = next_pdu(connection)
            assert kind == pdu.DATA
            sizes.append(len(content))
            [value] = pdu.values(memoryview(content))
            if value.last and not value.command:
                break
        assert max(sizes) <= 64
        for byte in store_answer(0):
            connection.sendall(bytes([byte]))
        assert next_pdu(connection)[0] == pdu.RELEASE_RQ

    with peer(script) as archive:
        assert archive.store([OBJECT]).statuses == (0,)


def test_odd_bytes_are_never_a_success() -> None:
    """Whatever is flipped in a whole conversation: the status that was sent, or an error of ours."""
    draw = random.Random(7)
    good = store_answer(0xA700)
    for _ in range(60):
        spoilt = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            spoilt[draw.randrange(len(spoilt) - 2)] = draw.randrange(256)
        with peer(after_accept(bytes(spoilt)), total_s=1.0) as archive, suppress(PeerError):
            assert archive.store([OBJECT]).statuses != (0,)


@pytest.mark.parametrize("syntax", [EXPLICIT, "1.2.840.10008.1.2"])
def test_spoilt_reports_of_commitment_are_message_errors(syntax: str) -> None:
    from wince.dicom.scu.client import encoded

    good = encoded(asked("2.25.1", [(SR, "1.2.3"), (SR, "1.2.4")]), syntax)
    assert told(good, syntax) == Commitment("2.25.1", frozenset({"1.2.3", "1.2.4"}))
    draw = random.Random(3)
    for _ in range(400):
        spoilt = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
        with suppress(MessageError):
            told(bytes(spoilt[: draw.randint(0, len(spoilt))]), syntax)


@contextmanager
def listening(heard: Heard) -> Iterator[CommitmentListener]:
    with CommitmentListener("127.0.0.1", 0, title="WINCE_SR", archive="ARCHIVE", told=heard.tell) as listener:
        yield listener


def test_the_listener_lives_through_odd_callers_and_hears_none_of_them() -> None:
    draw, heard = random.Random(5), Heard()
    good = request("WINCE_SR", "ARCHIVE", [Context(CLASS)])
    with listening(heard) as listener:
        for number in range(60):
            spoilt = bytearray(good)
            for _ in range(draw.randint(0, 4)):
                spoilt[draw.randrange(len(spoilt))] = draw.randrange(256)
            with socket.create_connection(("127.0.0.1", listener.port), timeout=60) as connection, suppress(OSError):
                connection.sendall(
                    bytes(spoilt[: draw.randint(1, len(spoilt))] if number % 2 else spoilt) + draw.randbytes(draw.randint(0, 40))
                )
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert heard.drain() == []
        with socket.create_connection(("127.0.0.1", listener.port), timeout=60) as connection:
            connection.sendall(good)
            kind, body = next_pdu(connection)
            assert kind == pdu.ASSOCIATE_AC
            assert dict(items(body[68:]))
        assert listener.failed() is None


def test_a_host_that_is_no_name_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        DicomArchive(Peer("a..b", 104, "ARCHIVE", "WINCE_SR"), total_s=5).echo()


def test_a_process_with_many_connections_still_waits_on_its_sockets() -> None:
    """select knows no descriptor above 1023: the thread that hears commitments would end, and with it the process."""
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(one) for one in socket.socketpair())
        high = stack.enter_context(socket.socket(fileno=fcntl.fcntl(ours.fileno(), fcntl.F_DUPFD_CLOEXEC, 1024)))
        assert high.fileno() > 1023
        assert not readable(high, 0.0)
        theirs.sendall(b"1")
        assert readable(high, 60.0)
