"""How many connections one address may have, and whose word counts on it."""

import asyncio
import socket
import threading
from contextlib import suppress

import grpc
import pytest

from tests.support.rpc import dialled, refused, served
from tests.support.rpc_apart import apart, most_memory
from tests.support.rpc_services import LIST, answer, frame, until
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceStub

pytestmark = pytest.mark.timeout(120)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
"""What a gRPC client says first: then its connection is no longer one that has said nothing."""


def test_one_client_with_a_thousand_connections_shuts_nobody_out():
    """They stay open, half of them after the first words of HTTP/2; nothing but their number tells them from others. Memory is bounded."""
    settings = "handshake_s=600.0, connection_idle_s=600.0, max_connections=300, max_connections_per_address=20"
    with apart(settings) as (process, port), dialled(port) as dial:
        assert len(list(DetectServiceStub(dial).DetectFaces(iter([frame(0)]), timeout=60))) == 1
        before, crowd = most_memory(process), []
        try:
            for number in range(1000):
                one = socket.socket()
                one.bind(("127.0.0.2", 0))
                one.settimeout(20)
                with suppress(OSError):  # beyond the total it is closed at once
                    one.connect(("127.0.0.1", port))
                    one.sendall(PREFACE if number % 2 else b"")
                crowd.append(one)
            assert len(list(DetectServiceStub(dial).DetectFaces(iter([frame(1)]), timeout=60))) == 1, "who was there before"
            for _ in range(5):  # who comes while they stay
                with dialled(port, initial_reconnect_backoff_ms=50, max_reconnect_backoff_ms=200, use_local_subchannel_pool=1) as late:
                    asked = DetectServiceStub(late).DetectFaces(iter([frame(1)]), timeout=60, wait_for_ready=True)
                    assert len(list(asked)) == 1
            until(lambda: sum(map(still_open, crowd)) <= 20)
            assert sum(map(still_open, crowd)) == 20, "those within the limit stay"
            assert most_memory(process) - before < 60, "MB"
        finally:
            for one in crowd:
                one.close()


def test_a_proxy_of_the_site_may_have_as_many_as_it_needs():
    """Named by its network: not counted. Another address is."""
    settings = "handshake_s=600.0, connection_idle_s=600.0, max_connections_per_address=5, proxies=('127.0.0.4/31',)"
    with apart(settings) as (_, port):
        crowd: dict[str, list[socket.socket]] = {"127.0.0.5": [], "127.0.0.3": []}
        try:
            for address, some in crowd.items():
                for _ in range(30):
                    one = socket.socket()
                    one.bind((address, 0))
                    one.settimeout(20)
                    with suppress(OSError):
                        one.connect(("127.0.0.1", port))
                        one.sendall(PREFACE)
                    some.append(one)
            until(lambda: sum(map(still_open, crowd["127.0.0.3"])) == 5)
            assert sum(map(still_open, crowd["127.0.0.5"])) == 30
        finally:
            for some in crowd.values():
                for one in some:
                    one.close()


@pytest.mark.parametrize("believed", [True, False])
def test_behind_a_proxy_each_has_a_share_of_its_own(believed: bool):
    """By the proxy's header, where the site names the proxy; else anybody could claim to be somebody new with each call."""
    gate = threading.Event()

    async def held() -> str:
        while not gate.is_set():
            await asyncio.sleep(0.02)
        return "done"

    settings = {"max_rpcs_per_caller": 2, "proxies": ("127.0.0.1", "::1") if believed else ()}
    with served(answer(held), **settings) as server, dialled(server.port) as dial:
        ask = EstimateServiceStub(dial).ListModels

        def via(address: str) -> tuple[tuple[str, str], ...]:
            return (("x-forwarded-for", f"203.0.113.9, {address}"),)

        waiting = [ask.future(LIST, timeout=60, metadata=via("10.0.0.7")) for _ in range(2)]
        until(lambda: server.running == 2)
        assert refused(ask, LIST, metadata=via("10.0.0.7")).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        if believed:
            waiting.append(ask.future(LIST, timeout=60, metadata=via("10.0.0.8")))
            until(lambda: server.running == 3)
        else:
            assert refused(ask, LIST, metadata=via("10.0.0.8")).code is grpc.StatusCode.RESOURCE_EXHAUSTED
        gate.set()
        assert [one.result().model_set for one in waiting] == ["done"] * len(waiting)


def still_open(one: socket.socket) -> bool:
    """Whether the server has not closed it."""
    one.setblocking(False)
    try:
        while one.recv(1 << 16):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
