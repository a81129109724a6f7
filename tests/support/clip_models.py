"""Small ONNX models of clips with random, fixed weights: a convolution per crop, and a bidirectional LSTM over the clip."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_clip(
    file: Path, classes: int, seed: int, *, frames: int | None = None, rate_hz: float | None = None, features: bool = True, hidden: int = 5
) -> Path:
    """Input "clip" (t, 3, 224, 224), outputs "logits" (1, classes) and "features" (t, 6).

    frames, rate_hz: what the file says that it was trained on; None: nothing. features: whether the inner result is an output."""
    rng, width = np.random.default_rng(seed), 6
    arrays = {
        "w1": rng.normal(0, 0.2, (width, 3, 16, 16)), "b1": rng.normal(0, 0.5, width),
        "w": rng.normal(0, 3, (2, 4 * hidden, width)), "r": rng.normal(0, 0.9, (2, 4 * hidden, hidden)),
        "b": rng.normal(0, 0.3, (2, 8 * hidden)), "w2": rng.normal(0, 1, (2 * hidden, classes)), "b2": rng.normal(0, 0.2, classes),
    }  # fmt: skip
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()]
    constants += [
        numpy_helper.from_array(np.array([1], np.int64), "one"),
        numpy_helper.from_array(np.array([1, 2 * hidden], np.int64), "flat"),
    ]
    node = helper.make_node
    nodes = [
        node("Conv", ["clip", "w1", "b1"], ["c"], strides=[16, 16]),
        node("Relu", ["c"], ["a"]),
        node("GlobalAveragePool", ["a"], ["p"]),
        node("Flatten", ["p"], ["features"]),
        node("Unsqueeze", ["features", "one"], ["sequence"]),
        node("LSTM", ["sequence", "w", "r", "b"], ["", "last"], hidden_size=hidden, direction="bidirectional"),
        node("Transpose", ["last"], ["turned"], perm=[1, 0, 2]),
        node("Reshape", ["turned", "flat"], ["both"]),
        node("Gemm", ["both", "w2", "b2"], ["logits"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, classes])]
    outputs += [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["t", width])] if features else []
    graph = helper.make_graph(
        nodes, "clips", [helper.make_tensor_value_info("clip", TensorProto.FLOAT, ["t", 3, 224, 224])], outputs, constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    said = {"frames": frames, "rate_hz": rate_hz}
    helper.set_model_props(model, {f"wince.{name}": f"{value:g}" for name, value in said.items() if value is not None})
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file)
    return file
