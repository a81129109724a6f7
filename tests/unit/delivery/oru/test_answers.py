"""What an acknowledgement means; whatever a receiver sends is read without a word of it being kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.delivery.interface import Outcome
from wince.delivery.oru.answers import CONDITIONS, Ack, meaning, read_ack
from wince.hl7 import ack
from wince.hl7.errors import Hl7Error
from wince.hl7.header import read_header

DONE, LATER, DEAD, HELD = Outcome.WRITTEN, Outcome.RETRY, Outcome.DEAD, Outcome.HELD


def answer(code: str, condition: str = "", *, first: bool = True, whole: bool = False) -> tuple[Outcome, bool]:
    found = meaning(Ack(code, "1", condition), first=first, whole=whole, target="oru")
    assert found.remedy or found.outcome is not HELD
    return found.outcome, found.may_pass


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_condition_decides_whoever_says_it(code: str) -> None:
    by = {condition: answer(code, condition) for condition in CONDITIONS}
    assert {by[name] for name in ("100", "101", "102", "103", "104")} == {(DEAD, False)}
    assert {by[name] for name in ("200", "201", "202", "203")} == {(HELD, False)}
    assert {by[name] for name in ("204", "206", "207")} == {(LATER, False)}
    assert by["205"] == (DEAD, False)
    assert answer(code, "205", first=False) == (DONE, False)
    assert answer(code) == (DEAD, True)


def test_who_rejects_everything_is_held_and_who_errs_on_everything_is_not() -> None:
    assert answer("AR", whole=True) == answer("CR", whole=True) == (HELD, False)
    assert answer("AE", whole=True) == (DEAD, True)
    assert answer("AA") == answer("CA") == (DONE, False)


@pytest.mark.parametrize("version", ["2.3.1", "2.5.1", "2.8"])
def test_where_the_error_lies_is_read_from_each_versions_err(version: str) -> None:
    header = read_header(f"MSH|^~\\&|W||E||20260101||ORU^R01|C1|P|{version}\r".encode())
    refused = ack.render(header, "AE", "1", 0, Hl7Error("no", condition="101", field="PID-5"))
    assert read_ack(refused) == Ack("AE", "C1", "101", "PID-5")


@pytest.mark.parametrize(("text", "found"), [
    ("MSH|^~\\&|\rMSA|AA|C1", Ack("AA", "C1")),
    ("MSH|^~\\&|\nMSA|AA|C1\n", Ack("AA", "C1")),
    ("MSH$*~\\&$\rMSA$AE$C1\rERR$$PID*1*3$204*Unknown", Ack("AE", "C1", "204", "PID-3")),
    ("MSH|^~\\&|\rMSA|AE|C1|Jane Doe is unknown|||204^Jane", Ack("AE", "C1", "204")),
    ("MSH|^~\\&|\rMSA|AE|C1\rERR|PID^1^3^101&Jane Doe", Ack("AE", "C1", "101", "PID-3")),
    ("MSH|^~\\&|\rMSA|AE|C1\rERR||Jane^1^Doe|101", Ack("AE", "C1", "101")),
    ("MSH|^~\\&|\rMSA|AE|C1\rERR|||Jane Doe\rERR|||207", Ack("AE", "C1", "207")),
    ("MSH|^~\\&|\rMSA|AE", Ack("AE", "")),
    ("MSH|^~\\&|\rMSA|OK|C1", None), ("MSH|^~\\&|\rMSA", None), ("MSA|AA|C1", None), ("", None), ("HTTP/1.1 200 OK", None),
    ("MSH|\rMSA|AA|C1", None),
])  # fmt: skip
def test_only_codes_and_places_are_read(text: str, found: Ack | None) -> None:
    assert read_ack(text.encode()) == found


BEGINNINGS = [b"", b"MSH|^~\\&|\r", b"MSH|^~\\&|\rMSA|AE|C1\rERR|", b"MSH\x00\x01\x02\x03\x04\x00\rMSA\x00AA"]


@given(st.binary(max_size=400), st.sampled_from(BEGINNINGS))
def test_whatever_is_answered_is_read_or_passed_over(content: bytes, before: bytes) -> None:
    found = read_ack(before + content)
    if found is not None:
        assert found.condition in ("", *CONDITIONS)
        assert len(found.place) <= 6
        meaning(found, first=True, whole=False, target="oru")
