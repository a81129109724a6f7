"""Lets pods reach a server of the node that listens on loopback: bytes are passed on, behind TLS where a certificate is given."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path


class Relay:
    """Listens at `host`, any free port, for 127.0.0.1:`port`."""

    def __init__(self, host: str, port: int, pair: tuple[Path, Path] | None = None) -> None:
        self._to = port
        self._tls = None
        if pair is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*pair)
        self._listener = socket.create_server((host, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                threading.Thread(target=self._join, args=(plain,), daemon=True).start()

    def _join(self, plain: socket.socket) -> None:
        with suppress(OSError):
            wire = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
            with wire, socket.create_connection(("127.0.0.1", self._to)) as there:
                back = threading.Thread(target=_pass, args=(there, wire), daemon=True)
                back.start()
                _pass(wire, there)
                back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
