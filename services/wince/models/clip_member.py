"""A member that sees clips: an ONNX file that makes features of every crop and an opinion of their sequence.

    input      one, float32 (t, 3, 224, 224), t free: the crops of one clip in order of time, red, green, blue, 0-1
    outputs    "features" (t, f), what stands between the two halves; and "probabilities" or "logits", (1, classes)
    metadata   "wince.frames" and "wince.rate_hz": the clips that it was trained on

The file is cut at "features". A crop's features are computed once and serve every clip that the crop is in, so a clip that moves on by
one crop costs one crop. They are kept by the crop's hash: what comes out does not depend on who asked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.clip import Clip
from wince.errors import ModelFileError
from wince.models.openvino_engine import compile_model, read_model
from wince.models.openvino_quiet import ops, ov

FEATURES = "features"
CACHE_BYTES = 16 << 20
"""Of features, a member."""
Pixels = Callable[[], NDArray[np.uint8]]
"""Gives (224, 224, 3) RGB of a crop, where it must be looked at."""


class ClipNetwork:
    """One such file, loaded. Not thread-safe: one instance per thread."""

    def __init__(self, name: str, file: Path, clip: Clip, classes: int, side: int, outputs: Sequence[str]) -> None:
        """Raises ModelFileError, by the member's name, where it is no such file, or was trained on other clips."""
        remedy = f'export it with input (t, 3, {side}, {side}) and the outputs "{FEATURES}" and {" or ".join(outputs)} of {classes} classes'
        try:
            model = read_model(file)
            _trained_on(model, name, clip)
            names = {next(iter(port.names), "") for port in model.outputs}
            found = [output for output in outputs if output in names]
            if len(names) != 2 or FEATURES not in names or not found:
                raise ModelFileError(f"has the outputs {', '.join(sorted(names))}", field=name, remedy=remedy)
            self.logits = found[0] == "logits"
            """Whether softmax is still to be taken."""
            head = ov.Model([model.output(FEATURES)], model.get_parameters())
            head.reshape([1, 3, side, side])
            self._head = compile_model(head).create_infer_request()
            width = int(self._head.get_output_tensor(0).shape[-1])
            tail = _tail(read_model(file), found[0], clip.frames, width)
            self._tail = compile_model(tail).create_infer_request()
        except RuntimeError as error:
            raise ModelFileError("can't be read as a classifier of clips", field=name, remedy=remedy) from error
        self._crop = np.zeros((1, 3, side, side), np.float32)
        self._clip = np.zeros((clip.frames, width), np.float32)
        for request, memory in ((self._head, self._crop), (self._tail, self._clip)):
            request.set_input_tensor(ov.Tensor(memory, shared_memory=True))
        shapes = tuple(self._head.get_output_tensor(0).shape), tuple(self._tail.get_output_tensor(0).shape)
        if shapes != ((1, width), (1, classes)):
            what = f"answers {shapes[0]} and {shapes[1]} instead of (1, features) and {(1, classes)}"
            raise ModelFileError(what, field=name, remedy=remedy)
        self._most = max(clip.frames, CACHE_BYTES // (4 * width))
        self._known: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self.computed = 0
        """Crops whose features were computed, since the start."""

    def knows(self, key: bytes) -> bool:
        """Whether a crop's features are kept."""
        return key in self._known

    def features(self, key: bytes, pixels: Pixels) -> NDArray[np.float32]:
        """(f,) of the crop with this hash; `pixels` is called only where it isn't known yet."""
        found = self._known.pop(key, None)
        if found is None:
            np.multiply(pixels().transpose(2, 0, 1)[None], np.float32(1 / 255), out=self._crop)
            self._head.infer()
            found = self._head.get_output_tensor(0).data[0].copy()
            self.computed += 1
        self._known[key] = found
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return found

    def row(self, features: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(classes,) of a clip's features in order of time, as the file gives them."""
        for place, values in enumerate(features):
            self._clip[place] = values
        self._tail.infer()
        row: NDArray[np.float32] = self._tail.get_output_tensor(0).data[0].copy()
        return row


def _tail(model: ov.Model, output: str, frames: int, width: int) -> ov.Model:
    """From the features on."""
    features = model.output(FEATURES).get_node().input_value(0)
    given = ops.parameter([frames, width], np.float32)
    for target in features.get_target_inputs():
        target.replace_source_output(given.output(0))
    return ov.Model([model.output(output).get_node()], [given])


def _trained_on(model: ov.Model, name: str, clip: Clip) -> None:
    said = {key: _metadata(model, f"wince.{key}") for key in ("frames", "rate_hz")}
    if None in said.values():
        remedy = 'add metadata "wince.frames" and "wince.rate_hz": the crops of a clip and their rate in training'
        raise ModelFileError("does not say which clips it was trained on", field=name, remedy=remedy)
    if (said["frames"], said["rate_hz"]) != (clip.frames, clip.rate_hz):
        what = f"was trained on clips of {said['frames']:g} crops at {said['rate_hz']:g}/s"
        what += f", the protocol has {clip.frames} at {clip.rate_hz:g}/s"
        raise ModelFileError(what, field=name, remedy="train it again, or correct the member's frames and rate_hz in the protocol")


def _metadata(model: ov.Model, key: str) -> float | None:
    """A number of the ONNX file's metadata_props; None where there is none."""
    path: Any = ["framework", key]
    try:
        return float(model.get_rt_info(path).value) if model.has_rt_info(path) else None
    except ValueError:
        return None
