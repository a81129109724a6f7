"""What a nurse's verdict becomes in the record."""

from __future__ import annotations

from dataclasses import replace

from wince.domain.assessment import Assessment, Verdict
from wince.domain.charting_entries import entry
from wince.domain.entry import Entry, Kind
from wince.domain.ids import entry_id
from wince.domain.reason import Reason
from wince.domain.scales import Scale
from wince.domain.stay import Stay


def fits(verdict: Verdict, scale: Scale) -> bool:
    """Whether the scale has her grade; that she could not tell fits every scale."""
    return verdict.grade is None or 0 <= verdict.grade < len(scale.grades)


def own_entry(verdict: Verdict, window: Assessment, stay: Stay, scale: Scale, issued_us: int) -> Entry:
    """A nurse's entry: her grade, nothing of the model's numbers."""
    return replace(
        entry(Kind.VERDICT, window, stay, issued_us),
        id=entry_id(verdict.id, stay.patient, stay.encounter, Kind.VERDICT),
        origin=verdict.id,
        grade=verdict.grade,
        grade_name=scale.name_of(verdict.grade),
        score=None,
        median=None,
        peak=None,
        confidence=None,
        units=(),
        personal=False,
        reason=Reason.UNCERTAIN if verdict.grade is None else None,
        status="final",
        nurse=verdict.nurse,
    )
