"""The server's side of TLS: PEM files, read again when they change, so that a renewed certificate needs no restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc

from wince.errors import ConfigError, WinceError
from wince.rpc.config import RpcSettings, read
from wince.telemetry import logs

log = logs.get(__name__)

AGAIN_S = 5.0
"""How often at most it is looked whether a file has changed."""


def credentials(config: RpcSettings) -> grpc.ServerCredentials | None:
    """TLS as set, mTLS where an authority of clients is set; None: neither. Raises ConfigError for a file that is no PEM."""
    if config.tls_cert_file is None or config.tls_key_file is None:
        return None
    files = _Files(config.tls_key_file, config.tls_cert_file, config.tls_client_ca_file)
    # None says that nothing has changed; the stubs don't know.
    changed = cast(Callable[[], grpc.ServerCertificateConfiguration], files.changed)
    return grpc.dynamic_ssl_server_credentials(files.read(), changed, config.tls_client_ca_file is not None)


class _Files:
    """Key, certificate and the clients' authority. `changed` is called by gRPC for every handshake, from any thread."""

    def __init__(self, key: Path, chain: Path, authority: Path | None) -> None:
        self._named = {"rpc.tls_key_file": key, "rpc.tls_cert_file": chain}
        if authority is not None:
            self._named["rpc.tls_client_ca_file"] = authority
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._stamps: list[tuple[int, int]] = []

    def read(self) -> grpc.ServerCertificateConfiguration:
        """What the files hold now. Raises ConfigError."""
        stamps = self._stamp()
        data = {name: read(path, name) for name, path in self._named.items()}
        for name, text in data.items():
            if b"-----BEGIN" not in text:
                raise ConfigError("is not PEM", field=f"{name}={self._named[name]}", remedy="give a PEM file")
        self._stamps = stamps
        pair = (data["rpc.tls_key_file"], data["rpc.tls_cert_file"])
        made: grpc.ServerCertificateConfiguration = grpc.ssl_server_certificate_configuration([pair], data.get("rpc.tls_client_ca_file"))
        return made

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The files' content where it changed; None where it did not, or can't be used: then the old one counts."""
        with self._lock:
            if time.monotonic() - self._looked < AGAIN_S:
                return None
            self._looked = time.monotonic()
            try:
                return self.read() if self._stamp() != self._stamps else None
            except (WinceError, OSError) as error:
                log.error("a changed certificate can't be read; the last good one stays", error=error)
                return None

    def _stamp(self) -> list[tuple[int, int]]:
        try:
            found = [path.stat() for path in self._named.values()]
        except OSError as error:
            where = ", ".join(f"{name}={path}" for name, path in self._named.items())
            raise ConfigError(error.strerror or "can't be read", field=where, remedy="name readable files") from None
        return [(one.st_mtime_ns, one.st_size) for one in found]
