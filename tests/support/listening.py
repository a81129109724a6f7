"""Where processes listen, as the kernel says it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path


def family(pid: int) -> set[int]:
    """A process and all that it started, and they."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, left = set(), [pid]
    while left:
        one = left.pop()
        found.add(one)
        left += children.get(one, [])
    return found


def listening(pids: Iterable[int]) -> set[tuple[str, int]]:
    """(address, port) that these processes listen at, TCP over IPv4 and IPv6."""
    inodes = set()
    for pid in pids:
        with suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    inodes.add(os.readlink(entry.path))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in inodes:
                address, port = columns[1].split(":")
                words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
                packed = struct.pack(f"={len(words)}I", *words)
                found.add((socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed), int(port, 16)))
    return found


def beyond(places: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Those that another machine can reach."""
    out = set()
    for address, port in places:
        one = ip_address(address)
        mapped = getattr(one, "ipv4_mapped", None)
        if not (mapped or one).is_loopback:
            out.add((address, port))
    return out
