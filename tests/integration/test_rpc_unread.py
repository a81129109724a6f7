"""A caller who lost its right and reads no more: its stream ends all the same, and takes no place."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.support.rpc import dialled, failure, served
from tests.support.rpc_services import Echo, bearer, echo, frame, tokens, until
from wince.api.detect.v1 import detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.record.v1 import record_service_pb2, watch_pb2
from wince.api.record.v1.record_service_pb2_grpc import RecordServiceServicer, RecordServiceStub, add_RecordServiceServicer_to_server
from wince.rpc.server import Registration

pytestmark = pytest.mark.timeout(120)
LARGE = b"x" * (64 << 10)


class Loud(Echo, RecordServiceServicer):
    """Says more than anybody takes in, with and without requests; `running`: how many of them do."""

    running = 0

    async def DetectFaces(self, requests, context):
        async for _ in requests:
            async for _ in self.ever():
                yield detect_service_pb2.DetectFacesResponse(face={"source": "bed-1", "crop": LARGE})

    async def Watch(self, request, context):
        async for _ in self.ever():
            yield watch_pb2.WatchResponse(bed=LARGE.decode())

    async def ever(self):
        self.running += 1
        try:
            while True:
                yield
        finally:
            self.running -= 1


def watched(dial: grpc.Channel, metadata: Any) -> Any:
    return RecordServiceStub(dial).Watch(watch_pb2.WatchRequest(), metadata=metadata, timeout=100)


def detected(dial: grpc.Channel, metadata: Any) -> Any:
    return DetectServiceStub(dial).DetectFaces(iter([frame(1)]), metadata=metadata, timeout=100)


@pytest.mark.parametrize("call", [watched, detected])
def test_it_ends_with_its_token_though_nobody_reads(tmp_path: Path, call: Any) -> None:
    servicer = Loud()
    record = Registration(
        record_service_pb2.DESCRIPTOR.services_by_name["RecordService"].full_name,
        lambda server: add_RecordServiceServicer_to_server(servicer, server),
    )
    file = tokens(tmp_path / "tokens", "one stage,reader one-token-0123456789abc\nkept reader kept-token-0123456789\n")
    with served(echo(servicer), record, token_file=file) as server, dialled(server.port) as dial:
        answers = call(dial, bearer("one-token-0123456789abc"))
        next(answers)
        assert server.running == servicer.running == 1
        tokens(file, "kept reader kept-token-0123456789\n")
        until(lambda: server.running == servicer.running == 0)
        with pytest.raises(grpc.RpcError) as caught:
            for _ in answers:
                pass
        assert failure(caught.value).code is grpc.StatusCode.UNAUTHENTICATED
