"""Capture's certificate is renewed while it runs: its next stream shows the new one, and nothing of the source is lost."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority
from tests.support.rpc import served
from tests.support.rpc_services import LIST, Echo, answer, echo, tokens, until
from wince import renewed
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceStub
from wince.clients import detect
from wince.clients.detect import Link
from wince.domain.frame import Beat
from wince.errors import ConfigError
from wince.rpc.auth import caller
from wince.rpc.config import RpcSettings
from wince.rpc.renewed_stub import RenewedStub

pytestmark = pytest.mark.timeout(120)
CALLERS = """
    old  publish,reader  cn:old.example
    new  publish,reader  cn:new.example
"""


class Names(Echo):
    """Who sent each message."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[str] = []

    async def DetectFaces(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for made in super().DetectFaces(requests, context):
            self.callers.append(caller().name)
            yield made


class Site:
    """A server that asks for certificates, and the files of a client."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        cert, key = self.authority.issue("127.0.0.1")
        self.server: dict[str, Any] = {"tls_cert_file": cert, "tls_key_file": key, "tls_client_ca_file": self.authority.file}
        self.server["token_file"] = tokens(folder / "tokens", CALLERS)
        self.cert, self.key = folder / "mine.crt", folder / "mine.key"
        self.put("old.example")
        self.config = RpcSettings(ca_file=self.authority.file, client_cert_file=self.cert, client_key_file=self.key)

    def put(self, name: str) -> None:
        for made, file in zip(self.authority.client(name), (self.cert, self.key), strict=True):
            shutil.copy(made, f"{file}.new")
            Path(f"{file}.new").replace(file)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(renewed, "AGAIN_S", 0.0)
    return Site(tmp_path)


def test_the_next_stream_shows_a_renewed_certificate(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "STREAM_AGE_S", 0.05)
    seen, sent = Names(), 0
    with served(echo(seen), **site.server) as server:
        stub = RenewedStub([f"127.0.0.1:{server.port}"], site.config, DetectServiceStub, longest_s=60)
        link = Link("cam-1", stub.now, lossless=True)
        link.start()

        def sends(who: str) -> bool:
            nonlocal sent
            sent += 1
            link.put(Beat("cam-1", sent * 1_000_000, 0, 0, 0))
            return who in seen.callers

        until(lambda: sends("old"))
        site.put("new.example")
        until(lambda: sends("new"))
        assert link.close(60)
        stub.close()
    assert len(seen.seen) >= sent


def test_what_can_not_be_used_leaves_the_last_one(site: Site, tmp_path: Path) -> None:
    """A pair halfway through its change; an authority that is no PEM; a file that is gone."""
    with served(answer(lambda: caller().name), **site.server) as server:
        stub = RenewedStub([f"127.0.0.1:{server.port}"], site.config, EstimateServiceStub, longest_s=60)

        def who() -> str:
            return stub.now().ListModels(LIST, timeout=20).model_set

        assert who() == "old"
        first = stub.now()
        newer = site.authority.client("new.example")
        shutil.copy(newer[0], site.cert)
        assert (who(), stub.now() is first) == ("old", True)
        site.key.unlink()
        assert who() == "old"
        shutil.copy(newer[1], site.key)
        assert who() == "new"
        stub.close()
        site.key.write_text("no key")
        with pytest.raises(ConfigError) as caught:
            RenewedStub([f"127.0.0.1:{server.port}"], site.config, EstimateServiceStub, longest_s=60)
        assert caught.value.field.startswith("rpc.client_cert_file")


def test_a_channel_that_was_replaced_is_closed_once_no_call_of_it_can_last(site: Site) -> None:
    with served(answer(lambda: caller().name), **site.server) as server:
        stub = RenewedStub([f"127.0.0.1:{server.port}"], site.config, EstimateServiceStub, longest_s=0.0)
        old = stub.now()
        site.put("new.example")
        until(lambda: stub.now() is not old)
        until(lambda: stub.now() and _closed(old))
        assert stub.now().ListModels(LIST, timeout=20).model_set == "new"
        stub.close()


def _closed(stub: EstimateServiceStub) -> bool:
    try:
        stub.ListModels(LIST, timeout=20)
    except ValueError:
        return True
    return False


def test_after_its_end_no_new_certificate_brings_it_back(site: Site) -> None:
    """A camera's thread may ask while the process ends. gRPC ends the whole process where a stub is made of a closed channel."""
    with served(answer(lambda: caller().name), **site.server) as server:
        stub = RenewedStub([f"127.0.0.1:{server.port}"], site.config, EstimateServiceStub, longest_s=60)
        stub.close()
        site.put("new.example")
        assert _closed(stub.now())
