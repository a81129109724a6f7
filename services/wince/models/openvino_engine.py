"""OpenVINO as the engine of the face models: one core per process, one infer request per model and thread.

One thread a model, because a front scales by cameras, not by threads within a frame. float32 unless a site asks for bfloat16: the
same numbers on every machine.

Reading and compiling the default models takes a second. Where a process says so (`keep_compiled`), what was compiled is kept on disk
and read back in a third of that by the next process (`compiled_folder.py`). It gives the same numbers, bit for bit: that is tried on
an input before it is kept.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wince.errors import ConfigError, ModelFileError
from wince.models import compiled_folder, cpu
from wince.models.compiled_folder import CompiledFolder
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


def read_model(file: Path) -> ov.Model:
    """The graph in a model file. Raises RuntimeError where it can't be read."""
    try:
        return core().read_model(str(file))
    except UnicodeDecodeError:  # what OpenVINO says of a name in the file that is no text
        raise RuntimeError("holds a name that is not UTF-8") from None


def compile_model(model: ov.Model, precision: Precision = "f32") -> ov.CompiledModel:
    """Compiled for one thread. Raises RuntimeError, as OpenVINO does, where it can't be; ConfigError where the CPU can't compute so."""
    return core().compile_model(model, "CPU", _options(precision))


def compiled(
    files: Sequence[Path], build: Callable[[], ov.Model], *recipe: Any, code: Path = Path(__file__), precision: Precision = "f32"
) -> ov.CompiledModel:
    """The model that `build` makes of `files`, compiled as by `compile_model`, or read back where it was kept.

    `recipe`: whatever else `build` depends on, as plain values. `code`: the source file of `build`. Raises as `compile_model` and
    `build` do.
    """
    options, folder = _options(precision), compiled_folder.of_process()
    key = None if folder is None else _key(files, code, recipe, options)
    if folder is None or key is None:
        return compile_model(build(), precision)
    network = folder.get(key)
    if network is not None:
        with suppress(RuntimeError):  # another build of OpenVINO that calls itself the same
            return core().import_model(network, "CPU", options)
    made = compile_model(build(), precision)
    if folder.writable() and _key(files, code, recipe, options) == key:  # the files are still those that `build` read
        _keep(folder, key, made, options)
    return made


def _options(precision: Precision) -> dict[str, Any]:
    if precision == "bf16" and "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ConfigError("this CPU has no bfloat16", field="WINCE_FACE_PRECISION=bf16", remedy="leave it out: f32 runs everywhere")
    return _CONFIG | {"INFERENCE_PRECISION_HINT": precision}


def _key(files: Sequence[Path], code: Path, recipe: Sequence[Any], options: dict[str, Any]) -> bytes | None:
    """Of everything that a compiled model depends on; None where a file can't be read."""
    try:
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (*files, code, Path(__file__))]
    except OSError:
        return None
    capabilities = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    parts = [ov.get_version(), capabilities, cpu.identity(), options, digests, recipe]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def _keep(folder: CompiledFolder, key: bytes, made: ov.CompiledModel, options: dict[str, Any]) -> None:
    """Keep a compiled model that answers the same when it is read back."""
    with suppress(RuntimeError):
        network = made.export_model().getvalue()
        if _answers(made) == _answers(core().import_model(network, "CPU", options)):
            folder.put(key, network)


def _answers(model: ov.CompiledModel) -> list[bytes]:
    """The outputs' bytes on one input, the same for every model of this form."""
    rng, given = np.random.default_rng(1), []
    for port in model.inputs:
        shape = [side.get_length() if side.is_static else 2 for side in port.get_partial_shape()]
        whole = port.get_element_type() == ov.Type.u8
        given.append(rng.integers(0, 256, shape, np.uint8) if whole else rng.random(shape, np.float32))
    request = model.create_infer_request()
    request.infer(given)
    return [bytes(tensor.data) for tensor in request.output_tensors]


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

        def build() -> ov.Model:
            model = read_model(file)
            model.reshape(list(shape))
            _own_biases(model)
            if tap is not None:
                model.add_outputs([_last_of_shape(model, tap)])
            if divide is not None:
                steps = PrePostProcessor(model)
                steps.input().tensor().set_element_type(ov.Type.u8)
                steps.input().preprocess().convert_element_type(ov.Type.f32).mean(divide[0]).scale(divide[1])
                model = steps.build()
            return model

        try:
            made = compiled([file], build, list(shape), divide, tap, precision=precision)
        except RuntimeError as error:
            raise ModelFileError(
                "the model file can't be used by this version of OpenVINO", field=file.name, remedy="run `wince models fetch`"
            ) from error
        self._request = made.create_infer_request()
        element = np.uint8 if divide is not None else np.float32
        self.input: NDArray[Any] = np.zeros(tuple(shape), element)
        self._request.set_input_tensor(ov.Tensor(self.input, shared_memory=True))
        self.names: tuple[str, ...] = tuple(min(port.names, default="") for port in made.outputs)
        """The outputs' names, in their order."""
        self._outputs: list[NDArray[np.float32]] = [self._request.get_output_tensor(i).data for i in range(len(made.outputs))]

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
