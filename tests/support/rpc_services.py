"""Small services that a server under test offers, and token files for it."""

import asyncio
import re
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from wince.api.capture.v1 import capture_pb2
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceServicer, add_DetectServiceServicer_to_server
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceServicer, add_EstimateServiceServicer_to_server
from wince.rpc.server import Registration
from wince.rpc.token_file import digest_of

DETECT = "wince.api.detect.v1.DetectService"
ESTIMATE = "wince.api.estimate.v1.EstimateService"
LIST = estimate_service_pb2.ListModelsRequest()


class Echo(DetectServiceServicer):
    """Answers every frame with a face of its number; `slow_s` long."""

    def __init__(self, name: str = "", slow_s: float = 0.0) -> None:
        self.name, self.slow_s = name, slow_s
        self.seen: list[int] = []

    async def DetectFaces(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            await asyncio.sleep(self.slow_s)
            self.seen.append(request.frame.sequence)
            yield detect_service_pb2.DetectFacesResponse(face=detect_pb2.Face(source=self.name, sequence=request.frame.sequence))


class Answer(EstimateServiceServicer):
    """`work` says what a call comes to; its result is the model set."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    async def ListModels(self, request: Any, context: Any) -> Any:
        made = self.work()
        return estimate_service_pb2.ListModelsResponse(model_set=str(await made if asyncio.iscoroutine(made) else made))


def echo(servicer: Echo) -> Registration:
    return Registration(DETECT, lambda server: add_DetectServiceServicer_to_server(servicer, server), max_bytes=16 << 20)


def answer(work: Callable[[], Any]) -> Registration:
    return Registration(ESTIMATE, lambda server: add_EstimateServiceServicer_to_server(Answer(work), server))


def raising(error: Exception) -> Registration:
    def work() -> None:
        raise error

    return answer(work)


def frame(sequence: int) -> detect_service_pb2.DetectFacesRequest:
    return detect_service_pb2.DetectFacesRequest(
        frame=capture_pb2.Frame(source="cam", sequence=sequence, width=16, height=16, jpeg=bytes(30_000))
    )


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


SECRET = re.compile(r"^(\s*\S+\s+\S+\s+)(?!cn:|sha256:|short)([A-Za-z0-9-]{16,})", re.MULTILINE)


def tokens(path: Path, text: str) -> Path:
    """A token file, with plain tokens in the text; the file holds their hashes, as it must."""
    path.write_text(SECRET.sub(lambda found: f"{found[1]}sha256:{digest_of(found[2]).hex()}", textwrap.dedent(text)))
    path.chmod(0o600)
    return path


FILE = """
    # who    may        how
    reader   reader     reader-token-0123456789
    stage    stage      sha256:6c3bdd4b9aae4b2e09d4eb2dcd38d0e3e3d5ed3c36d8b73db4f9e4d6ab1f5f0e   # of nothing we know
    camera   camera     camera-token-0123456789  sources=cam
"""


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)
