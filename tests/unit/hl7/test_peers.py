"""What is read by split, hl7apy reads too; what is written is right by hl7apy's tables of that version."""

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Segment
from hl7apy.parser import parse_field, parse_segment
from hypothesis import given, settings
from hypothesis import strategies as st

from wince.hl7 import ack
from wince.hl7.errors import CONDITIONS, Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import KEPT, Message, parse
from wince.hl7.segments import Authority, Identifier, identifiers
from wince.testing.hl7 import Person, adt

VERSIONS = ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2"]
"""Those that hl7apy has tables of."""
NAMES = ("COMPONENT", "REPETITION", "ESCAPE", "SUBCOMPONENT")
PIECES = ["4711", '""', "a", "ö", "漢", " ", "MR", "HOSP", "1.2.3", "x" * 300, "F", "X30", ".br", "Z1", "H", "C2842"]
DELIMITERS = ["|^~\\&", "!$%?*", "#^~\\&", "|@~\\&"]


def marks(delimiters: str) -> dict[str, str]:
    return {"FIELD": delimiters[0], "SEGMENT": "\r", "GROUP": "\r", **dict(zip(NAMES, delimiters[1:5], strict=True))}


def read(field: str, text: str, delimiters: str = "|^~\\&", charset: str = "UNICODE UTF-8") -> Message:
    plain = adt("A01", Person("1"), "ICU^1^A", "V1", 0, charset=charset).translate(str.maketrans("|^~\\&", delimiters))
    name, _, number = field.partition("-")
    lines = [line.split(delimiters[0]) for line in plain.split("\r")]
    for line in lines:
        if line[0] == name:
            line[int(number)] = text
    raw = "\r".join(delimiters[0].join(line) for line in lines).encode()
    header = read_header(raw)
    assert header is not None
    return parse(raw, header)


def ours(message: Message, segment: str, number: int) -> list[dict[int, list[str]]]:
    """Of each repetition its components by number, each the list of its subcomponents; what is empty is left out."""
    component, _, _, subcomponent = message.header.encoding[:4]
    found = []
    for text in message.repetitions(segment, number):
        parts = {at: [sub.strip() for sub in part.split(subcomponent)] for at, part in enumerate(text.split(component), 1)}
        found.append({at: [sub for sub in subs if sub] for at, subs in parts.items() if any(subs)})
    return found


def theirs(text: str, name: str, delimiters: str) -> list[dict[int, list[str]]]:
    found = []
    for repetition in text.split(delimiters[2]):
        if not repetition.strip():
            continue
        parts: dict[int, list[str]] = {}
        field = parse_field(repetition, name, "2.5.1", marks(delimiters), VALIDATION_LEVEL.TOLERANT)
        for component in field.children:
            said = [sub.value if isinstance(sub.value, str) else sub.value.value for sub in component.children]
            at = int(component.name.rpartition("_")[2])
            if subs := [sub.strip() for sub in said if sub and sub.strip()]:
                parts.setdefault(at, []).extend(subs)
        found.append(parts)
    return found


@pytest.mark.parametrize("delimiters", DELIMITERS)
@pytest.mark.parametrize("field", ["PID-3", "PV1-3", "PV1-19"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_repetitions_components_and_subcomponents_are_those_that_hl7apy_finds(field: str, delimiters: str, data: st.DataObject) -> None:
    text = "".join(data.draw(st.lists(st.sampled_from([*PIECES, *delimiters[1:]]), max_size=12)))
    segment, _, number = field.partition("-")
    assert ours(read(field, text, delimiters), segment, int(number)) == theirs(text, f"{segment}_{number}", delimiters)


def test_hl7apy_rewrites_an_escape_that_it_does_not_know() -> None:
    """Why it doesn't read here: what came out of it was decoded to the escape's own text."""
    field = parse_field("7\\X30\\001", "PID_3", "2.5.1", marks("|^~\\&"), VALIDATION_LEVEL.TOLERANT)
    assert field.to_er7(marks("|^~\\&")) == "7\\E\\X30\\E\\001"


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ("7\\X30\\001", "70001"),
        ("7\\X3030\\01", "70001"),
        ("\\XC396\\7", "Ö7"),
        ("\\X20\\7\\X20\\", "7"),
        ("a\\T\\b\\S\\c\\R\\d\\F\\e\\E\\f", "a&b^c~d|e\\f"),
        ("\\E\\T\\E\\", "\\T\\"),
        ("\\H\\a\\N\\", "a"),
        ("a\\b", "a\\b"),
    ],
)
def test_an_identifiers_escapes_are_decoded(sent: str, value: str) -> None:
    assert identifiers(read("PID-3", f"{sent}^^^HOSP^MR"), "PID", 3) == [Identifier(value, Authority("HOSP"), "MR")]


@pytest.mark.parametrize("sent", ["\\X0\\", "\\XZZ\\", "\\X00\\", "\\XFF\\", "\\C2899\\1", "\\.br\\", "\\Z12\\", "\\x41\\"])
def test_a_number_whose_escape_cannot_be_decoded_names_nobody_and_costs_no_other(sent: str) -> None:
    broken, good = identifiers(read("PID-3", f"7{sent}^^^HOSP^MR~8^^^HOSP^PI"), "PID", 3)
    assert (broken.whole, broken.type) == (False, "MR")
    assert good == Identifier("8", Authority("HOSP"), "PI")


