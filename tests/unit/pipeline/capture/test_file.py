"""Video files: which pictures are given, when, how often, and how they stand."""

import gc
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.pipeline.capture.clips import is_upright, number_of, numbered, spliced, with_matrix, write
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.media import MediaLimits
from wince.testing import clips

EVERY_40_MS = [n * 40 for n in range(100)]
FORMATS = [
    ("a.mp4", "libx264"), ("a.mov", "libx265"), ("a.mkv", "libx264"), ("a.mkv", "libx265"), ("a.ts", "libx264"),
    ("a.ts", "mpeg2video"), ("a.avi", "mjpeg"), ("a.avi", "mpeg4"),
]  # fmt: skip


def watch(path: Path, rate_hz: float = 5, **options: object) -> tuple[list[Frame], list[Beat]]:
    """Everything that a source gives, checked for what holds always."""
    source = FileSource(path, "cam", rate_hz=rate_hz, **options)  # type: ignore[arg-type]
    messages = list(source)
    frames = [message for message in messages if isinstance(message, Frame)]
    beats = [message for message in messages if isinstance(message, Beat)]
    last = -1
    counted = 0
    for message in messages:
        if isinstance(message, Frame):
            assert not counted or message.time_us > last
            assert message.pixels.dtype == np.uint8
            assert message.pixels.flags.c_contiguous
            counted += 1
        else:
            assert message.frames == counted
            counted = 0
        assert message.time_us >= last
        last = message.time_us
    assert messages[-1] is beats[-1]
    assert [beat.ended for beat in beats] == [False] * (len(beats) - 1) + [True]
    return frames, beats


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_the_first_picture_of_each_grid_point_is_given(tmp_path: Path, name: str, codec: str) -> None:
    """4 s at 25 a second, sampled at 5: pictures 0, 5, 10, ... and four full beats."""
    frames, beats = watch(write(tmp_path / name, EVERY_40_MS, codec=codec))
    assert [frame.sequence for frame in frames] == list(range(20))
    assert [number_of(frame.pixels) for frame in frames] == list(range(0, 100, 5))
    assert [frame.time_us for frame in frames] == [k * 200_000 for k in range(20)]
    assert [(beat.time_us, beat.frames, beat.corrupt, beat.reason) for beat in beats[:-1]] == [(s * US, 5, 0, None) for s in (1, 2, 3)]
    assert beats[-1].frames == 5
    assert 3_960_000 <= beats[-1].time_us <= 4_000_000


