"""How entries are written to the EHR that is set, and whether it can be so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wince.delivery.fhir.profiles import profile
from wince.delivery.fhir.profiles.profile import Writing
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Target
from wince.delivery.site_code import SiteCode
from wince.domain.stay import Identifier
from wince.errors import ConfigError, MessageError, Refused, Unavailable
from wince.protocols.rules import ClinicalProtocol
from wince.settings import Settings
from wince.telemetry import logs

log = logs.get(__name__)


def writing(settings: Settings, protocols: Mapping[str, ClinicalProtocol] | None) -> Writing:
    """As the settings say. `protocols`: what is loaded; None: nothing is checked against them.

    Raises ConfigError where the settings name a protocol that is not loaded, or lack a code that the profile needs.
    """
    system, _, value = settings.ehr_question_owner.rpartition("|")
    made = Writing(
        profile.load(settings.ehr_profile),
        standing=settings.ehr_standing,
        site_codes=tuple(SiteCode(one.protocol, one.system, one.code, one.display) for one in settings.ehr_codes),
        hl7_label=settings.ehr_ai_label == "hl7",
        names_profiles=settings.ehr_names_profiles,
        owner=Identifier(system, value) if value else None,
        answer_s=settings.ehr_question_answer_s,
        call_s=settings.ehr_call_s,
    )
    if protocols is None:
        return made
    if unknown := sorted(set(settings.ehr_standing) - set(protocols)):
        raise ConfigError(f"no protocol {unknown[0]!r} is loaded", field="ehr_standing", remedy=f"one of: {', '.join(sorted(protocols))}")
    charting = {settings.protocol, *(rule.protocol for rule in settings.routing if rule.role == "grade")}
    profile.check(made, protocols, charting)
    return made


def refuse_what_can_not_work(targets: Sequence[Target]) -> None:
    """Raises ConfigError where a server says that it can't do what its profile needs. One that does not answer now is not judged."""
    for target in targets:
        if not isinstance(target, FhirTarget):
            continue
        try:
            lacking = target.lacking()
        except (Unavailable, Refused, MessageError) as error:
            log.warning("the EHR's CapabilityStatement can't be read yet", error=error)
            continue
        if lacking:
            remedy = "have the EHR allow this client that, or set another ehr_profile"
            raise ConfigError(f"the EHR's CapabilityStatement lacks {', '.join(lacking)}", field="ehr_profile", remedy=remedy)
