"""SMART Backend Services: signing in as a system with a private key (SMART App Launch 2.x, "Backend Services", section 4).

    discovery  GET [base]/.well-known/smart-configuration -> token_endpoint
    token      POST client_credentials + client_assertion: a JWT signed ES384 or RS384, header typ JWT and kid (jku where the key set is
               published), claims iss = sub = client id, aud = token endpoint, exp at most 5 minutes ahead, jti never used before

Keys are changed without a gap by having two: where the endpoint refuses the first, the next is tried, and stays in use. See keys.py.
"""

from __future__ import annotations

import math
import re
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from wince.certificates import context
from wince.domain.loopback import loopback
from wince.errors import MessageError, Refused, Unavailable
from wince.fhir.answer import Answer
from wince.fhir.exchange import Exchange
from wince.fhir.keys import SigningKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 240
"""The standard allows 300; the rest is for clocks that differ."""
EARLY_S = 60
"""A token is renewed this long before it ends."""
LIFE_S = 300.0
"""Life of a token whose answer names none: what the standard recommends, seconds."""
_SHORT_LIFE_S = 30.0
"""Life of a token whose `expires_in` is not a time, seconds."""
_MAX_ANSWER_BYTES = 64 << 10
_TOKEN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,16382}[\x21-\x7e])?")
_HEAD = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "wince"}
_NO = (400, 401, 403)
"""RFC 6749 section 5.2 answers a client that it won't sign in with 400 or 401; gateways in front of it with 403."""


class SmartAuth:
    """Bearer tokens for a FHIR base URL. Thread-safe; threads that need a token at the same time share one request."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        key_pem: bytes,
        kid: str,
        scope: str,
        *,
        next_keys: Sequence[SigningKey] = (),
        key_set_url: str = "",
        token_url: str = "",
        timeout_s: float = 20.0,
        verify: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """key_pem: unencrypted private key, EC P-384 (ES384) or RSA of at least 2048 bits (RS384). next_keys: tried where the endpoint
        refuses that one. key_set_url: where the public keys are published (header jku).

        scope: such as "system/Observation.cruds system/Patient.rs". token_url: found by discovery where empty.
        Raises ConfigError where a key can't be used.
        """
        self._keys = [SigningKey.of(key_pem, kid), *next_keys]
        self._key_set_url = key_set_url
        self._base, self._client_id, self._scope = base_url.rstrip("/"), client_id, scope
        self._given_url = self._token_url = token_url
        self._now = now
        self._exchange = Exchange(
            "the token endpoint",
            total_s=timeout_s,
            connections=2,
            limit=_MAX_ANSWER_BYTES,
            verify=verify or (None if transport else context(None, "")),
            transport=transport,
        )
        self._lock = threading.Lock()
        self._cached: tuple[str, float] = ("", 0.0)

    def token(self) -> str:
        """A token with some life left, from the cache or the token endpoint.

        Raises Refused where the endpoint says no (400, 401, 403: client unknown, key not registered, scope), Unavailable where it does
        not answer, or with a status that says nothing about us (a 404 while it is deployed again, a gateway's 5xx).
        """
        token, ends = self._cached
        if token and self._now() < ends:
            return token
        with self._lock:
            token, ends = self._cached
            if not token or self._now() >= ends:
                token, life = self._fetch()
                self._cached = (token, self._now() + life - min(EARLY_S, life / 2))
            return token

    def invalidate(self, token: str) -> None:
        """Forget this token; another one that was fetched meanwhile stays."""
        with self._lock:
            if self._cached[0] == token:
                self._cached = ("", 0.0)

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._exchange.close()

    def interrupt(self) -> None:
        """Break off a request that is in hand, from another thread."""
        self._exchange.interrupt()

    def _fetch(self) -> tuple[str, float]:
        """Token and its life, with the first key that the endpoint takes; that key is the first from then on."""
        url = self._endpoint()
        for position, key in enumerate(self._keys):
            try:
                answer = self._call("POST", url, self._form(url, key))
            except Refused:
                if position + 1 == len(self._keys):
                    raise
            else:
                self._keys.insert(0, self._keys.pop(position))
                return _token(answer, url)
        raise AssertionError("there is always a key")

    def _form(self, url: str, key: SigningKey) -> dict[str, str]:
        now = int(self._now())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": url,
            "exp": now + ASSERTION_LIFE_S,
            "jti": str(uuid.uuid4()),
        }
        headers = {"kid": key.kid, "typ": "JWT"} | ({"jku": self._key_set_url} if self._key_set_url else {})
        return {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": jwt.encode(claims, key.private, algorithm=key.algorithm, headers=headers),
        }

    def _endpoint(self) -> str:
        if not self._token_url:
            where = f"{self._base}/.well-known/smart-configuration"
            found = self._call("GET", where).get("token_endpoint")
            if not isinstance(found, str) or not usable_url(found):
                raise MessageError("SMART discovery names no token endpoint", field=where, remedy="name it (WINCE_EHR_TOKEN_URL)")
            if urlsplit(self._base).scheme == "https" and urlsplit(found).scheme != "https":
                raise MessageError("SMART discovery names a token endpoint without TLS", field=where)
            if urlsplit(found).scheme == "http" and _here(self._base) and not _here(found):
                raise MessageError("SMART discovery names a token endpoint without TLS on another machine", field=where)
            self._token_url = found
        return self._token_url

    def _forget_endpoint(self) -> None:
        self._token_url = self._given_url

    def _call(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, object]:
        head = _HEAD if form is None else {**_HEAD, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._exchange.send(method, url, head, None if form is None else urlencode(form).encode())
        if answer.status in _NO and not answer.is_page:
            raise Refused(
                f"the token endpoint refused to sign us in ({answer.status}{_error(answer)})",
                field=url,
                remedy="is the client id registered there, with this public key (kid; `wince ehr jwks` prints it) and these scopes?",
            )
        if answer.status != 200:
            # It may have moved: where it lies is looked up again next time. A page is a gateway's or a firewall's, not the endpoint's.
            self._forget_endpoint()
            raise Unavailable(f"the token endpoint answered {answer.status}", field=url, retry_after_s=answer.retry_after_s)
        if not isinstance(answer.json, dict):
            raise MessageError("the token endpoint's answer is no JSON object", field=url)
        return answer.json


def _token(answer: dict[str, object], url: str) -> tuple[str, float]:
    """Token and life in seconds. A life that is absent, or no time, does not make the token useless (RFC 6749 5.1 recommends it only)."""
    token, kind = answer.get("access_token"), answer.get("token_type", "bearer")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise MessageError("the token endpoint's answer has no usable token", field=url)
    if not isinstance(kind, str) or kind.strip().lower() != "bearer":
        raise MessageError("the token endpoint gave a token of another kind than bearer", field=url)
    said = answer.get("expires_in", LIFE_S)
    try:
        life = -1.0 if isinstance(said, bool) else float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        life = -1.0
    return token, min(life, 86_400.0) if math.isfinite(life) and life > 0 else _SHORT_LIFE_S


def _error(answer: Answer) -> str:
    """The error code of RFC 6749 5.2, if it is one."""
    code = answer.resource.get("error")
    known = ("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope")
    return f" {code}" if code in known else ""


def usable_url(url: str) -> bool:
    """Whether it is an http or https URL with a host."""
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(httpx.URL(url).host)
    except (ValueError, httpx.InvalidURL):
        return False


def _here(url: str) -> bool:
    return loopback(urlsplit(url).hostname or "")
