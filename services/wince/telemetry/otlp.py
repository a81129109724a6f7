"""Spans to a collector: OTLP over gRPC, in batches, on a thread of its own.

A collector that is slow or away holds nothing up: at most QUEUE spans wait, the oldest go first, and it is said once that it can't be
reached, and once that it can again. What the settings leave out, the variables of OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_CERTIFICATE` and their like with `TRACES_`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from wince import plain_file
from wince.certificates import system_pem
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.renewed import Renewed
from wince.telemetry import logs

log = logs.get(__name__)

QUEUE, BATCH, EVERY_S, TIMEOUT_S = 2048, 256, 2.0, 5.0
"""Spans that wait at most; that are sent at once; how often; how long sending may take, attempts included."""
CERTIFICATES = ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
"""Variables of OpenTelemetry that name authorities."""
DEFAULT = "http://127.0.0.1:4317"
LARGEST = 1 << 20
"""Bytes of a file that a setting names."""
_HEADER = re.compile(r"([a-z0-9_.-]{1,64})\s*[:=]\s*([\x20-\x7e]{1,4096})")


def collector(
    endpoint: str = "",
    *,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    headers_file: Path | None = None,
    plain_beyond_loopback: bool = False,
) -> SpanProcessor:
    """Sends spans to `endpoint`, https://HOST:PORT, or http://127.0.0.1:PORT; empty: as OpenTelemetry's variables say, else DEFAULT.

    `ca_file`: authorities that are believed, PEM; None: the system's. `cert_file`, `key_file`: who we are, PEM. `headers_file`: one
    `name: value` a line, such as a token. A file that changes counts from the next batch on.

    Raises ConfigError naming the setting; that nobody answers is no error.
    """
    variable = next((name for name in ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") if os.environ.get(name)), "")
    where = "otlp.endpoint" if endpoint or not variable else variable
    address = endpoint or os.environ.get(variable, DEFAULT)
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") != "grpc":
        remedy = "set grpc, and the collector's port 4317"
        raise ConfigError("only OTLP over gRPC is sent", field="OTEL_EXPORTER_OTLP_PROTOCOL", remedy=remedy)
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.scheme not in ("http", "https") or parts.username or parts.path.strip("/") or parts.query:
        raise ConfigError("is no http or https URL of host and port alone", field=where, remedy=f"such as {DEFAULT}")
    plain = parts.scheme == "http"
    if plain and not loopback(host) and not plain_beyond_loopback:
        remedy = "give an https URL, or set otlp.plain_beyond_loopback"
        raise ConfigError("traces would go beyond loopback without TLS", field=where, remedy=remedy)
    if (cert_file is None) != (key_file is None):
        raise ConfigError("otlp.cert_file and otlp.key_file belong together", field="otlp.cert_file", remedy="set both, or none")
    for field, path in (("otlp.ca_file", ca_file), ("otlp.cert_file", cert_file)):
        if plain and path is not None:
            raise ConfigError("is of no use without TLS", field=field, remedy="give an https URL, or remove it")
    own_authorities = ca_file is not None or cert_file is not None or not any(os.environ.get(name) for name in CERTIFICATES)

    def sender() -> SpanExporter:
        credentials = None
        if not plain and own_authorities:
            authorities = _pem(ca_file, "otlp.ca_file") or system_pem()  # gRPC would take a list of its own, not the system's
            credentials = grpc.ssl_channel_credentials(authorities, _pem(key_file, "otlp.key_file"), _pem(cert_file, "otlp.cert_file"))
        headers = None if headers_file is None else _headers(headers_file)
        return OTLPSpanExporter(endpoint=address, insecure=plain, credentials=credentials, headers=headers, timeout=TIMEOUT_S)

    return _Batches(_Patient((ca_file, cert_file, key_file, headers_file), sender))


class _Batches(BatchSpanProcessor):
    """In batches, on a thread."""

    def __init__(self, sender: _Patient) -> None:
        super().__init__(sender, QUEUE, EVERY_S * 1000, BATCH)
        self._patient = sender

    def shutdown(self) -> None:
        """See SpanProcessor."""
        self._patient.end()
        super().shutdown()  # type: ignore[no-untyped-call]


class _Patient(SpanExporter):
    """Says when a collector goes away and comes back, not each time; ends without trying the whole queue against one that is away."""

    def __init__(self, files: Sequence[Path | None], sender: Callable[[], SpanExporter]) -> None:
        """`sender` is called again once one of the files changed."""
        self._renewed = Renewed(files, sender, _unusable)
        self._sender = self._renewed.now()
        self._away = self._ending = False
        self._lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        if self._ending and self._away:
            return SpanExportResult.FAILURE
        if (sender := self._renewed.now()) is not self._sender:
            self._sender.shutdown()
            self._sender = sender
        result = self._sender.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._away:
                log.warning("traces reach the collector again", count=self._lost)
            self._away, self._lost = False, 0
            return result
        self._lost += len(spans)
        if not self._away:
            log.warning("traces don't reach the collector and are lost; nothing else is affected", field="otlp.endpoint")
        self._away = True
        return result

    def end(self) -> None:
        """What is left is tried once."""
        self._ending = True

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._sender.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """See SpanExporter."""
        return self._sender.force_flush(timeout_millis)


def _unusable(error: Exception) -> None:
    log.error("a changed file for the collector can't be used; what it held before stays", error=error)


def _read(path: Path, field: str) -> str:
    try:
        return plain_file.read(path, LARGEST).decode("ascii")
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={path}", remedy="name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigError("is not ASCII text", field=f"{field}={path}", remedy="name another file") from None


def _pem(path: Path | None, field: str) -> bytes | None:
    if path is None:
        return None
    text = _read(path, field)
    if "-----BEGIN" not in text:
        raise ConfigError("is not PEM", field=f"{field}={path}", remedy="give a PEM file")
    return text.encode()


def _headers(path: Path) -> tuple[tuple[str, str], ...]:
    """`name: value`, a line each; blank lines and those that begin with # don't count."""
    found = []
    for number, line in enumerate(_read(path, "otlp.headers_file").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _HEADER.fullmatch(line.strip())
        if match is None:
            what = "is no `name: value` with a small-letter name"
            raise ConfigError(what, field=f"otlp.headers_file={path} line {number}", remedy="such as authorization: Bearer TOKEN")
        found.append((match[1], match[2].strip()))
    return tuple(found)
