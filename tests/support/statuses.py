"""The statuses of RPCs as docs/reference/grpc.md shows them: what protos/statuses.py reads in the protos' comments."""

from __future__ import annotations

import grpc

from protos import statuses


def documented(service: str, method: str) -> set[grpc.StatusCode]:
    """What a call of an RPC may come back with."""
    names = {"OK", *statuses.EVERYWHERE, *statuses.statuses()[service][method]}
    return {code for code in grpc.StatusCode if code.name in names}
