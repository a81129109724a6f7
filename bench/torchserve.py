"""What TorchServe adds to a call: the packed ensemble asked by gRPC, against the same ensemble in the process, in turns.

The ensemble is three small classifiers with random weights, so that what is measured is the way, not the models. A bare Python gRPC
server that answers the same request with as many numbers shows how much of it is gRPC. With a fourth member that sees clips: each call
brings one new crop, and nine that were there before.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import simplejpeg

from bench import Unmeasurable
from tests.support.classifiers import write
from tests.support.clip_models import write_clip
from wince.api.open_inference.v2 import open_inference_pb2 as pb
from wince.domain.clip import Clip
from wince.errors import ConfigError
from wince.local.torchserve import TorchServe
from wince.models.ensemble import Ensemble
from wince.serve.hosted_ensemble import come_ready
from wince.serving.client import OipClient
from wince.serving.manifest import golden_crops
from wince.serving.pack import pack

PYTHON = Path(__file__).resolve().parent.parent / ".venv-serving/bin/python"
MEMBERS, CLASSES = ("icu-a", "icu-b", "icu-c"), ("relaxed", "tense", "grimace")
CLIP = Clip(("icu-d",), 10, 5.0)
WARM, ROUNDS, CALLS = 1500, 30, 20
LIMIT_MS = 4.0
"""The aim of issue and design: what serving may add to a call of one crop, p50."""


def run() -> dict[str, Any]:
    """Milliseconds a call, and what TorchServe adds to one; sides alternate in blocks of calls."""
    with tempfile.TemporaryDirectory(prefix="wince-bench-") as name:
        folder = Path(name)
        files = {member: write(folder / f"{member}.onnx", 3, seed) for seed, member in enumerate(MEMBERS)}
        archive, manifest = pack("icu", "1.0", files, CLASSES, folder / "store")
        seers = files | {"icu-d": write_clip(folder / "icu-d.onnx", 3, 3, frames=CLIP.frames, rate_hz=CLIP.rate_hz)}
        beside, clips = pack("clips", "1.0", seers, CLASSES, folder / "store", clip=CLIP)
        try:
            server = TorchServe([archive, beside], folder / "run", python=PYTHON)
        except ConfigError as error:
            raise Unmeasurable(error.diagnostics()) from error
        with server, OipClient(server.target) as client, _Echo() as echo:
            come_ready(server.target, manifest)
            come_ready(server.target, clips)
            ensemble, seeing = Ensemble(files, 3), Ensemble(seers, 3, clip=CLIP)
            along = {"served clip": _Along(), "embedded clip": _Along()}
            whole = [list(range(CLIP.frames))]
            crop = golden_crops(1)
            sides: dict[str, Callable[[], object]] = {
                "served": lambda: client.infer("icu", "1.0", crop, MEMBERS, 3),
                "embedded": lambda: ensemble.answer(crop),
                "echo": lambda: echo.ask(crop),
                "served clip": lambda: client.infer("clips", "1.0", along["served clip"].move(), list(seers), 3, whole),
                "embedded clip": lambda: seeing.answer(along["embedded clip"].move(), whole),
            }
            for _ in range(WARM):  # java compiles while it works
                sides["served"]()
                sides["served clip"]()
                sides["embedded clip"]()
            times: dict[str, list[float]] = {side: [] for side in sides}
            for _ in range(ROUNDS):
                for side, call in sides.items():
                    for _ in range(CALLS):
                        start = time.perf_counter()
                        call()
                        times[side].append((time.perf_counter() - start) * 1000)
    blocks = {side: np.median(np.reshape(values, (ROUNDS, CALLS)), axis=1) for side, values in times.items()}
    p50 = {side: float(np.median(values)) for side, values in times.items()}
    added = float(np.median(blocks["served"] - blocks["embedded"]))  # of neighbours in time: both met the same load
    added_clip = float(np.median(blocks["served clip"] - blocks["embedded clip"]))
    clip_costs = float(np.median(blocks["embedded clip"] - blocks["embedded"]))
    return {
        "title": f"TorchServe over in-process ({len(MEMBERS)} small members, {ROUNDS * CALLS} calls a side, in turns)",
        "rows": [
            _row("one crop: what TorchServe adds, p50", added, "the limit", LIMIT_MS, LIMIT_MS / added, 1.0),
            _row("one crop on TorchServe, p50", p50["served"]),
            _row("one crop on TorchServe, p90", float(np.percentile(times["served"], 90))),
            _row("one crop in the process, p50", p50["embedded"]),
            _row("one crop: a bare gRPC answer of that size, p50", p50["echo"]),
            _row(f"one clip of {CLIP.frames} crops, one of them new: what TorchServe adds, p50", added_clip),
            _row("one clip on TorchServe, p50", p50["served clip"]),
            _row("one clip in the process, p50", p50["embedded clip"]),
            _row("of that what a (small) member that sees clips costs, p50", clip_costs),
        ],
    }


def _row(
    figure: str, ours: float, rival_name: str = "", rival: float | None = None, ratio: float | None = None, aim: float | None = None
) -> dict[str, Any]:
    return {"figure": figure, "ours": ours, "rival_name": rival_name, "rival": rival, "ratio": ratio, "aim": aim, "unit": "ms"}


class _Along:
    """A clip that moves on by one crop a call, each drawn before: some 8 KB, as a face's."""

    def __init__(self) -> None:
        coarse = np.random.default_rng(1).integers(60, 190, (28, 28, 3), np.uint8)
        self._crops = []
        for at in range(WARM + ROUNDS * CALLS + CLIP.frames):
            coarse[0, 0] = at % 251, at // 251, 9
            pixels = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
            self._crops.append(simplejpeg.encode_jpeg(pixels, quality=90, colorspace="RGB", colorsubsampling="420"))
        self._at = 0

    def move(self) -> list[bytes]:
        """The clip's crops."""
        self._at += 1
        return self._crops[self._at : self._at + CLIP.frames]


class _Echo:
    """A gRPC server that does nothing but answer."""

    def __enter__(self) -> _Echo:
        answer = pb.ModelInferResponse(model_name="icu", model_version="1.0")
        for name in (*MEMBERS, "fused"):
            answer.outputs.add(name=name, datatype="FP32", shape=[1, 3]).contents.fp32_contents.extend([0.5, 0.25, 0.25])
        handler = grpc.unary_unary_rpc_method_handler(
            lambda _request, _context: answer, pb.ModelInferRequest.FromString, lambda message: message.SerializeToString()
        )
        self._server = grpc.server(ThreadPoolExecutor(1))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare", {"Infer": handler}),))
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._call = self._channel.unary_unary("/bare/Infer", lambda message: message.SerializeToString(), pb.ModelInferResponse.FromString)
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._server.stop(None).wait()

    def ask(self, crops: Sequence[bytes]) -> object:
        """The request that the client would send."""
        tensor = pb.ModelInferRequest.InferInputTensor(name="faces", datatype="BYTES", shape=[len(crops)])
        tensor.contents.bytes_contents.extend(crops)
        return self._call(pb.ModelInferRequest(model_name="icu", inputs=[tensor]))
