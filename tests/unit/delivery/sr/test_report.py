"""What a report says: codes, ids, numbers and words, as plain facts."""

from dataclasses import replace

import pytest

from tests.contract.ehr.samples import MRN, PROTOCOLS, entry, question, samples
from tests.support.reports import SITE_CODES, WRITING, reports
from wince.delivery import terms
from wince.delivery.interface import Taken
from wince.delivery.sr import codes, uids
from wince.delivery.sr.report import FAILED, NOT_ATTEMPTED, Report, Writing, report
from wince.delivery.sr.target import SrTarget, Ways
from wince.dicom.scu.client import DicomArchive, Peer
from wince.domain.entry import Entry, Kind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.errors import MessageError
from wince.protocols import loader
from wince.store.plain import dump, load


def test_the_same_entry_gives_the_same_uids_and_another_revision_or_target_others() -> None:
    item = entry()
    one = report(item, PROTOCOLS, WRITING)
    assert one == report(item, PROTOCOLS, WRITING)
    second = report(replace(item, revision=2), PROTOCOLS, WRITING)
    assert (one.predecessor, second.predecessor) == ("", one.sop)
    assert len({one.sop, second.sop, report(item, PROTOCOLS, replace(WRITING, target="other")).sop}) == 3
    assert one.study == second.study
    assert all(len(uid) <= 64 and uid.startswith("2.25.") and not uid.startswith("2.25.0") for uid in (one.sop, one.study, one.device))


def test_a_study_is_of_one_patient_and_one_encounter() -> None:
    """Two patients in one study would mix them at the archive."""
    item = entry()
    other_patient = replace(item, patient=Identifier(MRN.system, "9"))
    other_visit = replace(item, encounter=Identifier(item.encounter.system, "V-10"))
    assert len({report(one, PROTOCOLS, WRITING).study for one in (item, other_patient, other_visit)}) == 3
    assert report(item, PROTOCOLS, replace(WRITING, site="another")).study != report(item, PROTOCOLS, WRITING).study


@pytest.mark.parametrize("name", reports())
def test_the_body_is_text_that_gives_the_facts_back(name: str) -> None:
    facts = reports()[name]
    assert load(Report, dump(facts)) == facts


def test_what_is_withdrawn_says_so_and_holds_no_number() -> None:
    facts = reports()["withdrawn"]
    assert facts.withdrawn
    assert (facts.values, facts.findings) == ((), ())
    assert facts.notes[0].startswith("Withdrawn: entered in error")


def test_the_label_stands_in_every_report_of_the_software() -> None:
    for name, facts in reports().items():
        assert ("Scored by a nurse." if name.startswith("verdict") else PROTOCOLS["activity"].report.label) in facts.notes


def test_a_nurses_own_score_names_her_and_no_software() -> None:
    facts = reports()["verdict-score"]
    assert (facts.own, facts.nurse, facts.algorithm) == (True, "N-17", None)
    assert len(facts.values) == 1
    assert "N-17" not in dump(reports()["grade"])


def test_hashes_of_weights_and_rule_stand_with_the_algorithm() -> None:
    algorithm = reports()["grade"].algorithm
    assert algorithm is not None
    assert f"model set sha256: {'ab' * 32}" in algorithm.parameters
    assert f"protocol rule sha256: {'cd' * 32}" in algorithm.parameters


def test_what_was_not_measured_is_said_and_is_no_number() -> None:
    units = {value.name.value: value for value in reports()["grade"].values if value.name.value.startswith("au")}
    assert [(value.number, value.absent) for value in units.values()][:2] == [(1.0, None), (None, NOT_ATTEMPTED)]
    dark, patient = (reports()[name].values[0] for name in ("unassessable", "unassessable-patient"))
    assert (dark.number, dark.absent) == (None, FAILED)
    assert (patient.number, patient.absent) == (None, NOT_ATTEMPTED)
    assert [one.value.value for one in reports()["unassessable"].findings] == ["why-dark"]


@pytest.mark.parametrize("changes", [{"score": float("nan")}, {"score": 99.0}, {"grade": 7}, {"protocol": "none"}])
def test_what_can_not_be_true_is_not_reported(changes: dict[str, object]) -> None:
    with pytest.raises(MessageError):
        report(entry(**changes), PROTOCOLS, WRITING)


@pytest.mark.parametrize("number", ["A\\B", "7" * 65])
def test_a_patient_number_that_is_no_patient_id_is_not_cut(number: str) -> None:
    with pytest.raises(MessageError) as caught:
        report(entry(patient=Identifier(MRN.system, number)), PROTOCOLS, WRITING)
    assert number not in caught.value.diagnostics()


def test_no_two_codes_of_ours_share_a_value_in_any_shipped_protocol() -> None:
    """99WINCE is one scheme, and a code there has one meaning."""
    seen: dict[str, tuple[str, str]] = {}
    systems = [
        (table.url, code, words[0])
        for table in (terms.REASON, terms.KIND, terms.METHOD, terms.COMPONENT)
        for code, words in table.words.items()
    ]
    for name in loader.available():
        protocol = loader.load(name)
        systems.append((protocol.codes.system, protocol.codes.code, protocol.codes.display))
        systems += [(one.system, one.code, one.display) for one in protocol.codes.grades.values()]
    for system, code, meaning in systems:
        made = codes.coded(system, code, meaning)
        assert made.scheme == codes.OURS
        assert 0 < len(made.meaning) <= 64
        assert seen.setdefault(made.value, (system, code)) == (system, code)
    assert len(seen) == len({(system, code) for system, code, _ in systems})


def test_the_sites_codes_stand_beside_ours_and_their_systems_are_named() -> None:
    facts = reports()["grade"]
    assert [one.scheme for one in facts.values[0].also] == ["LN", codes.designator("urn:oid:1.2.3.4")]
    assert {one.designator: one.uri for one in facts.schemes} == {
        "99WINCE": "urn:wince", codes.designator("urn:oid:1.2.3.4"): "urn:oid:1.2.3.4",
    }  # fmt: skip
    assert len(codes.designator(SITE_CODES[1].system)) <= 16


def test_every_reason_has_a_code_and_every_kind() -> None:
    for reason in Reason:
        item = samples()["unassessable"]
        assert isinstance(item, Entry)
        assert report(replace(item, reason=reason), PROTOCOLS, WRITING).findings[0].value.value == f"why-{reason.value}"
    assert {kind.value for kind in Kind} == set(terms.KIND.words)


def test_a_question_is_no_result() -> None:
    archive = DicomArchive(Peer("127.0.0.1", 1, "A", "B"), total_s=1)
    target = SrTarget(archive, PROTOCOLS, Writing("archive", "test", "0.1.0"), Ways("H"))
    assert target.render(question()) is Taken.NOTHING


def test_a_uid_is_at_most_64_characters() -> None:
    assert len(uids.uid(entry().id)) <= 64
