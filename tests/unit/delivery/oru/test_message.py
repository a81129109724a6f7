"""Every kind of entry as ORU^R01: valid by hl7apy in each version, honest about what it holds, the same bytes each time."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Group, Message
from hl7apy.parser import parse_message, parse_segment

from tests.contract.ehr.samples import ACTIVITY, MRN, PROTOCOLS, VISIT, entry, question, samples
from wince.delivery.interface import Taken
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.control import control_id
from wince.delivery.oru.message import rendered
from wince.delivery.oru.profiles import profile
from wince.delivery.oru.profiles.profile import NAMES, VERSIONS, Writing, load
from wince.delivery.oru.tables import SEGMENTS
from wince.delivery.oru.target import OruTarget
from wince.delivery.site_code import SiteCode
from wince.domain.entry import Entry, Kind
from wince.domain.stay import Identifier
from wince.errors import ConfigError, MessageError
from wince.hl7.header import read_header
from wince.hl7.message import ORU, parse

ENTRIES = {name: item for name, item in samples().items() if isinstance(item, Entry)}


def writing(name: str = "v251", sheet: str = "", **changes: Any) -> Writing:
    made = replace(load(name), sheet=sheet, sheet_kinds=("grade", "summary"), **changes.pop("profile", {}))
    return Writing(made, version="0.1.0", sheet=lambda _entry, _protocol: b"%PDF-1.7 made", **changes)


def text_of(item: Entry, how: Writing | None = None) -> str:
    return rendered(item, PROTOCOLS, how or writing())


def messages(text: str) -> list[str]:
    return re.split("(?<=\r)(?=MSH)", text)


def fields(text: str, segment: str) -> list[list[str]]:
    """Of each such segment; [n] is field n."""
    found = [line.split("|") for line in text.split("\r") if line.startswith(segment)]
    return [["", *row] for row in found] if segment == "MSH" else found


def results(text: str) -> dict[str, list[str]]:
    """OBX by the first component of OBX-3."""
    return {row[3].split("^")[0]: row for row in fields(text, "OBX")}


def grouped(text: str) -> Message:
    """The message by hl7apy, each segment in its group by hand: in v2.8 its parser takes an OBX behind OBR for one of ORC's document."""
    level, version = VALIDATION_LEVEL.STRICT, read_header(text.encode()).version  # type: ignore[union-attr]
    made = Message("ORU_R01", version=version, validation_level=level)
    lines = {name: [parse_segment(line, version=version, validation_level=level) for line in text.split("\r") if line[:3] == name]
             for name in ("MSH", "PID", "PV1", "ORC", "OBR")}  # fmt: skip
    made.msh = lines["MSH"][0]
    outer = made.add_group("ORU_R01_PATIENT_RESULT")
    patient = outer.add_group("ORU_R01_PATIENT")
    patient.add(lines["PID"][0])
    patient.add_group("ORU_R01_VISIT").add(lines["PV1"][0])
    order = outer.add_group("ORU_R01_ORDER_OBSERVATION")
    if lines["ORC"]:
        order.add_group("ORU_R01_COMMON_ORDER").add(lines["ORC"][0])
    order.add(lines["OBR"][0])
    group: Group | None = None
    for line in text.split("\r"):
        if line[:3] == "OBX":
            group = order.add_group("ORU_R01_OBSERVATION")
        if line[:3] in ("OBX", "NTE"):
            assert group is not None
            group.add(parse_segment(line, version=version, validation_level=level))
    return made


@pytest.mark.parametrize("sheet", ["", "ed", "mdm"])
@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("profile_name", NAMES)
def test_hl7apy_finds_every_message_valid(profile_name: str, name: str, sheet: str) -> None:
    for text in messages(text_of(ENTRIES[name], writing(profile_name, sheet))):
        if profile_name == "v28" and "|ORU^" in text:
            assert grouped(text).validate()
        else:
            assert parse_message(text, find_groups=True, validation_level=VALIDATION_LEVEL.STRICT).validate()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_valid(version: str) -> None:
    """A site's profile may name any of them."""
    text = text_of(ENTRIES["grade"], writing(profile={"version": version, "orc": False}))
    made = grouped(text) if version >= "2.7" else parse_message(text, find_groups=True, validation_level=VALIDATION_LEVEL.STRICT)
    assert made.validate()


