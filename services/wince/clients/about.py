"""Client of what every server says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from wince.api.server.v1 import server_service_pb2 as pb
from wince.api.server.v1.server_service_pb2_grpc import ServerServiceStub
from wince.clients.unary import ServiceClient
from wince.codec.server import protocol_from_message, server_from_message
from wince.domain.server_info import ProtocolInfo, ServerInfo


class AboutClient(ServiceClient):
    """Any role will do. Every method raises as ServiceClient._call."""

    def server(self) -> ServerInfo:
        """Version, site, services, protocols and capabilities of the server."""
        return server_from_message(self._call(ServerServiceStub(self._channel).GetServerInfo, pb.GetServerInfoRequest()).server)

    def protocols(self) -> Iterator[ProtocolInfo]:
        """Every protocol whose file is there, by name; asked for page by page."""
        for answer in self._pages(ServerServiceStub(self._channel).ListProtocols, pb.ListProtocolsRequest()):
            yield from map(protocol_from_message, answer.protocols)

    def protocol(self, name: str) -> ProtocolInfo:
        """One protocol. Raises NotFound."""
        answer = self._call(ServerServiceStub(self._channel).GetProtocol, pb.GetProtocolRequest(name=name))
        return protocol_from_message(answer.protocol)
