"""Enhanced mode against the table of HL7 v2.5.1 section 2.9.3, and original mode beside it."""

import itertools

import pytest

from wince.hl7 import modes
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header
from wince.testing.hl7 import Person, adt

BAD = Hl7Error("no", condition="101", field="PID-3")
WORSE = Hl7Error("no", condition="200", field="MSH-9", rejected=True)


def codes(accept, application, error=None, version="2.5.1"):
    raw = adt("A01", Person("1"), "ICU^1^A", "V1", 0, version=version, fields={"MSH-15": accept, "MSH-16": application}).encode()
    numbers = itertools.count(1)
    said = [one.decode().split("\r") for one in modes.answers(read_header(raw), error, lambda: f"N{next(numbers)}", 0)]
    assert [lines[0].split("|")[9] for lines in said] == [f"N{n}" for n in range(1, len(said) + 1)]
    return [lines[1].split("|")[1] for lines in said]


@pytest.mark.parametrize(
    ("accept", "application", "taken", "wrong", "rejected"),
    [
        ("", "", ["AA"], ["AE"], ["AR"]),
        ("AL", "NE", ["CA"], ["CE"], ["CR"]),
        ("AL", "", ["CA"], ["CE"], ["CR"]),
        ("AL", "AL", ["CA", "AA"], ["CE"], ["CR"]),
        ("NE", "AL", ["AA"], ["AE"], ["AR"]),
        ("", "AL", ["AA"], ["AE"], ["AR"]),
        ("NE", "NE", [], [], []),
        ("NE", "", [], [], []),
        ("ER", "NE", [], ["CE"], ["CR"]),
        ("NE", "ER", [], ["AE"], ["AR"]),
        ("SU", "NE", ["CA"], [], []),
        ("SU", "ER", ["CA"], ["AE"], ["AR"]),
        ("ER", "SU", ["AA"], ["CE"], ["CR"]),
        ("al", "ne", ["CA"], ["CE"], ["CR"]),
        ("??", "NE", ["CA"], ["CE"], ["CR"]),
    ],
)
@pytest.mark.parametrize("version", ["2.2", "2.5.1", "2.8"])
def test_what_is_asked_for_is_said_and_nothing_else(accept, application, taken, wrong, rejected, version):
    assert codes(accept, application, version=version) == taken
    assert codes(accept, application, BAD, version) == wrong
    assert codes(accept, application, WORSE, version) == rejected


def test_without_a_header_the_mode_is_the_original_one():
    (said,) = modes.answers(None, WORSE, lambda: "N", 0)
    assert b"MSA|AR|" in said
    assert modes.told(None, taken=False)


def test_whether_the_sender_hears_of_it():
    for accept, application in itertools.product(("", "AL", "NE", "ER", "SU"), repeat=2):
        header = read_header(adt("A01", Person("1"), "X", "V1", 0, fields={"MSH-15": accept, "MSH-16": application}).encode())
        assert modes.told(header, taken=True) == bool(codes(accept, application))
        assert modes.told(header, taken=False) == bool(codes(accept, application, BAD))
