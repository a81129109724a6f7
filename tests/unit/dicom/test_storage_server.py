"""The storage server against peers that keep to the standard, and that don't: what is answered, and that nothing half is left."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.unit.dicom.wire import INSTANCE, VL, Caller, Keeping, associate, data, left, store
from wince.dicom.scp import command, pdu, tables
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.peers import peer
from wince.dicom.scp.server import StorageServer
from wince.dicom.scp.tables import Status
from wince.dicom.spool import Room

OBJECT = b"\x08\x00\x16\x00UI\x04\x001.2\0" * 50


@contextmanager
def listening(folder: Path, keeping: Keeping | None = None, **more: object) -> Iterator[StorageServer]:
    limits = Limits(idle_s=5.0, request_s=5.0, object_bytes=1 << 20, drained_bytes=4 << 20, pdu_bytes=16384)
    given = {"limits": limits} | more
    with StorageServer(keeping or Keeping(), Room(folder, given["limits"].object_bytes, 0), **given) as server:  # type: ignore[arg-type,attr-defined]
        yield server


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_object_lies_whole_in_a_file_before_it_is_answered(tmp_path):
    keeping = Keeping()
    with listening(tmp_path, keeping) as server, Caller(server.port).associated() as caller:
        caller.send(data(1, store(), 3), data(1, OBJECT[:100], 0), data(1, OBJECT[100:], 2))
        answer = caller.answer()
        assert (answer[command.FIELD], answer[command.STATUS], answer[command.ANSWERS]) == (0x8001, 0, 1)
    received, content = keeping.received[0]
    assert (received.sop_class, received.instance, received.syntax, received.sender) == (VL, INSTANCE, tables.EXPLICIT, "CART")
    assert content[128:132] == b"DICM"
    assert content.endswith(OBJECT)
    assert left(tmp_path) == []


def test_several_messages_may_share_a_pdu_and_one_may_lie_over_many(tmp_path):
    """PS3.8 annex E.2 lets a P-DATA-TF hold several values, also of two messages."""
    keeping = Keeping()
    one = store()

    def value(content: bytes, flags: int) -> bytes:
        return struct.pack(">IBB", len(content) + 2, 1, flags) + content

    body = value(one[:20], 1) + value(one[20:], 3) + value(OBJECT, 2) + value(store(message=2), 3)
    with listening(tmp_path, keeping) as server, Caller(server.port).associated() as caller:
        caller.send(struct.pack(">BBI", 4, 0, len(body)) + body, data(1, OBJECT, 2))
        assert [caller.answer()[command.ANSWERS], caller.answer()[command.ANSWERS]] == [1, 2]
    assert len(keeping.received) == 2


def test_echo_and_release(tmp_path):
    with listening(tmp_path) as server, Caller(server.port).associated() as caller:
        caller.send(data(3, command.encode({2: tables.VERIFICATION, 0x100: 0x30, 0x110: 7, 0x800: 0x101}), 3))
        assert caller.answer()[command.STATUS] == 0
        caller.send(struct.pack(">BBI", pdu.RELEASE_RQ, 0, 4) + bytes(4))
        assert caller.pdu()[0] == pdu.RELEASE_RP
        until(lambda: server.counts["released"])


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (associate(called="OTHER"), (1, 1, 7)),
        (associate(calling="STRANGER"), (1, 1, 3)),
        (associate(version=2), (1, 2, 2)),
        (associate(context="1.2.3"), (1, 1, 2)),
    ],
)
def test_who_may_not_associate_is_rejected_by_name(tmp_path, asked, answer):
    with listening(tmp_path, peers=[peer("CART@127.0.0.1"), peer("AWAY@192.0.2.1")]) as server:
        with Caller(server.port) as caller:
            caller.send(asked)
            assert caller.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, *answer)))
        with Caller(server.port) as caller:
            caller.send(associate(calling="AWAY"))
            assert caller.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, 1, 1, 3)))
        with Caller(server.port).associated():
            pass


def test_a_calling_title_that_is_none_is_rejected_even_where_everybody_may_associate(tmp_path):
    """Such as one with a zero byte, which no text of the database can hold: every object of it would be "again later" for ever."""
    with listening(tmp_path) as server, Caller(server.port) as caller:
        caller.send(associate(calling="CA\0RT"))
        assert caller.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, 1, 1, 3)))


def test_contexts_are_agreed_on_one_by_one(tmp_path):
    video = next(iter(tables.VIDEO_CLASSES))
    h264 = "1.2.840.10008.1.2.4.102"
    contexts = [(1, VL, (h264,)), (3, video, ("1.2.840.10008.1.2.2", h264)), (5, "1.2.840.10008.5.1.4.1.1.2", (tables.EXPLICIT,))]
    with listening(tmp_path) as server, Caller(server.port) as caller:
        caller.send(associate(contexts=contexts))
        kind, body = caller.pdu()
        assert kind == pdu.ASSOCIATE_AC
        results = {body[at + 4]: body[at + 6] for at in range(len(body)) if body[at : at + 2] == b"\x21\0" and body[at + 8] == 0x40}
        assert results == {1: 4, 3: 0, 5: 3}


def test_a_flood_of_associations_is_told_to_come_later(tmp_path):
    limits = Limits(associations=4, per_address=3, per_minute=1000, request_s=5.0)
    with listening(tmp_path, limits=limits) as server:
        callers = [Caller(server.port).associated() for _ in range(3)]
        with Caller(server.port) as one_more:
            one_more.send(associate())
            assert one_more.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, 2, 3, 2)))
        flood = [Caller(server.port) for _ in range(40)]
        until(lambda: server.counts["busy"] >= 41)
        for caller in (*callers, *flood):
            caller.close()

        def taken_again() -> bool:
            with Caller(server.port) as caller:
                caller.send(associate())
                return caller.pdu()[0] == pdu.ASSOCIATE_AC

        until(taken_again)


def test_too_many_associations_within_a_minute_are_told_to_come_later(tmp_path):
    with listening(tmp_path, limits=Limits(per_minute=3)) as server:
        for _ in range(3):
            Caller(server.port).associated().close()
        with Caller(server.port) as caller:
            caller.send(associate())
            assert caller.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, 2, 3, 1)))


def sizes(folder: Path) -> list[int]:
    """Of the files in a folder whose owner deletes them meanwhile."""
    found = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found.append(path.stat().st_size)
    return found


def test_an_object_that_is_too_large_is_refused_while_it_comes_and_the_association_goes_on(tmp_path):
    keeping = Keeping()
    most = 0
    with listening(tmp_path, keeping) as server, Caller(server.port).associated() as caller:
        caller.send(data(1, store(), 3))
        for _ in range(200):  # 3.2 MB where 1 MiB is taken
            caller.send(data(1, bytes(16000), 0))
            most = max([most, *sizes(tmp_path)])
        caller.send(data(1, b"", 2))
        answer = caller.answer()
        assert (answer[command.STATUS], answer[command.COMMENT]) == (Status.OUT_OF_RESOURCES, "too large, or no room")
        caller.send(data(1, store(message=2), 3), data(1, OBJECT, 2))
        assert caller.answer()[command.STATUS] == 0
    assert most <= 1 << 20
    assert len(keeping.received) == 1


def test_an_object_without_end_is_cut_off(tmp_path):
    with listening(tmp_path) as server, Caller(server.port).associated() as caller:
        caller.send(data(1, store(), 3))
        piece = data(1, bytes(16000), 0)
        with pytest.raises((ConnectionError, TimeoutError)):
            caller.send(*[piece] * 20_000)
        until(lambda: server.counts["too_long"])
    assert left(tmp_path) == []


def test_a_full_disk_refuses_and_leaves_nothing(tmp_path, monkeypatch):
    with listening(tmp_path) as server, Caller(server.port).associated() as caller:
        room = server._room  # the disk's floor above what is free: as full as a disk can be
        server._room = Room(room.folder, room.object_bytes, 1 << 62)
        with Caller(server.port).associated() as other:
            other.send(data(1, store(), 3), data(1, OBJECT, 2))
            assert other.answer()[command.STATUS] == Status.OUT_OF_RESOURCES
        monkeypatch.setattr("wince.dicom.spool.os.write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        caller.send(data(1, store(), 3), data(1, OBJECT, 2))
        assert caller.answer()[command.STATUS] == Status.OUT_OF_RESOURCES
    assert left(tmp_path) == []


def whole() -> list[bytes]:
    """Everything that a peer says from the first byte to the last."""
    release = struct.pack(">BBI", pdu.RELEASE_RQ, 0, 4) + bytes(4)
    return [associate(), data(1, store(), 3), data(1, OBJECT[:500], 0), data(1, OBJECT[500:], 2), release]


@pytest.mark.parametrize("abort", [False, True])
def test_a_peer_that_goes_away_anywhere_leaves_nothing_half(tmp_path, abort):
    """Gone at every PDU and in the middle of each, or with an A-ABORT behind each."""
    keeping = Keeping()
    stream = b"".join(whole())
    ends = [sum(map(len, whole()[:number])) for number in range(1, 6)]
    cuts = ends if abort else sorted({1, 5, *ends, *(end - 7 for end in ends)})
    with listening(tmp_path, keeping) as server:
        for cut in cuts:
            caller = Caller(server.port)
            caller.send(stream[:cut] + (pdu.abort(0, 0) if abort else b""))
            caller.close()
        until(lambda: not server._running() and server.counts["associations"] == len(cuts))
        assert left(tmp_path) == []
        assert {content[-len(OBJECT) :] for _, content in keeping.received} == {OBJECT}
        with Caller(server.port).associated():
            pass


@pytest.mark.parametrize(
    "said",
    [
        struct.pack(">BBI", 4, 0, 0xFFFFFFF0),
        struct.pack(">BBI", 4, 0, 12) + struct.pack(">IBB", 99, 1, 3) + bytes(6),
        struct.pack(">BBI", 4, 0, 4) + bytes(4),
        struct.pack(">BBI", 9, 0, 4) + bytes(4),
        associate(),
        data(1, b"junk" * 5, 3),
        data(7, store(), 3),
        data(1, OBJECT, 2),
        data(1, store(), 3) + data(3, OBJECT, 2),
        data(1, store(), 3) + data(1, store(), 3),
    ],
)
def test_what_is_no_message_ends_the_association_and_nothing_else(tmp_path, said):
    with listening(tmp_path) as server:
        with Caller(server.port).associated() as caller:
            caller.send(said)
            assert caller.pdu()[0] in (pdu.ABORT, 0)
        with Caller(server.port) as junk:
            junk.send(b"GET / HTTP/1.1\r\n\r\n")
            assert junk.pdu()[0] in (pdu.ABORT, 0)
        until(lambda: server.counts["invalid"] >= 2)
        assert left(tmp_path) == []
        with Caller(server.port).associated():
            pass


def test_a_silent_peer_is_let_go(tmp_path):
    with listening(tmp_path, limits=Limits(idle_s=0.2, request_s=0.2)) as server:
        with Caller(server.port) as never, Caller(server.port).associated() as later:
            assert never.pdu()[0] in (pdu.ABORT, 0)
            later.send(data(1, store(), 3), data(1, OBJECT, 0), b"\x04\0")
            assert later.pdu()[0] in (pdu.ABORT, 0)
        until(lambda: server.counts["idle"] == 2)
    assert left(tmp_path) == []


@pytest.mark.parametrize(("sop_class", "instance"), [(VL, "../../etc/passwd"), (VL, ""), (VL, "1" * 65), ("1.2.3", INSTANCE)])
def test_an_object_that_is_not_named_by_the_agreed_class_and_a_uid_is_refused(tmp_path, sop_class, instance):
    keeping = Keeping()
    with listening(tmp_path, keeping) as server, Caller(server.port).associated() as caller:
        caller.send(data(1, store(instance, sop_class), 3), data(1, OBJECT, 2))
        assert caller.answer()[command.STATUS] == Status.NO_MATCH
    assert keeping.received == []


def test_what_can_not_be_kept_is_told_so_that_it_is_sent_again(tmp_path):
    class Broken(Keeping):
        def keep(self, received):
            raise OSError("gone")

    with listening(tmp_path, Broken()) as server, Caller(server.port).associated() as caller:
        caller.send(data(1, store(), 3), data(1, OBJECT, 2))
        assert caller.answer()[command.STATUS] == Status.NOT_KEPT_NOW
    assert left(tmp_path) == []


def test_stopping_lets_the_object_in_hand_be_answered(tmp_path):
    with Caller((server := StorageServer(Keeping(), Room(tmp_path, 1 << 20, 0)).start()).port).associated() as caller:
        caller.send(data(1, store(), 3), data(1, OBJECT, 0))
        until(lambda: left(tmp_path))
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        caller.send(data(1, OBJECT, 2))
        assert caller.answer()[command.STATUS] == 0
        stopping.join(30)
        assert not stopping.is_alive()


@pytest.mark.parametrize("title", ["A\\B", "A\0B", "A\nB", ""])
def test_who_has_no_title_may_not_associate_where_everybody_may(tmp_path, title):
    with listening(tmp_path) as server, Caller(server.port) as caller:
        caller.send(associate(calling=title))
        assert caller.pdu() == (pdu.ASSOCIATE_RJ, bytes((0, 1, 1, 3)))


def test_a_system_without_a_further_thread_ends_no_listener(tmp_path, monkeypatch):
    with listening(tmp_path) as server:
        start = threading.Thread.start

        def none_left(thread: threading.Thread) -> None:
            if thread.name == "dicom-association":
                raise RuntimeError("can't start new thread")
            start(thread)

        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", none_left)
            with Caller(server.port) as caller:
                assert caller.pdu() == (0, b"")
        until(lambda: server.counts["failed"])
        assert not server._running()
        assert server.failed() is None
        with Caller(server.port).associated():
            pass
