"""scikit-image's astronaut: a real face that anybody may show (NASA, public domain), taken out of that package's wheel once."""

import hashlib
import tempfile
import zipfile
from pathlib import Path

import pytest

from wince.errors import ResourceError, Unavailable
from wince.models.fetch import cache_folder, file_sha256, pip_download
from wince.models.lock import Wheel

WHEEL = Wheel(
    "scikit-image", "0.25.2", "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641", "3.11", "cp311", "manylinux_2_17_x86_64"
)
SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


def astronaut() -> Path:
    """The picture, beside the cached models; skips visibly where it can't be had."""
    place = cache_folder() / f"astronaut-{SHA256[:12]}.png"
    if place.exists() and file_sha256(place) == SHA256:
        return place
    with tempfile.TemporaryDirectory() as folder:
        try:
            wheel = pip_download(WHEEL, Path(folder))
        except (Unavailable, ResourceError, OSError) as error:
            pytest.skip(f"needs the wheel of {WHEEL.requirement} ({error})")
        assert file_sha256(wheel) == WHEEL.sha256
        content = zipfile.ZipFile(wheel).read("skimage/data/astronaut.png")
    assert hashlib.sha256(content).hexdigest() == SHA256
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_suffix(".part")
    part.write_bytes(content)
    part.replace(place)
    return place
