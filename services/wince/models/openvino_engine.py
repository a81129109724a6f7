"""OpenVINO as the engine of the face models: one core per process, one infer request per model and thread.

One thread a model, because a front scales by cameras, not by threads within a frame. float32 unless a site asks for bfloat16: the
same numbers on every machine.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wince.errors import ConfigError, ModelFileError
from wince.models.openvino_quiet import PrePostProcessor, ops, ov

_CONFIG = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
Precision = Literal["f32", "bf16"]
"""How exactly a network computes. bf16: 8 bits of mantissa, where the CPU has the instructions for it."""
_core: ov.Core | None = None
_core_lock = threading.Lock()


def core() -> ov.Core:
    """The process's OpenVINO core. Thread-safe."""
    global _core  # noqa: PLW0603 - a core owns the plugin and its threads; a second one only costs memory
    with _core_lock:
        if _core is None:
            _core = ov.Core()
        return _core


def compile_model(model: ov.Model, precision: Precision = "f32") -> ov.CompiledModel:
    """Compiled for one thread. Raises RuntimeError, as OpenVINO does, where it can't be; ConfigError where the CPU can't compute so."""
    if precision == "bf16" and "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ConfigError("this CPU has no bfloat16", field="WINCE_FACE_PRECISION=bf16", remedy="leave it out: f32 runs everywhere")
    return core().compile_model(model, "CPU", _CONFIG | {"INFERENCE_PRECISION_HINT": precision})


class Network:
    """One compiled model with its own input and output memory. Not thread-safe: one instance per thread.

    `input` is the memory that the next `run` reads; write into it in place. `run` returns views of output memory, which the
    next `run` overwrites: copy what is kept.
    """

    def __init__(
        self,
        file: Path,
        shape: Sequence[int],
        *,
        divide: tuple[float, float] | None = None,
        tap: Sequence[int] | None = None,
        precision: Precision = "f32",
    ):
        """`shape`: the input's. `divide` (mean, scale): input is uint8 and the graph computes (x - mean) / scale itself.
        `tap`: also give the last inner result of this shape, as the last output (found by shape, because names of inner results
        change with the version of OpenVINO).

        Raises ModelFileError where the file can't be read as such a model.
        """
        try:
            model = core().read_model(str(file))
            model.reshape(list(shape))
            _own_biases(model)
            if tap is not None:
                model.add_outputs([_last_of_shape(model, tap)])
            if divide is not None:
                steps = PrePostProcessor(model)
                steps.input().tensor().set_element_type(ov.Type.u8)
                steps.input().preprocess().convert_element_type(ov.Type.f32).mean(divide[0]).scale(divide[1])
                model = steps.build()
            compiled = compile_model(model, precision)
        except RuntimeError as error:
            raise ModelFileError(
                "the model file can't be used by this version of OpenVINO", field=file.name, remedy="run `wince models fetch`"
            ) from error
        self._request = compiled.create_infer_request()
        element = np.uint8 if divide is not None else np.float32
        self.input: NDArray[Any] = np.zeros(tuple(shape), element)
        self._request.set_input_tensor(ov.Tensor(self.input, shared_memory=True))
        self.names: tuple[str, ...] = tuple(min(port.names, default="") for port in compiled.outputs)
        """The outputs' names, in their order."""
        self._outputs: list[NDArray[np.float32]] = [self._request.get_output_tensor(i).data for i in range(len(compiled.outputs))]

    def run(self) -> list[NDArray[np.float32]]:
        """Infer from `input`; one array per output, in the model's order (a tap comes last)."""
        self._request.infer()
        return self._outputs


def _last_of_shape(model: ov.Model, shape: Sequence[int]) -> Any:
    found = [
        output
        for operation in model.get_ordered_ops()
        for output in operation.outputs()
        if output.partial_shape.is_static and list(output.partial_shape.to_shape()) == list(shape)
    ]
    if not found:
        raise ModelFileError(f"the model has no inner result of shape {tuple(shape)}", field="face_landmarks")
    return found[-1]


def _own_biases(model: ov.Model) -> None:
    """Give every addition a constant of its own where several share one. A shared one keeps OpenVINO from fusing the addition
    into the convolution before it: 34 passes over memory in the face mesh, 6 % of its time. The numbers stay the same."""
    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "Add":
            continue
        for position in (0, 1):
            source = operation.input_value(position)
            shared, node = len(source.get_target_inputs()) > 1, source.get_node()
            while node.get_type_name() in ("Convert", "Unsqueeze", "Reshape"):
                shared |= len(node.input_value(0).get_target_inputs()) > 1
                node = node.input_value(0).get_node()
            if shared and node.get_type_name() == "Constant" and source.get_partial_shape().is_static:
                own = ops.constant(node.data.astype(np.float32).reshape(list(source.get_shape())))
                operation.input(position).replace_source_output(own.output(0))