def test_a_hex_escape_is_of_the_messages_character_set() -> None:
    message = read("PID-3", "\\XD6\\7^^^HOSP^MR", charset="8859/1")
    assert [one.value for one in identifiers(message, "PID", 3)] == ["Ö7"]


@pytest.mark.parametrize("sent", ['1^^^""^MR', '1^^^""&""&""^MR', '1^""^""^""^MR'])
def test_an_authority_that_is_deleted_is_none(sent: str) -> None:
    assert identifiers(read("PID-3", sent), "PID", 3) == [Identifier("1", Authority(), "MR")]


def test_deleted_and_empty_identifiers_are_none_and_a_deleted_type_is_untyped() -> None:
    found = identifiers(read("PID-3", '""^^^HOSP^MR~^^^HOSP^MR~ ~2^^^HOSP^""'), "PID", 3)
    assert found == [Identifier("2", Authority("HOSP"), "")]


def test_an_identifier_in_subcomponents_is_told_from_one_with_an_escaped_ampersand() -> None:
    parts, escaped = identifiers(read("PID-3", "47&11^^^HOSP^PI~47\\T\\11^^^HOSP^MR"), "PID", 3)
    assert (parts.whole, escaped.whole, escaped.value) == (False, True, "47&11")


@pytest.mark.parametrize("version", VERSIONS)
def test_the_kept_fields_stand_where_hl7apy_has_them(version: str) -> None:
    """A field that an older version has none of (EVN-6 before v2.3, MRG before v2.2) is read at its later place."""
    names = {"PID_3": "PATIENT", "PID_7": "DATE", "PV1_3": "LOCATION", "PV1_6": "LOCATION", "PV1_19": "VISIT", "EVN_2": "DATE"}
    for segment, fields in KEPT.items():
        try:
            table = Segment(segment, version=version).structure_by_name
        except Exception:
            assert (segment, version) == ("MRG", "2.1")
            continue
        for number in fields:
            name = f"{segment}_{number}"
            if name in table and name in names:
                assert names[name] in table[name]["ref"][3]


@pytest.mark.parametrize("delimiters", DELIMITERS)
@pytest.mark.parametrize("version", [*VERSIONS, "2.9"])
def test_the_error_segment_reads_back_by_the_tables_of_its_version(version: str, delimiters: str) -> None:
    raw = adt("A01", Person("1"), "ICU^1^A", "V1", 0, version=version).translate(str.maketrans("|^~\\&", delimiters)).encode()
    error = Hl7Error("not | a ^ time", condition="102", field="EVN-2", remedy="send ~ it & so")
    line = next(line for line in ack.refuse(read_header(raw), error, "N1", 0).decode().split("\r") if line.startswith("ERR"))
    early = version < "2.5"
    err = parse_segment(line, "2.4" if early else "2.7", marks(delimiters), VALIDATION_LEVEL.TOLERANT)
    place, code = (err.err_1, err.err_1.eld_4) if early else (err.err_2, err.err_3)
    written = marks(delimiters)
    assert [place.children[at].to_er7(written) for at in range(3)] == ["EVN", "1", "2"]
    assert [part.to_er7(written) for part in code.children] == ["102", CONDITIONS["102"], "HL70357"]
    if early:
        return
    assert err.err_4.to_er7(written) == "E"
    fields = line.split(delimiters[0])
    message = read("PID-3", "1", delimiters)
    assert (message.unescape(fields[7]), message.unescape(fields[8])) == ("not | a ^ time", "send ~ it & so")


@pytest.mark.parametrize("echoed", ["C\\X41\\7", "C\\7", "C\\T\\7", "C^7&8", "C\\Zx\\7"])
def test_what_the_sender_must_find_again_is_echoed_as_it_came(echoed: str) -> None:
    raw = adt("A01", Person("1"), "ICU^1^A", "V1", 0, fields={"MSH-10": echoed, "MSH-3": echoed}).encode()
    for answer in (ack.accept(read_header(raw), "N1", 0), ack.refuse(read_header(raw), Hl7Error("x", condition="101"), "N1", 0)):
        head, acknowledgement = (line.split("|") for line in answer.decode().split("\r")[:2])
        assert (head[4], acknowledgement[2]) == (echoed, echoed)


@pytest.mark.parametrize("encoding", ['^~\\"', "^~\\ ", "abcd", "^~\\|"])
def test_delimiters_that_stand_in_values_are_refused(encoding: str) -> None:
    raw = adt("A01", Person("1"), "ICU^1^A", "V1", 0, fields={"MSH-2": encoding}).encode()
    header = read_header(raw)
    assert header is not None
    with pytest.raises(Hl7Error) as caught:
        parse(raw, header)
    assert (caught.value.field, caught.value.rejected) == ("MSH-2", True)
    assert ack.refuse(header, caught.value, "N1", 0).startswith(b"MSH|^~\\&|WINCE|")
