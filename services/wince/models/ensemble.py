"""An ensemble of a site's classifiers over face crops: the one implementation, embedded and inside TorchServe.

A member is one ONNX file, complete in itself:

    input    one, float32 (n, 3, 224, 224): red, green, blue, 0-1. What else the training did to pictures (mean, spread) stands in
             the graph, so that the file's hash covers it
    output   one named "probabilities", (n, classes), or one named "logits", of which softmax is taken here; in the protocol's order

One thread, float32, one crop after the other: batches gain nothing on a CPU, and one crop's numbers don't depend on the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince.domain.fusion import METHODS, fuse_probabilities
from wince.errors import ModelFileError
from wince.models.lock import set_id
from wince.models.openvino_engine import Network

SIDE = 224
"""Width and height of a crop, pixels."""
MAX_BYTES = 256 << 10
"""Of one crop's JPEG."""
MAX_CROPS = 64
"""In one request."""
OUTPUTS = ("probabilities", "logits")


class Status(IntEnum):
    """What became of a crop, or of a request as a whole. Instead of an exception: those kill or confuse the server's worker."""

    OK = 0
    NOT_JPEG = 1
    SIZE = 2
    """Not 224 x 224."""
    TOO_LARGE = 3
    """More than MAX_BYTES."""
    NO_NUMBER = 4
    """A member answered something that is no probability."""
    MALFORMED = 5
    """The request has no tensor "faces" of type BYTES."""
    TOO_MANY = 6
    """More than MAX_CROPS."""
    FAILED = 7
    """The engine failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What an ensemble says of n crops. Rows whose status is not OK are 0 and mean nothing."""

    status: NDArray[np.int32]
    """(n,) Status."""
    members: dict[str, NDArray[np.float32]]
    """By member: (n, classes), each row sums to 1."""
    fused: NDArray[np.float32]
    """(n, classes), sums to 1."""


class Ensemble:
    """The members, loaded. Not thread-safe: one instance per thread."""

    def __init__(self, files: Mapping[str, Path], classes: int, fusion: str = "mean", weights: Sequence[float] = ()) -> None:
        """files: ONNX by member, in the order of `weights`. Raises ModelFileError naming the member that is absent or no such model."""
        if not files:
            raise ModelFileError("an ensemble needs a member", field="members", remedy="name the ONNX file of each")
        if fusion not in METHODS or len(weights) != (len(files) if fusion == "weighted" else 0):
            remedy = f"one of {', '.join(METHODS)}; weighted needs one weight per member"
            raise ModelFileError(f"fusion {fusion!r} with {len(weights)} weights can't be", field="fusion", remedy=remedy)
        self._fusion, self._weights, self.classes = fusion, tuple(weights), classes
        self.ready = True
        """Loaded, or it would not be here."""
        self.fault: ModelFileError | None = None
        """Never: see `ready`."""
        self.hashes: Mapping[str, str] = {name: member_hash(name, file) for name, file in files.items()}
        """sha256 (hex) by member."""
        self.model_set = set_id(self.hashes.values())
        """sha256 over the members' sorted sha256, hex."""
        self._nets = {name: self._load(name, file) for name, file in files.items()}

    def _load(self, name: str, file: Path) -> tuple[Network, bool]:
        remedy = f"export it with input (n, 3, {SIDE}, {SIDE}) and one output, {' or '.join(OUTPUTS)}, of {self.classes} classes"
        try:
            net = Network(file, (1, 3, SIDE, SIDE), divide=(0.0, 255.0))
        except ModelFileError as error:
            raise ModelFileError("can't be read as a classifier of crops", field=name, remedy=remedy) from error
        if len(net.names) != 1 or net.names[0] not in OUTPUTS:
            raise ModelFileError(f"has the outputs {', '.join(net.names)}", field=name, remedy=remedy)
        shape = net.run()[0].shape
        if shape != (1, self.classes):
            raise ModelFileError(f"answers {shape} instead of {(1, self.classes)}", field=name, remedy=remedy)
        return net, net.names[0] == "logits"

    def answer(self, crops: Sequence[bytes]) -> Answer:
        """Probabilities of JPEG crops, in order. Never raises for what a crop holds: its status says what was wrong."""
        count = len(crops)
        status = np.zeros(count, np.int32)
        members = {name: np.zeros((count, self.classes), np.float32) for name in self._nets}
        fused = np.zeros((count, self.classes), np.float32)
        for index, crop in enumerate(crops):
            pixels = decode(crop)
            if isinstance(pixels, Status):
                status[index] = pixels
                continue
            rows = {name: self._row(net, logits, pixels) for name, (net, logits) in self._nets.items()}
            if not all(_is_distribution(row) for row in rows.values()):
                status[index] = Status.NO_NUMBER
                continue
            for name, row in rows.items():
                members[name][index] = row
            fused[index] = fuse_probabilities(list(rows.values()), self._fusion, self._weights)
        return Answer(status, members, fused)

    @staticmethod
    def _row(net: Network, logits: bool, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        net.input[0] = pixels.transpose(2, 0, 1)
        row = net.run()[0][0].astype(np.float64)
        if logits:
            row = np.exp(row - row.max())
            row /= row.sum()
        return np.asarray(row, np.float32)


def _is_distribution(row: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(row).all() and (row >= 0).all() and abs(float(row.sum()) - 1) <= 1e-3)


def decode(crop: bytes) -> NDArray[np.uint8] | Status:
    """(224, 224, 3) RGB, or why not. Looks at the header before it makes room for pixels."""
    if len(crop) > MAX_BYTES:
        return Status.TOO_LARGE
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(crop)
        if (height, width) != (SIDE, SIDE):
            return Status.SIZE
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(crop, colorspace="RGB")
    except (ValueError, TypeError, RuntimeError):
        return Status.NOT_JPEG
    return pixels


def member_hash(name: str, file: Path) -> str:
    """sha256 (hex) of a member's file. Raises ModelFileError where it is absent, or keeps its weights in a file beside it."""
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        remedy = f"put {file.name} there, or name another folder"
        raise ModelFileError(error.strerror or "can't be read", field=f"{name} ({file})", remedy=remedy) from None
    if file.with_name(f"{file.name}.data").exists():
        remedy = "export it with external_data=False: the hash of one file must cover the weights"
        raise ModelFileError("keeps its weights in a file beside it", field=name, remedy=remedy)
    return digest
