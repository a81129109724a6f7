"""The sandbox's SMART Backend Services: discovery, token endpoint, and the check of a bearer token and its scopes."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from wince.testing.ehr.store import Store
from wince.testing.ehr.wire import Request, Response

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]+)\.(c?r?u?d?s?|read|write|\*)")
_WORDS = {"read": "rs", "write": "cu", "*": "crus"}
"""What version 1 of the scopes calls them; nothing is deleted here."""
_LETTER = {"create": "c", "read": "r", "update": "u", "search": "s"}


class Smart:
    """Signs clients in, and lets their tokens through. Runs on the server's thread."""

    def __init__(self, store: Store, base: str, token_life_s: int) -> None:
        """base: such as "http://127.0.0.1:8080"; tokens live for `token_life_s` seconds."""
        self._store, self._base, self._life = store, base, token_life_s

    def register(self, client_id: str, kid: str, public_pem: str, scope: str) -> None:
        """Let a client sign in with this key, for at most these scopes."""
        self._store.db.execute("INSERT OR REPLACE INTO client VALUES (?, ?, ?, ?)", (client_id, kid, public_pem, scope))

    def configuration(self) -> Response:
        """[base]/.well-known/smart-configuration."""
        return _json(
            200,
            {
                "token_endpoint": f"{self._base}/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES384", "RS384"],
                "scopes_supported": ["system/*.cruds"],
                "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
            },
        )

    def token(self, request: Request, now: float) -> Response:
        """Check the assertion (signature, kid, iss = sub, aud, exp, jti never seen) and the scopes; give a token."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("latin-1")).items()}
        if form.get("grant_type") != "client_credentials":
            return _json(400, {"error": "unsupported_grant_type"})
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return _json(400, {"error": "invalid_client", "error_description": "client_assertion_type"})
        try:
            client, allowed = self._client(form.get("client_assertion", ""), now)
        except (jwt.PyJWTError, ValueError, KeyError) as error:
            return _json(400, {"error": "invalid_client", "error_description": type(error).__name__})
        asked = form.get("scope", "").split()
        if not asked or not all(_SCOPE.fullmatch(scope) and _within(scope, allowed.split()) for scope in asked):
            return _json(400, {"error": "invalid_scope"})
        token = secrets.token_urlsafe(32)
        with self._store.transaction():
            self._store.db.execute("DELETE FROM token WHERE ends < ?", (now,))
            self._store.db.execute("INSERT INTO token VALUES (?, ?, ?, ?)", (token, client, " ".join(asked), now + self._life))
        return _json(200, {"access_token": token, "token_type": "bearer", "expires_in": self._life, "scope": " ".join(asked)})

    def _client(self, assertion: str, now: float) -> tuple[str, str]:
        kid = jwt.get_unverified_header(assertion)["kid"]
        issuer = jwt.decode(assertion, options={"verify_signature": False})["iss"]
        row = self._store.db.execute("SELECT key, scope FROM client WHERE id = ? AND kid = ?", (issuer, kid)).fetchone()
        if row is None:
            raise KeyError(kid)
        key = load_pem_public_key(row[0].encode())
        claims = jwt.decode(
            assertion,
            key,  # type: ignore[arg-type]
            algorithms=["ES384", "RS384"],
            audience=f"{self._base}/token",
            options={"require": ["iss", "sub", "aud", "exp", "jti"]},
        )
        if claims["sub"] != claims["iss"] or claims["exp"] > now + 305:
            raise ValueError("sub or exp")
        with self._store.transaction():
            self._store.db.execute("DELETE FROM jti WHERE ends < ?", (now - 600,))
            try:
                self._store.db.execute("INSERT INTO jti VALUES (?, ?)", (f"{issuer}|{claims['jti']}", claims["exp"]))
            except sqlite3.IntegrityError:
                raise ValueError("jti replayed") from None
        return issuer, row[1]

    def refusal(self, request: Request, kind: str, resource: str, now: float) -> Response | None:
        """401 or 403 for a request; None: it may pass."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        row = self._store.db.execute("SELECT scope, ends FROM token WHERE value = ?", (token,)).fetchone() if token else None
        if scheme.lower() != "bearer" or row is None or row[1] < now:
            return Response(401, headers={"WWW-Authenticate": 'Bearer realm="fhir", error="invalid_token"'})
        return None if self.allows(row[0], kind, resource) else Response(403)

    def expire(self, request: Request, now: float, older_s: float) -> None:
        """The request's token holds no longer, where it was given more than `older_s` ago."""
        token = request.headers.get("authorization", "").partition(" ")[2]
        with self._store.transaction():
            self._store.db.execute("DELETE FROM token WHERE value = ? AND ends < ?", (token, now + self._life - older_s))

    @staticmethod
    def allows(scope: str, kind: str, resource: str) -> bool:
        """Whether scopes cover one interaction; a transaction as a whole is checked entry by entry."""
        letter = _LETTER.get(kind)
        return letter is None or _within(f"system/{resource}.{letter}", scope.split())

    def scope_of(self, request: Request) -> str:
        """Scopes of the request's token; empty where it has none."""
        token = request.headers.get("authorization", "").partition(" ")[2]
        row = self._store.db.execute("SELECT scope FROM token WHERE value = ?", (token,)).fetchone()
        return row[0] if row else ""


def _within(scope: str, allowed: list[str]) -> bool:
    asked = _SCOPE.fullmatch(scope)
    matches = [match for text in allowed if (match := _SCOPE.fullmatch(text))]
    return asked is not None and all(
        any(match[1] in ("*", asked[1]) and letter in _letters(match[2]) for match in matches) for letter in _letters(asked[2])
    )


def _letters(may: str) -> str:
    return _WORDS.get(may, may)


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), {"Cache-Control": "no-store"}, "application/json")