@pytest.mark.parametrize("name", ENTRIES)
def test_the_same_entry_gives_the_same_bytes(name: str) -> None:
    assert text_of(ENTRIES[name], writing(sheet="mdm")) == text_of(ENTRIES[name], writing(sheet="mdm"))


def test_the_control_id_is_the_entrys_and_the_revisions() -> None:
    item = entry()
    ids = [fields(text, "MSH")[0][10] for text in messages(text_of(item, writing(sheet="mdm")))]
    ids += [fields(text_of(replace(item, revision=2)), "MSH")[0][10], fields(text_of(entry()), "MSH")[0][10]]
    assert len(set(ids)) == 4
    assert ids[0] == control_id(item.id, 1, "ORU")
    assert all(re.fullmatch("[A-Z2-7]{20}", one) for one in ids)


def test_a_grade_says_who_where_what_when() -> None:
    item = ENTRIES["grade"]
    text = text_of(item, writing(receiver=("ENGINE", "HOSP"), zone=timezone(timedelta(hours=1))))
    [msh], [pid], [pv1], [obr] = (fields(text, name) for name in ("MSH", "PID", "PV1", "OBR"))
    assert (msh[5], msh[6], msh[9], msh[11], msh[12], msh[18]) == ("ENGINE", "HOSP", "ORU^R01^ORU_R01", "P", "2.5.1", "UNICODE UTF-8")
    assert (pid[3], pid[5]) == ("4711^^^HOSP^MR", "^^^^^^U")
    assert (pv1[3], pv1[19]) == ("ICU^1^2", "V-9^^^HOSP^VN")
    assert (obr[3], obr[7], obr[8], obr[25]) == (f"{item.id}^WINCE", "20231114231400+0100", "20231114231500+0100", "P")
    value = results(text)[ACTIVITY.codes.code]
    assert (value[2], value[5], value[6], value[8], value[11], value[14]) == (
        "NM", "3.5", "{score}^score^UCUM", "", "P", "20231114231500+0100"
    )  # fmt: skip
    assert results(text)["grade"][5] == "low^low^99WINCE"
    assert results(text)["au4"][5] == "1"
    assert "au6" not in results(text)  # not measured is not 0


def test_an_alert_is_high_and_says_so() -> None:
    said = results(text_of(ENTRIES["alert"]))
    assert (said[ACTIVITY.codes.code][5], said[ACTIVITY.codes.code][8], said["kind"][5]) == ("9", "H", "alert^Alert^99WINCE")


def test_what_could_not_be_assessed_has_a_reason_and_no_value() -> None:
    said = results(text_of(ENTRIES["unassessable"]))
    value = said[ACTIVITY.codes.code]
    assert (value[5], value[6], value[8], value[11]) == ("", "", "", "X")
    assert said["reason"][5] == "dark^Too dark^99WINCE"
    assert "grade" not in said


def test_a_nurses_score_names_her_and_no_software() -> None:
    text = text_of(ENTRIES["verdict-score"])
    value = results(text)[ACTIVITY.codes.code]
    assert (value[11], value[16], value[17].split("^")[0], value[18]) == ("F", "N-17", "nurse", "")
    assert fields(text, "NTE")[0][3] == "Scored by a nurse."
    assert results(text_of(ENTRIES["verdict-grade"]))[ACTIVITY.codes.code][2] == "CE"


def test_the_label_stands_under_the_value() -> None:
    lines = [line[:3] for line in text_of(ENTRIES["grade"]).split("\r")]
    assert lines[lines.index("OBX") + 1] == "NTE"
    assert any(row[3] == ACTIVITY.report.label for row in fields(text_of(ENTRIES["grade"]), "NTE"))
    under = [line[:3] for line in text_of(ENTRIES["grade"], writing(profile={"notes": "obr"})).split("\r")]
    assert under[under.index("OBR") + 1] == "NTE"


