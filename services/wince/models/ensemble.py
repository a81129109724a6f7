"""An ensemble of a site's classifiers over face crops: the one implementation, embedded and inside TorchServe.

A member is one ONNX file, complete in itself:

    input    one, float32 (n, 3, 224, 224): red, green, blue, 0-1. What else the training did to pictures (mean, spread) stands in
             the graph, so that the file's hash covers it
    output   one named "probabilities", (n, classes), or one named "logits", of which softmax is taken here; in the protocol's order

Members that see clips are another kind of file (`clip_member.py`). An ensemble with one is asked by clips; of a clip its other members
see the last crop.

One thread, float32, one crop after the other: batches gain nothing on a CPU, and one crop's numbers don't depend on the others.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wince import plain_file
from wince.domain.clip import Clip
from wince.domain.fusion import METHODS, fuse_probabilities
from wince.errors import InputError, ModelFileError
from wince.models.clip_member import ClipNetwork
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
    CLIPS = 8
    """The request's clips aren't what the members see: none, too many, of another length, of crops that aren't there."""


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

    def __init__(
        self, files: Mapping[str, Path], classes: int, fusion: str = "mean", weights: Sequence[float] = (), clip: Clip | None = None
    ) -> None:
        """files: ONNX by member, in the order of `weights`. clip: which of them see clips; None: none. Raises ModelFileError naming the
        member that is absent or no such model."""
        if not files:
            raise ModelFileError("an ensemble needs a member", field="members", remedy="name the ONNX file of each")
        if fusion not in METHODS or len(weights) != (len(files) if fusion == "weighted" else 0):
            remedy = f"one of {', '.join(METHODS)}; weighted needs one weight per member"
            raise ModelFileError(f"fusion {fusion!r} with {len(weights)} weights can't be", field="fusion", remedy=remedy)
        self._fusion, self._weights, self.classes, self.clip = fusion, tuple(weights), classes, clip
        self.ready = True
        """Loaded, or it would not be here."""
        self.fault: ModelFileError | None = None
        """Never: see `ready`."""
        self.hashes: Mapping[str, str] = {name: member_hash(name, file) for name, file in files.items()}
        """sha256 (hex) by member."""
        self.model_set = set_id(self.hashes.values())
        """sha256 over the members' sorted sha256, hex."""
        seers = clip.members if clip is not None else ()
        self._nets = {name: self._load(name, file) for name, file in files.items() if name not in seers}
        self._clip_nets = {
            name: ClipNetwork(name, files[name], clip, classes, SIDE, OUTPUTS) for name in files if clip is not None and name in seers
        }

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

    def answer(self, crops: Sequence[bytes], clips: Sequence[Sequence[int]] = ()) -> Answer:
        """Probabilities of JPEG crops, in order; where members see clips, of clips: each the indices of its crops, in order of time.

        Never raises for what a crop holds: its status says what was wrong. Raises InputError for clips that `fits` refuses."""
        if not self.fits(len(crops), clips):
            raise InputError("the clips are not what the members see", field="clips", remedy="frames and rate_hz of the protocol")
        rows = clips if self.clip is not None else [(index,) for index in range(len(crops))]
        status = np.zeros(len(rows), np.int32)
        members = {name: np.zeros((len(rows), self.classes), np.float32) for name in self.hashes}
        fused = np.zeros((len(rows), self.classes), np.float32)
        pictures = _Pictures(crops)
        for index, row in enumerate(rows):
            if bad := self._bad(pictures, row):
                status[index] = bad
                continue
            answers = self._ask(pictures, row)
            if not all(_is_distribution(one) for one in answers.values()):
                status[index] = Status.NO_NUMBER
                continue
            for name, one in answers.items():
                members[name][index] = one
            fused[index] = fuse_probabilities(list(answers.values()), self._fusion, self._weights)
        return Answer(status, members, fused)

    def fits(self, crops: int, clips: Sequence[Sequence[int]]) -> bool:
        """Whether so many crops can be asked for by these clips: each as long as the members see them, of crops that are there."""
        if self.clip is None:
            return not clips
        frames = self.clip.frames
        return bool(crops) == bool(clips) and all(len(row) == frames and min(row) >= 0 and max(row) < crops for row in clips)

    def _bad(self, pictures: _Pictures, row: Sequence[int]) -> Status:
        """What is wrong with a crop of a clip. One that was looked at before is good, and is not decoded again."""
        for at in row:
            seen = at != row[-1] and all(seer.knows(pictures.key(at)) for seer in self._clip_nets.values())
            if not seen and (status := pictures.status(at)) is not Status.OK:
                return status
        return Status.OK

    def _ask(self, pictures: _Pictures, row: Sequence[int]) -> dict[str, NDArray[np.float32]]:
        """Every member's opinion, in the files' order."""
        answers = {}
        for name in self.hashes:
            if seer := self._clip_nets.get(name):
                features = [seer.features(pictures.key(at), partial(pictures.pixels, at)) for at in row]
                answers[name] = _shares(seer.row(features), seer.logits)
            else:
                net, logits = self._nets[name]
                net.input[0] = pictures.pixels(row[-1]).transpose(2, 0, 1)
                answers[name] = _shares(net.run()[0][0], logits)
        return answers


class _Pictures:
    """The crops of one request: decoded and hashed at most once each."""

    def __init__(self, crops: Sequence[bytes]) -> None:
        self._crops = crops
        self._keys: dict[int, bytes] = {}
        self._decoded: dict[int, NDArray[np.uint8] | Status] = {}

    def _decode(self, index: int) -> NDArray[np.uint8] | Status:
        if index not in self._decoded:
            self._decoded[index] = decode(self._crops[index])
        return self._decoded[index]

    def key(self, index: int) -> bytes:
        """sha256 of a crop."""
        if index not in self._keys:
            self._keys[index] = hashlib.sha256(self._crops[index]).digest()
        return self._keys[index]

    def status(self, index: int) -> Status:
        """OK where it can be looked at."""
        found = self._decode(index)
        return found if isinstance(found, Status) else Status.OK

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """(224, 224, 3) of a crop whose status is OK."""
        found = self._decode(index)
        assert not isinstance(found, Status)
        return found


def _shares(row: NDArray[np.float32], logits: bool) -> NDArray[np.float32]:
    wide = row.astype(np.float64)
    if logits:
        with np.errstate(all="ignore"):  # infinities give NaN, which is refused as no number
            wide = np.exp(wide - wide.max())
            wide /= wide.sum()
    return np.asarray(wide, np.float32)


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
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            plain_file.regular(stream.fileno())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        remedy = f"put {file.name} there, or name another folder"
        raise ModelFileError(error.strerror or "can't be read", field=f"{name} ({file})", remedy=remedy) from None
    if file.with_name(f"{file.name}.data").exists():
        remedy = "export it with external_data=False: the hash of one file must cover the weights"
        raise ModelFileError("keeps its weights in a file beside it", field=name, remedy=remedy)
    return digest
