"""HL7 messages (ADT; scores in ORU): right ones spoilt in every field and line, in any character set, thrown at the listener over memory.

Allowed: acknowledgements as the header asks for them, in the original or enhanced mode's words, with the message's control id, and, for a
refusal, a condition of table 0357 and a place; and then a right message is still taken.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from wince.hl7 import modes
from wince.hl7.errors import CONDITIONS
from wince.hl7.header import read_header, usable
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.results.memory import MemoryScores
from wince.hospital.results.taking import Results
from wince.hospital.site import Site
from wince.testing.hl7 import Person, adt, oru

NAME = "hl7"
TRIGGERS = [f"A{number:02}" for number in range(1, 63)]
CHARSETS = [
    "", "UNICODE UTF-8", "8859/1", "ASCII", "BIG-5", "GB 18030-2000", "KS X 1001", "ASCII~ISO IR87", "~ISO IR87",
    "ISO IR14", "KLINGON", "~", "^",
]  # fmt: skip
VERSIONS = ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.9", "3.0", "2", "", "2.5.1^USA"]
CODECS = ["utf-8", "latin-1", "big5", "gb18030", "euc_kr", "iso2022_jp", "utf-16", "utf-7", "cp1252"]
PIECES = [
    "", '""', "|", "^", "~", "\\", "&", "#", "\r", "\n", "\r\n", "\x00", "\x0b", "\x1c", "\x1b$B", "\x7f", "\ufeff", "\u2028", " ", "\t",
    "\\X30\\", "\\X\\", "\\XZZ\\", "\\X00\\", "\\XFF\\", "\\.br\\", "\\.sp3\\", "\\H\\", "\\N\\", "\\Z9\\", "\\C2842\\",
    "\\C2D41\\", "\\CQQ\\",
    "\\M2442\\", "\\M242844\\", "\\M\\", "\\E\\", "\\F\\", "\\T\\", "\\", "\\\\", "MR", "VN", "PI", "HOSP", "1.2.3&ISO",
    "4711", "ICU^1^A", "漢字",
    "Ö", "é", "🙂", "00000000", "19700101", "197001010000",
    "20261121080000.1234+0530", "99999999999999", "-1", "A" * 300, "9" * 5000, "^" * 500, "~" * 500,
    "MSH", "PID|1||9", "\rPID|2||8^^^HOSP^MR", "\rMRG|7^^^HOSP^MR", "\rEVN|A01", "\rPV1|1|I|X^1^A", "\rMSH|^~\\&|", "AL",
    "NE", "ER", "SU", "P", "T", "D",
]  # fmt: skip
PLACES = [
    *(f"MSH-{n}" for n in range(2, 22)),
    *("EVN-2", "EVN-6", "PID-3", "PID-5", "PID-7", "PID-18", "PV1-3", "PV1-6", "PV1-11", "PV1-19", "PV1-44", "PV1-50"),
]
CODE = "72514-3^Pain^LN"
"""Of a score that the listener takes."""
HUGE = 0.01
"""Share of cases with 20,000 repetitions, 2 MB or thousands of lines."""


@dataclass(frozen=True)
class Case:
    """A message's bytes, and the character set of the site."""

    raw: bytes
    charset: str


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    fields = {}
    for place in chance.sample(PLACES, chance.choice([0, 1, 1, 2, 3, 6])):
        fields[place] = "".join(chance.choices(PIECES, k=chance.randint(0, 4)))
    if chance.random() < 0.5:
        fields["MSH-18"] = chance.choice(CHARSETS)
    text = adt(
        chance.choice(TRIGGERS),
        Person(chance.choice(["4711", "0815"])),
        chance.choice(["ICU^1^A", "ICU^2^A", ""]),
        chance.choice(["V1", "V2"]),
        chance.randint(0, 10**6) * 10**6,
        version=chance.choice(
            ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.9", "3.0", "2", "", "2.5.1^USA"]
        ),
        fields=fields,
    )
    if chance.random() < HUGE:
        text += _huge(chance)
    raw = _spoilt(text, chance)
    if chance.random() < 0.02:
        raw = bytearray(chance.randbytes(chance.randint(0, 300)))
    charset = chance.choice(["UNICODE UTF-8", "8859/1", "BIG-5", "ASCII"])
    return Case(bytes(_spoilt(_results(chance), chance) if chance.random() < 0.15 else raw), charset)


