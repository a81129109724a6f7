"""HAPI FHIR (JPA, R4, H2 in memory) on 127.0.0.1 as a peer: ready in 10 to 60 s, about 700 MB; start it once per test session."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import IO, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm

from wince.errors import ConfigError, ResourceError
from wince.local.maven import classpath


class HapiPeer:
    """A HAPI FHIR server in a process of its own."""

    def __init__(
        self, directory: Path, *, clients: dict[str, bytes] | None = None, validate: bool = False, token_life_s: int = 300
    ) -> None:
        """directory: for its log and keys. clients: {kid: private key PEM (EC P-384)}: with it, every client must sign in (SMART).
        validate: refuse bodies that its validator finds wrong (slow)."""
        self._directory, self._clients, self._validate, self._life = Path(directory), clients, validate, token_life_s
        self.base_url = ""
        """Empty before `start`."""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, timeout_s: float = 180.0) -> str:
        """Start and wait until it serves; returns the base URL. Raises ResourceError where it does not come up."""
        command = ["java", "-Xmx700m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath("hapi"), "Peer", "0"]
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._clients is not None:
            keys = self._directory / "jwks.json"
            keys.write_text(json.dumps({"keys": [_public_jwk(kid, pem) for kid, pem in self._clients.items()]}))
            command += ["--smart", str(keys), "--token-life", str(self._life)]
        if self._validate:
            command.append("--validate")
        log = self._directory / "hapi.log"
        with log.open("w") as sink:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sink, text=True)
        found: list[str] = []
        ready = threading.Event()
        assert self._process.stdout is not None
        threading.Thread(target=_watch, args=(self._process.stdout, found, ready), daemon=True).start()
        if not ready.wait(timeout_s) or not found:
            self.stop()
            raise ResourceError("the HAPI FHIR peer did not come up", field=str(log), remedy="read its log")
        self.base_url = found[0]
        return self.base_url

    def stop(self) -> None:
        """End it. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)


def _watch(output: IO[str], found: list[str], ready: threading.Event) -> None:
    for line in output:
        if line.startswith("READY "):
            found.append(line.split()[1])
            ready.set()
    ready.set()


def _public_jwk(kid: str, pem: bytes) -> dict[str, object]:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError("the HAPI FHIR peer takes EC keys only", field="clients")
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": kid, "alg": "ES384", "use": "sig"}
