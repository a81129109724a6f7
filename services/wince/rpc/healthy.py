"""Asks a service whether it can work: `python -m wince.rpc.healthy [HOST:PORT]`, exit code 0 where it serves, else 1.

For container engines whose health checks run a command inside the container: images hold no shell tools to ask with.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

WHERE = "127.0.0.1:7420"
"""Where health_port is 7420, as in the images' compose file and the chart."""
WAIT_S = 3.0
SERVES = "SERVING"


def answer(where: str, wait_s: float = WAIT_S, *, until_reached: bool = False) -> str:
    """What the health port at HOST:PORT says: SERVING, NOT_SERVING, or the name of gRPC's error, such as UNAVAILABLE.

    `until_reached`: try to connect for all of `wait_s` seconds, rather than once.
    """
    with grpc.insecure_channel(where) as channel:
        asked = health_pb2.HealthCheckRequest()
        try:
            said = health_pb2_grpc.HealthStub(channel).Check(asked, timeout=wait_s, wait_for_ready=until_reached).status
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(said))


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    where = arguments[0] if arguments else WHERE
    said = answer(where)
    print(f"{where}: {said}", file=sys.stdout if said == SERVES else sys.stderr)
    return 0 if said == SERVES else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
