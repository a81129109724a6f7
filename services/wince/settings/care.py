"""What patients and nurses decide, and what the EHR knows that outranks a face, as far as a site sets it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from wince.settings.part import Part


class Care(Part):
    """Care

    Consent; scores and medication that are read from the EHR.
    """

    consent_required: bool = False
    """Watch only patients who consented (`wince consent give`): the camera of any other bed, or of one in which nobody is known, is not
    opened. Off: everybody is watched except those who refused. Set the same value for all services."""
    outranking_codes: tuple[str, ...] = Field(default=(), max_length=50, examples=[["http://loinc.org|72514-3"]])
    """Codes, as system|code, of Observations at the EHR in which patients report their pain or nurses score it. Wince reads them for
    everybody who is watched; they outrank the model. The hospital's MLLP listener takes them as ORU^R01 too (docs/how-to/outranking.md).
    Set the same codes for all services. None: nothing is read, and ORU is rejected."""
    outranking_valid_min: int = Field(default=60, ge=1, le=24 * 60)
    """For how many minutes such a score outranks what the model charts. No question is asked in this time."""
    medication: Literal["none", "administrations", "orders", "both"] = "none"
    """Whether the EHR is read for medication under which a face can't move (MedicationAdministration, MedicationRequest)."""
    blocking_codes: tuple[str, ...] = Field(default=("http://www.whocc.no/atc|M03A*",), max_length=200)
    """Codes of neuromuscular blocking agents: a patient who gets one is not assessable by face. A code that ends in *
    stands for all codes that begin with it."""
    sedating_codes: tuple[str, ...] = Field(default=(), max_length=200, examples=[["http://www.whocc.no/atc|N01AX10"]])
    """Codes of agents of deep sedation, with the same effect."""
    medication_lasts_min: int = Field(default=60, ge=0, le=24 * 60)
    """For how many minutes an agent acts after its end, or after its moment if the EHR gives no end."""
    ehr_read_s: float = Field(default=60.0, ge=15, le=3600)
    """How often the EHR is read for each patient who is watched."""

    @field_validator("outranking_codes", "blocking_codes", "sedating_codes")
    @classmethod
    def _codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for code in value:
            system, bar, rest = code.rpartition("|")
            if not bar or not system or not rest.rstrip("*") or "," in code or "*" in code[:-1]:
                raise ValueError("needs codes as system|code, such as http://loinc.org|72514-3")
        return value
