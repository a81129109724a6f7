"""Looking through folders, and opening by content."""

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.pipeline.capture.clips import numbered, write
from wince.errors import MediaError
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.folder import find, open_source
from wince.pipeline.capture.media import file_id
from wince.pipeline.capture.still import StillSource


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    """Videos, pictures and junk, with names that lie."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    write(tmp_path / "z.mp4", [0, 40, 80])
    write(tmp_path / "b" / "deep" / "really-mkv.jpg", [0, 40, 80], container="matroska")
    Image.fromarray(numbered(1)).save(tmp_path / "b" / "picture.dat", "PNG")
    (tmp_path / "a.txt").write_text("notes")
    (tmp_path / "b" / "half.jpg").write_bytes(b"\xff\xd8\xff\xe0junk")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path)
    return tmp_path


def test_everything_is_found_and_junk_is_reported(ward: Path) -> None:
    """Sorted, recursive; every file has a line, with the reason where it can't be used."""
    found = find([ward])
    assert [(str(f.path.relative_to(ward)), f.still, f.problem and f.problem.message.split(" (")[0]) for f in found] == [
        ("a.txt", False, "neither a picture nor a video that can be read"),
        ("empty.mp4", False, "the file is empty"),
        ("z.mp4", False, None),
        ("b/half.jpg", True, "the picture is damaged"),
        ("b/picture.dat", True, None),
        ("b/deep/really-mkv.jpg", False, None),
        ("loop", False, "a link to a folder is not followed"),
    ]
    assert all(f.problem.remedy for f in found if f.problem)


def test_named_files_come_in_the_order_in_which_they_were_named_and_once(ward: Path) -> None:
    """A missing one is a line too."""
    found = find([ward / "z.mp4", ward / "none.mp4", ward / "b", ward / "z.mp4"])
    assert [f.path.name for f in found] == ["z.mp4", "none.mp4", "half.jpg", "picture.dat", "really-mkv.jpg"]
    assert found[1].problem is not None


def test_a_source_is_chosen_by_content_and_named_by_its_bytes(ward: Path) -> None:
    """The suffix is nothing; the id is the sha256 of the file, or what the caller says."""
    video = open_source(ward / "b" / "deep" / "really-mkv.jpg", rate_hz=5)
    still = open_source(str(ward / "b" / "picture.dat"), "bed-3", rate_hz=5)
    assert isinstance(video, FileSource)
    assert isinstance(still, StillSource)
    assert video.source == hashlib.sha256((ward / "b" / "deep" / "really-mkv.jpg").read_bytes()).hexdigest()
    assert still.source == "bed-3"
    video.close()
    with pytest.raises(MediaError):
        open_source(ward / "a.txt", rate_hz=5)


def test_a_file_s_id_is_read_in_pieces(tmp_path: Path) -> None:
    """5 MB; and what has no bytes has no id."""
    (tmp_path / "a").write_bytes(bytes(5_000_001))
    assert file_id(tmp_path / "a") == hashlib.sha256(bytes(5_000_001)).hexdigest()
    with pytest.raises(MediaError):
        file_id(tmp_path)
    with pytest.raises(MediaError):
        file_id(tmp_path / "none")
