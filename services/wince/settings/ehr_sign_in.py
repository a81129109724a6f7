"""How Wince signs in at the EHR."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from wince.settings.part import Part

_SCOPE = re.compile(r"v1|v2|[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
"""RFC 6749, 3.3."""


class EhrSignIn(Part):
    """Signing in at the EHR

    SMART Backend Services: Wince proves its identity with a private key and gets a token. docs/how-to/ehr.md has the steps for each EHR.
    """

    ehr_auth: Literal["smart", "none"] = "smart"
    """How Wince signs in. smart: SMART Backend Services. none: not at all; then the network must keep everybody else out."""
    ehr_client_id: str = "wince"
    """Client id at the EHR's token endpoint."""
    ehr_key_id: str = Field(default="1", min_length=1)
    """Id (`kid`) under which the EHR knows the client's public key."""
    ehr_key_file: Path | None = Field(default=None, examples=["/etc/wince/ehr-key.pem"])
    """Private key (PEM, EC P-384 for ES384 or RSA of at least 2048 bits for RS384) that signs the client's assertion. Needed where ehr_auth
    is smart. `wince ehr jwks` prints its public half for the EHR."""
    ehr_key_until: date | None = Field(default=None, examples=["2027-12-31"])
    """Day on which the key is to be replaced, as the site's rules or the EHR's registration have it. Wince warns 30 days before."""
    ehr_next_key_file: Path | None = Field(default=None, examples=["/etc/wince/ehr-key-2027.pem"])
    """Key that comes after `ehr_key_file`: published with it, and used once the EHR refuses the first. So keys change without a gap."""
    ehr_next_key_id: str = Field(default="2", min_length=1)
    """Its id (`kid`)."""
    ehr_key_set_url: str = Field(default="", examples=["https://wince.example/jwks.json"])
    """Where the site publishes what `wince ehr jwks` prints; told to the token endpoint (`jku`). Empty: the EHR has the keys themselves."""
    ehr_token_url: str = Field(default="", examples=["https://ehr.example/oauth2/token"])
    """Token endpoint, for an EHR whose SMART discovery names none, or another than its clients can reach. Empty: as discovery says."""
    ehr_scopes: str = Field(default="v2", examples=["v1"])
    """Scopes to ask for. v2: system/Observation.crus and its like (SMART 2). v1: system/Observation.write and its like (SMART 1). Anything
    else is the scopes themselves, separated by blanks."""
    ehr_cert_file: Path | None = Field(default=None, examples=["/etc/wince/ehr-client.crt"])
    """Certificate (PEM, with its chain) that Wince shows to an EHR that asks its clients for one (mutual TLS)."""
    ehr_cert_key_file: Path | None = Field(default=None, examples=["/etc/wince/ehr-client.key"])
    """Its private key (PEM, unencrypted)."""

    @field_validator("ehr_token_url", "ehr_key_set_url")
    @classmethod
    def _whole_url(cls, value: str) -> str:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("needs to be an http or https URL without a user name")
        return value

    @field_validator("ehr_scopes")
    @classmethod
    def _scopes(cls, value: str) -> str:
        if not _SCOPE.fullmatch(value):
            raise ValueError("needs to be v1, v2, or scopes separated by single blanks")
        return value
