"""How many connections one address may have open: gRPC knows only a total, which a single client could use up.

gRPC tells nobody of a connection before it is spoken on, so the sockets of this process are looked at, a few times a second: of an
address with more connections than it may have, the newest are closed. Which those are depends on nothing that a client says. Nothing
stands in the way of a connection's bytes.

Why by hand (looked up in gRPC 1.85): its arguments limit all connections together (`grpc.max_allowed_incoming_connections`), one connection
(`grpc.max_concurrent_streams`, `grpc.max_connection_age_ms`, `grpc.max_connection_idle_ms`, `grpc.server_handshake_timeout_ms`) or memory
(`grpc.resource_quota`), none those of one peer; Python's server has no hook where a connection is accepted, and no socket option counts by
peer. The kernel (nftables `ct count`) and a proxy (Envoy, HAProxy) do, but only where an administrator set them up. A site's proxy is named
in `rpc.proxies`, and its connections are then left to it.
"""

from __future__ import annotations

import os
import resource
import socket
import stat
import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import count

from wince.parts import WatchedThread
from wince.rpc.addresses import Network, grouped, is_proxy
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S, BUSY_S = 0.25, 0.05
"""How often sockets are looked at; while an address is beyond its limit."""
_SOCKETS = "/dev/fd"


class Peers:
    """Closes connections to a port beyond `most` per address, until `stop`. An IPv6 address is its /64."""

    def __init__(self, port: int, most: int, proxies: Sequence[Network] = ()) -> None:
        """`proxies`: what passes on the calls of many; their connections are not counted."""
        self._port, self._most, self._proxies = port, most, proxies
        self._serial = count()
        self._known: dict[int, tuple[int, str]] = {}
        """Each of our connections by its socket's inode: since when it is open, its number, and its peer."""
        self._others: set[int] = set()
        """Inodes of sockets that are something else."""
        self._stopped = threading.Event()
        self._thread = WatchedThread("grpc-peers", self._run, self._stopped)
        self._told: set[str] = set()
        self.closed = 0
        """Connections closed since the start."""

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """No more looking. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def failed(self) -> BaseException | None:
        """What ended the looking for good."""
        return self._thread.failed()

    def open(self) -> Counter[str]:
        """Connections of each address, as they were last seen."""
        return Counter(address for _, address in list(self._known.values()))

    def look(self) -> int:
        """One round; how many connections were closed."""
        descriptors = self._sockets()
        by: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for inode in descriptors:
            if inode in self._known:
                serial, address = self._known[inode]
                by[address].append((serial, inode))
        closed = 0
        for address, mine in by.items():
            beyond = sorted(mine)[self._most :]
            for _, inode in beyond:
                closed += self._close(descriptors[inode], inode)
            if beyond and address not in self._told:
                self._told.add(address)
                log.warning("an address has too many connections; the newest are closed", limit=self._most, host=address)
            elif not beyond:
                self._told.discard(address)
        self._told &= by.keys()
        self.closed += closed
        return closed

    def _sockets(self) -> dict[int, int]:
        """Descriptors of our connections, by inode; what is new among them is asked who it is."""
        found: dict[int, int] = {}
        for name in os.listdir(_SOCKETS):
            with suppress(OSError):
                status = os.fstat(int(name))
                if stat.S_ISSOCK(status.st_mode):
                    found[status.st_ino] = int(name)
        self._others &= found.keys()
        self._known = {inode: known for inode, known in self._known.items() if inode in found}
        for inode in sorted(found.keys() - self._others - self._known.keys()):
            with suppress(OSError), self._held(found[inode], inode) as one:
                address = self._peer(one)
                if address:
                    self._known[inode] = (next(self._serial), address)
                elif address is not None:
                    self._others.add(inode)
        return found

    def _peer(self, one: socket.socket) -> str | None:
        """Whose connection; empty: it is none of ours; None: it can't be said yet."""
        if one.family not in (socket.AF_INET, socket.AF_INET6) or one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return ""
        if one.getsockname()[1] != self._port:
            return "" if one.getsockname()[1] else None
        address = str(one.getpeername()[0])
        return "" if is_proxy(address, self._proxies) else grouped(address)

    def _close(self, descriptor: int, inode: int) -> int:
        with suppress(OSError), self._held(descriptor, inode) as one:
            one.shutdown(socket.SHUT_RDWR)
            return 1
        return 0

    @staticmethod
    def _held(descriptor: int, inode: int) -> socket.socket:
        """The socket, by a descriptor of our own: gRPC may close its own meanwhile. Raises OSError where that has happened."""
        one = socket.socket(fileno=os.dup(descriptor))
        if os.fstat(one.fileno()).st_ino != inode:
            one.close()
            raise OSError("another socket by now")
        return one

    def _run(self) -> None:
        pause_s = LOOK_S
        while not self._stopped.wait(pause_s):
            try:
                pause_s = BUSY_S if self.look() else LOOK_S
            except OSError as error:  # no descriptor is left to look with
                log.error("connections can't be inspected", error=error)
                pause_s = LOOK_S


def make_room(descriptors: int) -> None:
    """Let this process have so many descriptors open, where the system allows it; connections must not take those of its files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < descriptors:
        log.warning("the system allows fewer open files than connections may need", limit=wanted, field="rpc.max_connections")