@pytest.mark.parametrize(("name", "codec"), FORMATS)
@pytest.mark.parametrize("from_us", [1, 1 * US, 2_500_000, 2_700_001, 3_999_999])
def test_reading_from_a_time_gives_what_the_whole_run_gives_there(tmp_path: Path, name: str, codec: str, from_us: int) -> None:
    """Same sequence numbers, times and pixels, after a restart in the middle."""
    path, origin = write(tmp_path / name, EVERY_40_MS, codec=codec), 1_800_000_000 * US
    whole, beats = watch(path, origin_us=origin)
    part, later = watch(path, origin_us=origin, from_us=origin + from_us)
    wanted = [frame for frame in whole if frame.time_us >= origin + from_us]
    assert [(frame.sequence, frame.time_us) for frame in part] == [(frame.sequence, frame.time_us) for frame in wanted]
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(part, wanted, strict=True))
    assert [beat.time_us for beat in later] == [beat.time_us for beat in beats if beat.time_us > origin + from_us // US * US]


def test_entering_a_long_file_does_not_decode_it_from_the_start(tmp_path: Path) -> None:
    """The nearest key picture is enough: a tenth of the pictures are decoded."""
    path = write(tmp_path / "a.mp4", [n * 40 for n in range(1500)], gop=50, size=(160, 96))
    source = FileSource(path, "cam", rate_hz=5, from_us=55 * US)
    decoded = sum(1 for _ in source._decoder.pictures(55 * US))
    source.close()
    assert 125 <= decoded <= 250


def test_a_start_after_the_end_gives_only_the_end(tmp_path: Path) -> None:
    """Everything was done before the restart."""
    frames, beats = watch(write(tmp_path / "a.mkv", EVERY_40_MS), from_us=60 * US)
    assert frames == []
    assert len(beats) == 1


def test_variable_rates_are_sampled_by_time(tmp_path: Path) -> None:
    """Bursts and pauses: the picture is the first of its 200 ms, whatever its index; empty points give nothing."""
    times = [0, 30, 70, 110, 190, 410, 411, 425, 1290, 1300, 1310, 1405, 1599, 1600]
    frames, beats = watch(write(tmp_path / "a.mkv", times))
    assert [(frame.sequence, frame.time_us // 1000, number_of(frame.pixels)) for frame in frames] == [
        (0, 0, 0), (2, 410, 5), (6, 1290, 8), (7, 1405, 11), (8, 1600, 12)
    ]  # fmt: skip
    assert [beat.frames for beat in beats] == [2, 3]


def test_matroska_s_rounding_loses_no_sample(tmp_path: Path) -> None:
    """6 a second is written as 0, 167, 333, 500, 667: sampled at 3 Hz every second picture counts, none is lost."""
    frames, _ = watch(write(tmp_path / "a.mkv", [round(n * 1000 / 6) for n in range(18)]), rate_hz=3)
    assert [number_of(frame.pixels) for frame in frames] == list(range(0, 18, 2))
    assert [frame.sequence for frame in frames] == list(range(9))


def test_a_hole_in_time_has_a_beat_for_every_second(tmp_path: Path) -> None:
    """NO_FRAME, not silence."""
    _, beats = watch(write(tmp_path / "a.mkv", [*range(0, 1000, 40), *range(5000, 6000, 40)]))
    assert [(beat.time_us // US, beat.frames, beat.reason) for beat in beats] == [
        (1, 5, None), *[(second, 0, Reason.NO_FRAME) for second in (2, 3, 4, 5)], (6, 5, None)
    ]  # fmt: skip


def test_audio_is_passed_over_and_does_not_lengthen_the_video(tmp_path: Path) -> None:
    """The end is the end of the pictures."""
    frames, beats = watch(write(tmp_path / "a.mp4", EVERY_40_MS, audio_s=7))
    assert len(frames) == 20
    assert beats[-1].time_us == 4 * US


@pytest.mark.parametrize(("stored", "said"), [(0, 0), (90, 90), (180, 180), (270, -90), (90, -270)])
def test_pictures_stand_upright_by_the_file_s_display_matrix(tmp_path: Path, stored: int, said: int) -> None:
    """A phone stores the picture turned and says so; degrees counter-clockwise."""
    path = tmp_path / "a.mp4"
    turned = np.rot90(numbered(0, 192, 320), stored // 90 * -1)
    _encode_one(path, turned, said)
    (frame,), _ = watch(path)
    assert frame.pixels.shape == (320, 192, 3)
    assert is_upright(frame.pixels)


def shown(stored: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Pixel by pixel what a display matrix of whole numbers says: (p, q) goes to (a p + c q, b p + d q)."""
    height, width, _ = stored.shape
    q, p = np.mgrid[0:height, 0:width]
    x, y = a * p + c * q, b * p + d * q
    x, y = x - x.min(), y - y.min()
    out = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    out[y, x] = stored
    return out


EIGHT = [(a, 0, 0, d) for a in (1, -1) for d in (1, -1)] + [(0, b, c, 0) for b in (1, -1) for c in (1, -1)]


@pytest.mark.parametrize("matrix", EIGHT)
def test_all_eight_ways_in_which_a_picture_may_lie_are_undone(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Turned, mirrored, or both; the matrix may also scale, or be a few degrees off."""
    a, b, c, d = matrix
    stored = numbered(7)
    wanted = shown(stored, *matrix)
    for scale, lean in ((1.0, 0.0), (3.0, 0.0), (0.5, 0.1)):
        path = write_one(tmp_path / "a.mp4", stored)
        with_matrix(path, scale * a - lean * b, scale * b + lean * a, scale * c - lean * d, scale * d + lean * c)
        (frame,), _ = watch(path)
        assert frame.pixels.shape == wanted.shape
        assert np.abs(frame.pixels.astype(int) - wanted).mean() < 6


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (1, 1, 1, 1), (-1, 0, -1, 0)])
def test_a_display_matrix_that_shows_nothing_turns_nothing(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    """A writer that left it zero, or half filled."""
    (frame,), _ = watch(with_matrix(write_one(tmp_path / "a.mp4", numbered(7)), *matrix))
    assert is_upright(frame.pixels)
    assert number_of(frame.pixels) == 7


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_camera_s_rotation_turns_clockwise(tmp_path: Path, rotation: int) -> None:
    """A camera that hangs on its side: the argument is what makes it upright."""
    _encode_one(tmp_path / "a.mp4", np.rot90(numbered(0), rotation // 90), 0)
    (frame,), _ = watch(tmp_path / "a.mp4", rotation=rotation)
    assert frame.pixels.shape == (192, 320, 3)
    assert is_upright(frame.pixels)


def write_one(path: Path, pixels: np.ndarray) -> Path:
    """A film of one picture."""
    _encode_one(path, pixels, 0)
    return path


def _encode_one(path: Path, pixels: np.ndarray, said: int) -> None:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "yuv420p"
        if said:
            stream.set_display_rotation(said)
        out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
        out.mux(stream.encode(None))


def test_a_clip_that_is_never_rotated_is_not_called_upright() -> None:
    """The check itself can fail."""
    assert not any(is_upright(np.rot90(numbered(0), turns)) for turns in (1, 2, 3))


def test_pixels_are_made_square(tmp_path: Path) -> None:
    """Anamorphic 4:3 pixels: the picture is widened, not the face narrowed."""
    (frame, *_), _ = watch(write(tmp_path / "a.mp4", EVERY_40_MS[:10], aspect=Fraction(4, 3)))
    assert frame.pixels.shape == (192, 427, 3)


@pytest.mark.parametrize("name", ["a.ts", "a.mkv"])
@pytest.mark.parametrize("after", [Fraction(2), Fraction(1), Fraction(1, 2)])
@pytest.mark.parametrize("reordered", [0, 3])
def test_each_picture_counts_by_its_own_aspect(tmp_path: Path, name: str, after: Fraction, reordered: int) -> None:
    """The shape of the pixels changes in the middle, whatever the container says, and to the picture where pictures come late."""
    path = spliced(tmp_path / name, [((320, 192), Fraction(4, 3), 30), ((320, 192), after, 30)], reordered=reordered)
    frames, _ = watch(path, rate_hz=10)
    squeezed = (192, 640, 3) if after == 2 else (192, 320, 3) if after == 1 else (384, 320, 3)
    assert [frame.pixels.shape for frame in frames] == [(192, 427, 3)] * 30 + [squeezed] * 30
    assert [number_of(frame.pixels) for frame in frames] == list(range(60))


def test_the_container_s_aspect_holds_where_pictures_say_none_and_for_their_size_only(tmp_path: Path) -> None:
    """What a header says of pixels is of the size with which the film begins."""
    sizes = [((320, 192), None, 20), ((640, 192), None, 20)]
    frames, _ = watch(spliced(tmp_path / "a.mp4", sizes, declared=Fraction(2)), rate_hz=10)
    assert {frame.pixels.shape for frame in frames} == {(192, 640, 3)}


@pytest.mark.parametrize("aspect", [Fraction(1, 65535), Fraction(65535), Fraction(9, 2), Fraction(1, 5)])
def test_an_aspect_that_no_camera_has_is_not_believed(tmp_path: Path, aspect: Fraction) -> None:
    """A picture of one column, or of one line, would be the end of every face in it."""
    frames, _ = watch(spliced(tmp_path / "a.ts", [((320, 192), aspect, 10)]), rate_hz=10)
    assert {frame.pixels.shape for frame in frames} == {(192, 320, 3)}


def test_8k_is_scaled_to_the_working_size(tmp_path: Path) -> None:
    """7680 x 4320 comes as 1920 x 1080; the number can still be read."""
    frames, _ = watch(write(tmp_path / "a.mkv", [0, 200], codec="mjpeg", size=(7680, 4320)))
    assert [(frame.pixels.shape, number_of(frame.pixels)) for frame in frames] == [((1080, 1920, 3), 0), ((1080, 1920, 3), 1)]


def test_small_pictures_stay_as_they_are(tmp_path: Path) -> None:
    """Scaling up would only invent."""
    (frame, *_), _ = watch(write(tmp_path / "a.mp4", [0, 40]), limits=MediaLimits(working_side=160))
    assert frame.pixels.shape == (96, 160, 3)
    (frame, *_), _ = watch(tmp_path / "a.mp4", limits=MediaLimits(working_side=320))
    assert frame.pixels.shape == (192, 320, 3)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_ten_hours_take_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    """35,996 beats and 7,200 frames; the process grows by less than 30 MB."""
    path = write(tmp_path / "a.mp4", range(0, 36_000_000, 5000), gop=50, options={"preset": "ultrafast"})
    source = FileSource(path, "cam", rate_hz=5)
    frames = beats = base = peak = 0
    for message in source:
        frames, beats = frames + isinstance(message, Frame), beats + isinstance(message, Beat)
        if beats == 600:
            base = peak = resident()
        elif beats > 600 and beats % 500 == 0:
            peak = max(peak, resident())
    assert (frames, beats) == (7200, 35_996), "the last picture lies at 35,995 s"
    assert peak - base < 30 << 20


def test_close_from_another_thread_ends_the_iteration(tmp_path: Path) -> None:
    """In the middle, without an error, and without touching the decoder under its feet."""
    path = write(tmp_path / "a.mp4", [n * 40 for n in range(500)], size=(160, 96))
    for stop_at in (0, 1, 7):
        source = FileSource(path, "cam", rate_hz=25)
        seen = []
        for message in source:
            seen.append(message)
            if len(seen) == stop_at + 1:
                closer = threading.Thread(target=source.close)
                closer.start()
                closer.join()
        assert len(seen) == stop_at + 1
        source.close()


def test_close_while_another_thread_decodes(tmp_path: Path) -> None:
    """A hundred times at a random moment."""
    path = write(tmp_path / "a.mp4", [n * 40 for n in range(200)], size=(160, 96))
    for turn in range(100):
        source = FileSource(path, "cam", rate_hz=25)
        done: list[int] = []
        reader = threading.Thread(target=lambda source=source, done=done: done.append(sum(1 for _ in source)))
        reader.start()
        reader.join(turn * 0.0005)
        source.close()
        reader.join(10)
        assert len(done) == 1


@pytest.mark.parametrize(("option", "value"), [("rate_hz", 0), ("rate_hz", -1), ("rate_hz", 101), ("rotation", 45), ("rotation", 360)])
def test_options_out_of_range_are_named(tmp_path: Path, option: str, value: float) -> None:
    """Before the file is touched."""
    with pytest.raises(ConfigError) as caught:
        FileSource(tmp_path / "none.mp4", "cam", **{"rate_hz": 5, option: value})  # type: ignore[arg-type]
    assert caught.value.field == option
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv", "a.ts"])
def test_reordered_pictures_come_at_their_own_times(tmp_path: Path, name: str) -> None:
    """At a low rate, too. AVI says no time of presentation: before, every second second of such a film was late or damaged."""
    source = FileSource(spliced(tmp_path / name, [((320, 192), None, 60)], reordered=3), "cam", rate_hz=10)
    messages = list(source)
    frames = [message for message in messages if isinstance(message, Frame)]
    assert [(frame.time_us // 100_000, number_of(frame.pixels)) for frame in frames] == [(number, number) for number in range(60)]
    assert not any(message.dropped or message.corrupt for message in messages if isinstance(message, Beat))
    assert source.notes() == ()


def test_a_picture_is_let_go_when_the_next_one_comes() -> None:
    """Not when Python looks for circles: pictures of minutes stood in memory until then."""
    gc.collect()
    gc.disable()
    try:
        for _ in FileSource(clips.clip("bed1"), "s", rate_hz=5):
            pass
        assert sum(isinstance(one, av.VideoFrame) for one in gc.get_objects()) < 8
    finally:
        gc.enable()
