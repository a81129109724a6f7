"""The mean face of MediaPipe's face geometry, and which of its points stay put."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.errors import ModelFileError


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalFace:
    """The mean face in its own space: x to the image's right, y up, z towards the viewer; centimetres."""

    points: NDArray[np.float64]
    """(468, 3)."""
    index: NDArray[np.intp]
    """(k,) points that stay put when the face moves."""
    weights: NDArray[np.float64]
    """(k,) their weights."""

    @staticmethod
    def parse(data: bytes) -> CanonicalFace:
        """From MediaPipe's GeometryPipelineMetadata (protobuf: 1 mesh {3 vertex floats}, 2 basis {1 landmark, 2 weight}).

        Read by hand: four fields are not worth a second schema. Raises ModelFileError where it is something else.
        """
        vertices: list[float] = []
        basis: list[tuple[int, float]] = []
        try:
            for number, value in _fields(data):
                if number == 1 and isinstance(value, bytes):
                    vertices = [v for n, v in _fields(value) if n == 3 and isinstance(v, float)]
                elif number == 2 and isinstance(value, bytes):
                    entry = dict(_fields(value))
                    basis.append((int(entry[1]), float(entry[2])))
            points = np.array(vertices, np.float64).reshape(468, 5)[:, :3]
            index = np.array([i for i, _ in basis], np.intp)
            if len(index) < 3 or index.max() >= len(points):
                raise ValueError("no basis")
        except (ValueError, IndexError, KeyError, TypeError, struct.error) as error:
            raise ModelFileError("is not canonical face metadata", field="face_geometry", remedy="run `wince models fetch`") from error
        return CanonicalFace(points, index, np.array([w for _, w in basis], np.float64))


def _fields(data: bytes) -> list[tuple[int, int | float | bytes]]:
    """(field number, value) pairs of one protobuf message."""
    out: list[tuple[int, int | float | bytes]] = []
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            out.append((tag >> 3, varint()))
        elif kind == 5:
            out.append((tag >> 3, float(struct.unpack_from("<f", data, at)[0])))
            at += 4
        elif kind == 2:
            length = varint()
            out.append((tag >> 3, data[at : at + length]))
            at += length
        else:
            raise ValueError(f"wire type {kind}")
    return out
