"""What runs in TorchServe's worker: a packed ensemble, asked by the Open Inference Protocol, version 2.

    in    one BYTES tensor "faces", (n,): JPEG crops; where members see clips also an INT32 tensor "clips", (m, frames): of each clip
          the indices of its crops, in order of time
    out   status (n,) INT32; probabilities/<member> and fused, (n, classes) FP32; sha256/<member> and model_set, (8,) UINT32, the
          digest's words, most significant first. With clips a row is a clip, m of them

Nothing is raised for what a request holds: an answer of another form than the protocol's kills the worker, and an exception fails
everybody in the batch. No crop and nothing of one is logged.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import operator
import struct
from pathlib import Path
from typing import Any

import numpy as np

from wince.domain.clip import MOST_FRAMES, Clip
from wince.errors import ModelFileError
from wince.models.ensemble import MAX_BYTES, MAX_CROPS, Answer, Ensemble, Status

DESCRIPTION = "ensemble.json"
"""In the archive: name, version, classes, fusion, weights, members with file and sha256; clip, where a member sees clips."""
WORDS = 8
Clips = list[list[int]]


class Packed:
    """An archive's ensemble, opened and checked against its hashes."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelFileError where a file differs from what was packed; the worker then does not start."""
        self.description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        members = self.description["members"]
        files = {name: folder / entry["file"] for name, entry in members.items()}
        weights = tuple(self.description["weights"])
        seen = self.description.get("clip")
        clip = None if seen is None else Clip(tuple(seen["members"]), seen["frames"], seen["rate_hz"])
        self.ensemble = Ensemble(files, len(self.description["classes"]), self.description["fusion"], weights, clip)
        for name, entry in members.items():
            if self.ensemble.hashes[name] != entry["sha256"]:
                raise ModelFileError("is not the file that was packed", field=name, remedy="pack it again")
        self.ensemble.answer([])

    def reply(self, request: object) -> dict[str, Any]:
        """The answer to one request."""
        found = read_request(request)
        if isinstance(found, Status):
            answer = self._whole(found)
        elif not self.ensemble.fits(len(found[0]), found[1]):
            answer = self._whole(Status.CLIPS)
        else:
            crops, clips = found
            try:
                answer = self.ensemble.answer(crops, clips)
            except RuntimeError:  # OpenVINO's; whatever it says, this request has no numbers
                answer = self._whole(Status.FAILED, len(clips or crops))
        outputs = [{"name": "status", "datatype": "INT32", "shape": [len(answer.status)], "data": answer.status.tolist()}]
        tables = {f"probabilities/{name}": table for name, table in answer.members.items()} | {"fused": answer.fused}
        outputs += [_floats(name, table) for name, table in tables.items()]
        digests = {f"sha256/{name}": digest for name, digest in self.ensemble.hashes.items()} | {"model_set": self.ensemble.model_set}
        outputs += [{"name": name, "datatype": "UINT32", "shape": [WORDS], "data": words(digest)} for name, digest in digests.items()]
        known = request if isinstance(request, dict) else {}
        return {
            "id": str(known.get("id", "")),
            "model_name": self.description["name"],
            "model_version": self.description["version"],
            "outputs": outputs,
        }

    def _whole(self, status: Status, count: int = 1) -> Answer:
        empty = np.zeros((count, self.ensemble.classes), np.float32)
        return Answer(np.full(count, status, np.int32), dict.fromkeys(self.ensemble.hashes, empty), empty)


def _floats(name: str, table: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": list(table.shape), "data": table.ravel().tolist()}


def words(digest: str) -> list[int]:
    """A sha256 in hex as eight words."""
    return list(struct.unpack(f">{WORDS}I", bytes.fromhex(digest)))


def digest_of(values: list[int]) -> str:
    """The words' sha256 in hex; empty where they are none."""
    return struct.pack(f">{WORDS}I", *values).hex() if len(values) == WORDS else ""


def read_request(request: object) -> tuple[list[bytes], Clips] | Status:
    """The JPEGs and clips of a request as TorchServe's frontend hands it over: JSON, or its dict."""
    try:
        if isinstance(request, bytes | bytearray | str):
            request = json.loads(request)
        tensors = {tensor["name"]: tensor for tensor in request["inputs"]}  # type: ignore[index]
        faces, clips = tensors["faces"], tensors.get("clips")
        if faces["datatype"] != "BYTES":
            return Status.MALFORMED
        data = faces["data"]
        if len(data) > MAX_CROPS:
            return Status.TOO_MANY
        crops = [base64.b64decode(text) if len(text) <= 2 * MAX_BYTES else b"\0" * (MAX_BYTES + 1) for text in data]
        return crops, ([] if clips is None else _rows(clips))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return Status.MALFORMED


def _rows(tensor: dict[str, Any]) -> Clips:
    """Raises ValueError for what is no table of whole numbers."""
    (rows, frames), data = tensor["shape"], tensor["data"]
    if tensor["datatype"] != "INT32" or not 0 < rows <= MAX_CROPS or not 0 < frames <= MOST_FRAMES or len(data) != rows * frames:
        raise ValueError("clips")
    return [[operator.index(value) for value in data[start : start + frames]] for start in range(0, len(data), frames)]


def _worth_saying(record: logging.LogRecord) -> bool:
    """TorchServe's worker writes a line for every request."""
    return not str(record.msg).startswith("Backend received")


_packed: Packed | None = None


def handle(data: list[dict[str, Any]] | None, context: Any) -> list[dict[str, Any]] | None:
    """TorchServe's entry point: with data None once at the worker's start."""
    global _packed  # noqa: PLW0603 - TorchServe calls a function of a module; the worker has one model
    if _packed is None:
        for sink in logging.getLogger().handlers:
            sink.addFilter(_worth_saying)
        _packed = Packed(Path(context.system_properties["model_dir"]))
    return None if data is None else [_packed.reply(request.get("body") or request.get("data")) for request in data]