def test_what_outranks_the_value_is_said() -> None:
    text = text_of(replace(entry(), outranked="Observation/7"))
    assert fields(text, "NTE")[0][3].endswith("of this time: Observation/7")


@pytest.mark.parametrize(("how", "state", "value"), [("W", "W", "3.5"), ("D", "D", "3.5"), ("C", "C", '""')])
def test_what_is_wrong_is_taken_back_as_the_receiver_knows_it(how: str, state: str, value: str) -> None:
    text = text_of(ENTRIES["withdrawn"], writing(profile={"withdraws": how}))
    assert {row[11] for row in fields(text, "OBX")} == {state}
    assert results(text)[ACTIVITY.codes.code][5] == value
    assert fields(text, "OBR")[0][25] == "C"
    assert fields(text, "NTE")[0][3] == "Withdrawn: entered in error."


def test_a_confirmed_entry_is_final() -> None:
    text = text_of(ENTRIES["confirmed"])
    assert {row[11] for row in fields(text, "OBX")} == {"F"}
    assert fields(text, "OBX")[0][16] == "N-17"
    assert {row[11] for row in fields(text_of(replace(entry(), status="corrected")), "OBX")} == {"C"}
    assert {row[11] for row in fields(text_of(entry(), writing(standing={"activity": "final"})), "OBX")} == {"F"}


def test_what_the_site_calls_it_stands_beside_our_code() -> None:
    text = text_of(entry(), writing(codes=(SiteCode("activity", "L", "FACE|1", "Gesicht"), SiteCode("other", "L", "NO"))))
    assert fields(text.replace("\\F\\", "@"), "OBR")[0][4].endswith("^99WINCE^FACE@1^Gesicht^L")
    assert "NO" not in results(text)


@pytest.mark.parametrize(("system", "names", "said"), [
    ("urn:wince:authority:A%26B", {}, "A\\T\\B"),
    ("urn:oid:1.2.3", {}, "&1.2.3&ISO"),
    ("urn:oid:1.2.3", {"urn:oid:1.2.3": "HOSP&1.2.3&ISO"}, "HOSP&1.2.3&ISO"),
    ("urn:uuid:6f3f1c0e", {}, "&6f3f1c0e&UUID"),
    ("https://hospital.example/mrn", {}, "&https://hospital.example/mrn&URI"),
])  # fmt: skip
def test_the_authority_is_the_one_that_the_census_knows(system: str, names: dict[str, str], said: str) -> None:
    item = entry(patient=Identifier(system, "1"))
    assert fields(text_of(item, writing(authorities=names)), "PID")[0][3] == f"1^^^{said}^MR"


def test_what_texts_hold_changes_no_field() -> None:
    """Read back by Wince's own parser, delimiters, line ends and all; no name of a bed or person begins a segment."""
    odd = "O|B^X&~\\.\rZZZ|1\n"
    item = entry(patient=Identifier(MRN.system, odd), encounter=Identifier(VISIT.system, odd), bed=f"ICU^{odd}^2", nurse=odd, outranked=odd)
    raw = text_of(item).encode()
    header = read_header(raw)
    assert header is not None
    message = parse(raw, header, layout=ORU)
    plain = odd.replace("\r", " ").replace("\n", " ")
    assert message.components(message.first("PID", 3))[0] == plain.strip()
    assert message.components(message.first("PV1", 19))[0] == plain.strip()
    assert {line[:3] for line in raw.decode().split("\r")} == {"MSH", "PID", "PV1", "ORC", "OBR", "OBX", "NTE", ""}


def test_characters_that_are_none_of_the_set_are_refused() -> None:
    """A changed identifier would be another patient's."""
    item = entry(patient=Identifier(MRN.system, "P-\u4e2d"))
    assert "\u4e2d" in text_of(item)
    with pytest.raises(MessageError) as caught:
        text_of(item, writing("v231"))
    assert caught.value.field == "MSH-18"
    assert "\u4e2d" not in caught.value.diagnostics()
    assert "M\u00fcller" in text_of(entry(nurse="M\u00fcller"), writing("v231"))


