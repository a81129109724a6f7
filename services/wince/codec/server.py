"""wince.api.server.v1 -> domain, and the models of estimate: what a server says of itself."""

from __future__ import annotations

from wince.api.estimate.v1 import estimate_pb2
from wince.api.server.v1 import server_pb2 as pb
from wince.domain.server_info import GradeBand, ModelInfo, ModelState, ProtocolInfo, ServerInfo


def server_from_message(message: pb.ServerInfo) -> ServerInfo:
    """Protobuf to domain."""
    return ServerInfo(
        message.version,
        message.api_version,
        message.site,
        message.time_us,
        tuple(message.services),
        tuple(message.protocols),
        message.model_set,
        tuple(message.capabilities),
    )


def protocol_from_message(message: pb.Protocol) -> ProtocolInfo:
    """Protobuf to domain."""
    return ProtocolInfo(
        name=message.name,
        title=message.title,
        version=message.version,
        label=message.label,
        scale=message.scale,
        grades=tuple(GradeBand(band.name, band.min_score) for band in message.grades),
        population=message.population,
        window_us=message.window_us,
        rate_hz=message.frames_per_second,
        rule=message.rule,
        model_set=message.model_set,
        runs=message.runs,
    )


_MODEL_STATES: dict[int, ModelState] = {estimate_pb2.ModelState.Value(f"MODEL_STATE_{state.name}"): state for state in ModelState}


def model_from_message(message: estimate_pb2.Model) -> ModelInfo:
    """Protobuf to domain; a state that this version doesn't know is UNSPECIFIED."""
    return ModelInfo(message.name, message.sha256, _MODEL_STATES.get(message.state, ModelState.UNSPECIFIED))
