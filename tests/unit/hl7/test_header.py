import pytest

from wince.hl7.errors import Hl7Error
from wince.hl7.header import CHARSETS, decode, read_header
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


def test_bytes_are_read_by_the_declared_character_set():
    for charset, codec in (("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8"), ("8859/15", "iso8859-15"), ("", "utf-8")):
        text = adt("A01", Person("4711", "Søn"), "Bætt^1^A", "V1", 0, charset=charset)
        raw = text.encode(codec)
        header = read_header(raw)
        assert header is not None
        assert decode(raw, header) == text.strip("\r")


@pytest.mark.parametrize("charset", ["UNICODE UTF-8", "", "ASCII"])
def test_latin_1_bytes_under_another_character_set_are_refused_never_guessed(charset):
    raw = adt("A01", Person("4711", "Søn"), "ICU^1^A", "V1", 0, charset=charset).encode("latin-1")
    header = read_header(raw)
    assert header is not None
    with pytest.raises(Hl7Error) as caught:
        decode(raw, header)
    assert (caught.value.field, caught.value.condition, caught.value.rejected) == ("MSH-18", "102", False)
    assert "Søn" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_unknown_character_set_is_refused():
    raw = adt("A01", P, "ICU^1^A", "V1", 0, charset="KLINGON").encode()
    header = read_header(raw)
    assert header is not None
    with pytest.raises(Hl7Error) as caught:
        decode(raw, header)
    assert (caught.value.field, caught.value.condition) == ("MSH-18", "103")


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1c", "\x1b"])
def test_control_characters_are_refused(character):
    raw = adt("A01", P, f"ICU^1{character}^A", "V1", 0).encode()
    header = read_header(raw)
    assert header is not None
    with pytest.raises(Hl7Error) as caught:
        decode(raw, header)
    assert caught.value.condition == "102"


def test_line_ends_of_unix_and_windows_are_taken():
    text = adt("A01", P, "ICU^1^A", "V1", 0)
    for end in ("\n", "\r\n"):
        raw = text.replace("\r", end).encode()
        header = read_header(raw)
        assert header is not None
        assert decode(raw, header) == text.strip("\r")


def test_every_codec_of_the_table_exists():
    for codec in CHARSETS.values():
        assert "x".encode(codec)
