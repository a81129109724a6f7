"""A stub whose certificate is renewed while it is used: gRPC reads a client's files once, so a changed file needs another channel."""

from __future__ import annotations

import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import grpc

from wince.certificates import no_password
from wince.errors import ConfigError, Unavailable
from wince.renewed import Renewed
from wince.rpc import client
from wince.rpc.config import RpcSettings
from wince.telemetry import logs

log = logs.get(__name__)
Stub = TypeVar("Stub")


class RenewedStub(Generic[Stub]):
    """The stub to use for the next call. Thread-safe."""

    def __init__(self, targets: Sequence[str], config: RpcSettings, stub: Callable[[grpc.Channel], Stub], *, longest_s: float) -> None:
        """`stub`: makes it of a channel. `longest_s`: how long a call may last. For this time a channel that was replaced stays open.
        Raises ConfigError."""
        self._targets, self._config, self._stub, self._longest_s = targets, config, stub, longest_s
        self._closed = False
        self._lock = threading.Lock()
        self._open: deque[tuple[float, grpc.Channel]] = deque()
        """(when it was made, channel), the one in use last."""
        files = (config.ca_file, config.client_cert_file, config.client_key_file)
        self._renewed = Renewed(files if config.ca_file is not None else (), self._make, self._failed)

    def now(self) -> Stub:
        """With the certificate that the files hold. After `close` its calls raise ValueError."""
        made = self._renewed.now()
        with self._lock:  # one is replaced when the next is made
            while len(self._open) > 1 and time.monotonic() - self._open[1][0] > self._longest_s:
                self._open.popleft()[1].close()
        return made

    def close(self) -> None:
        """End all; calls in flight end too. Idempotent."""
        with self._lock:
            self._closed = True
            while self._open:
                self._open.popleft()[1].close()

    def _make(self) -> Stub:
        _check(self._config)
        with self._lock:  # a stub is never made of a channel that is closed: that ends the process (grpc 1.85)
            if self._closed:
                raise Unavailable("is closed", field="rpc", remedy="none is needed: the process ends")
            made = client.blocking_channel(self._targets, self._config)
            if self._open:
                log.info("a certificate changed; new connections show it", field="rpc.client_cert_file")
            self._open.append((time.monotonic(), made))
            return self._stub(made)

    def _failed(self, error: Exception) -> None:
        if not self._closed:
            log.error("a changed certificate can't be used; the last good one stays", error=error)


def _check(config: RpcSettings) -> None:
    """gRPC says nothing of a pair that doesn't fit before it connects. Raises ConfigError."""
    if config.ca_file is None:
        return
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    where = f"rpc.ca_file={config.ca_file}"
    try:
        tls.load_verify_locations(config.ca_file)
        where = f"rpc.client_cert_file={config.client_cert_file}"
        if config.client_cert_file is not None:
            tls.load_cert_chain(config.client_cert_file, config.client_key_file, password=no_password)
    except ssl.SSLError:
        remedy = "give PEM files, the key unencrypted and of this certificate"
        raise ConfigError("can't be used", field=where, remedy=remedy) from None
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=where, remedy="name a readable file") from None
