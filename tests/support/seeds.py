"""Markers that stand for what tells of a patient: each is put into one place alone, and looked for wherever somebody else may read."""

from __future__ import annotations

import base64
import hashlib
import json
import string
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any
from urllib.parse import quote

LETTERS = 10


class Seeds:
    """Makes markers, and knows where each was put."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        """Marker -> its place."""

    def mark(self, place: str) -> str:
        """A marker for this place: a word of twelve letters, which no text holds by chance and every field of text takes."""
        digest = hashlib.sha256(place.encode()).digest()
        word = "Zq" + "".join(string.ascii_lowercase[byte % 26] for byte in digest[:LETTERS])
        assert self.places.setdefault(word, place) == place
        return word

    def found(self, texts: Mapping[str, str], apart: Mapping[str, tuple[str, ...]] | None = None) -> dict[str, list[str]]:
        """By name of a text, the places whose markers stand in it: as they are, in any case, percent-encoded, hex or base64. `apart`: what
        the beginning of a place must not be for a text, because it says that by its own nature."""
        out = {}
        for name, text in texts.items():
            passed = (apart or {}).get(name, ())
            plain = text.lower()
            hits = [
                place
                for word, place in self.places.items()
                if not place.startswith(passed or ("\0",)) and (word.lower() in plain or any(form in text for form in forms(word)))
            ]
            if hits:
                out[name] = hits
        return out


def forms(word: str) -> Iterator[str]:
    """How else a word may stand in a text.

    >>> "Zm9v" in list(forms("foo")), "666f6f" in list(forms("foo"))
    (True, True)
    """
    raw = word.encode()
    yield quote(word)
    yield raw.hex()
    yield raw.hex().upper()
    for before in range(3):  # base64 of a text that it stands in, wherever it begins there
        coded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        begin = -(-before * 8 // 6)
        yield coded[begin : len(coded) - (1 if (before + len(raw)) % 3 else 0)]


@contextmanager
def refusing_ehr(marker: str) -> Iterator[int]:
    """The port of a FHIR server that knows everybody by the marker, and refuses each write with it."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            name = [{"family": marker, "given": [marker], "text": marker}]
            refusal = {
                "severity": "error",
                "code": "processing",
                "diagnostics": marker,
                "details": {"text": marker},
                "expression": [marker],
            }
            refusal["details"] = {"text": marker}
            status, said = 422, {"resourceType": "OperationOutcome", "text": {"div": marker}, "issue": [refusal]}
            if self.path.split("?")[0].endswith("/metadata"):
                status, said = (
                    200,
                    {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "software": {"name": marker}},
                )
            elif self.command == "GET":
                found = {"resourceType": "Patient", "id": marker, "name": name, "address": [{"text": marker}]}
                status, said = 200, {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": found}]}
            body = json.dumps(said).encode()
            self.send_response(status, marker)
            for key, value in (("Content-Type", "application/fhir+json"), ("Content-Length", str(len(body))), ("Location", f"/{marker}")):
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_: object) -> None: ...

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def refusing_engine(marker: str) -> Iterator[int]:
    """The port of an interface engine that answers every HL7 message with AE, and the marker in each text of its answer."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            data = b""
            while piece := self.request.recv(65536):
                data += piece
                while b"\x1c\r" in data:
                    message, _, data = data.partition(b"\x1c\r")
                    control = message.split(b"\r")[0].split(b"|")[9].decode()
                    said = (
                        f"MSH|^~\\&|{marker}|{marker}|WINCE||20260105080000||ACK^R01^ACK|1|P|2.5.1\r"
                        f"MSA|AE|{control}|{marker}\rERR||{marker}^1^5|207^{marker}^HL70357|E|{marker}^{marker}|{marker}|{marker}|{marker}\r"
                    )
                    self.request.sendall(b"\x0b" + said.encode() + b"\x1c\r")

    class Server(ThreadingTCPServer):
        daemon_threads = True

    with _served(Server(("127.0.0.1", 0), Handler)) as port:
        yield port


@contextmanager
def _served(server: Any) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
