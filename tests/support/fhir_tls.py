"""A FHIR server with SMART's endpoints behind TLS, on loopback: what it takes to sign in and to ask for /metadata."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CAPABLE = {
    "resourceType": "CapabilityStatement",
    "fhirVersion": "4.0.1",
    "rest": [{"mode": "server", "resource": [{"type": "Observation", "interaction": [{"code": "create"}]}]}],
}


@contextmanager
def tls_fhir(pair: tuple[Path, Path], *, smart: bool = True, client_ca: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """(base URL, what was asked: "GET /fhir/metadata Bearer t") of a server with this certificate and key.

    With `client_ca` it asks for a certificate of this authority. With `smart` it names its token endpoint and asks for the token that it
    gave.
    """
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"GET {self.path} {self.headers.get('Authorization', '')}".strip())
            if self.path.endswith("/.well-known/smart-configuration") and smart:
                self._answer(200, {"token_endpoint": f"{base}/token"})
            elif self.path.endswith("/metadata"):
                allowed = not smart or self.headers.get("Authorization") == "Bearer t"
                self._answer(200 if allowed else 401, CAPABLE if allowed else {})
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            asked.append(f"POST {self.path}")
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, {"access_token": "t", "expires_in": 300})

        def _answer(self, status: int, body: object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    base = f"https://localhost:{server.server_port}/fhir"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield base, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
