"""The EHR that entries are written to."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from wince.settings.part import Part


class Ehr(Part):
    """EHR

    A FHIR R4 server to which entries are delivered.
    """

    ehr_url: str | None = Field(default=None, examples=["https://ehr.example/fhir"])
    """Base URL of the FHIR R4 server. Not set: `wince run` and `wince up` start a sandbox, services keep entries in their own tables."""
    ehr_ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed at the FHIR server and at its token endpoint. Not set: the system's
    authorities, or those that SSL_CERT_FILE names."""
    insecure_ehr_beyond_loopback: bool = False
    """Write to an EHR on another machine without TLS (http). Everybody on the network can then read patients' entries and the token."""
    lease_s: float = Field(default=120.0, ge=5, le=3600)
    """How long a delivery belongs to the replica of record that took it. If that replica is killed, the delivery is tried again after
    this time."""

    ehr_readback_per_hour: int = Field(default=60, ge=0, le=3600)
    """How many written entries are read back from the EHR in an hour, to see that its chart shows what was written (status, value, patient,
    version). Half of them are of the last day. 0: none."""

    @field_validator("ehr_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("needs to be an http or https URL, such as https://ehr.example/fhir")
        if "@" in parts.netloc:
            raise ValueError("holds a user name or password, which would be seen in logs; Wince signs in with a key (ehr_key_file)")
        return value
