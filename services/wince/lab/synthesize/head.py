"""The morphable head: geometry of the ICT-FaceKit "light" model (MIT), as one numpy file.

Li et al., Learning Formation of Physically-Based Face Attributes, CVPR 2020. Units are centimetres; +x is the person's left,
+y up, +z out of the face. The file is not part of Wince: it is named by an argument or by WINCE_HEAD_DATA.
"""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.arrays import read_arrays

ENVIRONMENT = "WINCE_HEAD_DATA"
LARGEST_FILE = 512 * 2**20
"""Bytes, packed or unpacked: what is larger is not the head (the real file unpacks to 28 MB)."""
HIDDEN = ("M_EyeOcclusion", "M_LacrimalFluid", "M_EyeBlend", "M_EyeLashes", "M_IrisLeft", "M_IrisRight")
"""Materials that are not drawn: they need transparency, or lie behind the opaque sclera (the iris is painted on it)."""
PARTS = (
    "mouth_socket",
    "eye_socket_left",
    "eye_socket_right",
    "gums_and_tongue",
    "teeth",
    "sclera_left",
    "sclera_right",
)
"""Vertex ranges that painting and posing rely on."""
NO_ARCHIVE = "not a readable numpy archive"
REMEDY = f"name ict_head.npz by --head or {ENVIRONMENT}; its README says how it is made"

Points = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Vertices = neutral + sum(a_i identity_i) + sum(w_j expression_j), in cm."""

    neutral: Points
    """(v, 3) mean face, neutral."""
    identity: Points
    """(100, v, 3) offsets of the identity modes; coefficients N(0, 1) give plausible people."""
    expression: dict[str, Points]
    """Per ARKit shape (with _L and _R) its offset (v, 3) at weight 1."""
    landmarks: NDArray[np.int64]
    """(68,) vertices of the Multi-PIE points, in the order of iBUG and dlib."""
    parts: dict[str, slice]
    """Vertex ranges by name."""
    triangles: NDArray[np.int32]
    """(t, 3) vertex numbers of what is drawn."""

    def normals(self, vertices: Points) -> Points:
        """Unit vertex normals (v, 3), weighted by triangle area."""
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        face = np.cross(b - a, c - a)
        corner = self.triangles.ravel(order="F")
        total = np.stack([np.bincount(corner, np.tile(face[:, k], 3), len(vertices)) for k in range(3)], axis=1)
        unit: Points = (total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-9)).astype(np.float32)
        return unit

    def offset(self, shape: str, weight: float, balance: float) -> Points:
        """Offset (v, 3) of a shape; a name without _L or _R moves both sides, unevenly by `balance` (left against right)."""
        w, b = np.float32(weight), np.float32(balance)
        if shape in self.expression:
            return w * self.expression[shape]
        return w * (self.expression[shape + "_L"] * (1 + b) + self.expression[shape + "_R"] * (1 - b))


def load_head(path: Path | str | None = None) -> Head:
    """Read the head file; `path`, or what WINCE_HEAD_DATA names.

    Raises DataError where no file is named, or it is absent, too large, not a numpy archive, or holds other arrays.
    """
    named = str(path) if path is not None else os.environ.get(ENVIRONMENT, "")
    if not named:
        raise DataError("no head data is named", field="--head", remedy=REMEDY)
    file = Path(named)
    if not file.is_file():
        raise DataError("head data: there is no such file", field="--head", remedy=REMEDY)
    if file.stat().st_size > LARGEST_FILE:
        raise DataError(f"head data: larger than {LARGEST_FILE} bytes", field="--head", remedy=REMEDY)
    try:
        with zipfile.ZipFile(file) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > LARGEST_FILE:
                raise DataError(f"head data: unpacks to more than {LARGEST_FILE} bytes", field="--head", remedy=REMEDY)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError) as error:
        raise DataError(f"head data: {NO_ARCHIVE} ({type(error).__name__})", field="--head", remedy=REMEDY) from error
    return _head(read_arrays(file, f"head data: {NO_ARCHIVE}", field="--head", remedy=REMEDY))


def _head(pack: dict[str, NDArray[Any]]) -> Head:
    def wrong(name: str, what: str) -> DataError:
        return DataError(f"head data: array {name} {what}", field="--head", remedy=REMEDY)

    def array(name: str, kinds: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        if name not in pack:
            raise wrong(name, "is missing")
        value = pack[name]
        if value.dtype.kind not in kinds or value.ndim != len(shape):
            raise wrong(name, f"is {value.dtype} {value.shape}")
        if any(want is not None and have != want for have, want in zip(value.shape, shape, strict=True)):
            raise wrong(name, f"has shape {value.shape}, expected {shape}")
        if value.dtype.kind == "f" and not bool(np.isfinite(value).all()):
            raise wrong(name, "holds values that are not finite")
        return value

    neutral = array("neutral", "f", (None, 3)).astype(np.float32)
    vertices = len(neutral)
    identity = array("identity", "f", (None, vertices, 3)).astype(np.float32)
    names = [str(name) for name in array("expression_names", "U", (None,))]
    offsets = array("expression", "f", (len(names), vertices, 3)).astype(np.float32)
    landmarks = array("landmarks68", "ui", (68,)).astype(np.int64)
    materials = [str(name) for name in array("material_names", "U", (None,))]
    triangles = array("triangles", "ui", (None, 3))
    material = array("triangle_material", "ui", (len(triangles),))
    part_names = [str(name) for name in array("part_names", "U", (None,))]
    ranges = array("part_ranges", "ui", (len(part_names), 2))
    if max(int(triangles.max(initial=0)), int(landmarks.max())) >= vertices:
        raise wrong("triangles", "names vertices that do not exist")
    parts = {name: slice(int(a), int(b)) for name, (a, b) in zip(part_names, ranges, strict=True)}
    if missing := [name for name in PARTS if name not in parts]:
        raise wrong("part_names", f"lacks {', '.join(missing)}")
    hidden = [number for number, name in enumerate(materials) if name in HIDDEN]
    drawn = np.ascontiguousarray(triangles[~np.isin(material, hidden)]).astype(np.int32)
    return Head(neutral, identity, dict(zip(names, offsets, strict=True)), landmarks, parts, drawn)
