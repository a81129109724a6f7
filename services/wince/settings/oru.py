"""The HL7 v2 receiver that results are sent to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wince.domain.loinc import SYSTEM, fault
from wince.settings.part import Part

EXAMPLES: list[Any] = [{"protocol": "activity", "system": "L", "code": "FACEPAIN", "text": "Facial activity", "reported": False}]
"""Codes, for the reference and the example file."""


class OruCoding(BaseModel):
    """One code of the list `[[oru_codes]]`: what the receiver calls a protocol's number."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": EXAMPLES})

    protocol: str = Field(min_length=1, max_length=40)
    """Name of the protocol."""
    system: str = Field(min_length=1, max_length=20)
    """Coding system as in HL7 table 0396: LN for LOINC, SCT for SNOMED CT, L for a local code."""
    code: str = Field(min_length=1, max_length=100)
    """The code there. It stands as the second code of OBR-4 and OBX-3, behind Wince's own."""
    text: str = Field(default="", max_length=200)
    """Its name there."""
    reported: bool = False
    """Needed for a LOINC code that says that the patient told the number; see `ehr_codes`."""

    @model_validator(mode="after")
    def _honest(self) -> OruCoding:
        if wrong := fault(SYSTEM if self.system.upper() == "LN" else self.system, self.code, reported=self.reported):
            raise ValueError(f"code {self.code} {wrong}; choose another, or set reported = true and answer for it")
        return self


class Oru(Part):
    """Results by HL7 v2

    A receiver of ORU messages over MLLP, such as an interface engine, to which entries are delivered; beside the FHIR server or instead of
    it. docs/reference/oru.md shows the messages and the write profiles.
    """

    oru_address: str = Field(default="", max_length=300, examples=["engine.example:2575"])
    """Host and port of the receiver. Empty: no results are sent by HL7 v2."""
    oru_tls: bool = True
    """Speak TLS. Without it the receiver must be on this machine, or insecure_oru_beyond_loopback be set."""
    oru_ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed there. Not set: the system's."""
    oru_server_name: str = Field(default="", max_length=255)
    """Name in the receiver's certificate, where it is another than the host of oru_address."""
    oru_cert_file: Path | None = Field(default=None, examples=["/etc/wince/oru-cert.pem"])
    """Our certificate (PEM), where the receiver wants one."""
    oru_cert_key_file: Path | None = Field(default=None, examples=["/etc/wince/oru-key.pem"])
    """Private key (PEM) of that certificate."""
    insecure_oru_beyond_loopback: bool = False
    """Send results to another machine without TLS. Everybody on the network can then read them."""
    oru_timeout_s: float = Field(default=20.0, ge=1, le=25)
    """How long an acknowledgement is waited for, seconds. Then the same message is sent again, with the same control id."""
    oru_connections: int = Field(default=1, ge=1, le=16)
    """Connections at a time. With more than one, messages of different visits are on their way beside each other; those of one visit
    never are. Many receivers take one only."""
    oru_profile: Literal["v251", "v231", "v28"] = "v251"
    """How messages are written. v251: HL7 v2.5.1, original mode. v231: v2.3.1, Latin-1, few segments. v28: v2.8, enhanced mode."""
    oru_profile_file: Path | None = Field(default=None, examples=["/etc/wince/oru-profile.toml"])
    """A write profile of the site's own (TOML), instead of oru_profile."""
    oru_sending_application: str = Field(default="WINCE", min_length=1, max_length=180)
    """Name of Wince in its messages (MSH-3)."""
    oru_sending_facility: str = Field(default="", max_length=180)
    """Name of the sending facility (MSH-4)."""
    oru_receiving_application: str = Field(default="", max_length=180)
    """Name of the receiving application (MSH-5)."""
    oru_receiving_facility: str = Field(default="", max_length=180)
    """Name of the receiving facility (MSH-6)."""
    oru_codes: tuple[OruCoding, ...] = Field(default=(), examples=[EXAMPLES])
    """The receiver's own codes for a protocol's number; the first of a protocol is sent."""
    oru_authorities: tuple[str, ...] = Field(default=(), examples=[["HOSP&1.2.276.0.76.4.16&ISO"]])
    """Assigning authorities as the receiver wants them in PID-3.4 and PV1-19.4, each NAMESPACE&OID&ISO. Wince keeps one name of an
    authority, the OID where a message gives one; here the others stand beside it. `patient_authority` needs no entry."""

    @field_validator("oru_address")
    @classmethod
    def _address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and not (host and port.isdigit() and 0 < int(port) < 65536 and not re.search(r"[\s/@]", host)):
            raise ValueError("needs to be HOST:PORT, such as engine.example:2575")
        return value

    @field_validator("oru_authorities")
    @classmethod
    def _authorities(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"[^^|~\\&]*&[^^|~\\&]+&[A-Za-z0-9]+", one) for one in value):
            raise ValueError("needs NAMESPACE&ID&TYPE, such as HOSP&1.2.276.0.76.4.16&ISO")
        return value
