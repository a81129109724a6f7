"""A client that is gone without a word, its connection still open, is found out by the server's pings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from tests.support.rpc import dialled, served
from tests.support.rpc_services import Echo, echo, frame, until
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub

CLIENT = """
import sys, threading
from tests.support.rpc import dialled
from tests.support.rpc_services import frame
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub

def frames():
    yield frame(1)
    threading.Event().wait()

with dialled(int(sys.argv[1])) as dial:
    for _ in DetectServiceStub(dial).DetectFaces(frames()):
        print("answered", flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_frozen_client_s_stream_ends_and_another_s_goes_on():
    """Frozen: its kernel takes the pings, and nobody answers them."""
    with served(echo(Echo()), keepalive_s=10.0, stream_idle_s=600.0) as server:
        command = [sys.executable, "-c", CLIENT, str(server.port)]
        frozen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        try:
            assert frozen.stdout is not None
            assert frozen.stdout.readline() == "answered\n"
            with dialled(server.port) as dial:
                hold = threading.Event()

                def frames():
                    yield frame(1)
                    hold.wait(120)
                    yield frame(2)

                answers = DetectServiceStub(dial).DetectFaces(frames(), timeout=150)
                assert next(answers).face.sequence == 1
                assert server.running == 2
                os.kill(frozen.pid, signal.SIGSTOP)
                until(lambda: server.running == 1)
                hold.set()
                assert [one.face.sequence for one in answers] == [2], "who answers pings is left alone"
        finally:
            os.kill(frozen.pid, signal.SIGCONT)
            frozen.kill()
            frozen.wait()


def test_a_client_that_pings_too_often_is_sent_away():
    """GOAWAY: too many pings; it is told, and may come again."""
    with served(echo(Echo())) as server:
        options = {"keepalive_time_ms": 10, "keepalive_permit_without_calls": 1, "http2.max_pings_without_data": 0}
        with dialled(server.port, **options) as dial, dialled(server.port) as other:
            hold = threading.Event()

            def frames():
                yield frame(1)
                hold.wait(60)

            with pytest.raises(grpc.RpcError) as caught:
                for _ in DetectServiceStub(dial).DetectFaces(frames(), timeout=60):
                    pass
            hold.set()
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert len(list(DetectServiceStub(other).DetectFaces(iter([frame(1)]), timeout=60))) == 1
