"""Client of the care service: what a nurse is asked, and what she says."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from wince.api.care.v1 import care_service_pb2 as pb
from wince.api.care.v1 import question_state_pb2
from wince.api.care.v1.care_service_pb2_grpc import CareServiceStub
from wince.clients.unary import ServiceClient, order
from wince.codec.asked import asked_from_message
from wince.codec.care import (
    bed_pause_from_message,
    bed_pause_to_message,
    consent_from_message,
    consent_to_message,
    encounter_state_from_message,
    encounter_state_to_message,
    scope_to_number,
    switch_from_message,
    verdict_from_message,
    verdict_to_message,
)
from wince.codec.grade import question_from_message
from wince.codec.hospital import identifier_to_message
from wince.domain.asked import AskedQuestion
from wince.domain.assessment import Question, Verdict
from wince.domain.care import BedPause, EncounterState
from wince.domain.stay import Identifier
from wince.domain.withheld import Consent, Scope, Switch


class CareClient(ServiceClient):
    """The caller needs the role `nurse`; to read, `reader` is enough. Every method raises as ServiceClient._call."""

    def questions(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[Question]:
        """Open questions about an assessment, of a bed, a ward or all, by begin; asked for page by page. What record itself asks (who lies
        there?) is about no assessment and is left out: `asked` has both."""
        for answer in self._questions(bed, ward, where, latest):
            yield from (question_from_message(question) for question in answer.questions if question.assessment_id)

    def asked(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[AskedQuestion]:
        """Every open question, with its bed and whose it is, by begin; asked for page by page."""
        state = question_state_pb2.QUESTION_STATE_OPEN
        for answer in self._questions(bed, ward, where, latest):
            yield from (asked_from_message(question, state) for question in answer.questions)

    def _questions(self, bed: str, ward: str, where: str, latest: bool) -> Iterator[pb.ListQuestionsResponse]:
        request = pb.ListQuestionsRequest(bed=bed, ward=ward, filter=where, order_by=order(latest))
        return self._pages(CareServiceStub(self._channel).ListQuestions, request)

    def question(self, identity: UUID) -> AskedQuestion:
        """A question, how far it has come, and which verdict answered it. Raises NotFound."""
        answer = self._call(CareServiceStub(self._channel).GetQuestion, pb.GetQuestionRequest(id=str(identity)))
        return asked_from_message(answer.question, answer.state, answer.verdict_id)

    def verdicts(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[Verdict]:
        """Verdicts about a bed, a ward or all, by when they were decided."""
        request = pb.ListVerdictsRequest(bed=bed, ward=ward, filter=where, order_by=order(latest, "at_us"))
        for answer in self._pages(CareServiceStub(self._channel).ListVerdicts, request):
            yield from map(verdict_from_message, answer.verdicts)

    def verdict(self, identity: UUID) -> Verdict:
        """One verdict. Raises NotFound."""
        answer = self._call(CareServiceStub(self._channel).GetVerdict, pb.GetVerdictRequest(id=str(identity)))
        return verdict_from_message(answer.verdict)

    def pauses(self, bed: str = "", *, ward: str = "", where: str = "", latest: bool = False) -> Iterator[BedPause]:
        """Pauses of a bed, a ward or all, as they hold now, by begin."""
        request = pb.ListPausesRequest(bed=bed, ward=ward, filter=where, order_by=order(latest))
        for answer in self._pages(CareServiceStub(self._channel).ListPauses, request):
            yield from map(bed_pause_from_message, answer.pauses)

    def pause(self, identity: UUID) -> BedPause:
        """One pause as it holds now. Raises NotFound."""
        answer = self._call(CareServiceStub(self._channel).GetPause, pb.GetPauseRequest(id=str(identity)))
        return bed_pause_from_message(answer.pause)

    def give(self, verdict: Verdict) -> Verdict:
        """A nurse's verdict; as it stands once it is committed. The same again gives the same: its id is the caller's."""
        answer = self._call(CareServiceStub(self._channel).GiveVerdict, pb.GiveVerdictRequest(verdict=verdict_to_message(verdict)))
        return verdict_from_message(answer.verdict)

    def start_pause(self, pause: BedPause) -> BedPause:
        """Let assessment of a bed rest, at most 12 hours; as it stands. The same again gives the same. `nurse` empty: the caller."""
        request = pb.StartPauseRequest(pause=bed_pause_to_message(pause))
        return bed_pause_from_message(self._call(CareServiceStub(self._channel).StartPause, request).pause)

    def end_pause(self, identity: UUID, nurse: str = "") -> BedPause:
        """End a pause before its time; as it stands. `nurse` empty: the caller. Raises NotFound."""
        request = pb.EndPauseRequest(pause_id=str(identity), nurse=nurse)
        return bed_pause_from_message(self._call(CareServiceStub(self._channel).EndPause, request).pause)

    def set_state(self, state: EncounterState) -> EncounterState:
        """Say whether the patient of an encounter can be assessed by face; as it stands. `nurse` empty: the caller."""
        request = pb.SetPatientStateRequest(state=encounter_state_to_message(state))
        return encounter_state_from_message(self._call(CareServiceStub(self._channel).SetPatientState, request).state)

    def state(self, encounter: Identifier) -> EncounterState:
        """What holds for an encounter now. Raises NotFound."""
        request = pb.GetPatientStateRequest(encounter_id=identifier_to_message(encounter))
        return encounter_state_from_message(self._call(CareServiceStub(self._channel).GetPatientState, request).state)

    def switch_off(self, scope: Scope, name: str, reason: str) -> Switch:
        """Switch Wince off for a bed, a ward or (name empty) the site, until somebody switches it on again. What is off stays as it is.
        `reason`: in a person's words, without names, at most 500 characters. Raises NotFound."""
        request = pb.SwitchOffRequest(scope=scope_to_number(scope), name=name, reason=reason)
        return switch_from_message(self._call(CareServiceStub(self._channel).SwitchOff, request).switch)

    def switch_on(self, scope: Scope, name: str, reason: str) -> Switch:
        """Switch it on again. The caller needs the role `operator`. Raises NotFound where it is not off."""
        request = pb.SwitchOnRequest(scope=scope_to_number(scope), name=name, reason=reason)
        return switch_from_message(self._call(CareServiceStub(self._channel).SwitchOn, request).switch)

    def switches(self) -> list[Switch]:
        """What is off now: the site first, then wards, then beds."""
        answer = self._call(CareServiceStub(self._channel).ListSwitches, pb.ListSwitchesRequest())
        return [switch_from_message(one) for one in answer.switches]

    def set_consent(self, consent: Consent) -> Consent:
        """Write down whether a patient may be watched; as it stands. `nurse` empty: the caller. Raises NotFound."""
        request = pb.SetConsentRequest(consent=consent_to_message(consent))
        return consent_from_message(self._call(CareServiceStub(self._channel).SetConsent, request).consent)

    def consents(self) -> Iterator[Consent]:
        """What patients said, the latest of each encounter and patient, the latest first; asked for page by page."""
        for answer in self._pages(CareServiceStub(self._channel).ListConsents, pb.ListConsentsRequest()):
            yield from map(consent_from_message, answer.consents)
