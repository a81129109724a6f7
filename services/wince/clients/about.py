"""Client of what every server says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from wince.api.server.v1 import server_pb2
from wince.api.server.v1 import server_service_pb2 as pb
from wince.api.server.v1.server_service_pb2_grpc import ServerServiceStub
from wince.clients.unary import ServiceClient


class AboutClient(ServiceClient):
    """Any role will do. Every method raises as ServiceClient._call."""

    def server(self) -> server_pb2.ServerInfo:
        """Version, site, services, protocols and capabilities of the server."""
        found: server_pb2.ServerInfo = self._call(ServerServiceStub(self._channel).GetServerInfo, pb.GetServerInfoRequest()).server
        return found

    def protocols(self) -> Iterator[server_pb2.Protocol]:
        """Every protocol whose file is there, by name; asked for page by page."""
        for answer in self._pages(ServerServiceStub(self._channel).ListProtocols, pb.ListProtocolsRequest()):
            yield from answer.protocols

    def protocol(self, name: str) -> server_pb2.Protocol:
        """One protocol. Raises NotFound."""
        found: server_pb2.Protocol = self._call(ServerServiceStub(self._channel).GetProtocol, pb.GetProtocolRequest(name=name)).protocol
        return found
