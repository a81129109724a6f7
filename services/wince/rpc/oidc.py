"""Callers who signed in at the hospital's identity provider: its JWT, verified against its public keys.

RFC 8725 (JSON Web Token Best Current Practices): the algorithm is one of the site's list and never chosen by the token alone (3.1, 3.2), a
key is used for its own kind of signature, issuer, audience and end are asked for (3.8, 3.9), and a critical extension that is not known
refuses the token (RFC 7515 4.1.11).
"""

from __future__ import annotations

from typing import Any

import jwt

from wince.control import has_control
from wince.domain.reach import EVERYTHING, Bounds
from wince.rpc.auth import Caller
from wince.rpc.errors import Unauthenticated
from wince.rpc.jwks import Keys
from wince.rpc.oidc_config import OidcSettings, check, roles_by_value
from wince.rpc.roles import Role

LONGEST_ID = 256
"""Characters of a key's id."""
LONGEST_SUBJECT = 128
_BOUNDS = ("sources", "beds", "wards")
_WRONG = (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError, AttributeError)


class Oidc:
    """`rpc.auth.SignIn` by OpenID Connect. Used from one event loop."""

    def __init__(self, config: OidcSettings, keys: Keys | None = None) -> None:
        """Raises ConfigError."""
        check(config)
        self._config, self._roles = config, roles_by_value(config)
        self._keys = keys or Keys(config.jwks, config.ca_file)

    @property
    def version(self) -> int:
        """Rises when there are other keys."""
        return self._keys.version

    def look(self) -> None:
        """Ask for the keys again where that is due."""
        self._keys.look()

    def may_be(self, token: str) -> bool:
        """Whether it has the form of a JWT; no token of ours has."""
        return token.count(".") == 2 and token.startswith("ey")

    async def of(self, token: str) -> Caller:
        """Whose it is. Raises Unauthenticated, without saying what was wrong; Unavailable."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid", "")
        except _WRONG:
            raise _refused() from None
        if algorithm not in self._config.algorithms or not isinstance(kid, str) or len(kid) > LONGEST_ID or "crit" in header:
            raise _refused()
        key = await self._keys.of(kid)
        if key is None:
            raise _refused()
        try:
            return self._caller(self._verified(token, key, algorithm))
        except _WRONG:
            raise _refused() from None

    def _verified(self, token: str, key: dict[str, Any], algorithm: str) -> dict[str, Any]:
        if key.get("alg", algorithm) != algorithm:
            raise jwt.InvalidAlgorithmError("the key is for another")
        config = self._config
        claims = jwt.decode(
            token,
            jwt.PyJWK(key, algorithm),
            algorithms=[algorithm],
            audience=config.audience,
            issuer=config.issuer,
            leeway=config.leeway_s,
            options={"require": ["exp", "iss", "aud"]},
        )
        assert isinstance(claims, dict)
        return claims

    def _caller(self, claims: dict[str, Any]) -> Caller:
        subject = _claim(claims, self._config.subject_claim)
        if not isinstance(subject, str) or not subject.strip() or len(subject) > LONGEST_SUBJECT or has_control(subject):
            raise jwt.InvalidTokenError("no subject")
        roles: frozenset[Role] = frozenset()
        for value in _words(_claim(claims, self._config.roles_claim)):
            roles |= self._roles.get(value, frozenset())
        until_s = float(claims["exp"]) + self._config.leeway_s
        return Caller(f"oidc:{subject}", roles, self._bounds(claims), until_s, subject)

    def _bounds(self, claims: dict[str, Any]) -> Bounds:
        asked = {name: path for name in _BOUNDS if (path := getattr(self._config, f"{name}_claim"))}
        said = {name: frozenset(_words(_claim(claims, path), apart="")) for name, path in asked.items()}
        return EVERYTHING if not asked or any("*" in values for values in said.values()) else Bounds(**said)


def _claim(claims: dict[str, Any], path: str) -> Any:
    """What stands at a path: the name as it is first (names may hold dots), then step by step."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _words(value: Any, apart: str = " ") -> list[str]:
    """The texts of a claim: of a list, or of one text that may hold several."""
    if isinstance(value, str):
        return value.split() if apart else [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _refused() -> Unauthenticated:
    return Unauthenticated("the token is not believed", field="authorization", remedy="sign in again")
