"""The server every service runs on: what errors come to, who may call."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from tests.support.certificates import Authority
from tests.support.rpc import dialled, failure, refused, served
from tests.support.rpc_services import DETECT, ESTIMATE, FILE, LIST, Echo, answer, bearer, echo, frame, raising, tokens
from wince import errors
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.detect.v1.detect_service_pb2_grpc import (
    DetectServiceStub,
)
from wince.api.errors.v1 import errors_pb2
from wince.api.estimate.v1.estimate_service_pb2_grpc import (
    EstimateServiceStub,
)
from wince.errors import ConfigError
from wince.rpc import errors as rpc
from wince.rpc.auth import caller
from wince.rpc.config import RpcSettings
from wince.rpc.server import RpcServer

pytestmark = pytest.mark.timeout(120)


SECRET = "patient John Doe MRN 123"


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.InputError("m", field="f", remedy="r"), "INVALID_ARGUMENT", "INVALID_INPUT"),
        (errors.MediaError("m", field="f"), "INVALID_ARGUMENT", "MEDIA"),
        (errors.ProtocolError("m", field="f"), "INVALID_ARGUMENT", "PROTOCOL"),
        (errors.ConfigError("m", field="f"), "FAILED_PRECONDITION", "CONFIG"),
        (errors.ModelFileError("m", field="f"), "FAILED_PRECONDITION", "MODEL_FILE"),
        (errors.DataError("m", field="f"), "INVALID_ARGUMENT", "DATA"),
        (errors.MessageError("m", field="f"), "INVALID_ARGUMENT", "MESSAGE"),
        (errors.PeerError("m", field="f"), "UNAVAILABLE", "PEER"),
        (errors.Unavailable("m", field="f", retry_after_s=2.5), "UNAVAILABLE", "UNAVAILABLE"),
        (errors.Refused("m", field="f"), "FAILED_PRECONDITION", "REFUSED"),
        (errors.ResourceError("m", field="f"), "RESOURCE_EXHAUSTED", "RESOURCE"),
        (errors.StoreError("m", field="f"), "UNAVAILABLE", "STORE"),
        (errors.IntegrityError("m", field="f"), "DATA_LOSS", "INTEGRITY"),
        (rpc.NotFound("m", field="f"), "NOT_FOUND", "INVALID_INPUT"),
        (rpc.AlreadyExists("m", field="f"), "ALREADY_EXISTS", "REFUSED"),
        (rpc.Forbidden("m", field="f"), "PERMISSION_DENIED", "REFUSED"),
        (rpc.OutOfRange("m", field="f"), "OUT_OF_RANGE", "INVALID_INPUT"),
        (errors.WinceError(SECRET, field=SECRET), "INTERNAL", "INTERNAL"),
        (ValueError(SECRET), "INTERNAL", "INTERNAL"),
        (grpc.RpcError(SECRET), "INTERNAL", "INTERNAL"),
    ],
)
def test_every_error_has_its_status_and_none_leaks(error, code, reason, capsys):
    with served(raising(error)) as server, dialled(server.port) as dial:
        found = refused(EstimateServiceStub(dial).ListModels, LIST)
    assert (found.code.name, errors_pb2.ErrorReason.Name(found.error.reason)) == (code, f"ERROR_REASON_{reason}")
    assert SECRET not in found.text + str(found.error) + str(found.fields)
    assert isinstance(error, errors.WinceError) or SECRET not in capsys.readouterr().err
    if code == "INTERNAL":
        assert (found.text, found.error.field) == ("internal error", "")
    else:
        assert (found.error.field, found.error.message) == ("f", "m")
        assert found.fields == (["f"] if isinstance(error, errors.InputError) else [])
    assert found.error.retry_after_s == (2.5 if isinstance(error, errors.Unavailable) else 0)


def test_an_unexpected_error_in_a_stream_leaks_nothing():
    class Broken(Echo):
        async def DetectFaces(self, requests, context):
            async for request in requests:
                yield detect_service_pb2.DetectFacesResponse(face=detect_pb2.Face(sequence=request.frame.sequence))
                raise KeyError(SECRET)

    with served(echo(Broken())) as server, dialled(server.port) as dial:
        answers = DetectServiceStub(dial).DetectFaces(iter([frame(4)]))
        assert next(answers).face.sequence == 4
        with pytest.raises(grpc.RpcError) as caught:
            next(answers)
    assert (failure(caught.value).code, failure(caught.value).text) == (grpc.StatusCode.INTERNAL, "internal error")


def test_bytes_that_are_no_message():
    with served(echo(Echo()), answer(lambda: "m")) as server, dialled(server.port) as dial:
        bad = b"\xff\xff\xff\xff no protobuf"
        asked = refused(dial.unary_unary(f"/{ESTIMATE}/ListModels"), bad)
        for found in (asked, refused(dial.stream_stream(f"/{DETECT}/DetectFaces"), iter([bad]))):
            assert (found.code, len(found.fields)) == (grpc.StatusCode.INVALID_ARGUMENT, 1)
            assert "no protobuf" not in found.text
        assert refused(dial.unary_unary(f"/{ESTIMATE}/NoSuch"), b"").code is grpc.StatusCode.UNIMPLEMENTED


def test_health_and_reflection():
    with served(echo(Echo()), answer(lambda: "m")) as server, dialled(server.port) as dial:
        check = HealthStub(dial).Check
        for name in ("", DETECT, ESTIMATE):
            assert check(health_pb2.HealthCheckRequest(service=name)).status == health_pb2.HealthCheckResponse.SERVING
        assert refused(check, health_pb2.HealthCheckRequest(service="none")).code is grpc.StatusCode.NOT_FOUND
        server.ready(DETECT, False)
        assert check(health_pb2.HealthCheckRequest(service=DETECT)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="*")])
        (said,) = ServerReflectionStub(dial).ServerReflectionInfo(asked)
        assert {DETECT, ESTIMATE} <= {one.name for one in said.list_services_response.service}


# Who may call


def test_tokens_and_roles(tmp_path):
    file = tokens(tmp_path / "t", FILE)
    with served(echo(Echo()), answer(lambda: caller().name), token_file=file) as server, dialled(server.port) as dial:
        ask = EstimateServiceStub(dial).ListModels
        assert ask(LIST, metadata=bearer("reader-token-0123456789")).model_set == "reader"
        for metadata in ((), bearer("wrong-token-0123456789"), bearer(""), (("authorization", "reader-token-0123456789"),)):
            assert refused(ask, LIST, metadata=metadata).code is grpc.StatusCode.UNAUTHENTICATED
        found = refused(ask, LIST, metadata=bearer("camera-token-0123456789"))
        assert (found.code, "camera-token" in found.text) == (grpc.StatusCode.PERMISSION_DENIED, False)
        assert refused(DetectServiceStub(dial).DetectFaces, iter([frame(0)])).code is grpc.StatusCode.UNAUTHENTICATED
        reads = refused(DetectServiceStub(dial).DetectFaces, iter([frame(0)]), metadata=bearer("reader-token-0123456789"))
        assert reads.code is grpc.StatusCode.PERMISSION_DENIED
        reflect = ServerReflectionStub(dial).ServerReflectionInfo
        assert refused(reflect, iter([reflection_pb2.ServerReflectionRequest(list_services="*")])).code is grpc.StatusCode.UNAUTHENTICATED
        assert HealthStub(dial).Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


WRONG_LINES = ("", "name reader", "name chief token-0123456789abc", "x reader short", "x reader sha256:12", "n! reader token-01234567")


@pytest.mark.parametrize("line", WRONG_LINES)
def test_wrong_token_files_are_named(tmp_path, line):
    with pytest.raises(ConfigError) as caught:
        RpcServer([], RpcSettings(token_file=tokens(tmp_path / "t", line)))
    assert "rpc.token_file" in caught.value.field
    assert "token-0123456789abc" not in caught.value.diagnostics()
    open_to_all = tokens(tmp_path / "o", "a reader token-0123456789abc")
    open_to_all.chmod(0o644)
    with pytest.raises(ConfigError, match="every user"):
        RpcServer([], RpcSettings(token_file=open_to_all))


@pytest.fixture
def pki(tmp_path) -> tuple[Authority, dict[str, Path]]:
    authority = Authority(tmp_path)
    cert, key = authority.issue("localhost")
    return authority, {"tls_cert_file": cert, "tls_key_file": key}


def test_tls(pki, tmp_path):
    authority, tls = pki
    other = Authority(tmp_path, "another authority")
    with served(answer(lambda: "m"), **tls) as server:
        with dialled(server.port, grpc.ssl_channel_credentials(authority.file.read_bytes())) as dial:
            assert EstimateServiceStub(dial).ListModels(LIST, timeout=20).model_set == "m"
        with dialled(server.port, grpc.ssl_channel_credentials(other.file.read_bytes())) as dial:
            assert refused(EstimateServiceStub(dial).ListModels, LIST).code is grpc.StatusCode.UNAVAILABLE
        with dialled(server.port) as dial:
            assert refused(EstimateServiceStub(dial).ListModels, LIST).code is grpc.StatusCode.UNAVAILABLE


def test_a_renewed_certificate_counts_without_a_restart(pki, tmp_path, monkeypatch):
    monkeypatch.setattr("wince.rpc.tls.AGAIN_S", 0.0)
    authority, tls = pki
    (tmp_path / "next").mkdir()
    successor = Authority(tmp_path / "next")

    def ask(believed: Authority) -> grpc.StatusCode | str:
        with dialled(server.port, grpc.ssl_channel_credentials(believed.file.read_bytes())) as dial:
            try:
                return EstimateServiceStub(dial).ListModels(LIST, timeout=20).model_set
            except grpc.RpcError as error:
                return failure(error).code

    with served(answer(lambda: "m"), **tls) as server:
        assert ask(authority) == "m"
        tls["tls_key_file"].write_text("no key")
        assert ask(authority) == "m"
        cert, key = successor.issue("localhost")
        tls["tls_key_file"].write_bytes(key.read_bytes())
        tls["tls_cert_file"].write_bytes(cert.read_bytes())
        assert ask(successor) == "m"
        assert ask(authority) is grpc.StatusCode.UNAVAILABLE


def test_mtls_with_roles_by_certificate(pki, tmp_path):
    authority, tls = pki
    file = tokens(tmp_path / "t", "ward reader cn:ward-3.example\nboss operator boss-token-0123456789")
    stranger = Authority(tmp_path, "another authority")
    with served(answer(lambda: caller().name), tls_client_ca_file=authority.file, token_file=file, **tls) as server:

        def ask(issuer: Authority | None, name: str = "", metadata: Any = ()) -> str:
            cert, key = issuer.issue(name) if issuer else (None, None)
            credentials = grpc.ssl_channel_credentials(
                authority.file.read_bytes(), key.read_bytes() if key else None, cert.read_bytes() if cert else None
            )
            with dialled(server.port, credentials) as dial:
                try:
                    return EstimateServiceStub(dial).ListModels(LIST, timeout=20, metadata=metadata).model_set
                except grpc.RpcError as error:
                    return failure(error).code.name

        assert ask(authority, "ward-3.example") == "ward"
        assert ask(authority, "ward-4.example") == "UNAUTHENTICATED"
        assert ask(authority, "ward-4.example", bearer("boss-token-0123456789")) == "boss"
        assert ask(stranger, "ward-3.example") == "UNAVAILABLE"
        assert ask(None) == "UNAVAILABLE"


def test_nothing_listens_beyond_loopback_by_chance(pki, tmp_path):
    _, tls = pki
    file = tokens(tmp_path / "t", FILE)
    for settings, field in (({}, "rpc.tls_cert_file"), (tls, "rpc.token_file"), ({"token_file": file}, "rpc.tls_cert_file")):
        for host in ("0.0.0.0", "::", "example.org"):
            with pytest.raises(ConfigError) as caught:
                RpcServer([], RpcSettings(host=host, **settings))
            assert caught.value.field == field
    RpcServer([], RpcSettings(host="0.0.0.0", token_file=file, **tls))
    RpcServer([], RpcSettings(host="0.0.0.0", insecure_listen_beyond_loopback=True))
    with pytest.raises(ConfigError):
        RpcServer([], RpcSettings(tls_cert_file=tls["tls_cert_file"]))
    with pytest.raises(ConfigError, match="PEM"):
        RpcServer([], RpcSettings(tls_cert_file=file, tls_key_file=tls["tls_key_file"]))
