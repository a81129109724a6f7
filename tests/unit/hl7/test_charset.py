"""Character sets: declared, of the site, switched to by escapes; and bytes that are none of them."""

import pytest

from wince.hl7.charset import CHARSETS
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.hl7.message import Message, parse
from wince.testing.hl7 import Person, adt


def read(raw: bytes, undeclared: str = "UNICODE UTF-8") -> Message:
    header = read_header(raw)
    assert header is not None
    return parse(raw, header, undeclared)


def admit(number: str = "4711", bed: str = "ICU^1^A", charset: str = "", family: str = "Muster") -> str:
    return adt("A01", Person(number, family), bed, "V1", 0, charset=charset)


@pytest.mark.parametrize(
    ("charset", "codec", "value"),
    [
        ("8859/1", "latin-1", "Bætt"),
        ("ISO-8859-1", "latin-1", "Bætt"),
        ("iso ir100", "latin-1", "Bætt"),
        ("UNICODE UTF-8", "utf-8", "漢字"),
        ("UTF-8", "utf-8", "Bætt"),
        ("8859/15", "iso8859-15", "€1"),
        ("8859/5", "iso8859-5", "Дом"),
        ("", "utf-8", "Bætt"),
        ("GB 18030-2000", "gb18030", "病房"),
        ("BIG-5", "big5", "許功蓋"),  # second bytes are \\ in ASCII
        ("KS X 1001", "euc_kr", "병동"),
        ("ASCII~ISO IR87", "iso2022_jp", "病棟"),  # bytes between the switches are | and ^ in ASCII
        ("~ISO IR87", "iso2022_jp", "山田表"),
        ("ISO IR87", "iso2022_jp", "病棟"),
    ],
)
def test_bytes_are_read_by_the_declared_character_set(charset: str, codec: str, value: str) -> None:
    message = read(admit(bed=f"{value}^1^A", charset=charset).encode(codec))
    assert message.components(message.first("PV1", 3)) == [value, "1", "A"]


@pytest.mark.parametrize("charset", ["UNICODE UTF-8", "", "ASCII"])
def test_bytes_of_another_set_cost_the_field_that_they_stand_in_and_are_never_guessed(charset: str) -> None:
    message = read(admit(family="Søn", charset=charset).encode("latin-1"))
    assert message.first("PID", 3) == "4711^^^HOSP^MR"
    message = read(admit(bed="Søn^1^A", charset=charset).encode("latin-1"))
    with pytest.raises(Hl7Error) as caught:
        message.first("PV1", 3)
    assert (caught.value.field, caught.value.condition, caught.value.rejected) == ("PV1-3", "102", False)
    assert "øn" not in str(caught.value)


@pytest.mark.parametrize("codec", ["gb18030", "big5", "euc_kr", "iso2022_jp"])
def test_a_spoilt_byte_of_a_multi_byte_set_costs_its_field_only(codec: str) -> None:
    charset = {"gb18030": "GB 18030-2000", "big5": "BIG-5", "euc_kr": "KS X 1001", "iso2022_jp": "ISO IR87"}[codec]
    raw = admit(family="FAMILY", charset=charset).encode(codec).replace(b"FAMILY", b"\xff\xff\x80")
    assert read(raw).first("PV1", 3) == "ICU^1^A"


def test_a_message_that_declares_none_is_of_the_sites_set_and_one_that_does_is_not() -> None:
    raw = admit(bed="Bætt^1^A").encode("latin-1")
    assert read(raw, "8859/1").first("PV1", 3) == "Bætt^1^A"
    raw = admit(bed="Bætt^1^A", charset="UNICODE UTF-8").encode()
    assert read(raw, "8859/1").first("PV1", 3) == "Bætt^1^A"


def test_an_unknown_character_set_is_refused() -> None:
    with pytest.raises(Hl7Error) as caught:
        read(admit(charset="KLINGON").encode())
    assert (caught.value.field, caught.value.condition) == ("MSH-18", "103")


def test_a_byte_order_mark_is_no_part_of_the_message() -> None:
    assert read(b"\xef\xbb\xbf" + admit().encode()).digest == read(admit().encode()).digest


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1c", "\x1b", "\x7f"])
def test_control_characters_cost_the_field_that_they_stand_in(character: str) -> None:
    assert read(admit(family=f"a{character}b").encode()).first("PID", 3) == "4711^^^HOSP^MR"
    message = read(admit(bed=f"ICU^1{character}^A").encode())
    with pytest.raises(Hl7Error) as caught:
        message.first("PV1", 3)
    assert (caught.value.field, caught.value.condition) == ("PV1-3", "102")


@pytest.mark.parametrize(
    ("charset", "sent", "value"),
    [
        ("8859/1", b"7\\C2842\\1", "71"),
        ("UNICODE UTF-8", b"\\C2D41\\\xd6\\C2842\\7", "Ö7"),
        ("ASCII", b"\\M2442\\;3ED\\C2842\\7", "山田7"),
        ("ASCII", b"\\M242943\\\xba\xb4\\C2842\\7", "병7"),
        ("ASCII", b"\\C2D4C\\\xb4\\C2842\\7", "Д7"),
    ],
)
def test_escapes_that_switch_the_set_are_followed(charset: str, sent: bytes, value: str) -> None:
    message = read(admit("NUMBER", charset=charset).encode().replace(b"NUMBER", sent))
    raw = message.segments["PID"][3][0]  # as read: bytes that only the escape makes sense of
    assert message.components(raw)[0] == value


@pytest.mark.parametrize("sent", ["\\C2999\\x", "\\M2499\\x", "\\M2442\\x", "\\Cx\\y"])
def test_an_escape_to_a_set_that_is_unknown_or_lacks_the_bytes_is_refused(sent: str) -> None:
    message = read(admit("NUMBER").encode().replace(b"NUMBER", sent.encode()))
    with pytest.raises(Hl7Error) as caught:
        message.components(message.first("PID", 3))
    assert caught.value.condition == "102"


def test_every_codec_of_the_table_exists() -> None:
    for codec in CHARSETS.values():
        assert "x".encode(codec)
