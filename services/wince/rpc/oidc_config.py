"""What can be set of the site's own sign-in (OpenID Connect): the section `[oidc]`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.rpc.roles import Role
from wince.rpc.token_file import roles_of

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a private key. Those by a shared secret (HS256) are not among them: whoever verifies could issue."""


class OidcSettings(BaseModel):
    """Staff and systems that sign in at the hospital's own identity provider call the services with its access tokens (JWT)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(default="", max_length=500, examples=["https://login.hospital.example/realms/ward"])
    """Who issues the tokens, as their `iss` says to the letter. Empty: only the token file and certificates count."""
    audience: str = Field(default="", max_length=500, examples=["wince"])
    """For whom they must be issued: one of their `aud`."""
    jwks: str = Field(default="", max_length=500, examples=["https://login.hospital.example/realms/ward/certs"])
    """The issuer's public keys (JSON Web Key Set): an https URL, or a file."""
    ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed at that URL. Not set: the system's."""
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256", "ES256"), min_length=1)
    """Signatures that are believed."""
    leeway_s: float = Field(default=30.0, ge=0, le=300)
    """How far the issuer's clock may be off."""
    subject_claim: str = Field(default="sub", min_length=1, max_length=100, examples=["preferred_username"])
    """The claim that identifies the person: it stands as the author of what they decide, and in the audit trail. It must never change
    hands; a staff identifier, not a name."""
    roles_claim: str = Field(default="roles", min_length=1, max_length=200, examples=["realm_access.roles"])
    """The claim that holds roles or groups, a list or words with spaces between. Dots lead into objects."""
    roles: tuple[str, ...] = Field(default=(), examples=[["pain-nurses=nurse", "pain-it=operator,reader"]])
    """What they mean here: VALUE=ROLES, with commas between roles. A value that isn't listed means nothing."""
    sources_claim: str = Field(default="", max_length=200)
    """The claim that binds a caller to cameras. A token without it reaches none; `*` in it is everything. Empty: no claim does."""
    beds_claim: str = Field(default="", max_length=200)
    """The same for beds, as POINTOFCARE^ROOM^BED."""
    wards_claim: str = Field(default="", max_length=200, examples=["wards"])
    """The same for wards."""


def check(config: OidcSettings) -> None:
    """Raises ConfigError where half of it is set, or keys would come over a network in the clear."""
    if not config.issuer:
        for name in ("audience", "jwks", "roles"):
            if getattr(config, name):
                raise ConfigError(f"oidc.{name} needs oidc.issuer", field="oidc.issuer", remedy="set both, or none")
        return
    for name in ("audience", "jwks", "roles"):
        if not getattr(config, name):
            raise ConfigError("is needed where oidc.issuer is set", field=f"oidc.{name}", remedy="set it, or leave the issuer out")
    mapped = roles_by_value(config)
    bound = config.sources_claim or config.beds_claim or config.wards_claim
    if not bound and any(Role.CAMERA in roles for roles in mapped.values()):
        remedy = "set oidc.sources_claim, or give cameras tokens of their own"
        raise ConfigError("a caller with the role `camera` must name its cameras", field="oidc.roles", remedy=remedy)
    parts = urlsplit(config.jwks)
    if parts.scheme == "http" and not loopback(parts.hostname or ""):
        raise ConfigError("keys would come over the network unprotected", field="oidc.jwks", remedy="use https, or a file")
    if parts.scheme in ("http", "https") and (parts.username or parts.password):
        raise ConfigError("holds a login", field="oidc.jwks", remedy="use an address that anybody may read, or a file")


def roles_by_value(config: OidcSettings) -> Mapping[str, frozenset[Role]]:
    """What values of the roles' claim mean. Raises ConfigError."""
    found: dict[str, frozenset[Role]] = {}
    for said in config.roles:
        value, equals, roles = said.rpartition("=")
        if not equals or not value or value in found:
            raise ConfigError("is not VALUE=ROLES, or says a value twice", field="oidc.roles", remedy="such as pain-nurses=nurse")
        found[value] = roles_of(roles, "oidc.roles")
    return found
