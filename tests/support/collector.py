"""A collector of OpenTelemetry: OTLP over gRPC, as the protocol's own stubs have it. Keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as stubs


class Collector(stubs.TraceServiceServicer):
    """`requests`: as they came; `metadata`: of the last one."""

    def __init__(self) -> None:
        self.requests: list[pb.ExportTraceServiceRequest] = []
        self.metadata: dict[str, str] = {}
        self._came = threading.Condition()
        self.port = 0

    def Export(self, request: pb.ExportTraceServiceRequest, context: Any) -> pb.ExportTraceServiceResponse:
        with self._came:
            self.requests.append(request)
            self.metadata = dict(context.invocation_metadata())
            self._came.notify_all()
        return pb.ExportTraceServiceResponse()

    def spans(self) -> list[Any]:
        """All spans, of all requests."""
        return [span for request in self.requests for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]

    def wait(self, enough: Callable[[list[Any]], bool]) -> list[Any]:
        """The spans, once they are enough."""
        with self._came:
            assert self._came.wait_for(lambda: enough(self.spans()), 60)
            return self.spans()


@contextmanager
def collecting(credentials: grpc.ServerCredentials | None = None, port: int = 0) -> Iterator[Collector]:
    """A collector on a port of loopback; 0: a free one."""
    server, made = grpc.server(futures.ThreadPoolExecutor(2)), Collector()
    stubs.add_TraceServiceServicer_to_server(made, server)
    made.port = server.add_secure_port(f"127.0.0.1:{port}", credentials) if credentials else server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield made
    finally:
        server.stop(0).wait()
