"""Asks a service on this machine whether it can work: `python -m wince.rpc.healthy [HOST:PORT]`, exit code 0 where it serves, else 1.

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


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    where = arguments[0] if arguments else WHERE
    with grpc.insecure_channel(where) as channel:
        try:
            said = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=WAIT_S).status
        except grpc.RpcError as error:
            print(f"{where}: {error.code().name}", file=sys.stderr)
            return 1
    print(health_pb2.HealthCheckResponse.ServingStatus.Name(said))
    return 0 if said == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
