"""What is wrong with a file: named before the first message, or told by the beats; never a hang, never a lost second."""

import os
import random
import socket
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.pipeline.capture.clips import number_of, write
from tests.unit.pipeline.capture.test_file import EVERY_40_MS, FORMATS, watch
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.errors import MediaError, ResourceError, WinceError
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.media import MediaLimits

FASTSTART = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def refused(path: Path, limits: MediaLimits | None = None) -> WinceError:
    """The error that reading `path` ends with, before any message; checked for field and remedy."""
    messages = []
    with pytest.raises(WinceError) as caught:
        messages.extend(FileSource(path, "cam", rate_hz=5, limits=limits))
    assert messages == []
    assert caught.value.field == str(path)
    assert caught.value.remedy
    assert path.name not in caught.value.message, "a file's name may hold a patient's"
    return caught.value


def cut(source: Path, share: float, target: Path) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def _no_moov(folder: Path) -> Path:
    return cut(write(folder / "whole.mp4", EVERY_40_MS), 0.6, folder / "a.mp4")


def _text(folder: Path) -> Path:
    (folder / "a.mp4").write_text("this is not a video\n" * 500)
    return folder / "a.mp4"


def _random(folder: Path) -> Path:
    (folder / "a.mkv").write_bytes(random.Random(1).randbytes(200_000))
    return folder / "a.mkv"


def _empty(folder: Path) -> Path:
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def _folder(folder: Path) -> Path:
    (folder / "a.mp4").mkdir()
    return folder / "a.mp4"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "a.mp4")
    return folder / "a.mp4"


def _raw(folder: Path) -> Path:
    return write(folder / "a.h264", EVERY_40_MS, container="h264")


def _raw_hevc(folder: Path) -> Path:
    return write(folder / "a.h265", EVERY_40_MS, codec="libx265", container="hevc")


def _audio(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 44100, 0, Fraction(1, 44100)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return folder / "a.mp4"


def _no_pictures(folder: Path) -> Path:
    """A whole header, and pictures that are all zeros."""
    path = write(folder / "a.mp4", EVERY_40_MS, container_options=FASTSTART)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start:] = bytes(len(data) - start)
    path.write_bytes(data)
    return path


def _playlist(folder: Path) -> Path:
    write(folder / "other.ts", EVERY_40_MS)
    (folder / "a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nother.ts\n#EXT-X-ENDLIST\n")
    return folder / "a.m3u8"


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (_no_moov, "without its index"), (_text, "neither a picture nor a video"), (_random, "neither a picture nor a video"),
    (_empty, "empty"), (_folder, "folder"),
    (_pipe, "plain file"), (lambda folder: folder / "none.mp4", "no such file"), (lambda folder: folder / "x\0y.mp4", "not a file name"),
    (_raw, "no timestamps"), (_raw_hevc, "no timestamps"), (_audio, "no video"), (_no_pictures, "not one picture"),
    (_playlist, "neither a picture nor a video"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "words"), BAD)
