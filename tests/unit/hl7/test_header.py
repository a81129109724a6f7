import pytest

from wince.hl7.header import read_header
from wince.testing.hl7 import Person, adt

P = Person("4711")


@pytest.mark.parametrize(
    "raw",
    [b"", b"\r\n", b"MSH", b"MSH|", b"MS", b"GET / HTTP/1.1\r\n\r\n", b"PID|1||4711\rMSH|^~\\&|", b"MSHA^~\\&", b"\x00\xff"],
)
def test_what_does_not_begin_with_a_header_has_none(raw):
    assert read_header(raw) is None


def test_control_id_is_the_tenth_field_whatever_the_separator():
    for separator in "|!#":
        raw = adt("A01", P, "ICU^1^A", "V1", 0, control_id="X-1").replace("|", separator).encode()
        header = read_header(raw)
        assert header is not None
        assert (header.control_id, header.type, header.trigger, header.version) == ("X-1", "ADT", "A01", "2.5.1")


def test_a_truncated_header_has_empty_fields():
    header = read_header(b"MSH|^~\\&|HIS")
    assert header is not None
    assert (header.control_id, header.type, header.trigger, header.version, header.charset) == ("", "", "", "", "")


def test_version_and_type_may_have_further_components():
    header = read_header(b"MSH|^~\\&|A|B|C|D|||ADT^A01^ADT_A01|1|P|2.5.1^USA")
    assert header is not None
    assert (header.version, header.trigger) == ("2.5.1", "A01")


def test_a_byte_order_mark_before_the_header_is_passed_over():
    for raw in (b"\xef\xbb\xbfMSH|^~\\&|HIS", b"\r\n\xef\xbb\xbfMSH|^~\\&|HIS"):
        header = read_header(raw)
        assert header is not None
        assert header.field(3) == "HIS"


def test_a_first_line_without_end_is_no_header():
    assert read_header(b"MSH|^~\\&|" + b"x" * 20_000) is None


def test_control_characters_of_the_header_are_question_marks():
    header = read_header(b"MSH|^~\\&|H\x00S|\x7f|C|D|||ADT^A01|1\xff|P|2.5.1")
    assert header is not None
    assert (header.field(3), header.field(4), header.control_id) == ("H?S", "?", "1?")
