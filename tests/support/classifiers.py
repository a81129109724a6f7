"""Small ONNX classifiers of crops with random, fixed weights: what a site would train, in 3 KB."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES = 6


def write(file: Path, classes: int, seed: int, *, output: str = "logits", width: int = FEATURES) -> Path:
    """A convolution of stride 16, an average over the picture, a dense layer; with softmax where output is "probabilities"."""
    rng = np.random.default_rng(seed)
    arrays = {
        "w1": rng.normal(0, 0.2, (width, 3, 16, 16)), "b1": rng.normal(0, 0.5, width), "w2": rng.normal(0, 2, (width, classes)),
        "b2": rng.normal(0, 0.2, classes),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["crop", "w1", "b1"], ["c"], strides=[16, 16]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], [output if output != "probabilities" else "z"]),
    ]
    if output == "probabilities":
        nodes.append(helper.make_node("Softmax", ["z"], ["probabilities"], axis=1))
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("crop", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", classes])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, file)
    return file
