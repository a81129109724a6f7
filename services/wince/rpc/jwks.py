"""An issuer's public keys: a JSON Web Key Set (RFC 7517), from a file or over https, kept and read again.

Tokens with an unknown key id can be made by anybody, so they cause one fetch in `APART_S` at most, shared by all who wait.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from wince import certificates
from wince.errors import ConfigError, Unavailable, WinceError
from wince.rpc.config import read
from wince.telemetry import logs

log = logs.get(__name__)

FRESH_S, FRESH_FILE_S = 300.0, 2.0
"""How long keys count as new: of a URL, of a file."""
KEPT_S = 3600.0
"""How long they are believed while the issuer can't be asked."""
APART_S = 30.0
"""At least so long between two fetches."""
TOTAL_S = 10.0
LARGEST = 256 << 10
MOST = 64
"""Keys of a set."""
_KINDS = ("RSA", "EC", "OKP")
FIELD = "oidc.jwks"


class Keys:
    """Keys by their id. Used from one event loop."""

    def __init__(self, where: str, ca_file: Path | None, clock: Callable[[], float] = time.monotonic) -> None:
        """`where`: a URL or a file. Raises ConfigError where a file holds no keys."""
        self._fetch, self._clock = fetcher(where, ca_file), clock
        self._is_file = not is_url(where)
        self._keys: Mapping[str, dict[str, Any]] = {}
        self._read_s: float | None = None
        self._tried_s: float | None = None
        self._lock = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None
        self.version = 0
        """Rises when there are other keys."""
        self.fetches = 0
        if self._is_file:
            self._take(self._fetch())

    async def of(self, kid: str) -> dict[str, Any] | None:
        """The key with an id; None: there is none. Raises Unavailable where there are no keys at all."""
        if self._usable() and kid in self._keys:
            self.look()
            return self._keys[kid]
        await self._refresh()
        if not self._usable():
            remedy = "see that its address answers; `wince doctor` asks it"
            raise Unavailable("the sign-in's keys can't be had now", field=FIELD, remedy=remedy, retry_after_s=APART_S)
        return self._keys.get(kid)

    def look(self) -> None:
        """Ask again, beside what runs, where the keys are not new any more."""
        old = self._read_s is not None and self._clock() - self._read_s > (FRESH_FILE_S if self._is_file else FRESH_S)
        if old and (self._refreshing is None or self._refreshing.done()):
            self._refreshing = asyncio.get_running_loop().create_task(self._refresh())

    def _usable(self) -> bool:
        return self._read_s is not None and self._clock() - self._read_s < KEPT_S

    async def _refresh(self) -> None:
        """One fetch, unless another was just tried; whoever waits for it shares it."""
        async with self._lock:
            apart_s = FRESH_FILE_S if self._is_file else APART_S
            if self._tried_s is not None and self._clock() - self._tried_s < apart_s:
                return
            self._tried_s = self._clock()
            self.fetches += 1
            try:
                self._take(await asyncio.to_thread(self._fetch))
            except WinceError as error:
                log.warning("the sign-in's keys can't be read", error=error, field=FIELD)

    def _take(self, keys: Mapping[str, dict[str, Any]]) -> None:
        if keys != self._keys:
            self._keys, self.version = keys, self.version + 1
        self._read_s = self._clock()


def is_url(where: str) -> bool:
    """Whether keys come from a URL."""
    return urlsplit(where).scheme in ("http", "https")


def fetcher(where: str, ca_file: Path | None) -> Callable[[], Mapping[str, dict[str, Any]]]:
    """Reads the key set; blocks. What it gives raises ConfigError (it holds no keys), Unavailable. Raises ConfigError."""
    if not is_url(where):
        return lambda: parsed(read(Path(where), FIELD, limit=LARGEST))
    verify = certificates.context(ca_file, "oidc.ca_file")

    def fetch() -> Mapping[str, dict[str, Any]]:
        ends_s = time.monotonic() + TOTAL_S
        try:
            with (
                httpx.Client(verify=verify, timeout=TOTAL_S / 2, trust_env=False, follow_redirects=False) as client,
                client.stream("GET", where, headers={"accept": "application/json", "accept-encoding": "identity"}) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise Unavailable(f"answers {answer.status_code}", field=FIELD, remedy="is that the address of its key set (jwks_uri)?")
                body = b""
                for part in answer.iter_raw():
                    body += part
                    if len(body) > LARGEST or time.monotonic() > ends_s:
                        raise Unavailable("answers too much, or too slowly", field=FIELD, remedy="is that the address of its key set?")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            said = certificates.explained(error)
            words, remedy = said or (f"can't be reached ({type(error).__name__})", "see that it runs and can be reached")
            raise Unavailable(words, field=FIELD, remedy=remedy) from None
        return parsed(body)

    return fetch


def parsed(body: bytes) -> Mapping[str, dict[str, Any]]:
    """The set's keys that can verify a signature, by id. Raises ConfigError where there is none."""
    try:
        said = json.loads(body)
        keys = said["keys"] if isinstance(said, dict) and isinstance(said.get("keys"), list) else []
    except (ValueError, RecursionError):
        keys = []
    found: dict[str, dict[str, Any]] = {}
    for one in keys[:MOST]:
        if isinstance(one, dict) and one.get("kty") in _KINDS and one.get("use", "sig") == "sig" and _strong(one):
            found[str(one.get("kid") or "")] = one
    if not found:
        raise ConfigError("holds no public key that verifies signatures", field=FIELD, remedy="a JSON Web Key Set: RSA 2048, EC or Ed25519")
    return found


def _strong(one: dict[str, Any]) -> bool:
    try:
        key = jwt.PyJWK(one).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return False
    return not isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) or key.key_size >= 2048
