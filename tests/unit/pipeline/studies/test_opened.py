"""Videos in objects: fragments joined with and without an offset table, in a container or bare, every picture at its time."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from itertools import pairwise

import av
import numpy as np
import pytest

from wince.domain.frame import Beat, Frame
from wince.errors import MediaError
from wince.pipeline.capture.studies import header, opened
from wince.testing.dicom import objects

PERSON = objects.Person(at=datetime(2026, 1, 5, 8))
SYNTAX = {"libx264": "1.2.840.10008.1.2.4.102", "libx265": "1.2.840.10008.1.2.4.107", "mpeg2video": "1.2.840.10008.1.2.4.100"}
RATE, COUNT = 25, 50


def encoded(codec: str, container: str) -> bytes:
    """Two seconds that grow brighter from picture to picture, with B-pictures."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as box:
        stream = box.add_stream(codec, rate=RATE, options={"bf": "2", "x265-params": "log-level=error"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(COUNT):
            box.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((120, 160, 3), 20 + 4 * number, np.uint8), format="rgb24")))
        box.mux(stream.encode(None))
    return out.getvalue()


@pytest.mark.parametrize(
    ("codec", "container"),
    [("libx264", "mp4"), ("libx264", "mpegts"), ("libx264", "h264"), ("libx265", "mpegts"), ("libx265", "hevc"),
     ("mpeg2video", "mpeg"), ("mpeg2video", "mpeg2video")],
)  # fmt: skip
@pytest.mark.parametrize("offsets", [False, True])
def test_a_video_of_every_kind_gives_its_pictures_in_order_of_time(tmp_path, codec, container, offsets):
    made = objects.video(
        encoded(codec, container), PERSON, frames=COUNT, rate_hz=RATE, size=(160, 120), syntax=SYNTAX[codec], fragments=3, offsets=offsets
    )
    path = objects.write(made, tmp_path / "o")
    facts = header.facts(header.read(path), UTC)
    with opened.OpenedStudy(path, facts, tmp_path) as study:
        messages = list(study.source("s", rate_hz=5.0, origin_us=1_000_000, from_us=0))
    frames = [one for one in messages if isinstance(one, Frame)]
    assert len(frames) == 10
    bright = [one.pixels.mean() for one in frames]
    assert all(later - earlier > 8 for earlier, later in pairwise(bright))
    assert isinstance(messages[-1], Beat)
    assert messages[-1].ended
    assert abs(messages[-1].time_us - 3_000_000) <= 2 * 1_000_000 // RATE
    assert sorted(one.name for one in tmp_path.iterdir()) == ["o"]


@pytest.mark.parametrize("cut", [20, 200])
def test_fragments_that_are_cut_off_are_named(tmp_path, cut):
    path = objects.write(objects.video(encoded("libx264", "mp4"), PERSON, frames=COUNT, fragments=2), tmp_path / "o")
    whole = path.read_bytes()
    facts = header.facts(header.read(path), UTC)
    path.write_bytes(whole[:-cut])
    with pytest.raises(MediaError):
        opened.OpenedStudy(path, facts, tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["o"]


def test_a_bare_stream_without_a_rate_is_named(tmp_path):
    path = objects.write(objects.video(encoded("libx264", "h264"), PERSON, frames=COUNT), tmp_path / "o")
    found = header.read(path)
    for keyword in ("FrameTime", "CineRate"):
        delattr(found.dataset, keyword)
    facts = header.facts(found, UTC)
    assert not facts.pictures
    with pytest.raises(MediaError, match="rate"):
        opened.OpenedStudy(path, facts, tmp_path)