def _results(chance: random.Random) -> str:
    """An ORU^R01 of scores and other results, some of their fields replaced."""
    rows = []
    for number in range(chance.choice([0, 1, 1, 2, 5])):
        row = ["OBX", str(number), "NM", CODE, "", "7", "", "", "", "", "", "F", "", "", "197001010001+0000"]
        for place in chance.sample(range(1, 15), chance.choice([0, 0, 1, 2])):
            row[place] = "".join(chance.choices([*PIECES, *"FCPDWX", "NM", "SN", "CWE", CODE], k=chance.randint(0, 3)))
        rows.append("|".join(row[1:]))
    observed = chance.choice([None, None, "", *PIECES])
    text = oru(
        Person(chance.choice(["4711", "0815"])),
        chance.choice(["V1", "V2", ""]),
        10**9,
        rows,
        order=chance.choice(PIECES),
        observed=observed,
    )
    return text + chance.choice(["", "", text, f"OBX|{rows[0]}\r" * 20_000 if rows and chance.random() < HUGE else ""])


def _spoilt(text: str, chance: random.Random) -> bytearray:
    raw = bytearray(text.encode(chance.choice(CODECS) if chance.random() < 0.3 else "utf-8", "replace"))
    for _ in range(chance.choice([0, 0, 0, 1, 2, 10])):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0:
                raw[at:at] = bytes(chance.choices(range(256), k=chance.randint(1, 4)))
            case 1:
                del raw[at : at + chance.randint(1, 20)]
            case 2:
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                raw[at:at] = raw[: chance.randint(0, 100)]
    return raw


def _huge(chance: random.Random) -> str:
    return chance.choice(
        [
            "PID|1||" + "~".join(["4711^^^HOSP^MR"] * 20_000) + "\r",
            "OBX|1|TX|||" + "x" * 2_000_000 + "\r",
            "OBX|1|TX|||note\r" * 20_000,
            "NTE|1||x\n" + "y\n" * 500_000,
            "PID|1||4711^^^HOSP^MR\rMRG|1^^^HOSP^MR\r" * 20_000,
            "PV1|1|I|" + "\\T\\" * 300_000 + "\r",
            "\\" * 1_000_000,
            "ZZ1" + "|^~\\&" * 200_000 + "\r",
        ]
    )


def check(one: Case) -> None:
    """Raises AssertionError for what the standard, or we, don't allow."""
    census = MemoryCensus()
    results = Results(census, MemoryScores(), Site(), ["http://loinc.org|72514-3"])
    listener = AdtListener(census, Site(), charset=one.charset, results=results)
    said(one.raw, listener.answers(one.raw))
    after = adt("A01", Person("999"), "ICU^9^Z", "V9", 0, control_id="after").encode()
    (last,) = listener.answers(after)
    assert b"MSA|AA|after" in last


def said(raw: bytes, answers: list[bytes]) -> None:
    """Whether these acknowledgements may be said to that message."""
    header = read_header(raw)
    codes = []
    for answer in answers:
        lines = answer.rstrip(b"\r").split(b"\r")
        known = header is not None and usable(header)
        separator = header.separator.encode() if header is not None and known else b"|"
        assert lines[0].startswith(b"MSH" + separator), "no header"
        msa = lines[1].split(separator)
        assert msa[0] == b"MSA"
        codes.append(msa[1].decode())
        assert not any(byte in answer for byte in (b"\x0b", b"\x1c", b"\x00", b"\n")), "a control character is sent"
        if header is not None and header.control_id.isascii() and known:
            assert msa[2] == header.control_id[:199].encode(), "another control id"
        if codes[-1][1] == "A":
            assert len(lines) == 2
            continue
        error = next(line for line in lines if line.startswith(b"ERR"))
        assert any(code.encode() in error for code in CONDITIONS), "no condition of table 0357"
    taken = not codes or codes[-1][1] == "A"
    if not modes.enhanced(header):
        assert codes in (["AA"], ["AE"], ["AR"]), codes
    elif codes:
        assert modes.told(header, taken=taken), codes
        assert codes in (["AA"], ["AE"], ["AR"], ["CA"], ["CE"], ["CR"], ["CA", "AA"]), codes
    assert not any(b"could not be kept" in answer for answer in answers), "an error that we didn't foresee"
