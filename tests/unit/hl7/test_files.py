"""A file's messages, however they are written down."""

import pytest

from wince.errors import MessageError
from wince.hl7.files import messages

ONE, TWO = b"MSH|^~\\&|A\rEVN|A01\r", b"MSH#^~\\&#B\rPID#1\r"


@pytest.mark.parametrize(
    "data",
    [
        ONE + TWO,
        (ONE + b"\r\n" + TWO).replace(b"\r", b"\n"),
        b"\x0b" + ONE + b"\x1c\r\x0b" + TWO + b"\x1c\r",
        b"\xef\xbb\xbf" + ONE + b"\n\n" + TWO,
        b"FHS|^~\\&|X\rBHS|^~\\&|X\r" + ONE + TWO + b"BTS|2\rFTS|1\r",
        b"\x0b" + ONE + TWO + b"\x1c\r",
        b"\x00" + ONE + b"\x00" + TWO,
    ],
)
def test_they_are_found_and_their_segments_end_with_cr(data: bytes) -> None:
    assert messages(data) == [ONE, TWO]


@pytest.mark.parametrize("data", [b"", b"PID|1\r", b"hello MSH|", b"\x0b\x1c\r"])
def test_a_file_without_any_is_refused(data: bytes) -> None:
    with pytest.raises(MessageError, match="no HL7 message"):
        messages(data)
