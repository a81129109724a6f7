"""The three networks of MTCNN as OpenVINO graphs, built from the published weights.

Layers after Zhang et al., "Joint face detection and alignment using multitask cascaded convolutional networks", 2016, with the
weights' own order: per layer kernel (height, width, in, out), bias, PReLU slopes; then the heads box, points (O-Net), class. The
dense layers expect their input flattened as (width, height, channel). Pixels enter as uint8 RGB and are scaled in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import ModelFileError
from wince.models.openvino_engine import compile_model
from wince.models.openvino_quiet import ops, ov

Weights = Sequence[NDArray[np.float32]]
Pools = Sequence[int | None]
"""Side of the max pool (stride 2, rounded up) behind each convolution; None: none."""
SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "mtcnn_pnet": (
        (3, 3, 3, 10), (10,), (1, 1, 10), (3, 3, 10, 16), (16,), (1, 1, 16), (3, 3, 16, 32), (32,), (1, 1, 32),
        (1, 1, 32, 4), (4,), (1, 1, 32, 2), (2,),
    ),
    "mtcnn_rnet": (
        (3, 3, 3, 28), (28,), (1, 1, 28), (3, 3, 28, 48), (48,), (1, 1, 48), (2, 2, 48, 64), (64,), (1, 1, 64),
        (576, 128), (128,), (128,), (128, 4), (4,), (128, 2), (2,),
    ),
    "mtcnn_onet": (
        (3, 3, 3, 32), (32,), (1, 1, 32), (3, 3, 32, 64), (64,), (1, 1, 64), (3, 3, 64, 64), (64,), (1, 1, 64),
        (2, 2, 64, 128), (128,), (1, 1, 128), (1152, 256), (256,), (256,), (256, 4), (4,), (256, 10), (10,), (256, 2), (2,),
    ),
}  # fmt: skip
"""What each file must hold."""


def p_net(weights: Weights) -> _Net:
    """Any (1, h, w, 3) -> boxes (1, h', w', 4), probabilities (1, h', w', 2); a cell is 12 px, cells are 2 px apart."""
    _check("mtcnn_pnet", weights)
    rest = iter(weights)
    pixels = ops.parameter([1, -1, -1, 3], np.uint8)
    x = _convolutions(pixels, rest, (2, None, None))
    box, label = (ops.add(ops.convolution(x, _kernel(next(rest)), [1, 1], [0, 0], [0, 0], [1, 1]), _channel(next(rest))) for _ in range(2))
    return _Net([_last(box), _last(ops.softmax(label, 1))], pixels)


def r_net(weights: Weights, batch: int) -> _Net:
    """(batch, 24, 24, 3) -> boxes (batch, 4), probabilities (batch, 2)."""
    _check("mtcnn_rnet", weights)
    return _refiner(weights, batch, 24, (3, 3, None))


def o_net(weights: Weights, batch: int) -> _Net:
    """(batch, 48, 48, 3) -> boxes (batch, 4), points (batch, 10), probabilities (batch, 2)."""
    _check("mtcnn_onet", weights)
    return _refiner(weights, batch, 48, (3, 3, 2, None))


class _Net:
    """A compiled net. Not thread-safe: one instance per thread."""

    def __init__(self, results: list[Any], pixels: Any) -> None:
        self._request = compile_model(ov.Model(results, [pixels], "mtcnn")).create_infer_request()
        self._outputs = len(results)

    def run(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """One array per head; views that the next `run` overwrites."""
        self._request.set_input_tensor(ov.Tensor(pixels, shared_memory=True))
        self._request.infer()
        return [self._request.get_output_tensor(index).data for index in range(self._outputs)]


def _check(name: str, weights: Weights) -> None:
    if tuple(one.shape for one in weights) != SHAPES[name]:
        raise ModelFileError("holds other arrays than this network has", field=name, remedy="run `wince models fetch`")


def _refiner(weights: Weights, batch: int, side: int, pools: Pools) -> _Net:
    rest = iter(weights)
    pixels = ops.parameter([batch, side, side, 3], np.uint8)
    x = ops.transpose(_convolutions(pixels, rest, pools), np.array([0, 3, 2, 1]))
    x = _dense(ops.reshape(x, np.array([batch, -1]), False), rest)
    x = ops.prelu(x, ops.constant(next(rest)))
    *heads, label = (_dense(x, rest) for _ in range((len(weights) - 3 * len(pools) - 3) // 2))
    return _Net([*heads, ops.softmax(label, 1)], pixels)


def _convolutions(pixels: Any, rest: Iterator[NDArray[np.float32]], pools: Pools) -> Any:
    x = ops.divide(ops.subtract(ops.convert(pixels, "f32"), np.float32(127.5)), np.float32(128))
    x = ops.transpose(x, np.array([0, 3, 1, 2]))
    for side in pools:
        x = ops.convolution(x, _kernel(next(rest)), [1, 1], [0, 0], [0, 0], [1, 1])
        x = ops.add(x, _channel(next(rest)))
        x = ops.prelu(x, ops.constant(next(rest).reshape(-1)))
        if side is not None:
            x = ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [side, side], "ceil").output(0)
    return x


def _dense(x: Any, rest: Iterator[NDArray[np.float32]]) -> Any:
    return ops.add(ops.matmul(x, ops.constant(next(rest)), False, False), ops.constant(next(rest)))


def _kernel(weights: NDArray[np.float32]) -> Any:
    return ops.constant(np.ascontiguousarray(weights.transpose(3, 2, 0, 1)))


def _channel(bias: NDArray[np.float32]) -> Any:
    return ops.constant(bias.reshape(1, -1, 1, 1))


def _last(x: Any) -> Any:
    return ops.transpose(x, np.array([0, 2, 3, 1]))
