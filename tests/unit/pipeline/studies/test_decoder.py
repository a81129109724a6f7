"""Pictures that end their decoder, or claim more than they are: a picture is lost, and nothing else."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wince.domain.frame import Frame
from wince.errors import MediaError
from wince.pipeline.capture.studies import codestream, decoder, header, opened
from wince.pipeline.capture.studies.decoder import PictureDecoder
from wince.testing.dicom import objects

PERSON = objects.Person(at=datetime(2026, 1, 5, 8))
SHOWN = np.arange(10 * 64 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(10, 64, 64, 3)
JPEG, JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"


def jpeg(path: Path, *spoilt: int) -> Path:
    """Ten pictures, of which these have a byte that ends GDCM by SIGABRT: where it is not caught, this process ends with it."""
    content = bytearray(objects.write(objects.pictures(SHOWN, PERSON, rate_hz=5, jpeg=True), path).read_bytes())
    at = -1
    for number in range(10):
        at = content.index(b"\xff\xd8\xff\xe0", at + 1)
        if number in spoilt:
            content[at + 11] = 255
    path.write_bytes(content)
    return path


def frames(path: Path) -> list[Frame]:
    facts = header.facts(header.read(path), UTC)
    with opened.OpenedStudy(path, facts, path.parent) as study:
        return [one for one in study.source("s", rate_hz=5.0, origin_us=0, from_us=0) if isinstance(one, Frame)]


def test_a_picture_that_ends_its_decoder_costs_itself_alone(tmp_path):
    given = frames(jpeg(tmp_path / "o", 0, 3))
    assert [one.time_us for one in given] == [200_000 * number for number in range(10) if number not in (0, 3)]


def test_an_object_whose_every_picture_does_is_given_up_soon(tmp_path, monkeypatch):
    started = []
    start = PictureDecoder._start

    def counted(self: PictureDecoder) -> Any:
        started.append(self)
        return start(self)

    monkeypatch.setattr(PictureDecoder, "_start", counted)
    with pytest.raises(MediaError, match="not one picture"):
        frames(jpeg(tmp_path / "o", *range(10)))
    assert len(started) == decoder.ENDS


def test_a_decoder_that_does_not_answer_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "PICTURE_S", 0.0)
    with PictureDecoder(jpeg(tmp_path / "o"), 640) as one:
        process = one._start()
        assert one.picture(0) is None
        assert process.poll() is not None


def test_a_decoder_ends_with_whoever_started_it_and_knows_no_secret(tmp_path, monkeypatch):
    monkeypatch.setenv("WINCE_PG_DSN", "postgresql://wince:hunter2@db/wince")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    with PictureDecoder(jpeg(tmp_path / "o"), 640) as one:
        process = one._start()
        assert one.picture(0) is not None
        assert b"hunter2" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert process.stdin is not None
        process.stdin.close()  # as the system does where we are killed
        assert process.wait(60) == 0


def jpeg_head(rows: int, columns: int, marker: int = 0xF7) -> bytes:
    return b"\xff" + bytes((marker,)) + struct.pack(">HBHHB", 11, 8, rows, columns, 1) + b"\x01\x11\x00"


SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("stream", "syntax", "said"),
    [
        (b"\xff\xd8" + jpeg_head(64, 48) + SCAN, JPEG_LS, (64, 48, 1)),
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff" + jpeg_head(64, 48, 0xC0) + SCAN, JPEG, (64, 48, 1)),
        (b"\xff\xd8" + jpeg_head(64, 48) + jpeg_head(65535, 65535) + SCAN, JPEG_LS, None),
        (b"\xff\xd8" + SCAN + jpeg_head(64, 48), JPEG_LS, None),
        (b"\xff\xd8\xff", JPEG, None),
        (b"", JPEG, None),
        (b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 47, 0, 52, 70, 4, 6, 48, 64, 0, 0, 3), JPEG_2000, (64, 48, 3)),
        (b"\xff\x4f\xff\x51\x00", JPEG_2000, None),
    ],
)
def test_what_a_compressed_picture_says_of_its_size(stream, syntax, said):
    assert codestream.size(stream, syntax) == said


@pytest.mark.parametrize("syntax", [JPEG, JPEG_LS, JPEG_2000])
def test_a_picture_of_another_size_than_its_object_says_reaches_no_decoder(tmp_path, monkeypatch, syntax):
    """A bomb: some bytes that claim 65535 x 65535."""
    from pydicom.encaps import encapsulate

    from wince.pipeline.capture.studies import decoding

    made = objects.pictures(SHOWN[:1], PERSON)
    siz = b"\xff\x4f\xff\x51" + struct.pack(">HHIIIIIIIIH", 47, 0, 65535, 65535, 0, 0, 65535, 65535, 0, 0, 3)
    bomb = siz if syntax == JPEG_2000 else b"\xff\xd8" + jpeg_head(65535, 65535, 0xC0 if syntax == JPEG else 0xF7) + SCAN
    made.file_meta.TransferSyntaxUID = syntax
    made.PixelData = encapsulate([bomb + bytes(100)])
    made["PixelData"].is_undefined_length = True
    path = objects.write(made, tmp_path / "o")

    def never(*_: object, **__: object) -> None:
        raise SystemExit

    monkeypatch.setattr("pydicom.pixels.utils.pixel_array", never)
    assert decoding.decoded(path, header.read(path), 0, 640) is None
