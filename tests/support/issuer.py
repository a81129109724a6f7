"""A small identity provider: keys, tokens, and its key set over http on loopback."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://login.hospital.example/realms/ward", "wince"
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """A key's public half."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
    algorithm = next(algorithm for kind, algorithm in kinds.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, **more}


def key_set(*more: dict[str, Any]) -> bytes:
    """The issuer's."""
    return json.dumps({"keys": [public(RSA_KEY, "rsa"), public(EC_KEY, "ec"), public(ED_KEY, "ed"), *more]}).encode()


def claims(**more: Any) -> dict[str, Any]:
    """Of a nurse who has just signed in. None leaves a claim out."""
    now = int(time.time())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "n-17", "iat": now, "exp": now + 600, "roles": ["pain-nurses"], **more}
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = RSA_KEY, algorithm: str = "RS256", kid: Any = "rsa", headers: dict[str, Any] | None = None, **more: Any) -> str:
    """Signed."""
    return jwt.encode(claims(**more), key, algorithm, {"kid": kid, **(headers or {})})


class Issuer:
    """Answers with its key set; counts who asks."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = key_set(), 200, 0
        self.headers: dict[str, str] = {}
        self.url = ""


@contextmanager
def issuer() -> Iterator[Issuer]:
    """One that runs."""
    made = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked += 1
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(made.body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/certs"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
