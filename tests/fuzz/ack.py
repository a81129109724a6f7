"""Acknowledgements of receivers of results, right, spoilt and hostile.

Allowed: none, or one that says what it says. An entry never counts as written where no code for it came, and nothing of what a receiver
says in words is kept: it may be a patient's name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from wince.delivery.interface import Outcome
from wince.delivery.oru.answers import CONDITIONS, meaning, read_ack

NAME, SUITE = "ack", 500
SECRET = "Musterfrau"
CODES = ("AA", "AE", "AR", "CA", "CE", "CR", "", "aa", "AA ", SECRET, "A\x00A")
NOISE = (b"\r", b"\n", b"|", b"^", b"~", b"\\", b"&", b"\x00", b"\xff\xfe", b"MSA", b"MSA|AA|", b"ERR|", b"MSH|^~\\&|", b"|" * 3000)


@dataclass(frozen=True)
class Case:
    """The bytes; the code, control id and condition that were written into them; whether they were left as they were written."""

    raw: bytes
    code: str
    control_id: str
    condition: str
    right: bool


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    code, control_id = chance.choice(CODES), chance.choice(["W1", "", "7" * 200, SECRET])
    condition = chance.choice([*CONDITIONS, "", "0", "999", SECRET])
    header = f"MSH|^~\\&|{SECRET}|H|WINCE|W|20260105080000||ACK^R01|{control_id}|P|2.5.1"
    error = chance.choice([f"ERR||PID^1^5|{condition}^{SECRET}|E||||{SECRET}", f"ERR|PID^1^5^{condition}&{SECRET}"])
    lines = [header, f"MSA|{code}|{control_id}|{SECRET}", *([error] if condition else [])]
    raw, right = chance.choice(["\r", "\n", "\r\n"]).join(lines).encode(), chance.random() < 0.4
    if not right:
        spoilt = bytearray(raw)
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(spoilt) + 1)
            spoilt[at : at + chance.choice([0, 1, 3, 40])] = chance.choice([*NOISE, chance.randbytes(4)])
        raw = bytes(spoilt)
    return Case(raw, code, control_id, condition, right)


def check(one: Case) -> None:
    """Raises AssertionError for what may not be."""
    ack = read_ack(one.raw)
    if one.right:
        assert (ack is not None) == (one.code in ("AA", "AE", "AR", "CA", "CE", "CR"))
        if ack is not None:
            known = one.condition if one.condition in CONDITIONS else ""
            assert (ack.code, ack.control_id, ack.condition) == (one.code, one.control_id, known)
    if ack is None:
        return
    assert SECRET not in ack.said
    for first in (False, True):
        for whole in (False, True):
            answer = meaning(ack, first=first, whole=whole, target="oru")
            assert SECRET not in f"{answer.detail}{answer.remedy}"
            if answer.outcome is Outcome.WRITTEN:
                assert b"AA" in one.raw or b"CA" in one.raw or (b"205" in one.raw and not first)
