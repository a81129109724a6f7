"""Capture's own way to detect, where detect knows its callers: the role `publish`, no other."""

from pathlib import Path

import pytest

from tests.support.rpc import served
from tests.support.rpc_services import Echo, echo, tokens, until
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.clients.detect import Link
from wince.domain.frame import Beat
from wince.errors import Refused
from wince.rpc import client
from wince.rpc.config import RpcSettings

pytestmark = pytest.mark.timeout(120)
FILE = """
    capture  publish  capture-token-0123456789
    before   stage    before-token-0123456789a
"""


def link(port: int, token: str, folder: Path) -> Link:
    mine = folder / "token"
    mine.write_text(token)
    config = RpcSettings(client_token_file=mine)
    stub = DetectServiceStub(client.blocking_channel([f"127.0.0.1:{port}"], config))
    return Link("cam-1", lambda: stub, metadata=lambda: client.metadata(config))


def beat(second: int) -> Beat:
    return Beat("cam-1", second * 1_000_000, 0, 0, 0)


def test_capture_publishes_with_its_own_role(tmp_path: Path):
    seen = Echo()
    with served(echo(seen), token_file=tokens(tmp_path / "tokens", FILE)) as server:
        made = link(server.port, "capture-token-0123456789", tmp_path)
        made.start()
        for second in (1, 2, 3):
            made.put(beat(second))
        until(lambda: len(seen.seen) == 3)
        assert made.close(60)
        assert (made.streams, made.error) == (1, None)


def test_a_token_of_before_is_told_what_to_do(tmp_path: Path):
    with served(echo(Echo()), token_file=tokens(tmp_path / "tokens", FILE)) as server:
        made = link(server.port, "before-token-0123456789a", tmp_path)
        made.start()
        made.put(beat(1))
        until(lambda: made.error is not None)
        with pytest.raises(Refused) as caught:
            made.put(beat(2))
        assert (caught.value.field, "`publish`" in caught.value.remedy) == ("rpc.client_token_file", True)
