"""Free ports for servers that are started on this machine."""

from __future__ import annotations

import contextlib
import random
import socket

from wince.errors import ResourceError

QUIET = range(20000, 32768)
"""Ports that Linux gives neither to outgoing connections nor to a program that asks for any port: a server that was killed finds its
own port free again."""


def free_ports(count: int) -> list[int]:
    """So many free ports of 127.0.0.1, all below those of outgoing connections. Raises ResourceError where there are none."""
    ports: list[int] = []
    for port in random.sample(QUIET, len(QUIET)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise ResourceError("no ports are free", field="127.0.0.1", remedy="stop something that listens")
