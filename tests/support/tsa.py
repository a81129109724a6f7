"""A timestamp authority of our own: HTTP (RFC 3161 section 3.4) in front of `openssl ts -reply`."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

_CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
tsa_name = no
"""
_USE = "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n"


@dataclass
class Authority:
    """One that runs."""

    url: str
    ca: Path
    asked: int = 0
    spoil: bytes | None = field(default=None)
    """Answered in place of a timestamp."""


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make(folder: Path) -> Path:
    """Keys and certificates of an authority; its root."""
    folder.mkdir(parents=True, exist_ok=True)
    _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=Tests root", "-keyout", f"{folder}/ca.key",
             "-out", f"{folder}/ca.pem", "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Tests TSA", "-keyout", f"{folder}/tsa.key", "-out", f"{folder}/tsa.csr")
    (folder / "use.cnf").write_text(_USE)
    _openssl("x509", "-req", "-in", f"{folder}/tsa.csr", "-CA", f"{folder}/ca.pem", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
             "-days", "30", "-extfile", f"{folder}/use.cnf", "-out", f"{folder}/tsa.pem")  # fmt: skip
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
    return folder / "ca.pem"


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Runs until the block ends."""
    ca = make(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.asked += 1
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["content-length"])))
            _openssl("ts", "-reply", "-config", f"{folder}/tsa.cnf", "-queryfile", f"{folder}/query", "-out", f"{folder}/reply")
            answer = (folder / "reply").read_bytes() if found.spoil is None else found.spoil
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Authority(f"http://127.0.0.1:{server.server_port}/tsr", ca)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
