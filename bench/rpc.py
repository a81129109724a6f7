"""gRPC: frames of 30 KB over a bidirectional stream through Wince's server, against a bare grpc.aio echo.

Both servers run in a process of their own and answer every frame with its number and no picture, as DetectService's answers go; the
client is the same process and code for both: a plain stub, 16 frames in flight. Wince's has everything on: token, limits, the guard that
maps errors, stream age. "per core" divides by the CPU seconds of the server's process. The last figure is a unary call.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import grpc

from wince.api.capture.v1 import capture_pb2
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import (
    DetectServiceServicer,
    DetectServiceStub,
    add_DetectServiceServicer_to_server,
)
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.estimate.v1.estimate_service_pb2_grpc import (
    EstimateServiceServicer,
    EstimateServiceStub,
    add_EstimateServiceServicer_to_server,
)
from wince.rpc.config import RpcSettings
from wince.rpc.server import Registration, RpcServer
from wince.rpc.token_file import digest_of

FRAMES, CALLS, ROUNDS = 3000, 1000, 5
IN_FLIGHT = 16
TOKEN = "bench-token-0123456789"
METADATA = (("authorization", f"Bearer {TOKEN}"),)


class Echo(DetectServiceServicer):
    """A face for each frame."""

    async def DetectFaces(self, requests: Any, context: Any) -> Any:  # noqa: N802
        """See the proto."""
        async for request in requests:
            yield detect_service_pb2.DetectFacesResponse(face=detect_pb2.Face(sequence=request.frame.sequence))


class Models(EstimateServiceServicer):
    """Says a name."""

    async def ListModels(self, request: Any, context: Any) -> Any:  # noqa: N802
        """See the proto."""
        return estimate_service_pb2.ListModelsResponse(model_set="m")


def _add(server: grpc.aio.Server) -> None:
    add_DetectServiceServicer_to_server(Echo(), server)
    add_EstimateServiceServicer_to_server(Models(), server)


async def _bare() -> int:
    server = grpc.aio.server()
    _add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    _KEPT.append(server)
    return int(port)


async def _ours(folder: Path) -> int:
    file = folder / "tokens"
    file.touch(0o600)
    file.write_text(f"bench stage,reader sha256:{digest_of(TOKEN).hex()}\n")
    registrations = [
        Registration("wince.api.detect.v1.DetectService", _add),
        Registration("wince.api.estimate.v1.EstimateService", lambda _: None),
    ]
    server = RpcServer(registrations, RpcSettings(token_file=file))
    _KEPT.append(server)
    return await server.start()


_KEPT: list[object] = []


def _serve(bare: bool, pipe: Connection) -> None:
    """A server process: answers a request over the pipe with the CPU seconds that it has used."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            pipe.send(await (_bare() if bare else _ours(Path(folder))))
            while await asyncio.to_thread(pipe.recv):
                pipe.send(time.process_time())
        os._exit(0)

    asyncio.run(run())


def _frame(number: int, picture: bytes) -> detect_service_pb2.DetectFacesRequest:
    return detect_service_pb2.DetectFacesRequest(
        frame=capture_pb2.Frame(source="bench", sequence=number, width=640, height=360, jpeg=picture)
    )


async def _stream(port: int) -> float:
    """Seconds for FRAMES frames."""
    picture = os.urandom(30_000)
    room = asyncio.Semaphore(IN_FLIGHT)

    async def frames() -> Any:
        for number in range(FRAMES):
            await room.acquire()
            yield _frame(number, picture)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        begun = time.perf_counter()
        count = 0
        async for _ in DetectServiceStub(channel).DetectFaces(frames(), metadata=METADATA):
            room.release()
            count += 1
        assert count == FRAMES
        return time.perf_counter() - begun


async def _unary(port: int) -> float:
    """Seconds for CALLS calls, one after the other."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = EstimateServiceStub(channel)
        begun = time.perf_counter()
        for _ in range(CALLS):
            await stub.ListModels(estimate_service_pb2.ListModelsRequest(), metadata=METADATA)
        return time.perf_counter() - begun


def run() -> dict[str, Any]:
    """The figures."""
    context = multiprocessing.get_context("spawn")
    servers = []
    for bare in (True, False):
        mine, its = context.Pipe()
        process = context.Process(target=_serve, args=(bare, its), daemon=True)
        process.start()
        servers.append((mine, mine.recv(), process))

    def used(pipe: Connection) -> float:
        pipe.send(True)
        return float(pipe.recv())

    wall: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    unary: list[list[float]] = [[], []]
    for number in range(ROUNDS + 1):  # the first warms up; the two take turns, so that the machine's load hits both
        for index, (pipe, port, _) in enumerate(servers):
            before = used(pipe)
            seconds = asyncio.run(_stream(port))
            spent = used(pipe) - before
            before = used(pipe)
            asyncio.run(_unary(port))
            called = used(pipe) - before
            if number:
                wall[index].append(FRAMES / seconds)
                cpu[index].append(FRAMES / spent)
                unary[index].append(CALLS / called)
    for pipe, _, process in servers:
        pipe.send(False)
        process.join(5)
        process.kill()

    def row(figure: str, found: list[list[float]], unit: str) -> dict[str, Any]:
        rival, ours = (median(one) for one in found)
        against = {"rival_name": "bare grpc.aio echo", "rival": rival, "ratio": ours / rival, "aim": None}
        return {"figure": figure, "ours": ours, **against, "unit": unit}

    return {
        "title": "gRPC, a stream of 30 KB frames",
        "rows": [
            row("frames per core of the server", cpu, "frames/s"),
            row("frames, wall, both ends on this machine", wall, "frames/s"),
            row("unary calls per core of the server", unary, "calls/s"),
        ],
    }
