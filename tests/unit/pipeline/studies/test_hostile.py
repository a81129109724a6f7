"""Objects whose header says what no camera would: a name that is a path, numbers without measure, characters that no text holds."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from pydicom import config

from tests.unit.pipeline.studies.test_opened import COUNT, PERSON, encoded
from wince.dicom.scp.interface import Received
from wince.dicom.scp.tables import Status
from wince.domain.study import Held
from wince.errors import MediaError, MessageError
from wince.pipeline.capture.studies import header, opened, shelf, stream
from wince.pipeline.capture.studies.intake import Intake
from wince.pipeline.capture.studies.interface import Shelf
from wince.store.database import Database
from wince.testing.dicom import objects
from wince.testing.dicom.objects import Person


@pytest.fixture(autouse=True)
def _quiet():
    """What is written here is wrong on purpose."""
    with config.disable_value_validation():
        yield


class Never:
    """A database that must not be asked."""

    def transaction(self) -> Any:
        raise AssertionError


def picture(**more: Any) -> Any:
    import numpy as np

    return objects.pictures(np.zeros((1, 8, 8, 3), np.uint8), Person(at=datetime(2026, 1, 5, 8), more=more))


def facts(folder: Path, made: Any) -> Any:
    return header.facts(header.read(objects.write(made, folder / "o")), UTC)


@pytest.mark.parametrize("instance", ["../../out", "1.2/../../3", "", "1" * 65, "1.2\\1.3"])
def test_an_object_is_kept_under_a_uid_alone(tmp_path, instance):
    """Its UID becomes a file's name, also where nobody looked at it before: files of a watched folder."""
    made = picture()
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    path = objects.write(made, tmp_path / "o")
    named = instance.encode().ljust(6 if len(instance) < 6 else len(instance) + len(instance) % 2, b"\0")
    whole = path.read_bytes()
    tag = b"\x08\x00\x18\x00UI"
    at = whole.index(tag) + len(tag)
    path.write_bytes(whole[:at] + len(named).to_bytes(2, "little") + named + whole[at + 2 + 6 :])
    place = Shelf.of(tmp_path / "shelf")
    intake = Intake(cast(Database, Never()), place, lambda _: Held.NO_ISSUER, UTC)
    sop_class, said, syntax, _ = header.named(path)
    assert intake.keep(Received(path, sop_class, said, syntax, "folder", path.stat().st_size)) is Status.NO_MATCH
    assert sorted(one.name for one in tmp_path.iterdir()) == ["o", "shelf"]
    assert sorted(one.name for one in place.folder.iterdir()) == ["place"]


@pytest.mark.parametrize("number", ["10\0001", "A\r\nB", "1\\2", "10\x1b[2J", "47\x85"])
def test_a_patient_id_that_is_no_one_text_is_none(tmp_path, number):
    made = picture()
    made.PatientID = number
    assert facts(tmp_path, made).patient == ""


@pytest.mark.parametrize("frames", ["9" * 400, "-1", "0", "1\\2", "2147483648"])
@pytest.mark.parametrize(
    "rate", [{"CineRate": "1e-300"}, {"FrameTime": "1e-300"}, {"FrameTime": "-40"}, {"FrameTime": "nan"}, {"FrameTime": "1e300"}]
)
def test_numbers_without_measure_are_none(tmp_path, frames, rate):
    made = picture(**rate)
    made.NumberOfFrames = frames
    found = facts(tmp_path, made)
    assert 1 <= found.frames <= header.FRAMES
    assert found.rate_hz is None


def test_pictures_of_more_than_a_day_are_not_gone_through(tmp_path):
    """Each second of them would be a message and each few a window, for weeks."""
    made = picture(FrameTime="60000")
    made.NumberOfFrames = 2000
    found = facts(tmp_path, made)
    with opened.OpenedStudy(tmp_path / "o", found, tmp_path) as study, pytest.raises(MediaError, match="longer than a day"):
        study.source("s", rate_hz=5.0, origin_us=0, from_us=0)


def test_nobody_else_may_read_a_video_while_it_is_graded(tmp_path):
    path = objects.write(objects.video(encoded("libx264", "h264"), PERSON, frames=COUNT), tmp_path / "o")
    found = header.facts(header.read(path), UTC)
    with opened.OpenedStudy(path, found, tmp_path):
        made = [one for one in tmp_path.iterdir() if one != path]
        assert len(made) == 2
        assert {one.stat().st_mode & 0o777 for one in made} == {0o600}


def test_a_full_disk_is_no_fault_of_the_object(tmp_path):
    """It would be held as unreadable, for a person, where it only has to be tried again."""
    bare = tmp_path / "bare.h264"
    bare.write_bytes(encoded("libx264", "h264"))
    with pytest.raises(OSError, match="No space") as raised:
        stream.timed(bare, "1.2.840.10008.1.2.4.102", 25.0, Path("/dev/full"))
    assert not isinstance(raised.value, MediaError)


def test_an_object_that_comes_again_is_not_swept_away_with_its_forerunner(tmp_path, monkeypatch):
    """A file without a row is old; while it is looked up, the object comes again and takes its name."""
    place = Shelf(tmp_path, uuid4())
    old = place.file("1.2.3")
    old.write_bytes(b"old")
    monkeypatch.setattr(shelf, "OLD_S", -1.0)

    class Slow:
        def transaction(self) -> Any:
            return self

        def __enter__(self) -> Slow:
            return self

        def __exit__(self, *_: object) -> None:
            monkeypatch.setattr(shelf, "OLD_S", 900.0)
            fresh = tmp_path / "fresh.incoming"
            fresh.write_bytes(b"new")
            os_utime_old(fresh)
            Intake(cast(Database, Never()), place, lambda _: Held.NO_ISSUER, UTC)._put(fresh, "1.2.3")

    monkeypatch.setattr(shelf.studies, "files", lambda *_: set())
    shelf._sweep(cast(Database, Slow()), place)
    assert old.read_bytes() == b"new"


def os_utime_old(path: Path) -> None:
    import os

    os.utime(path, (time.time() - 10_000,) * 2)


def test_a_shelf_has_one_lock_for_all_who_move_its_files(tmp_path):
    place = Shelf.of(tmp_path)
    assert isinstance(place.moving, type(threading.Lock()))
    assert place == Shelf.of(tmp_path)


def test_a_sequence_that_is_cut_off_is_no_fault_of_the_disk(tmp_path):
    """pydicom raises OSError for it: its sender would send it for ever, and a watched folder would stand still behind it."""
    whole = objects.write(picture(), tmp_path / "o").read_bytes()
    at = whole.index(b"\x10\x00\x10\x00PN")
    undefined = b"\xff\xff\xff\xff"
    item = b"\xfe\xff\x00\xe0\x02\0\0\0\x08\x00"
    (tmp_path / "o").write_bytes(whole[:at] + b"\x08\x00\x15\x11SQ\0\0" + undefined + item)
    with pytest.raises(MessageError):
        header.read(tmp_path / "o")
    (tmp_path / "o").unlink()
    with pytest.raises(FileNotFoundError):
        header.read(tmp_path / "o")
