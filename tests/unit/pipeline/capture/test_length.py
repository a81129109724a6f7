"""How long a file is, how fast, how large: what it holds counts, not what its header says."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.pipeline.capture.clips import number_of, write
from tests.unit.pipeline.capture.test_file import EVERY_40_MS, watch
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.pipeline.capture import length
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.guarded import GuardedClip


def patched(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """The file with bytes of its header changed; each must be there."""
    data = path.read_bytes()
    for before, after in changes:
        assert len(before) == len(after)
        assert before in data
        data = data.replace(before, after)
    path.write_bytes(data)
    return path


def glued(folder: Path, *parts: list[int]) -> Path:
    """Transport streams one after the other, each with its own numbers and times (milliseconds)."""
    files = [write(folder / f"{number}.ts", times, options={"bf": "0"}) for number, times in enumerate(parts)]
    (folder / "glued.ts").write_bytes(b"".join(file.read_bytes() for file in files))
    return folder / "glued.ts"


def whole(path: Path, seconds: float) -> None:
    """Every sample of that many seconds is given, and nothing says that more should have come."""
    frames, beats = watch(path)
    assert len(frames) == round(5 * seconds)
    assert beats[-1].time_us == pytest.approx(seconds * US, abs=2_000)
    assert [beat.reason for beat in beats] == [None] * len(beats)
    assert sum(beat.corrupt + beat.dropped for beat in beats) == 0


@pytest.mark.parametrize("begin_ms", [8_000, 3_600_000])
@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.flv", "a.mp4"])
def test_a_clock_that_starts_above_zero(tmp_path: Path, name: str, begin_ms: int) -> None:
    codec = "flv1" if name == "a.flv" else "libx264"
    whole(write(tmp_path / name, [begin_ms + at for at in EVERY_40_MS], codec=codec), 4)


@pytest.mark.parametrize("said", [b"00:00:01", b"00:01:04", b"40:00:04"])
def test_matroska_that_is_as_long_as_it_says_in_bytes_is_whole(tmp_path: Path, said: bytes) -> None:
    """Whatever DURATION says; 40 hours are over the limit, too."""
    whole(patched(write(tmp_path / "a.mkv", EVERY_40_MS), (b"00:00:04", said)), 4)


def test_a_cut_off_file_whose_clock_starts_above_zero_misses_what_was_cut_off_and_no_more(tmp_path: Path) -> None:
    """DURATION is its end: 12 s, of which it begins at 8."""
    path = write(tmp_path / "a.mkv", [8_000 + at for at in EVERY_40_MS])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    _, beats = watch(path)
    assert (beats[-1].time_us, beats[-1].reason) == (pytest.approx(4 * US, abs=50_000), Reason.CORRUPT)


@pytest.mark.parametrize("factor", [100, 100_000])
def test_an_mp4_s_header_doesn_t_make_it_longer_than_its_index(tmp_path: Path, factor: int) -> None:
    """All durations of its headers say more, so that a player would show hours of silence."""
    path = write(tmp_path / "a.mp4", EVERY_40_MS)
    data = bytearray(path.read_bytes())
    for box, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        at = data.index(box) + offset
        length = int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = (length * factor).to_bytes(8, "big")[4:]
    path.write_bytes(data)
    whole(path, 4)


def test_a_declared_rate_makes_no_picture_longer(tmp_path: Path) -> None:
    """DefaultDuration says 1 picture a second; they come 25 a second."""
    path = write(tmp_path / "a.mkv", EVERY_40_MS)
    before, after = (b"\x23\xe3\x83\x84" + length_ns.to_bytes(4, "big") for length_ns in (40_000_000, 1_000_000_000))
    whole(patched(path, (before, after)), 4)


def test_a_declared_size_is_not_the_pictures_size(tmp_path: Path) -> None:
    """Matroska says 65,535 x 192: the pictures have 320 x 192, and are no too large."""
    path = write(tmp_path / "a.mkv", EVERY_40_MS)
    frames, _ = watch(patched(path, (b"\xb0\x82\x01\x40", b"\xb0\x82\xff\xff")))
    assert {frame.pixels.shape for frame in frames} == {(192, 320, 3)}


def test_the_end_is_that_of_the_packets(tmp_path: Path) -> None:
    """A transport stream declares none; timestamps that begin again are counted through."""
    source = FileSource(glued(tmp_path, EVERY_40_MS, EVERY_40_MS), "cam", rate_hz=5, origin_us=100 * US)
    assert source.end_us == pytest.approx(108 * US, abs=50_000)
    source.close()
    source = FileSource(write(tmp_path / "a.mp4", EVERY_40_MS), "cam", rate_hz=5, origin_us=100 * US)
    assert source.end_us == 104 * US
    source.close()


@pytest.mark.parametrize("off", [(0, 2), (3, 6), (6, 7)])
def test_no_second_is_lost_of_a_clip_that_may_not_be_looked_at_for_a_while(tmp_path: Path, off: tuple[int, int]) -> None:
    """Its length is nowhere declared, and its timestamps begin again."""
    path = glued(tmp_path, EVERY_40_MS, EVERY_40_MS)
    clip = GuardedClip(
        lambda at_us: FileSource(path, "cam", rate_hz=5, from_us=at_us),
        lambda at_us: Reason.OFF if off[0] <= at_us // US < off[1] else None,
        origin_us=0,
        from_us=0,
    )
    messages = list(clip)
    beats = [message for message in messages if isinstance(message, Beat)]
    assert [-(-beat.time_us // US) for beat in beats] == list(range(1, 9))
    seen = {message.time_us // US for message in messages if isinstance(message, Frame)}
    assert seen == set(range(8)) - set(range(*off))


def test_timestamps_that_begin_again_lose_no_picture(tmp_path: Path) -> None:
    frames, beats = watch(glued(tmp_path, EVERY_40_MS, EVERY_40_MS))
    assert len(frames) >= 39, "the demuxer marks the last picture before the seam as damaged"
    assert sum(beat.frames + beat.corrupt for beat in beats) == 40
    assert beats[-1].time_us == pytest.approx(8 * US, abs=50_000)
    assert [number_of(frame.pixels) for frame in frames if frame.time_us >= 4_100_000] == list(range(5, 100, 5))


@pytest.mark.parametrize("from_us", [US, 3 * US, 4_500_000, 7 * US])
def test_a_file_whose_timestamps_begin_again_is_entered_where_it_was_left(tmp_path: Path, from_us: int) -> None:
    """4.5 s of media time are 0.5 s by the second half's timestamps."""
    path = glued(tmp_path, EVERY_40_MS, EVERY_40_MS)
    wanted, _ = watch(path)
    part, _ = watch(path, from_us=from_us)
    wanted = [frame for frame in wanted if frame.time_us >= from_us]
    assert [(frame.sequence, frame.time_us) for frame in part] == [(frame.sequence, frame.time_us) for frame in wanted]
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(part, wanted, strict=True))


@pytest.mark.parametrize(
    ("tags", "seconds"),
    [({"DURATION": "00:00:12.000000000"}, 4), ({"DURATION-eng": "00:00:12"}, None), ({"DURATION": "00:00:04.5"}, 4.5),
     ({"DURATION": "00:00:12.0", "_STATISTICS_TAGS": "BPS DURATION"}, 12), ({"DURATION": "soon"}, None), ({}, None)],
)  # fmt: skip
def test_matroska_s_duration_is_the_end_or_as_mkvmerge_counts_the_length(
    tmp_path: Path, tags: dict[str, str], seconds: float | None
) -> None:
    """Of a track that begins at 8 s; 4.5 s can't be its end."""
    (tmp_path / "a.mkv").write_bytes(bytes(100))
    container = SimpleNamespace(format=SimpleNamespace(name="matroska,webm"), duration=None, streams=[1])
    stream = SimpleNamespace(duration=None, start_time=8000, metadata=tags)
    found = length.declared_us(container, stream, tmp_path / "a.mkv", Fraction(1, 1000))  # type: ignore[arg-type]
    assert found == (None if seconds is None else seconds * US)
