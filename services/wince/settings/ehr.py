"""The EHR that entries are written to."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator


class Ehr(BaseModel):
    """A FHIR R4 server, and delivery to it."""

    ehr_url: str | None = None
    """FHIR R4 base URL; absent: the EHR sandbox is started."""
    ehr_ca_file: Path | None = None
    """Authorities whose certificates are believed at the FHIR server and at its token endpoint, PEM; absent: the system's, or those that
    SSL_CERT_FILE names."""
    insecure_ehr_beyond_loopback: bool = False
    """Write to an EHR on another machine without TLS (http). Everybody on the network can then read patients' entries and the token."""
    ehr_auth: Literal["smart", "none"] = "smart"
    """How Wince signs in: smart (SMART Backend Services), or none: the server takes everybody's entries, and the network must keep others
    out."""
    ehr_client_id: str = "wince"
    """SMART Backend Services client id."""
    ehr_key_id: str = "1"
    """`kid` of that key, as registered at the EHR."""
    ehr_key_file: Path | None = None
    """Private key (PEM, P-384 or RSA) that signs the client assertion."""
    lease_s: float = Field(default=120.0, ge=5, le=3600)
    """How long a delivery belongs to the record replica that took it; after a kill it is tried again when that is over."""

    @field_validator("ehr_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("needs to be an http or https URL, such as https://ehr.example/fhir")
        return value
