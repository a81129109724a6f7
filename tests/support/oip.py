"""A server of the Open Inference Protocol in Python, with the odd codes that TorchServe was measured to give; with `raw` it answers as
Triton and OpenVINO Model Server do."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np

from wince.api.open_inference.v2 import open_inference_pb2 as pb
from wince.models.ensemble import Ensemble
from wince.serving.config import TORCHSERVE
from wince.serving.handler import Packed

Fault = Callable[[pb.ModelInferRequest, grpc.ServicerContext], pb.ModelInferResponse | None]
"""Acts instead of the model; None: let it answer."""


class OipServer:
    """`with OipServer(...) as server:` then ask server.target. Counts calls; `faults` are used up one a call."""

    def __init__(
        self,
        ensemble: Ensemble | None,
        name: str,
        version: str,
        *,
        prefix: str = TORCHSERVE,
        raw: bool = False,
        credentials: grpc.ServerCredentials | None = None,
    ) -> None:
        self.name, self.version, self.raw = name, version, raw
        self.ensemble = ensemble
        self.faults: list[Fault] = []
        self.calls = 0
        self._server = grpc.server(ThreadPoolExecutor(4))
        table = {"ServerLive": (self._live, pb.ServerLiveRequest), "ModelReady": (self._ready, pb.ModelReadyRequest)}
        table["ModelInfer"] = (self._infer, pb.ModelInferRequest)
        methods = {
            method: grpc.unary_unary_rpc_method_handler(do, message.FromString, lambda answer: answer.SerializeToString())
            for method, (do, message) in table.items()
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(f"{prefix}.GRPCInferenceService", methods),))
        place = "127.0.0.1:0"
        port = self._server.add_secure_port(place, credentials) if credentials else self._server.add_insecure_port(place)
        self.target = f"127.0.0.1:{port}"

    def __enter__(self) -> "OipServer":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def _live(self, _request, _context):
        return pb.ServerLiveResponse(live=True)

    def _ready(self, request, context):
        if (request.name, request.version) != (self.name, self.version) or self.ensemble is None:
            context.abort(grpc.StatusCode.INTERNAL, "Model not found: x ... ModelNotFoundException")
        return pb.ModelReadyResponse(ready=True)

    def _infer(self, request, context):
        self.calls += 1
        if self.faults and (answer := self.faults.pop(0)(request, context)) is not None:
            return answer
        if (request.model_name, request.model_version) != (self.name, self.version) or self.ensemble is None:
            context.abort(grpc.StatusCode.INTERNAL, "Model not found: x ... ModelNotFoundException")
        tensors = {tensor.name: tensor for tensor in request.inputs}
        return self.reply(list(tensors["faces"].contents.bytes_contents), tensors.get("clips"))

    def reply(self, crops: list[bytes], clips: pb.ModelInferRequest.InferInputTensor | None = None) -> pb.ModelInferResponse:
        """What the handler says, as TorchServe's frontend hands it on."""
        packed = Packed.__new__(Packed)
        packed.ensemble, packed.description = self.ensemble, {"name": self.name, "version": self.version}
        data = [base64.b64encode(crop).decode() for crop in crops]
        inputs = [{"name": "faces", "datatype": "BYTES", "shape": [len(data)], "data": data}]
        if clips is not None:
            inputs.append({"name": "clips", "datatype": "INT32", "shape": list(clips.shape), "data": list(clips.contents.int_contents)})
        said = packed.reply({"id": "1", "inputs": inputs})
        response = pb.ModelInferResponse(model_name=said["model_name"], model_version=said["model_version"])
        for output in said["outputs"]:
            tensor = response.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
            field = {"INT32": "int_contents", "FP32": "fp32_contents", "UINT32": "uint_contents"}[output["datatype"]]
            if self.raw:
                kind = {"INT32": "<i4", "FP32": "<f4", "UINT32": "<u4"}[output["datatype"]]
                response.raw_output_contents.append(np.array(output["data"], kind).tobytes())
            else:
                getattr(tensor.contents, field).extend(output["data"])
        return response


def refuse(code: grpc.StatusCode, text: str) -> Fault:
    """Answers with that."""
    return lambda _request, context: context.abort(code, text)
