"""How entries are written to the EHR: its write profile, and what the site says of codes and protocols."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wince.domain.loinc import fault
from wince.settings.part import Part

EXAMPLES: list[Any] = [
    {
        "protocol": "activity",
        "system": "http://open.epic.com/FHIR/StructureDefinition/observation-flowsheet-id",
        "code": "3040123456",
        "display": "Facial activity",
        "reported": False,
    },
]
"""Codes, for the reference and the example file."""


class SiteCoding(BaseModel):
    """One code of the list `[[ehr_codes]]`: what the site calls a protocol's number."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": EXAMPLES})

    protocol: str = Field(min_length=1, max_length=40)
    """Name of the protocol."""
    system: str = Field(min_length=3, max_length=200)
    """Code system, a URI. Epic's flowsheet rows: http://open.epic.com/FHIR/StructureDefinition/observation-flowsheet-id."""
    code: str = Field(min_length=1, max_length=100)
    """The code there."""
    display: str = Field(default="", max_length=200)
    """Its name there."""
    reported: bool = False
    """Needed for a LOINC code that says that the patient told the number (72514-3, 38208-5, 38214-3, 38221-8, 57696-7): a number from the
    face is none, and readers will take it for one."""

    @field_validator("system")
    @classmethod
    def _uri(cls, value: str) -> str:
        if ":" not in value or any(c.isspace() for c in value):
            raise ValueError("needs to be a URI, such as http://loinc.org")
        return value

    @model_validator(mode="after")
    def _honest(self) -> SiteCoding:
        if wrong := fault(self.system, self.code, reported=self.reported):
            raise ValueError(f"code {self.code} {wrong}; choose another, or set reported = true and answer for it")
        return self


class EhrWriting(Part):
    """What is written to the EHR

    docs/reference/fhir.md shows the resources and the write profiles.
    """

    ehr_profile: Literal["r4", "epic", "oracle"] = "r4"
    """What kind of server it is. r4: any FHIR R4 server. epic: final values of flowsheet rows only (`ehr_codes` names them), nothing else,
    and nothing is taken back there. oracle: no conditional create, so every create is looked for first."""
    ehr_codes: tuple[SiteCoding, ...] = Field(default=(), examples=[EXAMPLES])
    """The site's own codes for a protocol's number, beside Wince's."""
    ehr_standing: dict[str, Literal["research", "approved", "final"]] = Field(default={}, examples=[{"activity": "research"}])
    """What the site says of a protocol's scorer, for the EHR, ORU and the archive alike. research: its entries are preliminary and
    labelled. approved: the same, and a nurse's confirmation makes them final. final: they are final without her. A server that takes final
    values only gets of a research protocol nothing but nurses' own scores."""
    ehr_ai_label: Literal["wince", "hl7"] = "wince"
    """In which code system AIAST ("Artificial Intelligence asserted") labels what software said. hl7: v3-ObservationValue, which has the
    code only since R4's time: a server that validates with R4's own terminology refuses it. wince: our own, which every server takes."""
    ehr_names_profiles: bool = False
    """Name Wince's profiles in meta.profile. Only for a server into which the package of `wince fhir package` was loaded: one that does not
    know them may refuse what names them."""
    ehr_question_owner: str = Field(default="", max_length=300, examples=["urn:oid:1.2.3.4|PAIN-TEAM"])
    """Identifier (system|value) of the CareTeam that answers questions and hears alerts. Empty: the nurses of the ward, by name alone."""
    ehr_question_answer_s: float = Field(default=900.0, ge=60, le=86400)
    """Within how many seconds a question is to be answered; stands in the Task, and nothing in Wince waits for it."""
    ehr_call_s: float = Field(default=900.0, ge=60, le=86400)
    """An alert that ended longer ago than this, in seconds, calls nobody: charted or delivered late, it is written as Observation
    alone, without an active CommunicationRequest. The audit trail says so."""

    @field_validator("ehr_question_owner")
    @classmethod
    def _owner(cls, value: str) -> str:
        system, _, code = value.rpartition("|")
        if value and (not system or not code or ":" not in system):
            raise ValueError("needs to be SYSTEM|VALUE, such as urn:oid:1.2.3.4|PAIN-TEAM")
        return value
