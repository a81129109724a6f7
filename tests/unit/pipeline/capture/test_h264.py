"""A picture that never came is noticed by frame_num, whatever profile the camera encodes in."""

from fractions import Fraction

import av
import numpy as np
import pytest

from wince.pipeline.capture.h264 import FrameNumbers

PROFILES = {
    "baseline": {"profile": "baseline", "x264-params": "scenecut=0"},
    "main": {"profile": "main", "x264-params": "scenecut=0:bframes=0"},
    "high": {"profile": "high", "x264-params": "scenecut=0:bframes=0:8x8dct=1"},
    "high with bidirectional pictures": {"profile": "high", "x264-params": "scenecut=0:bframes=2:b-adapt=0"},
    "scaling lists": {"profile": "high", "x264-params": "scenecut=0:bframes=0:cqm=jvt"},
    "many slices": {"profile": "main", "x264-params": "scenecut=0:bframes=0:slices=4"},
    "4:4:4": {"profile": "high444", "x264-params": "scenecut=0:bframes=0"},
}


def encoded(options: dict[str, str], pictures: int = 60) -> list[bytes]:
    """Annex B packets of a moving picture, a key picture every 20."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height = 128, 96
    context.pix_fmt = "yuv444p" if options["profile"] == "high444" else "yuv420p"
    context.time_base = Fraction(1, 10)
    context.gop_size = 20
    context.options = {"preset": "veryfast", "sc_threshold": "0", **options}
    packets = []
    for number in range(pictures):
        pixels = np.roll(np.tile(np.arange(128, dtype=np.uint8), (96, 1)), 3 * number, axis=1)
        frame = av.VideoFrame.from_ndarray(np.repeat(pixels[..., None], 3, axis=2), format="rgb24").reformat(format=context.pix_fmt)
        frame.pts = number
        packets += context.encode(frame)
    return [bytes(packet) for packet in (*packets, *context.encode(None))]


def reference(packet: bytes) -> bool:
    """Whether other pictures are predicted from this one: nal_ref_idc of its slices."""
    at = [i + 3 for i in range(len(packet) - 4) if packet[i : i + 3] == b"\0\0\1"]
    return any(packet[i] & 31 in (1, 5) and packet[i] & 96 for i in at)


@pytest.mark.parametrize("options", PROFILES.values(), ids=PROFILES.keys())
def test_a_whole_stream_lacks_nothing_and_one_without_a_reference_picture_does(options: dict[str, str]) -> None:
    packets = encoded(options)
    whole = FrameNumbers()
    assert not any(whole.lost(packet) for packet in packets)
    for missing in (5, 12, 27, 43):
        if not reference(packets[missing]) or missing % 20 == 19:
            continue
        numbers = FrameNumbers()
        said = [numbers.lost(packet) for index, packet in enumerate(packets) if index != missing]
        assert said.index(True) == missing, f"the picture after {missing} tells"
        assert said.count(True) == 1


def test_nothing_is_said_of_what_is_no_stream() -> None:
    numbers = FrameNumbers()
    rng = np.random.default_rng(5)
    for length in (0, 1, 3, 4, 5, 40, 4000):
        for _ in range(50):
            numbers.lost(rng.bytes(length))
            numbers.lost(b"\0\0\1" + rng.bytes(length))
            numbers.lost(b"\0\0\1\x67" + rng.bytes(length))
    assert not FrameNumbers().lost(b"\0\0\1\x41" + bytes(40))