def test_what_can_t_be_used_is_named(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    """One MediaError each, with the file as field and something to do."""
    path = make(tmp_path)
    if "\0" in str(path):
        with pytest.raises(MediaError, match=words):
            FileSource(path, "cam", rate_hz=5)
        return
    error = refused(path)
    assert isinstance(error, MediaError)
    assert words in error.message


def test_without_permission_it_is_this_machine_s_fault(tmp_path: Path) -> None:
    """ResourceError, not MediaError; also when the suite runs as root."""
    path = write(tmp_path / "a.mp4", EVERY_40_MS[:5])
    path.chmod(0)
    before = os.geteuid()
    if before == 0:
        for folder in (tmp_path, *list(tmp_path.parents)[:2]):
            folder.chmod(0o755)
        os.seteuid(65534)
    try:
        assert isinstance(refused(path), ResourceError)
    finally:
        os.seteuid(before)


def test_limits_have_their_own_errors(tmp_path: Path) -> None:
    """Bytes, pixels and length; each says its limit."""
    path = write(tmp_path / "a.mp4", EVERY_40_MS)
    assert "bytes, more than the limit of 1000" in refused(path, MediaLimits(max_bytes=1000)).message
    assert "320 x 192 pixels" in refused(path, MediaLimits(max_pixels=10_000)).message
    assert "lasts 4 s" in refused(path, MediaLimits(max_duration_us=3 * US)).message


def test_a_file_that_hides_its_length_ends_at_the_limit(tmp_path: Path) -> None:
    """MPEG-TS declares none: what lies behind the limit is not read; the end says CORRUPT."""
    frames, beats = watch(write(tmp_path / "a.ts", EVERY_40_MS), limits=MediaLimits(max_duration_us=2 * US))
    assert [frame.sequence for frame in frames] == list(range(10))
    assert (beats[-1].time_us, beats[-1].reason) == (2 * US, Reason.CORRUPT)


def test_a_playlist_reaches_nobody(tmp_path: Path) -> None:
    """FFmpeg would follow the address in it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        for name, text in (("a.m3u8", "#EXTM3U\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n"), ("a.mp4", "ffconcat version 1.0\nfile {}\n")):
            path = tmp_path / name
            path.write_text(text.format(f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"))
            refused(path)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp4", FASTSTART), ("a.mp4", FRAGMENTED), ("a.mkv", {})], ids=["faststart", "fragmented", "mkv"]
)
def test_a_cut_off_file_gives_everything_before_the_cut(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    """What was whole is the same as in the whole file; then CORRUPT to the end that the header declares, where it does."""
    whole = write(tmp_path / name, [n * 40 for n in range(500)], container_options=options)
    before, _ = watch(whole)
    frames, beats = watch(cut(whole, 0.6, tmp_path / f"cut-{name}"))
    assert 40 <= len(frames) < 90
    assert [number_of(frame.pixels) for frame in frames] == [number_of(frame.pixels) for frame in before[: len(frames)]]
    if options is not FRAGMENTED:
        assert (beats[-1].time_us, beats[-1].reason) == (20 * US, Reason.CORRUPT)
        silent = [beat for beat in beats if not beat.frames]
        assert len(silent) >= 4
        assert {beat.reason for beat in silent} == {Reason.CORRUPT}


def test_a_cut_off_transport_stream_ends_where_it_ends(tmp_path: Path) -> None:
    """It declares no length: nothing says that more should have come."""
    whole = write(tmp_path / "a.ts", [n * 40 for n in range(500)])
    frames, beats = watch(cut(whole, 0.5, tmp_path / "b.ts"))
    assert [number_of(frame.pixels) for frame in frames] == [5 * n for n in range(len(frames))]
    assert 30 <= len(frames) < 70
    assert len(beats) == -(-beats[-1].time_us // US)


@pytest.mark.parametrize(("name", "codec", "gop"), [("a.mp4", "libx264", 25), ("a.mkv", "libx265", 25), ("a.ts", "mpeg2video", 12)])
def test_damage_is_withheld_and_counted_and_heals_at_a_key_picture(tmp_path: Path, name: str, codec: str, gop: int) -> None:
    """A tenth of the file is overwritten: no second is lost, and what lies well behind the damage is right again."""
    options = FASTSTART if name == "a.mp4" else {}
    path = write(tmp_path / name, [n * 40 for n in range(500)], codec=codec, gop=gop, container_options=options)
    data = bytearray(path.read_bytes())
    start, length = int(len(data) * 0.45), len(data) // 10
    data[start : start + length] = random.Random(7).randbytes(length)
    path.write_bytes(data)
    frames, beats = watch(path)
    assert [beat.time_us // US for beat in beats[:19]] == list(range(1, 20))
    assert sum(beat.frames + beat.corrupt for beat in beats) >= 60
    lost = [beat for beat in beats if not beat.frames]
    assert lost
    assert {beat.reason for beat in lost} <= {Reason.CORRUPT, Reason.NO_FRAME}
    late = [frame for frame in frames if frame.time_us >= 14 * US]
    assert len(late) == 30
    assert all(number_of(frame.pixels) == 5 * frame.sequence for frame in late)


def test_one_wild_timestamp_does_not_end_the_day(tmp_path: Path) -> None:
    """A damaged time in the far future: that picture is withheld, the rest comes, and no hours of silence are made up."""
    times = list(EVERY_40_MS)
    path = write(tmp_path / "a.ts", times)
    wild = _with_wild_time(path, tmp_path / "b.ts", 50)
    frames, beats = watch(wild)
    assert [number_of(frame.pixels) for frame in frames] == [51 if k == 10 else 5 * k for k in range(20)]
    assert beats[-1].time_us <= 4 * US


def _with_wild_time(path: Path, target: Path, number: int) -> Path:
    """Remux with picture `number` an hour late (no reordering in the clip: see options)."""
    plain = write(path.with_name("plain.ts"), EVERY_40_MS, codec="mpeg2video", options={"bf": "0"}, gop=1)
    with av.open(str(plain)) as source, av.open(str(target), "w", format="mpegts") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for count, packet in enumerate(p for p in source.demux(source.streams.video[0]) if p.dts is not None):
            packet.stream = stream
            if count == number and packet.pts is not None:
                packet.pts += 90_000 * 3600
            out.mux(packet)
    return target


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_random_damage_has_a_name_or_an_end(tmp_path: Path, name: str, codec: str) -> None:
    """Bytes changed, cut off or zeroed, read from the start or the middle: a WinceError first, or beats in order and an end."""
    data = write(tmp_path / name, EVERY_40_MS, codec=codec).read_bytes()
    for seed in range(18):
        chance, broken = random.Random(seed), bytearray(data)
        if seed % 3 == 0:
            for _ in range(chance.randrange(1, 40)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
        elif seed % 3 == 1:
            del broken[chance.randrange(len(broken)) :]
        else:
            start = chance.randrange(len(broken))
            broken[start : start + len(broken) // 5] = bytes(len(broken[start : start + len(broken) // 5]))
        (tmp_path / name).write_bytes(broken)
        messages: list[object] = []
        try:
            messages.extend(FileSource(tmp_path / name, "cam", rate_hz=5, from_us=seed % 2 * 2 * US))
        except WinceError:
            assert not messages
        else:
            beats = [message for message in messages if isinstance(message, Beat)]
            assert beats[-1] is messages[-1]
            assert beats[-1].ended
            assert [beat.time_us for beat in beats] == sorted(beat.time_us for beat in beats)
