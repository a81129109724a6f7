"""What the hospital's messages leave unsaid."""

from __future__ import annotations

import re
import zoneinfo
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wince.settings.part import Part

EXAMPLES: list[Any] = [
    {"authority": "HOSP", "system": "https://hospital.example/mrn"},
    {"authority": "1.2.276.0.76.4.16", "system": "https://hospital.example/visit"},
]
"""Entries, for the reference and the example file."""


class IdentifierSystem(BaseModel):
    """One entry of the list `[[identifier_systems]]`."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": EXAMPLES})

    authority: str = Field(min_length=1, max_length=200)
    """Assigning authority as in the fourth component of PID-3 and PV1-19: its namespace, or its OID or other universal id."""
    system: str = Field(min_length=1, max_length=500)
    """System of these identifiers at the FHIR server, a URI."""

    @field_validator("system")
    @classmethod
    def _uri(cls, value: str) -> str:
        if not urlsplit(value).scheme or re.search(r"\s", value):
            raise ValueError("needs to be a URI, such as https://hospital.example/mrn or urn:oid:1.2.3")
        return value


class Hospital(Part):
    """Meaning of the hospital's messages

    What ADT messages leave unsaid. Set it before patients are watched: another authority or zone makes other identifiers and times of
    the same messages.
    """

    time_zone: str | None = Field(default=None, max_length=64, examples=["Europe/Berlin"])
    """The hospital's time zone (IANA name, UTC too): that of every time in its messages which names no offset. It has no default: a wrong
    one binds a grade to the patient who lay there hours earlier. Without it the listener doesn't start. (`wince run` sends messages of its
    own, with offsets, and takes UTC where nothing is set.)"""
    patient_authority: str = Field(default="", max_length=200, examples=["HOSP&1.2.276.0.76.4.16&ISO"])
    """Assigning authority of the medical record numbers that count, as in PID-3.4: its namespace, its OID, or both with & between; then
    either names it. Numbers of other authorities name nobody. Empty: the authority isn't looked at, and two numbers of one type are
    refused."""
    patient_id_types: tuple[str, ...] = ("MR", "MRN", "PI")
    """Identifier types (PID-3.5) of a medical record number, the best first. Upper and lower case are the same. A number without a type
    counts only where no number has a type."""
    visit_number: Literal["PV1-19", "PID-18"] = "PV1-19"
    """Field that holds the number of the visit. PID-18: where the hospital sends its account number instead."""
    facilities: tuple[str, ...] = Field(default=(), examples=[["NORTH"]])
    """Names of this hospital in the fourth part of a bed (PV1-3.4). A bed of another facility is written with that part
    (ICU^101^A^SOUTH), so it is never the bed ICU^101^A of a camera. Empty: every facility that a bed names is another."""
    production_site: bool = True
    """Real patients are watched: messages that are marked as training or debugging (MSH-11 other than P) admit nobody. false: on a test
    system they count like any other."""
    event_ahead_min: float = Field(default=10.0, ge=0, le=24 * 60)
    """How many minutes ahead of now an event may lie (EVN-2, EVN-6, PV1-44, PV1-45, else MSH-7). A message that lies further ahead is
    refused by name, or parked where `mllp_refused` says so."""
    control_id_window_h: float = Field(default=24.0, ge=0, le=24 * 366)
    """A control id (MSH-10) that comes again with another content is a new message where the times of both messages (MSH-7) lie further
    apart than these hours; nearer, it is refused. 0: it is always refused."""
    identifier_systems: tuple[IdentifierSystem, ...] = ()
    """Which system the FHIR server gives an assigning authority's identifiers, each in a table `[[identifier_systems]]`. Without an entry
    it is searched for urn:oid:OID, or urn:wince:authority:NAMESPACE."""

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                zoneinfo.ZoneInfo(value)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                if not zoneinfo.available_timezones():
                    raise ValueError("can't be looked up, no zone is known here: install the package tzdata (apt or pip)") from None
                raise ValueError("is no zone that is known here: give an IANA name, such as Europe/Berlin or UTC") from None
        return value

    @field_validator("patient_id_types", "facilities")
    @classmethod
    def _words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"[^\s^|~\\&][^^|~\\&]{0,199}", one) for one in value):
            raise ValueError("needs plain names, without ^ | ~ \\ &")
        return value

    @field_validator("patient_id_types")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("needs at least one type, such as MR")
        return value

    @field_validator("patient_authority")
    @classmethod
    def _authority(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^^|~\\&]*(&[^^|~\\&]+(&[A-Za-z0-9]+)?)?", value):
            raise ValueError("needs NAMESPACE, an OID, or NAMESPACE&OID&ISO, as in PID-3.4")
        return value

    @field_validator("identifier_systems")
    @classmethod
    def _each_once(cls, value: tuple[IdentifierSystem, ...]) -> tuple[IdentifierSystem, ...]:
        names = [entry.authority for entry in value]
        if len(names) != len(set(names)):
            raise ValueError("names an authority twice")
        return value
