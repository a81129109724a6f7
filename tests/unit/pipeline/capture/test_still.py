"""Still pictures: every kind comes as upright RGB uint8, once, and ends."""

import io
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.unit.pipeline.capture.clips import is_upright, number_of, numbered
from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.errors import ConfigError, MediaError
from wince.pipeline.capture.media import MediaLimits
from wince.pipeline.capture.still import StillSource, read_still

PICTURE = Image.fromarray(numbered(4242))


def pixels(path: Path, **options: object) -> np.ndarray:
    """The one frame, after checking that it is the only one and how it ends."""
    frame, beat = list(StillSource(path, "s", rate_hz=5, origin_us=60_000_000, **options))  # type: ignore[arg-type]
    assert isinstance(frame, Frame)
    assert (frame.sequence, frame.time_us, frame.source) == (0, 60_000_000, "s")
    assert frame.pixels.dtype == np.uint8
    assert frame.pixels.flags.c_contiguous
    assert beat == Beat("s", 60_200_000, frames=1, dropped=0, corrupt=0, reason=None, ended=True)
    return frame.pixels


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.jpg", "RGB"), ("a.jpg", "L"), ("a.jpg", "CMYK"), ("a.mpo", "RGB"), ("a.png", "RGB"), ("a.png", "RGBA"), ("a.png", "LA"),
     ("a.png", "P"), ("a.png", "1"),
     ("a.webp", "RGB"), ("a.tiff", "RGB"), ("a.tiff", "CMYK"), ("a.tiff", "F"), ("a.bmp", "RGB"), ("a.gif", "P")],
)  # fmt: skip
def test_every_kind_of_picture_is_read(tmp_path: Path, name: str, mode: str) -> None:
    """The number can be read from each."""
    PICTURE.convert(mode).save(tmp_path / name)
    got = pixels(tmp_path / name)
    assert got.shape == (192, 320, 3)
    assert number_of(got) == 4242
    if mode not in {"L", "LA", "F", "1"}:
        assert is_upright(got)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bit_is_brought_to_eight(tmp_path: Path, name: str) -> None:
    """65535 is white and 257 is 1: not cut off at 255."""
    deep = np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257
    Image.fromarray(deep).save(tmp_path / name)
    assert np.array_equal(pixels(tmp_path / name)[..., 0], np.asarray(PICTURE.convert("L")))


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    """Not what happens to lie under them."""
    layer = PICTURE.convert("RGBA")
    layer.putalpha(Image.new("L", layer.size, 0))
    layer.save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png").min() == 255


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tiff", "a.webp"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_obeyed(tmp_path: Path, name: str, orientation: int) -> None:
    """As phones write it, mirrored too, and also where the picture is converted or scaled on the way. 0 and 9 mean nothing."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored(numbered(4242), orientation))).save(tmp_path / name, exif=exif)
    for side in (1920, 200):
        got = pixels(tmp_path / name, limits=MediaLimits(working_side=side))
        assert is_upright(got)
        assert got.shape[1] == min(320, side)
        assert side < 320 or number_of(got) == 4242


def stored(seen: np.ndarray, orientation: int) -> np.ndarray:
    """How a picture lies in the file (EXIF 2.32, 4.6.4 A): which side of what is seen its row 0 is, and which its column 0."""
    row, column = {
        1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
        5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
    }.get(orientation, ("top", "left"))  # fmt: skip
    lying = seen if row in ("top", "bottom") else seen.transpose(1, 0, 2)
    lying = lying[::-1] if row in ("bottom", "right") else lying
    return lying[:, ::-1] if column in ("bottom", "right") else lying


def test_the_camera_s_rotation_turns_clockwise(tmp_path: Path) -> None:
    """The same argument as for videos."""
    Image.fromarray(np.ascontiguousarray(np.rot90(numbered(1)))).save(tmp_path / "a.png")
    assert is_upright(pixels(tmp_path / "a.png", rotation=90))


def test_big_pictures_are_scaled_to_the_working_size(tmp_path: Path) -> None:
    """48 million pixels come as 1920 x 1080 or what keeps their shape."""
    Image.fromarray(numbered(99, 8000, 6000)).save(tmp_path / "a.jpg")
    got = pixels(tmp_path / "a.jpg")
    assert got.shape == (1440, 1920, 3)
    assert number_of(got) == 99


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(10_001, 10_000), (60_000, 60_000), (2_000_000, 2_000_000)])
def test_a_decompression_bomb_is_refused_on_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    """Before memory is taken for it."""
    (tmp_path / "a.png").write_bytes(bomb(*size))
    with pytest.raises(MediaError, match="more pixels than the limit of 100000000") as caught:
        StillSource(tmp_path / "a.png", "s", rate_hz=5)
    assert caught.value.remedy


def saved(kind: str) -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_cut_off_picture_is_refused(tmp_path: Path, kind: str) -> None:
    """Half a face is no face."""
    (tmp_path / "a").write_bytes(saved(kind)[: len(saved(kind)) // 2])
    with pytest.raises(MediaError, match=r"damaged|not a picture"):
        StillSource(tmp_path / "a", "s", rate_hz=5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_damaged_pictures_never_raise_anything_else(tmp_path: Path, kind: str) -> None:
    """Random bytes in the middle, 60 times: a picture or a MediaError."""
    random, data = np.random.default_rng(3), saved(kind)
    for _ in range(60):
        broken = bytearray(data)
        for place in random.integers(4, len(data), 20):
            broken[place] = random.integers(256)
        (tmp_path / "a").write_bytes(broken)
        with suppress(MediaError):
            assert len(list(StillSource(tmp_path / "a", "s", rate_hz=5))) == 2


def test_a_still_that_was_done_before_the_restart_only_ends(tmp_path: Path) -> None:
    """As a video does."""
    PICTURE.save(tmp_path / "a.png")
    (beat,) = list(StillSource(tmp_path / "a.png", "s", rate_hz=5, from_us=1))
    assert beat == Beat("s", 200_000, frames=0, dropped=0, corrupt=0, reason=Reason.NO_FRAME, ended=True)


def test_closed_means_ended(tmp_path: Path) -> None:
    """And options are checked as for videos."""
    PICTURE.save(tmp_path / "a.png")
    source = StillSource(tmp_path / "a.png", "s", rate_hz=5)
    source.close()
    source.close()
    assert list(source) == []
    with pytest.raises(ConfigError):
        StillSource(tmp_path / "a.png", "s", rate_hz=0)
    with pytest.raises(ConfigError):
        StillSource(tmp_path / "a.png", "s", rate_hz=5, rotation=45)


def test_damaged_metadata_of_a_picture_says_nothing_on_standard_error(tmp_path: Path) -> None:
    """Pillow warns of each entry that it can't read, thousands in a row."""
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0" * 50
    (tmp_path / "a.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_still(tmp_path / "a.jpg", MediaLimits()).shape == (48, 64, 3)
