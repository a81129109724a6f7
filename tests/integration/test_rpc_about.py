"""What every server says of itself, and reflection by its newer name."""

import grpc
import pytest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from tests.support.rpc import dialled, refused, served
from wince.api.server.v1 import server_service_pb2 as pb
from wince.api.server.v1.server_service_pb2_grpc import ServerServiceStub
from wince.clients import unary
from wince.clients.about import AboutClient
from wince.protocols.loader import available, load
from wince.rpc.config import RpcSettings
from wince.rpc.errors import NotFound
from wince.serve import about, scoring
from wince.serve.protocols import protocol_set
from wince.settings import Settings
from wince.version import VERSION

RECORD = "wince.api.record.v1.RecordService"


def registration() -> object:
    settings = Settings(site="ward-test")
    return about.registration(about.ServerServicer(settings, lambda: protocol_set(settings), [RECORD], lambda: 7))


def test_a_server_says_what_it_is_and_by_which_protocols_it_grades(monkeypatch) -> None:
    monkeypatch.setattr(unary, "PAGE", 2)
    with served(registration()) as server, AboutClient([f"127.0.0.1:{server.port}"], RpcSettings()) as client:  # type: ignore[arg-type]
        found = client.server()
        assert (found.version, found.api_version, found.site, found.time_us) == (VERSION, "v1", "ward-test", 7)
        assert (list(found.services), list(found.protocols)) == ([RECORD, about.NAME], ["activity"])
        rules = load("activity")
        assert found.model_set == scoring.model_set(rules)
        assert {"watch.resume", "report", "reflection.v1"} <= set(found.capabilities)
        every = list(client.protocols())
        assert [one.name for one in every] == sorted(available())
        assert [one.name for one in every if one.runs] == ["activity"]
        one = client.protocol("activity")
        assert one in every
        assert (one.rule, one.model_set, one.window_us) == (rules.rule, found.model_set, rules.window_us)
        assert [(band.name, band.min_score) for band in one.grades] == [(band.name, band.min) for band in rules.scale.grades]
        with pytest.raises(NotFound, match="no such protocol"):
            client.protocol("activty")
        with dialled(server.port) as channel:
            wrong = pb.ListProtocolsRequest(page_token="x")
            assert refused(ServerServiceStub(channel).ListProtocols, wrong).fields == ["page_token"]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_answers_by_both_names_where_it_is_on(version: str) -> None:
    path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    asked = ServerReflectionRequest(list_services="*"), ServerReflectionRequest(file_containing_symbol=about.NAME)

    def ask(channel: grpc.Channel) -> list[ServerReflectionResponse]:
        call = channel.stream_stream(
            path, ServerReflectionRequest.SerializeToString, ServerReflectionResponse.FromString, _registered_method=False
        )
        return list(call(iter(asked), timeout=20))

    with served(registration()) as server, dialled(server.port) as channel:  # type: ignore[arg-type]
        names, described = ask(channel)
        assert about.NAME in [one.name for one in names.list_services_response.service]
        assert described.file_descriptor_response.file_descriptor_proto
    with served(registration(), reflection=False) as server, dialled(server.port) as channel:  # type: ignore[arg-type]
        assert refused(lambda **_: iter(ask(channel))).code is grpc.StatusCode.UNIMPLEMENTED
