"""Asks an inference server by the Open Inference Protocol, version 2, over gRPC. TorchServe's path of the service is the default;
other servers (Triton, KServe, OpenVINO Model Server) have "inference".

Its errors are ours. TorchServe's codes say little (a full queue is INTERNAL, a dead worker RESOURCE_EXHAUSTED, an unknown model
INTERNAL), and its texts may change, so neither is used, nor logged:

    no answer in time                            Unavailable
    no connection                                Unavailable
    the path of the service is unknown           ConfigError
    any other refusal, tried twice               Unavailable
    an answer that isn't one                     Unavailable; field names what is wrong
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from wince.api.open_inference.v2 import open_inference_pb2 as pb
from wince.errors import ConfigError, InputError, Unavailable
from wince.models.ensemble import MAX_CROPS, Answer, Status
from wince.rpc.client import Connection
from wince.serving.config import TORCHSERVE
from wince.serving.handler import digest_of

MAX_MESSAGE = 24 << 20
TYPES = {"INT32": ("<i4", "int_contents"), "UINT32": ("<u4", "uint_contents"), "FP32": ("<f4", "fp32_contents")}
"""Of the tensors that are read, each of four bytes: numpy's name, and where the typed contents have them."""
WHOLE = {Status.MALFORMED: "malformed", Status.TOO_MANY: "too large", Status.CLIPS: "one of clips that its members don't see"}
"""What is said of a request as a whole."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """An answer, and what it says of itself."""

    answer: Answer
    version: str
    hashes: dict[str, str]
    """sha256 (hex) by member."""
    model_set: str


class OipClient(Connection):
    """One connection to one server. Thread-safe."""

    def __init__(
        self,
        target: str,
        *,
        prefix: str = TORCHSERVE,
        deadline_s: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """target: host:port. prefix: the package before GRPCInferenceService. deadline_s: for a whole call, the second try included."""
        self.target, self.deadline_s, self._clock = target, deadline_s, clock
        options = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        make = grpc.insecure_channel if credentials is None else lambda t, options: grpc.secure_channel(t, credentials, options)
        super().__init__(make(target, options=options))
        path = f"/{prefix}.GRPCInferenceService"
        self._live = self._call(path, "ServerLive", pb.ServerLiveResponse)
        self._ready = self._call(path, "ModelReady", pb.ModelReadyResponse)
        self._infer = self._call(path, "ModelInfer", pb.ModelInferResponse)

    def _call(self, path: str, name: str, response: Any) -> Any:
        return self._channel.unary_unary(f"{path}/{name}", lambda message: message.SerializeToString(), response.FromString)

    def live(self, deadline_s: float = 3.0) -> bool:
        """Whether the server answers at all. Raises ConfigError for a wrong prefix."""
        try:
            return bool(self._live(pb.ServerLiveRequest(), timeout=deadline_s).live)
        except grpc.RpcError as error:
            self._refuse_path(error)
            return False

    def has(self, name: str, version: str) -> bool:
        """Whether the server says that it has this model. Of TorchServe a yes is weak: ask for the golden inference."""
        try:
            return bool(self._ready(pb.ModelReadyRequest(name=name, version=version), timeout=self.deadline_s).ready)
        except grpc.RpcError as error:
            self._refuse_path(error)
            return False

    def infer(
        self, name: str, version: str, crops: Sequence[bytes], members: Sequence[str], classes: int, clips: Sequence[Sequence[int]] = ()
    ) -> Served:
        """Probabilities of at most MAX_CROPS JPEG crops; where members see clips, of `clips` (the indices of their crops, all of one
        length). Raises InputError for more, and what the module's head lists."""
        if not 0 < len(crops) <= MAX_CROPS:
            raise InputError(f"{len(crops)} crops in a request", field="crops", remedy=f"1 to {MAX_CROPS}")
        tensor = pb.ModelInferRequest.InferInputTensor(name="faces", datatype="BYTES", shape=[len(crops)])
        tensor.contents.bytes_contents.extend(crops)
        request = pb.ModelInferRequest(model_name=name, model_version=version, inputs=[tensor])
        if clips:
            places = request.inputs.add(name="clips", datatype="INT32", shape=[len(clips), len(clips[0])])
            places.contents.int_contents.extend(index for clip in clips for index in clip)
        return _read(self._twice(request), len(clips or crops), members, classes)

    def _twice(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        """One more try after a refusal: inference changes nothing, and a worker that died is there again in seconds."""
        end = self._clock() + self.deadline_s
        for again in (True, False):
            left = end - self._clock()
            try:
                response: pb.ModelInferResponse = self._infer(request, timeout=max(left, 0.001))
                return response
            except grpc.RpcError as error:
                self._refuse_path(error)
                late = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED or self._clock() >= end
                if late:
                    what = f"no answer within {self.deadline_s:g} s"
                    raise Unavailable(what, field=self.target, remedy="see the server's load, or give it a longer deadline") from None
                if not again:
                    break
        raise Unavailable("the inference server refused twice", field=self.target, remedy="see its log; faces wait, then count as late")

    def _refuse_path(self, error: grpc.RpcError) -> None:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            what = "the server does not know this path of the Open Inference Protocol"
            raise ConfigError(what, field="serving.prefix", remedy=f'"{TORCHSERVE}" for TorchServe, "inference" for others') from None


def _read(response: pb.ModelInferResponse, count: int, members: Sequence[str], classes: int) -> Served:
    outputs = _tensors(response)
    try:
        status = outputs["status"].astype(np.int32)
        if status.shape == (1,) and status[0] in WHOLE:
            raise Unavailable(f"the server calls the request {WHOLE[status[0]]}", field="faces", remedy="it serves another model")
        tables = {name: _table(outputs[f"probabilities/{name}"], count, classes) for name in members if f"probabilities/{name}" in outputs}
        fused = _table(outputs["fused"], count, classes)
        hashes = {name[7:]: digest_of(value.tolist()) for name, value in outputs.items() if name.startswith("sha256/")}
        model_set = digest_of(outputs["model_set"].tolist())
    except KeyError as error:
        raise Unavailable("the server's answer lacks a tensor", field=str(error.args[0]), remedy="it serves another model") from None
    if status.shape != (count,):
        raise Unavailable(f"the server answered {len(status)} of {count} crops", field="status")
    return Served(Answer(status, tables, fused), response.model_version, hashes, model_set)


def _tensors(response: pb.ModelInferResponse) -> dict[str, NDArray[Any]]:
    """By name, flat: from the typed contents (TorchServe), or the raw ones (Triton, OpenVINO Model Server). What is of another type than
    ours is no tensor of ours."""
    raw, found = response.raw_output_contents, dict[str, NDArray[Any]]()
    if raw and len(raw) != len(response.outputs):
        raise Unavailable(f"the server sent {len(raw)} contents of {len(response.outputs)} tensors", field="outputs")
    for index, output in enumerate(response.outputs):
        if output.datatype in TYPES:
            kind, contents = TYPES[output.datatype]
            if raw and len(raw[index]) % 4:
                raise Unavailable("the server sent a tensor that was cut off", field="outputs")
            found[output.name] = np.frombuffer(raw[index], kind) if raw else np.array(getattr(output.contents, contents), kind)
    return found


def _table(values: NDArray[Any], count: int, classes: int) -> NDArray[np.float32]:
    if values.size != count * classes or not np.isfinite(values).all():
        raise Unavailable(f"the server answered {values.size} numbers instead of {count * classes}", field="probabilities")
    return np.array(values, np.float32).reshape(count, classes)