def test_scores_out_of_range_and_protocols_that_are_gone_can_not_be_written() -> None:
    for item in (entry(score=99.0), entry(score=float("nan")), entry(score=None, grade=7), entry(protocol="gone")):
        with pytest.raises(MessageError):
            text_of(item)


def test_a_sheet_is_an_ed_or_a_document_of_its_own() -> None:
    item = ENTRIES["summary"]
    assert results(text_of(item, writing(sheet="ed")))["report"][5] == "WINCE^AP^PDF^Base64^JVBERi0xLjcgbWFkZQ=="
    _, document = messages(text_of(item, writing(sheet="mdm")))
    assert (fields(document, "MSH")[0][9], fields(document, "TXA")[0][12]) == ("MDM^T02^MDM_T02", f"{item.id}.1^WINCE")
    _, second = messages(text_of(replace(item, revision=2, status="final", nurse="N-1"), writing(sheet="mdm")))
    assert (fields(second, "MSH")[0][9].split("^")[1], fields(second, "TXA")[0][13], fields(second, "TXA")[0][17]) == (
        "T10", f"{item.id}.1^WINCE", "AU"
    )  # fmt: skip
    _, last = messages(text_of(replace(item, revision=3, status="entered-in-error"), writing(sheet="mdm")))
    assert (fields(last, "MSH")[0][9], fields(last, "OBX")) == ("MDM^T11^MDM_T01", [])
    assert len(messages(text_of(ENTRIES["alert"], writing(sheet="mdm")))) == 1


def test_every_field_of_the_tables_is_written_and_no_other() -> None:
    """The page is made from the same tables."""
    written: set[tuple[str, int]] = set()
    how = [
        writing(name, sheet, zone=UTC, sender=("W", "F"), receiver=("E", "H"), account=True) for name in NAMES for sheet in ("ed", "mdm")
    ]
    for one in how:
        for item in [*ENTRIES.values(), replace(ENTRIES["summary"], revision=2)]:
            for line in text_of(item, one).split("\r"):
                row = line.split("|")
                places = {number + (line[:3] == "MSH") for number, text in enumerate(row) if number and text}
                written |= {(line[:3], number) for number in places}
    named = {(segment, number) for segment, one in SEGMENTS.items() for number in one}
    assert written - {("MSH", 2)} == named


def test_questions_and_what_is_not_final_where_only_that_is_taken_go_nowhere() -> None:
    final = writing(profile={"statuses": ("final",)}, standing={"activity": "approved"})
    target = OruTarget("oru", Channel("127.0.0.1", 9), PROTOCOLS, final)
    assert target.render(question()) is Taken.NOTHING
    assert target.render(entry()) is Taken.NOTHING
    assert target.render(ENTRIES["confirmed"]) is not Taken.NOTHING
    assert target.render(ENTRIES["verdict-score"]) is not Taken.NOTHING
    assert ENTRIES["verdict-score"].kind is Kind.VERDICT


@pytest.mark.parametrize(("change", "field"), [
    ({"version": "9"}, "version"), ({"charset": "KLINGON"}, "charset"), ({"withdraws": "X"}, "withdraws"), ({"orc": "yes"}, "orc"),
    ({"results": ["grade"]}, "results"), ({"statuses": ["preliminary"]}, "statuses"), ({"odd": 1}, "odd"), ({"results": ["v"]}, "results"),
])  # fmt: skip
def test_a_profile_that_can_not_be_meant_is_refused_by_its_key(change: dict[str, Any], field: str) -> None:
    content = {name: getattr(load("v251"), name) for name in load("v251").__slots__ if name != "name"}
    content = {key: list(value) if isinstance(value, tuple) else value for key, value in content.items()}
    assert profile.parse("mine", content) == replace(load("v251"), name="mine")
    with pytest.raises(ConfigError) as caught:
        profile.parse("mine", content | change)
    assert caught.value.field == f"mine.toml: {field}"
    assert caught.value.remedy
