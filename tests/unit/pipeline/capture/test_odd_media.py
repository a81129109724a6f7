"""Odd videos: each gives the right pictures at the right times, says what is missing, or is refused by name."""

import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.pipeline.capture.clips import number_of, numbered, write
from tests.unit.pipeline.capture.test_bad_media import cut
from tests.unit.pipeline.capture.test_file import EVERY_40_MS, watch
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.errors import MediaError
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.folder import open_source

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


def encoded(path: Path, codec: str, pixel_format: str, size: tuple[int, int] = (320, 192), rate: int = 25) -> Path:
    """100 numbered pictures in a pixel format that `write` doesn't make."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        for number in range(100):
            pixels = numbered(number, *size) if size[0] >= 32 else np.full((size[1], size[0], 3), 100, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def remuxed(path: Path, source: Path, change: Callable[[int, av.Packet], None]) -> Path:
    """The packets of another file with other timestamps."""
    with av.open(str(source)) as read, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(read.streams.video[0])
        for number, packet in enumerate(one for one in read.demux(read.streams.video[0]) if one.dts is not None):
            change(number, packet)
            packet.stream = stream
            out.mux(packet)
    return path


def wrapped(_: int, packet: av.Packet) -> None:
    """Two seconds before MPEG's 33 bits are full."""
    for field in ("pts", "dts"):
        setattr(packet, field, getattr(packet, field) + (1 << 33) - 180_000)


def without(number: int, packet: av.Packet) -> None:
    packet.pts = None if number % 3 else packet.pts


WHOLE: list[tuple[str, Callable[[Path], Path]]] = [
    ("B-pictures", lambda d: write(d / "a.mp4", EVERY_40_MS, options={"bf": "3", "b-adapt": "0"})),
    ("times of decoding below 0", lambda d: write(d / "a.mkv", EVERY_40_MS, options={"bf": "3", "b-adapt": "0"})),
    ("an edit list with a late start", lambda d: write(d / "a.mp4", [2000 + at for at in EVERY_40_MS])),
    ("interlaced MPEG-2", lambda d: write(d / "a.ts", EVERY_40_MS, codec="mpeg2video", options={"flags": "+ildct+ilme"})),
    ("interlaced H.264", lambda d: write(d / "a.mp4", EVERY_40_MS, options={"x264-params": "interlaced=1"})),
    ("10 bits", lambda d: encoded(d / "a.mkv", "libx265", "yuv420p10le")),
    ("10 bits, 4:2:2", lambda d: encoded(d / "a.mkv", "libx264", "yuv422p10le")),
    ("grey", lambda d: encoded(d / "a.mkv", "ffv1", "gray")),
    ("16-bit grey", lambda d: encoded(d / "a.mkv", "ffv1", "gray16le")),
    ("alpha", lambda d: encoded(d / "a.mov", "qtrle", "argb")),
    ("odd sides", lambda d: encoded(d / "a.mkv", "libx264", "yuv444p", (321, 193))),
    ("one key picture", lambda d: write(d / "a.mkv", EVERY_40_MS, gop=1000)),
    ("fragments", lambda d: write(d / "a.mp4", EVERY_40_MS, container_options=FRAGMENTED)),
    ("MPEG program stream", lambda d: write(d / "a.mpg", EVERY_40_MS, codec="mpeg2video")),
    ("MXF", lambda d: write(d / "a.mxf", EVERY_40_MS, codec="mpeg2video")),
    ("ASF", lambda d: write(d / "a.wmv", EVERY_40_MS, codec="wmv2")),
    ("33 bits are full", lambda d: remuxed(d / "a.ts", write(d / "b.ts", EVERY_40_MS, codec="mpeg2video"), wrapped)),
    ("some without presentation times", lambda d: remuxed(d / "a.mkv", write(d / "b.mp4", EVERY_40_MS, options={"bf": "0"}), without)),
    ("a muxer that counts in ticks", lambda d: write(d / "a.mkv", range(100))),
]


