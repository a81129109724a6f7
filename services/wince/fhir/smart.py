"""SMART Backend Services: signing in as a system with a private key (SMART App Launch 2.x, "Backend Services", section 4).

    discovery  GET [base]/.well-known/smart-configuration -> token_endpoint
    token      POST client_credentials + client_assertion: a JWT signed ES384 or RS384, header typ JWT and kid,
               claims iss = sub = client id, aud = token endpoint, exp at most 5 minutes ahead, jti never used before
"""

from __future__ import annotations

import ssl
import threading
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from wince.certificates import context, untrusted
from wince.domain.loopback import loopback
from wince.errors import ConfigError, MessageError, Refused, Unavailable
from wince.fhir.client import OWN_CA

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE_S = 240
"""The standard allows 300; the rest is for clocks that differ."""
EARLY_S = 60
"""A token is renewed this long before it ends."""
_MAX_ANSWER_BYTES = 64 << 10
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
        token_url: str = "",
        timeout_s: float = 10.0,
        verify: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """key_pem: unencrypted private key, EC P-384 (ES384) or RSA of at least 2048 bits (RS384).

        scope: such as "system/Observation.cruds system/Patient.rs". token_url: found by discovery where empty.
        Raises ConfigError where the key can't be used.
        """
        self._key, self._algorithm = usable_key(key_pem)
        self._base, self._client_id, self._kid, self._scope = base_url.rstrip("/"), client_id, kid, scope
        self._given_url = self._token_url = token_url
        self._now = now
        self._http = httpx.Client(
            timeout=timeout_s,
            verify=verify or context(None, ""),
            trust_env=False,
            transport=transport,
            headers={"Accept": "application/json", "User-Agent": "wince"},
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
        self._http.close()

    def _fetch(self) -> tuple[str, float]:
        url = self._endpoint()
        now = int(self._now())
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": url,
            "exp": now + ASSERTION_LIFE_S,
            "jti": str(uuid.uuid4()),
        }
        assertion = jwt.encode(claims, self._key, algorithm=self._algorithm, headers={"kid": self._kid, "typ": "JWT"})
        form = {
            "grant_type": "client_credentials",
            "scope": self._scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        answer = self._call("POST", url, form)
        token, life = answer.get("access_token"), answer.get("expires_in", 300)
        if not isinstance(token, str) or not token or isinstance(life, bool) or not isinstance(life, (int, float)) or life <= 0:
            raise MessageError("the token endpoint's answer has no usable token", field=url)
        return token, float(life)

    def _endpoint(self) -> str:
        if not self._token_url:
            where = f"{self._base}/.well-known/smart-configuration"
            found = self._call("GET", where).get("token_endpoint")
            if not isinstance(found, str) or urlsplit(found).scheme not in ("http", "https"):
                raise MessageError("SMART discovery names no token endpoint", field=where, remedy="name the token URL in the settings")
            if urlsplit(self._base).scheme == "https" and urlsplit(found).scheme != "https":
                raise MessageError("SMART discovery names a token endpoint without TLS", field=where)
            if urlsplit(found).scheme == "http" and _here(self._base) and not _here(found):
                raise MessageError("SMART discovery names a token endpoint without TLS on another machine", field=where)
            self._token_url = found
        return self._token_url

    def _forget_endpoint(self) -> None:
        self._token_url = self._given_url

    def _call(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, object]:
        try:
            answer = self._http.request(method, url, data=form)
        except (httpx.TransportError, httpx.DecodingError) as error:
            if words := untrusted(error):
                raise Unavailable(f"the token endpoint's certificate is not believed ({words})", field=url, remedy=OWN_CA) from None
            raise Unavailable(f"no answer from the token endpoint ({type(error).__name__})", field=url) from None
        if answer.status_code in _NO:
            raise Refused(
                f"the token endpoint refused to sign us in ({answer.status_code})",
                field=url,
                remedy="is the client id registered there, with this public key (kid) and these scopes?",
            )
        if answer.status_code != 200:
            # It may have moved: where it lies is looked up again next time.
            self._forget_endpoint()
            raise Unavailable(f"the token endpoint answered {answer.status_code}", field=url)
        try:
            value = answer.json() if len(answer.content) <= _MAX_ANSWER_BYTES else None
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise MessageError("the token endpoint's answer is no JSON object", field=url)
        return value


def usable_key(key_pem: bytes) -> tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, str]:
    """The private key and the algorithm with which it signs. Raises ConfigError where SMART does not allow it."""
    try:
        key = load_pem_private_key(key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError("the SMART private key can't be read", field="key", remedy="an unencrypted PEM, EC P-384 or RSA") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
        return key, "ES384"
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return key, "RS384"
    raise ConfigError("the SMART private key is of a kind that SMART does not allow", field="key", remedy="EC P-384 or RSA 2048")


def _here(url: str) -> bool:
    return loopback(urlsplit(url).hostname or "")
