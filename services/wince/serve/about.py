"""ServerService: what a server is, and which protocols it grades by. Every process that serves has it."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

from wince.api.server.v1 import server_pb2
from wince.api.server.v1 import server_service_pb2 as pb
from wince.api.server.v1.server_service_pb2_grpc import ServerServiceServicer, add_ServerServiceServicer_to_server
from wince.clock import Clock, wall_us
from wince.errors import WinceError
from wince.protocols.rules import ClinicalProtocol
from wince.rpc.errors import NotFound
from wince.rpc.pages import Pages
from wince.rpc.server import Registration, Workers
from wince.serve.protocols import ProtocolSet
from wince.settings import Settings
from wince.telemetry import logs
from wince.version import VERSION

log = logs.get(__name__)

NAME = "wince.api.server.v1.ServerService"
CAPABILITIES = ("filter", "order_by", "watch.resume", "watch.snapshot", "acknowledge", "report")
"""What this version can do beyond the first one. None is ever taken away or given another meaning."""


class ServerServicer(ServerServiceServicer):
    """Over the settings and the protocols' files."""

    def __init__(self, settings: Settings, protocols: Callable[[], ProtocolSet], services: Sequence[str], clock: Clock = wall_us) -> None:
        """`protocols`: those that are set; may block, and raise ProtocolError or ConfigError. `services`: what is served beside."""
        self._settings, self._protocols, self._clock = settings, protocols, clock
        self._services = sorted({*services, NAME})
        self._set_of = functools.cache(self._model_set)
        self.workers = Workers(1, "server-rpc")
        # A list of names hides nothing: what seals its tokens need only be the same in every replica.
        self._pages = Pages(lambda: hashlib.sha256(NAME.encode()).digest(), self.workers.run)

    async def GetServerInfo(self, request: pb.GetServerInfoRequest, context: Any) -> pb.GetServerInfoResponse:  # noqa: N802
        """See the proto."""
        info: server_pb2.ServerInfo = await self.workers.run(self._info)
        info.time_us = self._clock()
        return pb.GetServerInfoResponse(server=info)

    async def ListProtocols(self, request: pb.ListProtocolsRequest, context: Any) -> pb.ListProtocolsResponse:  # noqa: N802
        """See the proto."""
        page = await self._pages.begin(request, str)
        every: list[server_pb2.Protocol] = await self.workers.run(self._listed)
        after = page.after[0] if page.after else ""
        rows, token = page.cut([one for one in every if one.name > after][: page.limit], lambda one: (one.name,))
        return pb.ListProtocolsResponse(protocols=rows, next_page_token=token)

    async def GetProtocol(self, request: pb.GetProtocolRequest, context: Any) -> pb.GetProtocolResponse:  # noqa: N802
        """See the proto."""
        found: list[server_pb2.Protocol] = await self.workers.run(self._listed)
        for one in found:
            if one.name == request.name:
                return pb.GetProtocolResponse(protocol=one)
        raise NotFound("there is no such protocol", field="name", remedy=f"one of: {', '.join(one.name for one in found)}")

    def _info(self) -> server_pb2.ServerInfo:
        made = self._protocols()
        capabilities = [*CAPABILITIES, *(["reflection.v1"] if self._settings.rpc.reflection else [])]
        return server_pb2.ServerInfo(
            version=VERSION,
            api_version="v1",
            site=self._settings.site,
            services=self._services,
            protocols=made.every,
            model_set=self._set_of(made.default.name),
            capabilities=capabilities,
        )

    def _listed(self) -> list[server_pb2.Protocol]:
        made = self._protocols()
        return [self._message(one, one.name in made.every) for _, one in sorted(made.recorded.items())]

    def _model_set(self, name: str) -> str:
        """Empty where its files can't be read in this process: a service that runs no model may lie on a machine, or in an image, without
        them or without their engine."""
        if importlib.util.find_spec("openvino") is None:
            return ""
        from wince.serve import scoring  # most processes run no model, and don't wait for its libraries

        try:
            return scoring.model_set(self._protocols().every[name], self._settings.models_dir, self._settings.serving)
        except WinceError as error:
            log.info("the models of a protocol can't be read here", protocol=name, error=error)
            return ""

    def _message(self, protocol: ClinicalProtocol, runs: bool) -> server_pb2.Protocol:
        return server_pb2.Protocol(
            name=protocol.name,
            title=protocol.title,
            version=protocol.version,
            label=protocol.report.label,
            scale=protocol.scale.name,
            grades=[server_pb2.GradeBand(name=band.name, min_score=band.min) for band in protocol.scale.grades],
            population=protocol.population.name,
            window_us=protocol.window_us,
            frames_per_second=protocol.detect.rate_hz,
            rule=protocol.rule,
            model_set=self._set_of(protocol.name) if runs else "",
            runs=runs,
        )


def registration(servicer: ServerServicer) -> Registration:
    """The service, to be served."""
    return Registration(NAME, lambda server: add_ServerServiceServicer_to_server(servicer, server), close=servicer.workers.close)
