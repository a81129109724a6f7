"""The Task of a question: a nurse looks, and answers with her own Observation."""

from __future__ import annotations

from wince.delivery import terms
from wince.delivery.fhir.narrative import narrative
from wince.delivery.fhir.parts import Software, installation, instant, labelled, logical, uri_identifier
from wince.domain.entry import TaskEntry
from wince.errors import MessageError
from wince.fhir.invariants import Resource

_DESCRIPTION = "The software could not grade this stretch: please look at the patient and score."


def task(entry: TaskEntry, software: Software) -> Resource:
    """The Task of a question. Needs patient and encounter. `restriction.period` says until when it is to be answered; the stretch that
    it is about is an input, since `executionPeriod` is when somebody works on it (FHIR R4, Task)."""
    if entry.patient is None or entry.encounter is None:
        raise MessageError("a question without a patient is not delivered", field="patient", remedy="it stays in Wince's own worklist")
    asked_us = entry.asked_us if entry.asked_us is not None else entry.issued_us if entry.revision == 1 else None
    profile, why = software.writing.profile, terms.REASON.words.get(entry.reason.value, (entry.reason.value,))[0]
    resource: Resource = {
        "resourceType": "Task",
        **labelled(software, "question", by_software=True),
        **({"text": narrative(f"{_DESCRIPTION} Why: {why}.")} if profile.narrative else {}),
        "identifier": [uri_identifier(entry.id)],
        "status": entry.status,
        "intent": "order",
        "priority": "urgent",
        "code": terms.TASK.concept("look"),
        "description": _DESCRIPTION,
        "for": logical("Patient", entry.patient),
        "encounter": logical("Encounter", entry.encounter),
        **({} if asked_us is None else {"authoredOn": instant(asked_us)}),
        "lastModified": instant(entry.issued_us),
        "requester": installation(software),
        "owner": _owner(entry, software),
        "reasonCode": terms.REASON.concept(entry.reason.value),
        **({} if asked_us is None else {"restriction": _until(asked_us, software)}),
        "input": [
            {
                "type": terms.INPUT.concept("window"),
                "valuePeriod": {"start": instant(entry.start_us), "end": instant(entry.end_us)},
            }
        ],
    }
    if entry.focus is not None:
        resource["focus"] = {"type": "Observation", "identifier": uri_identifier(entry.focus)}
    return resource


def _until(asked_us: int, software: Software) -> Resource:
    end_us = asked_us + round(software.writing.answer_s * 1_000_000)
    return {"repetitions": 1, "period": {"start": instant(asked_us), "end": instant(end_us)}}


def _owner(entry: TaskEntry, software: Software) -> Resource:
    """Whom the site names, else the nurses of the ward, by name alone."""
    if software.writing.owner is not None:
        return logical("CareTeam", software.writing.owner)
    ward = entry.bed.partition("^")[0]
    return {"type": "CareTeam", "display": f"Nurses of {ward}" if ward else "Nurses"}
