"""Acknowledgements are well formed by a foreign parser, name the place, and echo nothing of the message but its header."""

import hl7
import pytest

from wince.hl7 import ack
from wince.hl7.errors import CONDITIONS, Hl7Error
from wince.hl7.header import read_header
from wince.testing.hl7 import Person, adt, code

AT = 1_767_312_000_000_000
TEXT = adt("A01", Person("4711"), "ICU^1^A", "V1", 0, control_id="C-7", authority="HOSP")
ERROR = Hl7Error("medical record number missing", condition="101", field="PID-3", remedy="send a^b|c~d&e\\f")


def test_accept_names_the_message_and_turns_sender_and_receiver():
    parsed = hl7.parse(ack.accept(read_header(TEXT.encode()), "N1", AT).decode())
    msh, msa = parsed.segment("MSH"), parsed.segment("MSA")
    assert [str(msh[n]) for n in (3, 4, 5, 6, 9, 10, 11, 12)] == ["WINCE", "HOSP", "HIS", "HOSP", "ACK^A01^ACK", "N1", "P", "2.5.1"]
    assert str(msh[7]) == "20260102000000+0000"
    assert [str(msa[n]) for n in (1, 2)] == ["AA", "C-7"]
    with pytest.raises(KeyError):
        parsed.segment("ERR")


def test_refusal_names_field_condition_and_remedy_escaped():
    parsed = hl7.parse(ack.refuse(read_header(TEXT.encode()), ERROR, "N1", AT).decode())
    err = parsed.segment("ERR")
    assert [str(err[n]) for n in (2, 3, 4, 7)] == ["PID^1^3", "101^Required field missing^HL70357", "E", "medical record number missing"]
    assert parsed.unescape(str(err[8])) == "send a^b|c~d&e\\f"
    assert str(parsed.segment("MSA")[1]) == "AE"


def test_before_v25_the_error_stands_in_the_first_field():
    header = read_header(TEXT.replace("2.5.1", "2.3").encode())
    parsed = hl7.parse(ack.refuse(header, ERROR, "N1", AT).decode())
    assert str(parsed.segment("ERR")[1]) == "PID^1^3^101&Required field missing&HL70357"


def test_without_a_header_the_answer_is_ar_with_an_empty_control_id():
    error = Hl7Error("no MSH segment", condition="100", field="MSH", rejected=True)
    text = ack.refuse(None, error, "N1", AT).decode()
    assert code(text) == "AR"
    assert str(hl7.parse(text).segment("MSA")[2]) == ""
    assert str(hl7.parse(text).segment("ERR")[2]) == "MSH^1"


def test_unusable_delimiters_and_control_characters_are_not_echoed():
    for raw in (b"MSH|^^^^|HIS\x1c|F|||||ADT^A01|C\x0b7|P|2.5.1", b"MSH|^~|HIS|F|||||ADT|C\xff7"):
        text = ack.refuse(read_header(raw), ERROR, "N1", AT).decode()
        assert text.startswith("MSH|^~\\&|WINCE|")
        assert "C?7" in text
        assert not any(c < " " and c != "\r" for c in text)


def test_the_senders_delimiters_and_character_set_are_used():
    raw = TEXT.replace("|", "!").replace("C-7", "Ö7").replace("UNICODE UTF-8", "8859/1").encode()
    answer = ack.accept(read_header(raw), "N1", AT)
    assert b"MSA!AA!\xd67" in answer


def test_a_long_control_id_is_cut():
    raw = TEXT.replace("C-7", "9" * 5000).encode()
    assert len(ack.accept(read_header(raw), "N1", AT)) < 500


@pytest.mark.parametrize("condition", sorted(CONDITIONS))
def test_every_condition_of_the_table_can_be_said(condition):
    text = ack.refuse(read_header(TEXT.encode()), Hl7Error("x", condition=condition), "N1", AT).decode()
    assert f"|{condition}^{CONDITIONS[condition]}^HL70357|" in text
