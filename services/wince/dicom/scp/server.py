"""Listens for associations, one thread for each, within the limits."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence

from wince.dicom.scp.association import Association, Told
from wince.dicom.scp.interface import Keeper, Reporter
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.negotiation import BUSY, HURRIED
from wince.dicom.scp.peers import Peer, known, plain
from wince.dicom.spool import Room
from wince.errors import ConfigError, ResourceError
from wince.parts import WatchedThread
from wince.telemetry import logs

log = logs.get(__name__)

TURNED_AWAY = 16
"""Connections beyond the limit that hear why; further ones are closed at once."""
ADDRESSES = 4096
"""Addresses whose connections are counted."""
MINUTE_S = 60.0
STOP_S = 20.0


class StorageServer:
    """A part of a process (start, stop, failed)."""

    name = "dicom"

    def __init__(
        self,
        keeper: Keeper,
        room: Room,
        *,
        title: str = "WINCE",
        host: str = "127.0.0.1",
        port: int = 0,
        peers: Sequence[Peer] = (),
        tls: ssl.SSLContext | None = None,
        limits: Limits | None = None,
        reporter: Reporter | None = None,
        told: Told = lambda _what: None,
    ) -> None:
        """`port` 0: any free one, see `port` after `start`. `peers` empty: everybody may associate."""
        self._keeper, self._room, self._reporter = keeper, room, reporter
        self._title, self._host, self._port, self._tls = title, host, port, tls
        self._peers, self.limits, self._told = tuple(peers), limits or Limits(), told
        self._lock = threading.Lock()
        self._counting = threading.Lock()
        self._open: dict[Association, str] = {}
        self._recent: OrderedDict[str, deque[float]] = OrderedDict()
        self._turned_away = 0
        self._stopped = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = WatchedThread("dicom-server", self._listen, self._stopped)
        self.counts: Counter[str] = Counter()
        """associations, and what became of them and of their objects: stored, refused, released, aborted, lost, idle, rejected, invalid,
        busy, too_long, left."""

    @property
    def port(self) -> int:
        """The port that is listened on, after `start`."""
        return self._port

    def start(self) -> StorageServer:
        """Listen. Raises ResourceError where the port can't be had, ConfigError where the host is none of this machine."""
        try:
            self._socket = socket.create_server((self._host, self._port), family=_family(self._host), backlog=64)
        except OSError as error:
            raise _unusable(error, self._host, self._port) from None
        self._socket.settimeout(0.1)
        self._port = self._socket.getsockname()[1]
        self._thread.start()
        return self

    def failed(self) -> BaseException | None:
        """What ended the listening for good."""
        return self._thread.failed()

    def stop(self) -> None:
        """Take no further association; end those that run after the object in hand. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(5)
        if self._socket is not None:
            self._socket.close()
        until = time.monotonic() + STOP_S
        while running := self._running():
            late = time.monotonic() > until
            for association in running:
                association.leave()
                if association.waits or late:
                    association.close()
            if late:
                return
            time.sleep(0.02)

    def __enter__(self) -> StorageServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _running(self) -> list[Association]:
        with self._lock:
            return list(self._open)

    def _listen(self) -> None:
        assert self._socket is not None
        while not self._stopped.is_set():
            try:
                connection, where = self._socket.accept()
            except TimeoutError:
                continue
            except OSError as error:
                if self._stopped.is_set():
                    return
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ECONNABORTED, errno.EINTR):
                    log.warning("a DICOM connection could not be taken", error=error)
                    self._stopped.wait(0.2)
                    continue
                raise
            self._take(connection, plain(str(where[0])))

    def _take(self, connection: socket.socket, address: str) -> None:
        self._count("associations")
        refusal = self._refusal(address)
        with self._lock:
            if refusal is not None and self._turned_away >= TURNED_AWAY:
                _shut(connection)
                connection.close()
                return
            association = Association(
                connection, address, title=self._title, admit=lambda calling, at: known(self._peers, calling, at), keeper=self._keeper,
                reporter=self._reporter, room=self._room, limits=self.limits, told=self._count,
            )  # fmt: skip
            if refusal is None:
                self._open[association] = address
            else:
                self._turned_away += 1
        try:
            threading.Thread(target=self._run, args=(association, connection, refusal), name="dicom-association", daemon=True).start()
        except RuntimeError as error:  # the system gives no further thread now
            self._count("failed")
            log.error("a DICOM connection could not be taken", error=error)
            self._over(association, connection, refusal)

    def _run(self, association: Association, connection: socket.socket, refusal: tuple[int, int, int] | None) -> None:
        try:
            connection.settimeout(self.limits.request_s)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                association.over(connection)
            association.run(refusal)
        except (OSError, ssl.SSLError) as error:
            self._count("no_tls")
            log.warning("a DICOM peer did not speak TLS as is asked of it", error=error)
        except Exception as error:
            self._count("failed")
            log.error("an association failed", error=error)
        finally:
            self._over(association, connection, refusal)

    def _over(self, association: Association, connection: socket.socket, refusal: tuple[int, int, int] | None) -> None:
        with self._lock:
            if refusal is None:
                self._open.pop(association, None)
            else:
                self._turned_away -= 1
        _shut(connection)
        connection.close()

    def _refusal(self, address: str) -> tuple[int, int, int] | None:
        """Why nobody may associate from an address now; None: they may."""
        now = time.monotonic()
        times = self._recent.setdefault(address, deque())
        self._recent.move_to_end(address)
        while len(self._recent) > ADDRESSES:
            self._recent.popitem(last=False)
        while times and now - times[0] > MINUTE_S:
            times.popleft()
        if len(times) >= self.limits.per_minute:
            self._busy(address)
            return HURRIED
        times.append(now)
        with self._lock:
            of_mine = sum(one == address for one in self._open.values())
            full = len(self._open) >= self.limits.associations or of_mine >= self.limits.per_address
        if full:
            self._busy(address)
            return BUSY
        return None

    def _busy(self, address: str) -> None:
        self._count("busy")
        log.warning("too many associations", limit=self.limits.associations, sender=address)

    def _count(self, what: str) -> None:
        with self._counting:
            self.counts[what] += 1
        self._told(what)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _unusable(error: OSError, host: str, port: int) -> ConfigError | ResourceError:
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        what = "is in use" if error.errno == errno.EADDRINUSE else "may not be used by this user"
        return ResourceError(f"port {port} {what}", field="dicom_port", remedy="choose another port, or 0 for any free one")
    return ConfigError(f"can't listen on {host}", field="dicom_host", remedy="name an address of this machine, such as 127.0.0.1")
