"""Files of several pictures: films with the times of their own, or refused by name; never the first picture for all."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter

from tests.unit.pipeline.capture.clips import is_upright, number_of, numbered, write
from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.errors import MediaError
from wince.pipeline.capture.animation.source import AnimationSource
from wince.pipeline.capture.folder import find, is_still, open_source
from wince.pipeline.capture.media import MediaLimits

RED, BLUE, GREEN, WHITE = (255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 255)
PALETTE = (*RED, *BLUE, *GREEN, *WHITE)
LENGTHS = [100, 200, 300, 100]


def frames(path: Path, **options: object) -> list[Frame]:
    """Each picture that the file gives, when it first comes."""
    options = {"rate_hz": 100, "held": False, **options}
    return [one for one in open_source(path, "s", **options) if isinstance(one, Frame)]  # type: ignore[arg-type]


def last(path: Path) -> Beat:
    *_, beat = open_source(path, "s", rate_hz=5)
    assert isinstance(beat, Beat)
    return beat


def film(path: Path, lengths: list[int], **options: object) -> Path:
    """Numbered pictures, saved by Pillow."""
    first, *others = [Image.fromarray(numbered(number)) for number in range(len(lengths))]
    first.save(path, save_all=True, append_images=others, duration=lengths, **options)
    return path


def gif(path: Path, patches: list[tuple[int, int, int, int, int, int, int | None]], size: tuple[int, int] = (4, 4)) -> Path:
    """A GIF of one-coloured patches: (x, y, side, colour, disposal, hundredths, transparent index or None)."""
    out = b"GIF89a" + struct.pack("<HHBBB", *size, 0x81, 3, 0) + bytes(PALETTE)
    for x, y, side, colour, disposal, hundredths, transparent in patches:
        flags = disposal << 2 | (transparent is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHB", flags, hundredths, transparent or 0) + b"\0"
        out += b"\x2c" + struct.pack("<HHHHB", x, y, side, side, 0) + b"\x02"
        bits = 0
        count = 0
        for code in [value for _ in range(side * side) for value in (4, colour)] + [5]:  # a clear code before each: no table grows
            bits |= code << count
            count += 3
        data = bits.to_bytes((count + 7) // 8, "little")
        while data:
            out += bytes([len(data[:255])]) + data[:255]
            data = data[255:]
        out += b"\0"
    path.write_bytes(out + b";")
    return path


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def apng(path: Path, patches: list[tuple[int, int, int, tuple[int, ...], int, int, int]], *, cover: bool = False) -> Path:
    """A 4 x 4 APNG of one-coloured patches: (x, y, side, RGB or RGBA, dispose_op, blend_op, milliseconds); `cover`: a green picture that
    is no part of the animation comes first."""
    kind = 6 if len(patches[0][3]) == 4 else 2
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, kind, 0, 0, 0))
    out += chunk(b"acTL", struct.pack(">II", len(patches), 0))
    if cover:
        green = bytes((*GREEN, 255)[: len(patches[0][3])])
        out += chunk(b"IDAT", zlib.compress((b"\0" + green * 4) * 4))
    sequence = 0
    for number, (x, y, side, colour, dispose, blend, length) in enumerate(patches):
        out += chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, side, side, x, y, length, 1000, dispose, blend))
        sequence += 1
        data = zlib.compress((b"\0" + bytes(colour) * side) * side)
        if number == 0 and not cover:
            out += chunk(b"IDAT", data)
            continue
        out += chunk(b"fdAT", struct.pack(">I", sequence) + data)
        sequence += 1
    path.write_bytes(out + chunk(b"IEND", b""))
    return path


def colours(path: Path) -> list[list[list[tuple[int, int, int]]]]:
    """Every picture as rows of pixels."""
    return [[[tuple(map(int, pixel)) for pixel in row] for row in one.pixels] for one in frames(path)]  # type: ignore[misc]


def at(pictures: list[list[list[tuple[int, int, int]]]], x: int, y: int) -> list[tuple[int, int, int]]:
    """What one pixel is in each picture."""
    return [picture[y][x] for picture in pictures]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_every_picture_comes_at_its_own_time(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, LENGTHS)
    assert not is_still(path, MediaLimits())
    assert [(number_of(one.pixels), one.time_us) for one in frames(path)] == [(0, 0), (1, 100_000), (2, 300_000), (3, 600_000)]
    assert (last(path).time_us, last(path).reason) == (700_000, None)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_a_picture_counts_for_as_long_as_it_is_shown_but_no_longer_than_a_second(tmp_path: Path, name: str) -> None:
    """Encoders leave out pictures that equal the one before."""
    path = film(tmp_path / name, [300, 500, 3000, 100])
    given = [one for one in open_source(path, "s", rate_hz=5) if isinstance(one, Frame)]
    assert [(number_of(one.pixels), one.time_us // 1000) for one in given] == [
        (0, 0), (0, 200), (1, 400), (1, 600), (2, 800), (2, 1000), (2, 1200), (2, 1400), (2, 1600), (3, 3800),
    ]  # fmt: skip
    assert [one.sequence for one in given] == [*range(9), 19]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_a_picture_without_a_length_lasts_as_long_as_in_a_browser(tmp_path: Path, name: str) -> None:
    """0 and 10 ms become 100 ms; 20 ms are believed."""
    path = film(tmp_path / name, [0, 10, 20, 50])
    assert [one.time_us for one in frames(path)] == [0, 100_000, 200_000, 220_000]


def test_a_gif_without_any_delay_lasts(tmp_path: Path) -> None:
    """Its blocks name no time at all."""
    path = gif(tmp_path / "a.gif", [(0, 0, 4, 0, 0, 0, None), (0, 0, 4, 1, 0, 0, None)])
    assert [one.time_us for one in frames(path)] == [0, 100_000]


def test_a_gif_s_disposal_and_transparency(tmp_path: Path) -> None:
    """Keep; clear to transparent (white here), whatever background colour is named; back to what was; a method holds for its own
    picture alone; a transparent pixel shows what lies under it."""
    path = gif(
        tmp_path / "a.gif",
        [
            (0, 0, 4, 0, 1, 10, None),  # red everywhere, kept
            (0, 0, 2, 1, 2, 10, None),  # blue corner, then cleared
            (2, 2, 2, 2, 0, 10, None),  # green corner; names no method
            (0, 0, 4, 1, 3, 10, None),  # blue everywhere, then as before
            (0, 0, 4, 3, 1, 10, 3),  # a wholly transparent picture
        ],
    )
    pictures = colours(path)
    assert at(pictures, 0, 0) == [RED, BLUE, WHITE, BLUE, WHITE]
    assert at(pictures, 3, 3) == [RED, RED, GREEN, BLUE, GREEN]
    assert at(pictures, 3, 0) == [RED, RED, RED, BLUE, RED]


def test_an_apng_s_disposal_and_blending(tmp_path: Path) -> None:
    path = apng(
        tmp_path / "a.png",
        [
            (0, 0, 4, (*RED, 255), 0, 0, 100),
            (0, 0, 2, (*BLUE, 255), 1, 0, 100),  # then cleared
            (2, 2, 2, (*GREEN, 0), 0, 1, 100),  # blended over: nothing of it is seen
            (2, 2, 2, (*GREEN, 0), 2, 0, 100),  # put in place: a hole, then as before
            (3, 0, 1, (*BLUE, 255), 0, 0, 100),
        ],
    )
    pictures = colours(path)
    assert at(pictures, 0, 0) == [RED, BLUE, WHITE, WHITE, WHITE]
    assert at(pictures, 3, 3) == [RED, RED, RED, WHITE, RED]
    assert at(pictures, 3, 0) == [RED, RED, RED, RED, BLUE]


def test_an_apng_without_alpha_is_cleared_to_white_and_its_cover_is_no_part_of_it(tmp_path: Path) -> None:
    path = apng(tmp_path / "a.png", [(0, 0, 4, RED, 1, 0, 100), (0, 0, 1, BLUE, 0, 0, 100)], cover=True)
    pictures = colours(path)
    assert at(pictures, 0, 0) == [RED, BLUE]
    assert at(pictures, 3, 3) == [RED, WHITE]


def test_one_picture_is_a_still_in_every_format(tmp_path: Path) -> None:
    """Also where the format could hold more."""
    for name in ("a.gif", "a.webp", "a.png", "a.avif", "a.tiff", "a.jpg", "a.bmp"):
        Image.fromarray(numbered(7)).save(tmp_path / name)
        assert is_still(tmp_path / name, MediaLimits()), name
        assert [number_of(one.pixels) for one in frames(tmp_path / name)] == [7], name


def test_a_tiff_s_pages_have_no_time_until_somebody_says_it(tmp_path: Path) -> None:
    path = film(tmp_path / "a.tiff", [0] * 4)
    with pytest.raises(MediaError, match="4 pages and no time") as caught:
        open_source(path, "s", rate_hz=5)
    assert "--rate" in caught.value.remedy
    given = frames(path, pages_hz=3.0)
    assert [(number_of(one.pixels), one.time_us) for one in given] == [(0, 0), (1, 333_333), (2, 666_667), (3, 1_000_000)]
    (found,) = find([path])
    assert found.problem is not None


def test_a_smaller_copy_in_a_tiff_is_no_page(tmp_path: Path) -> None:
    """Scanners and microscopes write them; the one full page is the picture, wherever it lies."""
    first, second = (Image.fromarray(numbered(number)) for number in (5, 6))
    for name, kinds, number in (("after.tiff", (0, 1), 5), ("before.tiff", (1, 0), 6)):
        with AppendingTiffWriter(str(tmp_path / name), True) as out:
            for picture, kind in zip((first, second), kinds, strict=True):
                picture.save(out, "TIFF", tiffinfo={254: kind})
                out.newFrame()
        assert [number_of(one.pixels) for one in frames(tmp_path / name)] == [number]


def test_raw_mjpeg_is_refused_by_name(tmp_path: Path) -> None:
    """With and without padding between the pictures, also two of them only."""
    pictures = [jpeg(number) for number in range(3)]
    for name, data in {"a.mjpeg": b"".join(pictures), "b.jpg": b"\0\0".join(pictures[:2]), "c.jpg": b"\xff".join(pictures)}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MediaError, match="a bare mjpeg stream has no timestamps") as caught:
            open_source(tmp_path / name, "s", rate_hz=5)
        assert "ffmpeg -f mjpeg" in caught.value.remedy


def jpeg(number: int, size: tuple[int, int] = (320, 192), **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(numbered(number)).resize(size).save(data, "JPEG", **options)
    return data.getvalue()


def test_what_a_phone_puts_behind_a_photograph_changes_nothing(tmp_path: Path) -> None:
    """A preview of another size, a short film, rubbish; a thumbnail inside; restart markers."""
    whole = jpeg(9, restart_marker_blocks=2)
    thumbnail = Image.Exif()
    thumbnail[0x010E] = "x"
    for number, behind in enumerate((jpeg(1, (160, 96)), b"\0\0\0\x18ftypmp42" + bytes(500), b"\xff\xd8 rubbish", b"\0" * 100_000)):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(whole + behind)
        assert [number_of(one.pixels) for one in frames(path)] == [9]


def test_an_mpo_of_two_views_is_refused_and_one_with_a_gain_map_is_a_photograph(tmp_path: Path) -> None:
    first, second = Image.fromarray(numbered(3)), Image.fromarray(numbered(4))
    first.save(tmp_path / "two.mpo", save_all=True, append_images=[second])
    with pytest.raises(MediaError, match="2 pictures \\(MPO\\)"):
        open_source(tmp_path / "two.mpo", "s", rate_hz=5)
    for name, beside in {"small.jpg": second.resize((80, 48)), "grey.jpg": second.convert("L")}.items():
        first.save(tmp_path / name, "MPO", save_all=True, append_images=[beside])
        assert [number_of(one.pixels) for one in frames(tmp_path / name)] == [3]


def test_heic_sequences_play_and_what_nobody_here_reads_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.heics", [0, 200, 400], codec="libx265", container="mp4", container_options={"brand": "hevc"})
    assert [number_of(one.pixels) for one in frames(path)] == [0, 1, 2]
    (tmp_path / "a.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + struct.pack(">I", 12) + b"meta\0\0\0\0")
    (tmp_path / "a.jxl").write_bytes(b"\xff\x0a" + bytes(100))
    for name, kind in (("a.heic", "HEIC"), ("a.jxl", "JPEG XL")):
        with pytest.raises(MediaError, match=f"{kind} pictures can't be read") as caught:
            open_source(tmp_path / name, "s", rate_hz=5)
        assert caught.value.remedy


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif", "a.tiff"])
def test_too_many_pictures_are_refused_before_one_is_decoded(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, LENGTHS)
    with pytest.raises(MediaError, match="more than 3 pictures") as caught:
        open_source(path, "s", rate_hz=5, limits=MediaLimits(max_pictures=3), pages_hz=5)
    assert "max_pictures" in caught.value.remedy


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif", "a.tiff"])
def test_large_pictures_are_refused_before_one_is_decoded(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, LENGTHS)
    with pytest.raises(MediaError, match="320 x 192 pixels, more than the limit of 61439"):
        open_source(path, "s", rate_hz=5, limits=MediaLimits(max_pixels=320 * 192 - 1), pages_hz=5)


def test_a_hundred_thousand_pictures_are_too_many(tmp_path: Path) -> None:
    """By default; the file of 100001 tiny ones is counted, not decoded."""
    one = gif(tmp_path / "one.gif", [(0, 0, 1, 0, 0, 5, None)]).read_bytes()
    head, body = one[: 13 + len(PALETTE)], one[13 + len(PALETTE) : -1]
    (tmp_path / "many.gif").write_bytes(head + body * 100_001 + b";")
    with pytest.raises(MediaError, match="more than 100000 pictures"):
        open_source(tmp_path / "many.gif", "s", rate_hz=5)


def test_a_patch_larger_than_its_gif_takes_no_more_memory_than_the_gif_may(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", [(0, 0, 4, 0, 0, 10, None), (0, 0, 4, 1, 0, 10, None)])
    data = bytearray(path.read_bytes())
    place = data.rindex(b"\x2c")
    data[place + 5 : place + 9] = struct.pack("<HH", 65_535, 65_535)
    path.write_bytes(data)
    with pytest.raises(MediaError, match="65535 x 65535 pixels"):
        open_source(path, "s", rate_hz=5)


@pytest.mark.parametrize("name", ["a.gif", "a.png"])
def test_a_film_that_was_cut_off_ends_as_damaged(tmp_path: Path, name: str) -> None:
    """What is whole comes; the end says CORRUPT."""
    path = film(tmp_path / name, LENGTHS)
    path.write_bytes(path.read_bytes()[:-40])
    assert [number_of(one.pixels) for one in frames(path)] == [0, 1, 2]
    assert (last(path).ended, last(path).reason) == (True, Reason.CORRUPT)


def test_a_webp_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    """libwebp reads none of it."""
    path = film(tmp_path / "a.webp", LENGTHS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(MediaError, match="not one picture could be decoded"):
        frames(path)


def test_a_film_goes_on_where_a_run_was_cut_off(tmp_path: Path) -> None:
    """The same pictures with the same numbers, and no beat twice."""
    path = film(tmp_path / "a.webp", [500] * 6)
    whole = list(open_source(path, "s", rate_hz=5, origin_us=60_000_000))
    later = list(open_source(path, "s", rate_hz=5, origin_us=60_000_000, from_us=61_000_000))
    assert [(one.sequence, one.time_us) for one in later if isinstance(one, Frame)] == [
        (one.sequence, one.time_us) for one in whole if isinstance(one, Frame) and one.time_us >= 61_000_000
    ]
    assert [one for one in later if isinstance(one, Beat)] == [one for one in whole if isinstance(one, Beat)][1:]


def test_a_film_is_turned_and_ends_when_it_is_closed(tmp_path: Path) -> None:
    first = Image.fromarray(np.ascontiguousarray(np.rot90(numbered(1))))
    second = Image.fromarray(np.ascontiguousarray(np.rot90(numbered(2))))
    first.save(tmp_path / "a.webp", save_all=True, append_images=[second], duration=200)
    assert all(is_upright(one.pixels) for one in frames(tmp_path / "a.webp", rotation=90))
    source = open_source(tmp_path / "a.webp", "s", rate_hz=5)
    assert isinstance(source, AnimationSource)
    assert source.end_us == 400_000
    messages = iter(source)
    next(messages)
    source.close()
    assert list(messages) == []
