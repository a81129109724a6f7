"""Who may call which RPC: the only table. What stands here in no row, nobody may call.

A caller may be bound to cameras, beds and wards. Then a row must say what a request is about (`about`), or what the items of an answer
are about (`shows`); a row that says neither is closed to it. docs/reference/grpc.md shows this table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from wince.api.care.v1 import care_pb2
from wince.domain.reach import Kind, Subject
from wince.rpc.right import Right, at, both
from wince.rpc.roles import Role

READER, NURSE, OPERATOR = Role.READER, Role.NURSE, Role.OPERATOR
_SITE = Subject(Kind.SITE, "")


def _right(*roles: Role, **more: Any) -> Right:
    return Right(frozenset(roles), **more)


def _switched(request: Any) -> Iterable[Subject]:
    kinds = {care_pb2.SWITCH_SCOPE_BED: Kind.BED, care_pb2.SWITCH_SCOPE_WARD: Kind.WARD}
    kind = kinds.get(request.scope)
    return [Subject(kind, request.name) if kind is not None else _SITE]


_SCOPE = (
    at(Kind.BED, "scope.bed"),
    at(Kind.WARD, "scope.ward"),
    at(Kind.ENCOUNTER, "scope.encounter"),
    at(Kind.ENCOUNTER, "scope.encounter_id"),
)
_PLACE = (at(Kind.BED, "bed"), at(Kind.WARD, "ward"))
_BED = at(Kind.BED, "bed")
_WINDOW = at(Kind.SOURCE, "source", "start_us")
_CONSENT = both(at(Kind.ENCOUNTER, "encounter"), at(Kind.ENCOUNTER, "encounter_id"), at(Kind.PATIENT, "patient"))


def _watched(answer: Any) -> Iterable[Subject]:
    """A heartbeat is for everybody. What has no bed is for nobody who is bound."""
    if answer.HasField("heartbeat"):
        return [Subject(Kind.NOBODY, "")]
    return _BED(answer)


_CAPTURE = {
    "PushFrames": _right(Role.CAMERA, about=(at(Kind.SOURCE, "frame.source"),)),
    "StartCamera": _right(OPERATOR, about=(at(Kind.SOURCE, "camera.source"),)),
    "StopCamera": _right(OPERATOR, about=(at(Kind.SOURCE, "source"),)),
    "ListCameras": _right(OPERATOR, READER, shows=(("cameras", at(Kind.SOURCE, "source")),)),
}
_DETECT = {
    "DetectFaces": _right(
        Role.STAGE,
        Role.PUBLISH,
        about=(at(Kind.SOURCE, "frame.source"), at(Kind.SOURCE, "beat.source")),
        flag=("publish", Role.PUBLISH),
    ),
}
_ESTIMATE = {
    "EstimateFaces": _right(Role.STAGE, about=(at(Kind.SOURCE, "faces.source"),)),
    "ListModels": _right(Role.STAGE, READER, OPERATOR, everywhere=True),
}
_GRADE = {
    "GradeEstimates": _right(
        Role.STAGE,
        about=tuple(at(Kind.SOURCE, f"{item}.source") for item in ("estimate", "beat", "occupancy", "snapshot")),
    ),
}
_RECORD = {
    "ListAssessments": _right(READER, NURSE, about=_SCOPE, shows=(("assessments", _WINDOW),)),
    "GetAssessment": _right(READER, NURSE, about=(at(Kind.ASSESSMENT, "id"),)),
    "ListAlerts": _right(READER, NURSE, about=_SCOPE, shows=(("alerts", _WINDOW), ("acknowledgements", at(Kind.ALERT, "alert_id")))),
    "GetAlert": _right(READER, NURSE, about=(at(Kind.ALERT, "id"),)),
    "AcknowledgeAlert": _right(NURSE, about=(at(Kind.ALERT, "alert_id"),), author="nurse"),
    "Watch": _right(READER, NURSE, about=_PLACE, shows=(("", _watched),)),
    "WatchAssessments": _right(
        READER,
        NURSE,
        about=(_BED,),
        shows=(("", both(at(Kind.SOURCE, "assessment.source", "start_us"), at(Kind.SOURCE, "alert.source", "start_us"))),),
    ),
    "ListEntries": _right(READER, NURSE, about=_SCOPE, shows=(("entries", _BED),)),
    "GetEntry": _right(READER, NURSE, about=(at(Kind.ENTRY, "id"),)),
    "GetReport": _right(READER, NURSE),
    "GetDeliveries": _right(READER, NURSE, OPERATOR, about=(at(Kind.ENTRY, "entry_id"),)),
    "ListDeadLetters": _right(OPERATOR, shows=(("deliveries", at(Kind.ENTRY, "entry_id")),)),
    "ReplayDeadLetter": _right(OPERATOR, about=(at(Kind.ENTRY, "entry_id"),)),
    "ListTargets": _right(OPERATOR),
    "ReleaseTarget": _right(OPERATOR),
    "QueryAudit": _right(OPERATOR),
    "VerifyAudit": _right(OPERATOR),
}
_CARE = {
    "ListQuestions": _right(NURSE, READER, about=_PLACE, shows=(("questions", at(Kind.SOURCE, "source", "end_us", before=True)),)),
    "GetQuestion": _right(NURSE, READER, about=(at(Kind.QUESTION, "id"),)),
    "ListVerdicts": _right(NURSE, READER, about=_PLACE, shows=(("verdicts", at(Kind.ASSESSMENT, "assessment_id")),)),
    "GetVerdict": _right(NURSE, READER, about=(at(Kind.VERDICT, "id"),)),
    "ListPauses": _right(NURSE, READER, about=_PLACE, shows=(("pauses", _BED),)),
    "GetPause": _right(NURSE, READER, about=(at(Kind.PAUSE, "id"),)),
    "GiveVerdict": _right(
        NURSE,
        about=(at(Kind.ASSESSMENT, "verdict.assessment_id"), at(Kind.QUESTION, "verdict.question_id")),
        author="verdict.nurse",
    ),
    "StartPause": _right(NURSE, about=(at(Kind.BED, "pause.bed"),), author="pause.nurse"),
    "EndPause": _right(NURSE, about=(at(Kind.PAUSE, "pause_id"),), author="nurse"),
    "SetPatientState": _right(
        NURSE, about=(at(Kind.ENCOUNTER, "state.encounter"), at(Kind.ENCOUNTER, "state.encounter_id")), author="state.nurse"
    ),
    "GetPatientState": _right(NURSE, READER, about=(at(Kind.ENCOUNTER, "encounter"), at(Kind.ENCOUNTER, "encounter_id"))),
    "SwitchOff": _right(NURSE, OPERATOR, about=(_switched,)),
    "SwitchOn": _right(OPERATOR, about=(_switched,)),
    "ListSwitches": _right(NURSE, OPERATOR, READER, shows=(("switches", _switched),)),
    "SetConsent": _right(
        NURSE,
        about=(
            at(Kind.ENCOUNTER, "consent.encounter"),
            at(Kind.ENCOUNTER, "consent.encounter_id"),
            at(Kind.PATIENT, "consent.patient"),
        ),
        author="consent.nurse",
    ),
    "ListConsents": _right(NURSE, READER, shows=(("consents", _CONSENT),)),
}
_HOSPITAL = {
    "GetOccupancy": _right(READER, NURSE, about=(_BED,)),
    "ListStays": _right(
        READER,
        NURSE,
        about=(_BED, at(Kind.WARD, "ward"), at(Kind.ENCOUNTER, "encounter")),
        shows=(("stays", _BED), ("doubts", _BED)),
    ),
    "GetStay": _right(READER, NURSE, about=(at(Kind.STAY, "id"),)),
    "ListDoubts": _right(READER, NURSE, shows=(("doubts", _BED),)),
    "ListDifferences": _right(
        READER, NURSE, shows=(("differences", both(_BED, at(Kind.BED, "listed.bed"), at(Kind.BED, "believed.bed"))),)
    ),
    "ConfirmOccupancy": _right(NURSE, about=(_BED,)),
}
_ANY = tuple(role for role in Role if role is not Role.ON_BEHALF)
_SERVER = {name: _right(*_ANY, everywhere=True) for name in ("GetServerInfo", "ListProtocols", "GetProtocol")}
SERVICES = {
    "wince.api.capture.v1.CaptureService": _CAPTURE,
    "wince.api.detect.v1.DetectService": _DETECT,
    "wince.api.estimate.v1.EstimateService": _ESTIMATE,
    "wince.api.grade.v1.GradeService": _GRADE,
    "wince.api.record.v1.RecordService": _RECORD,
    "wince.api.care.v1.CareService": _CARE,
    "wince.api.hospital.v1.HospitalService": _HOSPITAL,
    "wince.api.server.v1.ServerService": _SERVER,
    "grpc.reflection.v1.ServerReflection": {"ServerReflectionInfo": _right(*Role, everywhere=True)},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": _right(*Role, everywhere=True)},
}
"""Service -> its methods."""
RIGHTS = {f"/{service}/{method}": right for service, methods in SERVICES.items() for method, right in methods.items()}
"""By "/package.Service/Method"."""


def table() -> str:
    """The table as Markdown."""
    roles = [role for role in Role if role is not Role.ON_BEHALF]
    lines = [f"| | {' | '.join(f'`{role}`' for role in roles)} | bound callers |", "|---|" + "---|" * (len(roles) + 1)]
    for service, methods in SERVICES.items():
        lines.append(f"| **{service.rpartition('.')[2]}** |" + " |" * (len(roles) + 1))
        for method, right in methods.items():
            cells = [_cell(right, role) for role in roles]
            lines.append(f"| `{method}` | {' | '.join(cells)} | {_bound(right)} |")
    return "\n".join(lines) + "\n"


def _cell(right: Right, role: Role) -> str:
    if role not in right.roles:
        return ""
    return f"with `{right.flag[0]}`" if right.flag is not None and role is right.flag[1] else "yes"


def _bound(right: Right) -> str:
    if right.everywhere:
        return "yes"
    if not right.bindable:
        return "no"
    said = ["what it names"] if right.about else []
    return ", ".join([*said, "what it lists"] if right.shows else said)


def shown(page: str) -> str:
    """A page with this table between its two marks."""
    begin, end = "<!-- python -m wince.rpc.rights -->\n", "<!-- end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}{table()}{end}{rest.split(end, 1)[1]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(shown(page.read_text("utf-8")), "utf-8")
