"""What a disk, a sender or a size does to the storage service: a full file system, 4 GB, and whether what is stored is what was sent."""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.integration.imaging_world import clip, person, shown, tool, world
from tests.unit.dicom.wire import VL, Caller, associate, data, store
from wince.dicom.scp import command
from wince.dicom.scp.tables import EXPLICIT, Status
from wince.dicom.scu import parcel
from wince.dicom.scu.association import Association
from wince.dicom.scu.connection import Peer
from wince.dicom.scu.negotiation import Context
from wince.testing.dicom import objects

pytestmark = pytest.mark.peer


def sent(port: int, made, folder: Path) -> int:
    """Send an object as it stands in its file; the status."""
    one = parcel.of_file(objects.write(made, folder / f"{made.SOPInstanceUID[-20:]}.dcm"))
    assert one is not None
    with Association(Peer("127.0.0.1", port, "WINCE", "CART"), [Context(one.sop_class, (one.syntax,))], total_s=60) as association:
        return int(parcel.store(association, one, one.data())[command.STATUS])


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """A file system of its own, which can really be full."""
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", folder], check=False).returncode:
        pytest.skip("only root mounts a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_full_refuses_loses_nothing_and_takes_again_when_it_has_room(database, database_dsn, state_dir, tmp_path):
    first, second = (objects.pictures(shown(), person()) for _ in range(2))  # 0.9 MB each
    with (
        small_disk(tmp_path / "disk", 1500) as disk,
        world(database_dsn, database, state_dir / "state", ("imaging",), dicom_folder=disk) as here,
    ):
        assert sent(here.port, first, tmp_path) == Status.SUCCESS
        assert sent(here.port, second, tmp_path) == Status.OUT_OF_RESOURCES
        assert here.study(second.SOPInstanceUID) is None
        assert [path.name for path in disk.iterdir() if path.suffix in (".dcm", ".incoming")] == [f"{first.SOPInstanceUID}.dcm"]
        (disk / f"{first.SOPInstanceUID}.dcm").unlink()
        assert sent(here.port, second, tmp_path) == Status.SUCCESS


def memory() -> int:
    """What this process has in memory, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_four_gigabytes_are_refused_before_memory_or_disk_suffer(database, database_dsn, state_dir):
    """Each piece that is sent is the same: what the sender has in memory is small, and what the service has must be."""
    folder, most = state_dir / "objects", 32 << 20
    folder.mkdir(parents=True)
    more = {"dicom_object_bytes": most, "dicom_pdu_bytes": 1 << 20, "dicom_folder": folder}
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here, Caller(here.port) as caller:
        caller.associated(contexts=((1, VL, (EXPLICIT,)),))
        caller.send(data(1, store(), 3), data(1, struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFE), 0))
        piece, before, disk = data(1, bytes((1 << 20) - 6), 0), memory(), 0
        for _ in range((4 << 30) // len(piece) + 1):
            caller.send(piece)
            disk = max(disk, sum(path.stat().st_size for path in folder.glob("*.incoming")))
        caller.send(data(1, b"", 2))
        assert caller.answer()[command.STATUS] == Status.OUT_OF_RESOURCES
        assert memory() - before < 64 << 20
        assert disk <= most
        here.until(lambda: not list(folder.glob("*.incoming")))


def test_an_object_that_declares_four_gigabytes_and_has_a_few_bytes_costs_those(database, database_dsn, state_dir):
    with world(database_dsn, database, state_dir / "state", ("imaging",)) as here, Caller(here.port, timeout_s=60) as caller:
        caller.send(associate(contexts=((1, VL, (EXPLICIT,)),)))
        caller.pdu()
        before = memory()
        for number, element in enumerate(((0x7FE0, 0x10, b"OB"), (0x0009, 0x10, b"UN"), (0x0010, 0x10, b"UT"))):
            uid = f"1.2.3.{number}"
            head = struct.pack("<HH2sH", 8, 0x16, b"UI", len(VL)) + VL.encode()
            head += struct.pack("<HH2sH", 8, 0x18, b"UI", 8) + uid.encode() + b"\0"
            lying = head + struct.pack("<HH2sHI", *element, 0, 0xFFFFFFFE) + bytes(1000)
            caller.send(data(1, store(uid), 3), data(1, lying, 2))
            assert caller.answer()[command.STATUS] in (Status.NOT_UNDERSTOOD, Status.WARNING_CLASS)
        assert memory() - before < 64 << 20


def test_a_request_of_stow_that_declares_four_gigabytes_is_cut_off(database, database_dsn, state_dir, monkeypatch):
    monkeypatch.setattr("wince.dicom.stow.app.DROPPED_BYTES", 32 << 20)
    folder = state_dir / "objects"
    folder.mkdir(parents=True)
    more = {"stow_port": 0, "dicom_object_bytes": 1 << 20, "dicom_folder": folder}
    with world(database_dsn, database, state_dir / "state", ("imaging",), **more) as here:
        head, before, sent_bytes = b"--x\r\nContent-Type: application/dicom\r\n\r\n", memory(), 0
        port = here.running["imaging"]._service.parts[-1].port
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            said = f'Content-Type: multipart/related; type="application/dicom"; boundary=x\r\nContent-Length: {4 << 30}'
            connection.sendall(f"POST /studies HTTP/1.1\r\nHost: here\r\n{said}\r\n\r\n".encode() + head)
            with suppress(ConnectionError):
                while sent_bytes < 4 << 30 and not select.select([connection], [], [], 0)[0]:
                    connection.sendall(bytes(1 << 20))
                    sent_bytes += 1 << 20
            assert sent_bytes < 1 << 30
            with suppress(ConnectionError):
                assert connection.recv(100).split()[1] == b"409"
        assert memory() - before < 64 << 20
        here.until(lambda: not list(folder.glob("*.incoming")))


@pytest.mark.parametrize("kind", ["video", "pictures"])
def test_what_is_stored_is_what_was_sent_and_dciodvfy_says_the_same_of_both(database, database_dsn, state_dir, tmp_path, kind):
    made = clip() if kind == "video" else objects.pictures(shown(), person(), jpeg=True)
    folder = state_dir / "objects"
    folder.mkdir(parents=True)
    with world(database_dsn, database, state_dir / "state", ("imaging",), dicom_folder=folder) as here:
        assert sent(here.port, made, tmp_path) == Status.SUCCESS
        stored, given = folder / f"{made.SOPInstanceUID}.dcm", objects.write(made, tmp_path / "given.dcm")
        assert data_set(stored) == data_set(given)
        said = [[line for line in tool("dciodvfy", file, ok=False).stderr.splitlines() if "(0002," not in line] for file in (stored, given)]
        assert said[0] == said[1]


def data_set(file: Path) -> bytes:
    """The bytes behind the File Meta Information."""
    meta = dcmread(file, stop_before_pixels=True).file_meta
    return file.read_bytes()[132 + 12 + meta.FileMetaInformationGroupLength :]
