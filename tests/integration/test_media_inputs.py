"""Real recordings through capture: HEVC in QuickTime at a variable rate with an audio track, H.264 with an edit list."""

import json

import av
import numpy as np
import pytest

from tests.shared_data import shared
from wince.domain.frame import US, Beat, Frame
from wince.pipeline.capture.folder import find, open_source


@pytest.mark.parametrize("name", ["face_noface.mov", "noface_face.mov", "no_face.mp4"])
def test_a_real_clip_is_sampled_as_its_timestamps_say(name: str) -> None:
    """Against an independent reading of all its presentation times; nothing withheld, a beat a second, the true end."""
    path = shared(f"real/{name}")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * stream.time_base for frame in container.decode(stream)]
    firsts: dict[int, float] = {}
    for time in times:
        firsts.setdefault(int((float(time) + 0.001) * 5), float(time))
    messages = list(open_source(path, rate_hz=5))
    frames = [m for m in messages if isinstance(m, Frame)]
    beats = [m for m in messages if isinstance(m, Beat)]
    assert [frame.sequence for frame in frames] == list(firsts)
    assert [frame.time_us / US for frame in frames] == pytest.approx(list(firsts.values()), abs=0.0011)
    assert {frame.pixels.shape for frame in frames} == {(540, 960, 3)}
    assert sum(beat.corrupt + beat.dropped for beat in beats) == 0
    assert beats[-1].ended
    assert float(times[-1]) < beats[-1].time_us / US < float(times[-1]) + 0.1
    assert [beat.time_us for beat in beats[:-1]] == [second * US for second in range(1, len(beats))]


def test_the_black_frame_between_face_and_sky_is_where_the_truth_has_it() -> None:
    """At 25 a second: dark at 2.40 s and bright round it."""
    path = shared("real/face_noface.mov")
    truth = json.loads(shared("real/truth.json").read_text())["face_noface.mov"]["segments"][1]["seconds"]
    frames = [m for m in open_source(path, rate_hz=100) if isinstance(m, Frame)]
    dark = [frame.time_us / US for frame in frames if float(np.mean(frame.pixels)) < 10]
    assert len(frames) == 169
    assert len(dark) == 1
    assert truth[0] - 0.01 <= dark[0] < truth[1]


def test_a_real_clip_resumes_with_the_same_pixels() -> None:
    """HEVC with a few key pictures: entering at 4 s is the same as watching from the start."""
    path = shared("real/face_noface.mov")
    whole = [m for m in open_source(path, "cam", rate_hz=5, origin_us=600 * US) if isinstance(m, Frame) and m.time_us >= 604 * US]
    part = [m for m in open_source(path, "cam", rate_hz=5, origin_us=600 * US, from_us=604 * US) if isinstance(m, Frame)]
    assert [frame.sequence for frame in part] == [frame.sequence for frame in whole]
    assert all(np.array_equal(one.pixels, two.pixels) for one, two in zip(whole, part, strict=True))


def test_the_folder_of_real_recordings() -> None:
    """Three videos and two pictures can be watched; the texts are reported."""
    found = find([shared("real")])
    usable = {(f.path.name, f.still) for f in found if f.problem is None}
    assert usable == {
        ("face_noface.mov", False), ("noface_face.mov", False), ("no_face.mp4", False),
        ("multi_face.jpg", True), ("free-mountain-vector-01.jpg", True),
    }  # fmt: skip
    assert {f.path.name for f in found if f.problem is not None} == {"README.md", "truth.json"}
