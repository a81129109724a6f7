"""The services: whether each can do its work, by gRPC health."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wince.rpc import client
from wince.serve.process import SERVICES, WHERE_SET
from wince.serve.status.interface import Figures, Look, Row, State
from wince.serve.whereabouts import ServiceAt
from wince.settings import Settings

ANSWER_S = 2.0
STARTING_S = 60.0
"""A process that runs no longer than this and does not answer is still starting."""


def services(look: Look) -> list[Row]:
    """One row for each replica, in the order of the road's start; one row where nothing runs, or nobody said where."""
    places = [(name, address) for name in (*SERVICES, *WHERE_SET) for address in look.services.get(name, ())]
    if not places:
        return [_nowhere(look)]
    known = {service.name: service for service in look.up.services} if look.up is not None else {}
    with ThreadPoolExecutor(len(places)) as pool:
        health = list(pool.map(lambda place: serving(place[1], look.settings), places))
    return [_row(look, name, address, answer, known.get(name)) for (name, address), answer in zip(places, health, strict=True)]


def serving(address: str, settings: Settings) -> bool | str:
    """Whether a service says that it can do its work; where it says nothing, the gRPC code."""
    try:
        with client.blocking_channel([address], settings.rpc) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            answer = check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S, metadata=client.metadata(settings.rpc))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    except grpc.RpcError as error:
        return str(error.code().name) if isinstance(error, grpc.Call) else type(error).__name__


def _nowhere(look: Look) -> Row:
    if look.settings.pg_dsn is not None and not look.owned:
        remedy = "name them: --service record=HOST:PORT, for each"
        return Row("services", "services", State.UNKNOWN, "not asked", reason="nobody said where they are", remedy=remedy)
    if look.up is not None:
        return Row("services", "wince up", State.WARNING, "is starting", reason="no service is started yet", remedy="ask again")
    if look.owned:
        return Row("services", "wince run", State.OK, "runs: every stage in one process")
    return Row("services", "services", State.WARNING, "nothing runs", reason="no wince works on this state directory", remedy="`wince up`")


def _row(look: Look, name: str, address: str, answer: bool | str, known: ServiceAt | None) -> Row:
    figures: Figures = {"address": address, "pid": known.pid if known else None, "restarts": known.restarts if known else None}
    age_s = look.age_s(known.since_us) if known is not None and known.since_us else None
    if answer is True:
        return Row("services", name, State.OK, f"serves at {address}", age_s, figures=figures)
    log = look.places.root / "logs" / f"{name}.log"
    remedy = f"read {log}" if known is not None else "look at that process, and whether the network lets us through"
    starting = age_s is not None and age_s < STARTING_S
    if answer is False and not starting:
        return Row("services", name, State.BAD, f"runs at {address}", age_s, "says that it can't do its work", remedy, figures)
    if answer in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        reason, remedy = f"doesn't let us in ({answer})", "set WINCE_RPC__CLIENT_TOKEN_FILE or the client's certificate"
        return Row("services", name, State.UNKNOWN, f"runs at {address}", age_s, reason, remedy, figures)
    if known is not None and known.pid is None:
        return Row("services", name, State.BAD, "does not run", None, "its process ended; it is started again within 15 s", remedy, figures)
    if starting:
        return Row("services", name, State.WARNING, "is starting", age_s, f"is not ready yet at {address}", "ask again", figures)
    return Row("services", name, State.BAD, "does not answer", age_s, f"no answer at {address} ({answer})", remedy, figures)