@pytest.mark.parametrize("make", [make for _, make in WHOLE], ids=[name for name, _ in WHOLE])
def test_every_sample_of_an_odd_film_is_right(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """Twenty samples of 4 s, each the picture of its moment."""
    frames, beats = watch(make(tmp_path))
    assert [number_of(frame.pixels) for frame in frames] == list(range(0, 100, 5))
    assert beats[-1].time_us == pytest.approx(4 * US, abs=2_000)
    assert [beat.reason for beat in beats] == [None] * len(beats)


@pytest.mark.parametrize("side", [1, 16])
def test_pictures_too_small_for_a_face_are_pictures(tmp_path: Path, side: int) -> None:
    frames, _ = watch(encoded(tmp_path / "a.mkv", "ffv1", "yuv444p", (side, side)))
    assert {frame.pixels.shape for frame in frames} == {(side, side, 3)}
    assert len(frames) == 20


def test_times_of_an_avi_with_reordered_pictures_are_no_loss(tmp_path: Path) -> None:
    """AVI has none but those of decoding; they are a picture or two off, and nothing is missing."""
    path = write(tmp_path / "a.avi", EVERY_40_MS, options={"bf": "3", "b-adapt": "0"})
    source = FileSource(path, "cam", rate_hz=5)
    assert sum(hasattr(message, "pixels") for message in source) == 20
    assert (source.notes(), source.lost_us) == ((), 0)


def test_the_last_picture_of_a_slow_film_isn_t_cut_off(tmp_path: Path) -> None:
    """One in ten seconds: nobody says for how long the last one is shown."""
    _, beats = watch(write(tmp_path / "a.mp4", range(0, 120_000, 10_000)))
    assert beats[-1].reason is not Reason.CORRUPT
    assert beats[-1].time_us < 112 * US


def test_another_codec_behind_the_first_is_told(tmp_path: Path) -> None:
    """Its packets give no picture: those seconds count as damaged."""
    parts = [write(tmp_path / "1.ts", EVERY_40_MS), write(tmp_path / "2.ts", EVERY_40_MS, codec="mpeg2video")]
    (tmp_path / "a.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, beats = watch(tmp_path / "a.ts")
    assert len(frames) >= 19
    assert beats[-1].time_us > 7 * US
    assert {beat.reason for beat in beats if beat.time_us > 5 * US} == {Reason.CORRUPT}


@pytest.mark.parametrize("seed", range(6))
def test_no_picture_is_predicted_from_one_that_never_came(tmp_path: Path, seed: int) -> None:
    """A stretch of a transport stream is overwritten: what is given is right."""
    path = write(tmp_path / "a.ts", EVERY_40_MS, options={"bf": "2"})
    data = bytearray(path.read_bytes())
    at = len(data) * (20 + 10 * seed) // 100 // 188 * 188
    data[at : at + len(data) // 12] = random.Random(seed).randbytes(len(data[at : at + len(data) // 12]))
    path.write_bytes(data)
    frames, _ = watch(path)
    assert all(number_of(frame.pixels) == 5 * frame.sequence for frame in frames if frame.time_us % 200_000 == 0)
    assert 10 <= len(frames) < 20


def test_a_film_with_two_video_streams_says_which_is_looked_at(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        streams = [out.add_stream("libx264", rate=25) for _ in range(2)]
        for stream, width in zip(streams, (320, 160), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 96, "yuv420p"
        for stream, width in zip(streams, (320, 160), strict=True):
            for number in range(10):
                frame = av.VideoFrame.from_ndarray(numbered(number, width, 96), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    source = FileSource(tmp_path / "a.mp4", "cam", rate_hz=5)
    assert source.notes() == ("it holds 2 video streams; number 1 is looked at",)
    source.close()


def test_an_avi_of_which_a_part_is_missing_says_so(tmp_path: Path) -> None:
    """The bytes that its header counts are not there."""
    _, beats = watch(cut(write(tmp_path / "a.avi", [n * 40 for n in range(500)], codec="mpeg4"), 0.2, tmp_path / "b.avi"))
    assert (beats[-1].time_us, beats[-1].reason) == (20 * US, Reason.CORRUPT)


def test_an_mp4_whose_timestamps_stand_still_is_refused(tmp_path: Path) -> None:
    """It declares no rate either; the remedy says how to give it one."""
    with pytest.raises(MediaError, match="stand still") as caught:
        list(open_source(write(tmp_path / "a.mp4", [0] * 100), rate_hz=5))
    assert "ffmpeg -r RATE" in caught.value.remedy
