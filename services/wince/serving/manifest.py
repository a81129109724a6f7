"""What a served model set is: written by pack beside the archive, read by the server's client. Readiness is measured against it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince import plain_file
from wince.domain.clip import Clip
from wince.errors import ModelFileError
from wince.models.ensemble import SIDE

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,2}")
MAX_FILE = 4 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """One version of one model set."""

    name: str
    """The model's name at the server, such as "icu"."""
    version: str
    """Such as "1.0"; always asked for by name, so that two versions can stand side by side."""
    model_set: str
    """sha256 over the members' sorted sha256, hex."""
    members: dict[str, str]
    """sha256 (hex) by member, in the order of `weights`."""
    classes: tuple[str, ...]
    fusion: str
    weights: tuple[float, ...]
    archive: str
    """sha256 (hex) of the archive file."""
    golden: tuple[bytes, ...]
    """JPEG crops of the golden inference."""
    expected: dict[str, tuple[tuple[float, ...], ...]]
    """By member: probabilities of each golden crop (or golden clip), as the embedded engine gave them when it was packed."""
    clip: Clip | None = None
    """Which members see clips, how long and at what rate; None: none does, each crop is asked for by itself."""

    def write(self, file: Path) -> None:
        """As JSON."""
        table = asdict(self)
        table["golden"] = [base64.b64encode(crop).decode() for crop in self.golden]
        file.write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def read(file: Path) -> Manifest:
    """Raises ModelFileError where it is absent or no manifest."""
    remedy = "name the JSON file that `wince lab pack` wrote beside the archive"
    try:
        table = json.loads(plain_file.read(file, MAX_FILE).decode("utf-8"))
        manifest = Manifest(
            name=str(table["name"]),
            version=str(table["version"]),
            model_set=str(table["model_set"]),
            members={str(name): str(digest) for name, digest in table["members"].items()},
            classes=tuple(str(name) for name in table["classes"]),
            fusion=str(table["fusion"]),
            weights=tuple(float(weight) for weight in table["weights"]),
            archive=str(table["archive"]),
            golden=tuple(base64.b64decode(text, validate=True) for text in table["golden"]),
            expected={str(name): tuple(tuple(map(float, row)) for row in rows) for name, rows in table["expected"].items()},
            clip=clip_of(table.get("clip")),
        )
    except OSError as error:
        raise ModelFileError(error.strerror or "can't be read", field=str(file), remedy=remedy) from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, binascii.Error) as error:
        raise ModelFileError(f"is no manifest ({type(error).__name__})", field=str(file), remedy=remedy) from None
    wanted = len(manifest.golden) if manifest.clip is None else len(golden_clips(manifest.clip))
    shapes = {len(rows) for rows in manifest.expected.values()} | {wanted}
    if not manifest.golden or set(manifest.expected) != set(manifest.members) or len(shapes) != 1:
        raise ModelFileError("its golden inference is not whole", field=str(file), remedy=remedy)
    return manifest


def clip_of(table: Mapping[str, Any] | None) -> Clip | None:
    """What members see, from JSON. Raises what a table of another form raises."""
    return None if table is None else Clip(tuple(map(str, table["members"])), int(table["frames"]), float(table["rate_hz"]))


def golden_clips(clip: Clip | None) -> tuple[tuple[int, ...], ...]:
    """Of the golden inference: its crops in order, and backwards, for order is what such a member sees; none without such members."""
    forward = tuple(range(clip.frames)) if clip is not None else ()
    return (forward, forward[::-1]) if clip is not None else ()


def golden_crops(count: int = 2) -> tuple[bytes, ...]:
    """Drawn 224 x 224 JPEGs: smooth, with edges, none of anybody."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64) / SIDE
    crops = []
    for index in range(count):
        waves = [np.sin((3 + index + c) * np.pi * x) * np.cos((2 + c) * np.pi * y) for c in range(3)]
        pixels: NDArray[np.uint8] = np.clip(128 + 100 * np.stack(waves, axis=-1), 0, 255).astype(np.uint8)
        pixels[60 + 20 * (index % 3) : 120, 80:150] = (200, (120 + 60 * index) % 256, 40)
        crops.append(bytes(simplejpeg.encode_jpeg(pixels, quality=90, colorspace="RGB", colorsubsampling="420")))
    return tuple(crops)
